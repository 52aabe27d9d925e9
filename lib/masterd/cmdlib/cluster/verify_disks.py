"""Disks on nodes that belong to no instance: what a creation that was cut off leaves.  Pure."""

from __future__ import annotations

import posixpath
from collections.abc import Collection, Iterator, Mapping, Sequence

from ganeti.masterd.cmdlib.cluster.findings import Finding
from ganeti.masterd.config.snapshot import Config
from ganeti.model.enums import DiskTemplate, VerifyCode
from ganeti.model.objects.node import Node
from ganeti.model.scalars import InstanceName, NodeName

#: checks of nodes that list disks, and the template whose directory they are asked for
CHECKS: Mapping[str, DiskTemplate] = {
    "file-disks": DiskTemplate.FILE,
    "shared-file-disks": DiskTemplate.SHAREDFILE,
}

#: paths of disks inside the directory of their kind: check -> node -> paths
Found = Mapping[str, Mapping[NodeName, Sequence[str]]]


def checks_of_nodes(config: Config, nodes: Sequence[Node]) -> list[tuple[Node, Mapping[str, object]]]:
    """Return which disks each node is to list; the first lists those that all nodes see."""
    cluster = config.cluster
    holders = [node for node in nodes if node.vm_capable]
    wanted: list[tuple[Node, Mapping[str, object]]] = []
    for node in holders:
        checks: dict[str, object] = {}
        if DiskTemplate.FILE in cluster.enabled_disk_templates:
            checks["file-disks"] = cluster.file_storage_dir
        if DiskTemplate.SHAREDFILE in cluster.enabled_disk_templates and node is holders[0]:
            checks["shared-file-disks"] = cluster.shared_file_storage_dir
        if checks:
            wanted.append((node, checks))
    return wanted


def judge_orphans(config: Config, found: Found, being_made: Collection[InstanceName]) -> list[Finding]:
    """Return the disks that are no instance's; those of instances that are being made are left out."""
    known = _known(config)
    findings = []
    for check, by_node in found.items():
        directory = _directory(config, CHECKS[check])
        for node, paths in by_node.items():
            for path in paths:
                where = posixpath.join(directory, path)
                name = posixpath.basename(posixpath.dirname(where))
                if where not in known.get(node, ()) and where not in known[None] and name not in being_made:
                    text = f"disk {where} belongs to no instance; remove it when nobody needs it"
                    findings.append(Finding(VerifyCode.ENODEORPHANLV, node, text))
    return findings


def _directory(config: Config, template: DiskTemplate) -> str:
    cluster = config.cluster
    shared = template == DiskTemplate.SHAREDFILE
    return (cluster.shared_file_storage_dir if shared else cluster.file_storage_dir) or ""


def _known(config: Config) -> dict[NodeName | None, set[str]]:
    """Return the paths of file disks by node; None: on all nodes."""
    known: dict[NodeName | None, set[str]] = {None: set()}
    for holder, path in _files(config):
        known.setdefault(holder, set()).add(path)
    return known


def _files(config: Config) -> Iterator[tuple[NodeName | None, str]]:
    for disk in config.disks.values():
        if disk.dev_type == DiskTemplate.SHAREDFILE:
            yield None, str(disk.logical_id[1])
        elif disk.dev_type == DiskTemplate.FILE:
            for node in config.holders_of(disk):
                yield NodeName(node.name), str(disk.logical_id[1])
