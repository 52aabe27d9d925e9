"""Shuts down the disks of an instance."""

from __future__ import annotations

from ganeti import errors
from ganeti.masterd.cmdlib.base import Locks, LogicalUnit, get_instance, need_online
from ganeti.masterd.cmdlib.instance import devices
from ganeti.masterd.cmdlib.instance.common import Placed, instance_locks, need_stopped, placed, record_disks
from ganeti.masterd.config.snapshot import Config
from ganeti.model.enums import Level
from ganeti.model.opcodes.instance import OpInstanceDeactivateDisks


class LUInstanceDeactivateDisks(LogicalUnit[OpInstanceDeactivateDisks, Placed]):
    """Record that the disks are to be inactive, then shut them down; `force` does not look whether they are used."""

    def locks(self, level: Level, config: Config) -> Locks | None:
        return instance_locks(level, config, self.op.instance_name)

    async def check(self, config: Config) -> Placed:
        instance = get_instance(config, self.op.instance_name)
        plan = placed(config, instance, "deactivate the disks of")
        if not self.op.force:
            act = f"deactivate the disks of instance {instance.name}"
            need_online(plan.primary, act, "--force does not ask it")
            await need_stopped(self.services, plan, act)
        return plan

    async def execute(self, plan: Placed) -> None:
        # Recorded first: should we die in between, the watcher does not activate them again.
        await record_disks(self.services, plan.instance.uuid, active=False)
        config = self.services.config.current
        if not await devices.shutdown_disks(self.services, config, plan.on_node, self.warn):
            raise errors.OpExecError(
                f"cannot deactivate all disks of instance {plan.instance.name}; the messages of the job say which"
            )
