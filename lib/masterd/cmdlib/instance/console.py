"""Tells how the console of an instance is reached."""

from __future__ import annotations

from ganeti import errors
from ganeti.errors import ECode
from ganeti.masterd.cmdlib.base import Locks, LogicalUnit, get_instance, need_online
from ganeti.masterd.cmdlib.instance import devices
from ganeti.masterd.cmdlib.instance.common import Placed, instance_locks, placed
from ganeti.masterd.config.snapshot import Config
from ganeti.masterd.gather import console_request
from ganeti.model.enums import Level
from ganeti.model.opcodes.instance import OpInstanceConsole
from ganeti.rpc import procedures as p


class LUInstanceConsole(LogicalUnit[OpInstanceConsole, Placed]):
    """Ask the primary node for the console of a running instance."""

    EFFECTS = False

    def locks(self, level: Level, config: Config) -> Locks | None:
        return instance_locks(level, config, self.op.instance_name)

    async def check(self, config: Config) -> Placed:
        plan = placed(config, get_instance(config, self.op.instance_name), "open the console of")
        need_online(plan.primary, f"open the console of instance {plan.instance.name}")
        if not await devices.is_running(self.services, plan.primary, plan.on_node):
            raise errors.OpPrereqError(
                f"cannot open the console of instance {plan.instance.name}: it does not run", ECode.STATE
            )
        return plan

    async def execute(self, plan: Placed) -> object:
        config = self.services.config.current
        request = console_request(config, plan.instance, plan.primary)
        answer = await self.services.rpc.call(plan.primary, p.instance_console_info, {plan.instance.name: request})
        return answer.unwrap(f"find the console of instance {plan.instance.name}")[plan.instance.name].to_wire()
