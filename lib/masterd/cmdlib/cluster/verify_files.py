"""Whether files are the same on the nodes they belong to.  Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from ganeti.masterd.cluster_files import ClusterFile
from ganeti.masterd.cmdlib.cluster.findings import Finding
from ganeti.model.enums import VerifyCode
from ganeti.model.objects.node import Node
from ganeti.model.scalars import NodeName
from ganeti.paths import VIRTUAL_PREFIX
from ganeti.utils.text import natural_sort

#: checksum of each file that a node has, by path
Checksums = Mapping[str, str]


def judge_files(
    files: Sequence[ClusterFile], nodes: Sequence[Node], checksums: Mapping[NodeName, Checksums]
) -> list[Finding]:
    """Return what is wrong with files, from the checksums of the nodes that told any."""
    known = [node for node in nodes if node.name in checksums]
    found: list[Finding] = []
    for file in files:
        having = {node.name: checksums[node.name][file.path] for node in known if file.path in checksums[node.name]}
        found += [Finding(VerifyCode.ECLUSTERFILECHECK, "", text) for text in _problems(file, known, having)]
    return found


def _problems(file: ClusterFile, nodes: Sequence[Node], having: Mapping[NodeName, str]) -> Iterable[str]:
    path = file.path.removeprefix(VIRTUAL_PREFIX)
    belongs = [node.name for node in nodes if file.where.includes(node)]
    missing = [name for name in belongs if name not in having]
    if missing and not file.optional:
        yield f"file {path} is missing on {_names(missing)}"
    elif missing and len(missing) < len(belongs):
        yield f"file {path} is to be on all nodes or none, but is missing on {_names(missing)}"
    if file.exclusive:
        surplus = [name for name in having if name not in belongs]
        if surplus:
            yield f"file {path} should not be on {_names(surplus)}"
    by_content: dict[str, list[NodeName]] = {}
    for name in belongs:
        if name in having:
            by_content.setdefault(having[name], []).append(name)
    if len(by_content) > 1:
        groups = sorted(by_content.values(), key=len, reverse=True)
        yield f"file {path} differs between nodes: {'; '.join(_names(group) for group in groups)}"


def _names(nodes: Iterable[NodeName]) -> str:
    return ", ".join(natural_sort(nodes))
