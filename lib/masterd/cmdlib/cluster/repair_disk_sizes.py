"""Records the sizes disks really have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ganeti.masterd.cmdlib.base import ALL, Locks, LogicalUnit, get_instance
from ganeti.masterd.cmdlib.cluster import disks
from ganeti.masterd.config.snapshot import Config
from ganeti.model.enums import Level
from ganeti.model.objects.instance import Instance
from ganeti.model.opcodes.cluster import OpClusterRepairDiskSizes
from ganeti.model.scalars import MiB, NodeName, Uuid
from ganeti.schema import replace

_MIB = 1024 * 1024

Correction = tuple[str, int, str, int]


class LUClusterRepairDiskSizes(LogicalUnit[OpClusterRepairDiskSizes, Sequence[Instance]]):
    """Ask the primary nodes for sizes, and write down those that differ."""

    def locks(self, level: Level, config: Config) -> Locks | None:
        match level:
            case Level.INSTANCE:
                return Locks(set(self.op.instances)) if self.op.instances else Locks(ALL)
            case Level.NODE:
                return Locks(ALL, shared=True)
        return None

    async def check(self, config: Config) -> Sequence[Instance]:
        if self.op.instances:
            return [get_instance(config, name) for name in self.op.instances]
        return sorted(config.instances.values(), key=lambda instance: instance.name)

    async def execute(self, plan: Sequence[Instance]) -> list[Correction]:
        config = self.services.config.current
        measured = await disks.measure(self.services, config, plan)
        for node, why in measured.silent:
            self.warn(f"disks on node {node} were not looked at: {why}")
        corrections = corrected_sizes(config, plan, measured.disks)
        with self.services.config.update() as draft:
            for uuid, size in corrections.items():
                draft.disks[uuid] = replace(draft.disks[uuid], size=size)
        await self.services.config.durable(draft)
        found: list[Correction] = []
        for instance in plan:
            for index, uuid in enumerate(instance.disks):
                if uuid in corrections:
                    found.append((instance.name, index, "size", corrections[uuid]))
                    self.info(f"disk {index} of instance {instance.name} has {corrections[uuid]} MiB")
        return found


def corrected_sizes(
    config: Config, instances: Sequence[Instance], sizes: Mapping[Uuid, Mapping[NodeName, disks.Dimensions | None]]
) -> dict[Uuid, MiB]:
    """Return the sizes that are recorded wrong; what counts is the disk on the primary node, in whole MiB."""
    found: dict[Uuid, MiB] = {}
    for instance in instances:
        primary = config.nodes[instance.primary_node].name
        for disk in config.disks_of(instance):
            here = sizes.get(disk.uuid, {}).get(primary) if disk.uuid else None
            if disk.uuid and here is not None and here[0] // _MIB != disk.size:
                found[disk.uuid] = MiB(here[0] // _MIB)
    return found
