"""Looks whether the disks of a group's instances are there and active."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from ganeti.masterd.cmdlib.base import Locks, LogicalUnit, get_group, names
from ganeti.masterd.cmdlib.cluster import disks
from ganeti.masterd.config.snapshot import Config
from ganeti.model.enums import Level
from ganeti.model.objects.instance import Instance
from ganeti.model.opcodes.group import OpGroupVerifyDisks
from ganeti.model.params.fill import fill_disk
from ganeti.rpc import procedures as p

#: what went wrong by node, instances to activate the disks of, missing disks by instance
Answer = tuple[dict[str, str], list[str], dict[str, list[list[str]]]]

#: disks looked at on one node at the same time
AT_ONCE = 4


class LUGroupVerifyDisks(LogicalUnit[OpGroupVerifyDisks, Sequence[Instance]]):
    """Look at the disks of all instances that should have theirs active."""

    EFFECTS = False

    def locks(self, level: Level, config: Config) -> Locks | None:
        group = get_group(config, self.op.group_name)
        match level:
            case Level.INSTANCE:
                return Locks({instance.name for instance in config.instances_in(group.uuid)}, shared=True)
            case Level.NODEGROUP:
                return Locks({group.uuid}, shared=True)
            case Level.NODE:
                return Locks(set(names(config.members_of(group.uuid))), shared=True)
        return None

    async def check(self, config: Config) -> Sequence[Instance]:
        group = get_group(config, self.op.group_name)
        locked = frozenset(self.held(Level.INSTANCE))
        found = [i for i in config.instances_in(group.uuid) if i.disks_active and i.name in locked]
        return sorted(found, key=lambda instance: instance.name)

    async def execute(self, plan: Sequence[Instance]) -> Answer:
        config = self.services.config.current
        measured = await disks.measure(self.services, config, plan)
        missing = missing_disks(config, plan, measured)
        inactive = await self._inactive(config, [i for i in plan if i.name not in missing])
        problems = {str(node): why for node, why in measured.silent} if self.op.is_strict else {}
        return problems, inactive, missing

    async def _inactive(self, config: Config, instances: Sequence[Instance]) -> list[str]:
        """Return the instances with a disk that is not active on its primary node."""
        gates = {node.uuid: asyncio.Semaphore(AT_ONCE) for node in config.nodes.values()}

        async def is_active(instance: Instance) -> bool:
            primary = config.nodes[instance.primary_node]
            if primary.offline:
                return True
            for disk in config.disks_of(instance):
                filled = fill_disk(config.cluster, config.groups.get(primary.group), disk)
                async with gates[primary.uuid]:
                    answer = await self.services.rpc.call(primary, p.blockdev_find, filled)
                if answer.ok and answer.value is None:
                    return False
            return True

        states = await asyncio.gather(*map(is_active, instances))
        return [instance.name for instance, active in zip(instances, states, strict=True) if not active]


def missing_disks(
    config: Config, instances: Sequence[Instance], measured: disks.Measured
) -> dict[str, list[list[str]]]:
    """Return [node, disk] of the disks that are not there, by instance."""
    found: dict[str, list[list[str]]] = {}
    gone = measured.missing
    for instance in instances:
        for disk in config.disks_of(instance):
            for node in gone.get(disk.uuid, ()) if disk.uuid else ():
                shown = "/".join(str(part) for part in disk.logical_id) or disk.iv_name
                found.setdefault(instance.name, []).append([node, shown])
    return found
