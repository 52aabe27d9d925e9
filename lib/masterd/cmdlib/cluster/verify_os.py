"""Whether nodes have the same OS definitions.  Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence

from ganeti.masterd.cmdlib.cluster.findings import Finding
from ganeti.model.enums import VerifyCode
from ganeti.model.scalars import NodeName
from ganeti.rpc.answers import OsDiagnosis
from ganeti.utils.text import natural_sort

#: what must be the same everywhere, and what it is called
_COMPARED: Mapping[str, str] = {
    "api_versions": "interface versions",
    "variants": "variants",
    "parameters": "parameters",
}


def judge_oses(found: Mapping[NodeName, Sequence[OsDiagnosis]]) -> list[Finding]:
    """Return what is wrong with OS definitions, from what each node has, in the order of its search path."""
    names = natural_sort({definition.name for definitions in found.values() for definition in definitions})
    return [
        Finding(VerifyCode.ENODEOS, node, f"OS {name} {problem}")
        for name in names
        for node, problem in _of_os([(node, [d for d in defs if d.name == name]) for node, defs in found.items()])
    ]


def _of_os(having: Sequence[tuple[NodeName, Sequence[OsDiagnosis]]]) -> Iterator[tuple[NodeName, str]]:
    usable = [(node, found[0]) for node, found in having if found and found[0].status]
    usual = {name: Counter(_plain(definition, name) for _, definition in usable) for name in _COMPARED}
    for node, found in having:
        if not found:
            others = ", ".join(natural_sort(other for other, there in having if there))
            yield node, f"is missing (it is on {others})"
            continue
        used = found[0]
        if len(found) > 1:
            yield node, f"is defined more than once: {used.path} hides {', '.join(d.path for d in found[1:])}"
        if not used.status:
            yield node, f"in {used.path} cannot be used: {used.diagnose}"
            continue
        for name, words in _COMPARED.items():
            own, most = _plain(used, name), usual[name].most_common(1)[0][0]
            if own != most:
                yield node, f"has {words} {_shown(own)}, on most nodes they are {_shown(most)}"


def _plain(definition: OsDiagnosis, name: str) -> tuple[object, ...]:
    """Return a list of a definition in a form that does not depend on its order."""
    values: Sequence[object] = getattr(definition, name)
    return tuple(sorted((tuple(v) if isinstance(v, list) else v for v in values), key=str))


def _shown(values: tuple[object, ...]) -> str:
    return ", ".join(str(value[0] if isinstance(value, tuple) else value) for value in values) or "none"
