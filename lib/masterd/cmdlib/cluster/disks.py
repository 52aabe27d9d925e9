"""Disks of instances as their nodes have them: one question per node for all of them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from ganeti.masterd.config.snapshot import Config
from ganeti.masterd.services import Services
from ganeti.model.objects.instance import Instance
from ganeti.model.params.fill import fill_disk
from ganeti.model.scalars import NodeName, Uuid
from ganeti.rpc import procedures as p

#: bytes and spindles
Dimensions = tuple[int, int | None]


class Measured(NamedTuple):
    """What nodes said: dimensions by disk and node, None where the disk is missing; and who said nothing, and why."""

    disks: Mapping[Uuid, Mapping[NodeName, Dimensions | None]]
    silent: Sequence[tuple[NodeName, str]]

    @property
    def missing(self) -> dict[Uuid, list[NodeName]]:
        """The nodes that do not have a disk they should, by disk."""
        found = {uuid: [node for node, size in sizes.items() if size is None] for uuid, sizes in self.disks.items()}
        return {uuid: nodes for uuid, nodes in found.items() if nodes}


async def measure(
    services: Services, config: Config, instances: Iterable[Instance], without: Collection[NodeName] = ()
) -> Measured:
    """Ask all online nodes that hold disks of these instances, `without` some."""
    wanted: dict[Uuid, list[Uuid]] = {}
    for instance in instances:
        for disk in config.disks_of(instance):
            for node in config.holders_of(disk):
                if not node.offline and node.name not in without and disk.uuid:
                    wanted.setdefault(node.uuid, []).append(disk.uuid)
    calls = []
    for uuid, disks in wanted.items():
        node = config.nodes[uuid]
        group = config.groups.get(node.group)
        calls.append((node, ([fill_disk(config.cluster, group, config.disks[disk]) for disk in disks],)))
    answers = await services.rpc.call_each(p.blockdev_getdimensions, calls)
    found: dict[Uuid, dict[NodeName, Dimensions | None]] = {}
    silent = []
    for uuid, disks in wanted.items():
        name = config.nodes[uuid].name
        answer = answers[name]
        if not answer.ok:
            silent.append((name, str(answer.failure)))
            continue
        for disk_uuid, size in zip(disks, answer.unwrap("look at disks"), strict=True):
            found.setdefault(disk_uuid, {})[name] = size
    return Measured(found, silent)
