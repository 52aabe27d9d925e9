"""Assembles the disks of an instance, whether it runs or not."""

from __future__ import annotations

from contextlib import AsyncExitStack

from ganeti import errors
from ganeti.errors import ECode
from ganeti.masterd.cmdlib.base import Locks, LogicalUnit, get_instance, need_online
from ganeti.masterd.cmdlib.instance import devices, moves
from ganeti.masterd.cmdlib.instance.common import Placed, instance_locks, placed, record_disks
from ganeti.masterd.config.snapshot import Config
from ganeti.model.enums import Level
from ganeti.model.opcodes.instance import OpInstanceActivateDisks


class LUInstanceActivateDisks(LogicalUnit[OpInstanceActivateDisks, Placed]):
    """Record that the disks are to be active, then assemble them.

    `wait_for_sync` is met at once: no disk of the templates there are has a mirror.
    """

    def locks(self, level: Level, config: Config) -> Locks | None:
        return instance_locks(level, config, self.op.instance_name)

    async def check(self, config: Config) -> Placed:
        instance = get_instance(config, self.op.instance_name)
        plan = placed(config, instance, "activate the disks of")
        act = f"activate the disks of instance {instance.name}"
        need_online(plan.primary, act)
        if self.asked_by_watcher and not instance.disks_active:
            raise errors.OpPrereqError(f"cannot {act} for the watcher: they were deactivated meanwhile", ECode.STATE)
        await moves.need_stopped_elsewhere(self.services, config, plan, act)
        return plan

    async def execute(self, plan: Placed) -> list[devices.ActiveDisk]:
        services, instance = self.services, plan.instance
        async with AsyncExitStack() as undo:
            if not instance.disks_active:
                undo.push_async_callback(record_disks, services, instance.uuid, active=False)
            # Recorded first: should we die in between, the watcher activates the rest.
            await record_disks(services, instance.uuid, active=True)
            config = services.config.current
            if not instance.disks_active:
                undo.push_async_callback(devices.shutdown_disks, services, config, plan.on_node, self.warn)
            found = await devices.activate_disks(
                services, config, plan.on_node, self.warn, ignore_size=self.op.ignore_size
            )
            undo.pop_all()
        return found
