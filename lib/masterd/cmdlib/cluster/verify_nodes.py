"""Whether nodes are well, by what they answered to the checks of a verification.  Pure.

The answer of a check that could not be made is a text saying why.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from ganeti import _autoconf
from ganeti.masterd.cmdlib.cluster.findings import Finding
from ganeti.masterd.cmdlib.node.joining import MAX_CLOCK_SKEW, clock_skew
from ganeti.masterd.cmdlib.node.pool import digest_in
from ganeti.model import versions
from ganeti.model.enums import VerifyCode
from ganeti.model.objects.node import Node
from ganeti.model.scalars import Uuid

Answers = Mapping[str, object]


class Asked(NamedTuple):
    """When nodes were asked, and whose certificates they obey."""

    start: float
    end: float
    candidate_certs: Mapping[Uuid, str]


def judge_node(node: Node, answers: Answers, asked: Asked) -> list[Finding]:
    """Return what is wrong with one node."""
    found = [*_version(node, answers), *_time(node, answers, asked), *_certificates(node, answers, asked)]
    for check, (code, explain) in _RULES.items():
        if check not in answers:
            continue
        result = answers[check]
        if isinstance(result, str):
            found.append(Finding(code, node.name, f"cannot check {check}: {result}"))
        else:
            found += [Finding(code, node.name, text) for text in explain(result)]
    return found


def judge_certificates(nodes: Sequence[Node], asked: Asked) -> list[Finding]:
    """Return what is wrong with the certificates that are obeyed, looking at all nodes of the cluster."""
    found = []
    by_uuid = {node.uuid: node for node in nodes}
    owners: dict[str, list[str]] = {}
    for uuid, digests in asked.candidate_certs.items():
        node = by_uuid.get(uuid)
        name = node.name if node else uuid
        for digest in digests.split(","):
            owners.setdefault(digest, []).append(name)
        if "," in digests:
            text = f"two certificates of {name} are obeyed; gnt-cluster renew-crypto --new-node-certificates leaves one"
            found.append(_bad_certificate(text)._replace(is_warning=True))
        if node is None:
            found.append(_bad_certificate(f"the certificate of node {uuid} is obeyed, which is not in the cluster"))
        elif not node.master_candidate:
            found.append(_bad_certificate(f"the certificate of {name} is obeyed, which is not a master candidate"))
    for names in owners.values():
        if len(names) > 1:
            found.append(_bad_certificate(f"nodes {', '.join(sorted(names))} have the same certificate"))
    return found


# --- single checks --------------------------------------------------------------------


def _version(node: Node, answers: Answers) -> Iterator[Finding]:
    match answers.get("version"):
        case [int(protocol), str(release)]:
            if protocol != versions.PROTOCOL:
                yield Finding(
                    VerifyCode.ENODEVERSION,
                    node.name,
                    f"speaks protocol version {protocol}, the master {versions.PROTOCOL}",
                )
            elif release != _autoconf.VERSION:
                yield Finding(
                    VerifyCode.ENODEVERSION, node.name, f"runs release {release}, the master {_autoconf.VERSION}", True
                )
        case _:
            yield Finding(VerifyCode.ENODEVERSION, node.name, "did not tell its version")


def _time(node: Node, answers: Answers, asked: Asked) -> Iterator[Finding]:
    skew = clock_skew(answers, asked.start, asked.end)
    if skew is None:
        yield Finding(VerifyCode.ENODETIME, node.name, "did not tell its time")
    elif skew > MAX_CLOCK_SKEW:
        yield Finding(
            VerifyCode.ENODETIME, node.name, f"its clock is off by at least {skew:.1f} s; confd does not answer then"
        )


def _certificates(node: Node, answers: Answers, asked: Asked) -> Iterator[Finding]:
    digest, problem = digest_in(answers)
    if problem:
        yield _bad_certificate(problem, node)
    elif node.master_candidate:
        known = asked.candidate_certs.get(node.uuid)
        if known is None:
            yield _bad_certificate("is a master candidate, but its certificate is not obeyed", node)
        elif digest.upper() not in known.upper().split(","):
            yield _bad_certificate(f"its certificate has digest {digest}, but {known} is obeyed", node)
    expiring = answers.get("cert-expiry")
    for entry in expiring if isinstance(expiring, Sequence) and not isinstance(expiring, str) else ():
        match entry:
            case [str(level), str(text)]:
                yield Finding(VerifyCode.ECLUSTERCERT, "", f"node {node.name}: {text}", level == "WARNING")


def _bad_certificate(text: str, node: Node | None = None) -> Finding:
    return Finding(VerifyCode.ECLUSTERCLIENTCERT, "", f"node {node.name}: {text}" if node else text)


def _texts(result: object) -> Iterator[str]:
    if isinstance(result, Sequence):
        for item in result:
            if item is not None:
                yield str(item)


def _reasons(result: object) -> Iterator[str]:
    """Explain {what: what is wrong, or null}."""
    if isinstance(result, Mapping):
        for name, problem in result.items():
            if problem is not None:
                yield f"{name}: {problem}"


def _problem(result: object) -> Iterator[str]:
    if result is not None:
        yield str(result)


def _hvparams(result: object) -> Iterator[str]:
    if isinstance(result, Sequence):
        for entry in result:
            match entry:
                case [str(source), str(hypervisor), str(problem)]:
                    yield f"parameters of {hypervisor} set for {source} cannot work here: {problem}"


def _bridges(result: object) -> Iterator[str]:
    if isinstance(result, Sequence) and result:
        yield f"bridges are missing: {', '.join(str(name) for name in result)}"


def _forbidden(result: object) -> Iterator[str]:
    if isinstance(result, Sequence) and result:
        yield f"directories must not be used for file storage: {', '.join(str(path) for path in result)}"


def _scripts(result: object) -> Iterator[str]:
    if isinstance(result, Sequence) and result:
        yield f"scripts are missing or not executable: {', '.join(str(path) for path in result)}"


def _nothing(result: object) -> Iterator[str]:
    """Nothing can be wrong with an answer that is no text; others look at what it says."""
    yield from ()


_RULES: Mapping[str, tuple[VerifyCode, Callable[[object], Iterator[str]]]] = {
    "nodesetup": (VerifyCode.ENODESETUP, _texts),
    "nodelist": (VerifyCode.ENODENET, _reasons),
    "node-net-test": (VerifyCode.ENODENET, _reasons),
    "bridges": (VerifyCode.ENODENET, _bridges),
    "hypervisor": (VerifyCode.ENODEHV, _reasons),
    "hvparms": (VerifyCode.ENODEHV, _hvparams),
    "hvinfo": (VerifyCode.ENODEHV, _nothing),
    "instancelist": (VerifyCode.ENODEHV, _nothing),
    "oslist": (VerifyCode.ENODEOS, _nothing),
    "filelist": (VerifyCode.ENODEFILECHECK, _nothing),
    "oob-paths": (VerifyCode.ENODEOOBPATH, _texts),
    "user-scripts": (VerifyCode.ENODEUSERSCRIPTS, _scripts),
    "allowed-file-storage-paths": (VerifyCode.ENODEFILESTORAGEPATHS, _forbidden),
    "file-storage-path": (VerifyCode.ENODEFILESTORAGEPATHUNUSABLE, _problem),
    "shared-file-storage-path": (VerifyCode.ENODESHAREDFILESTORAGEPATHUNUSABLE, _problem),
}
