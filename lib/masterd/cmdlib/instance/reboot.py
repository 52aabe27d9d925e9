"""Reboots an instance: soft, hard, or by stopping and starting it with its disks."""

from __future__ import annotations

from ganeti import errors
from ganeti.errors import ECode
from ganeti.masterd.cmdlib.base import HookRun, Locks, LogicalUnit, get_instance, need_online
from ganeti.masterd.cmdlib.instance import devices
from ganeti.masterd.cmdlib.instance.common import Placed, instance_hooks, instance_locks, placed
from ganeti.masterd.config.snapshot import Config
from ganeti.model.enums import AdminState, Level, RebootType
from ganeti.model.opcodes.instance import OpInstanceReboot
from ganeti.rpc import procedures as p
from ganeti.schema import replace


class LUInstanceReboot(LogicalUnit[OpInstanceReboot, Placed]):
    """Reboot the instance; one that is not running is started."""

    def locks(self, level: Level, config: Config) -> Locks | None:
        return instance_locks(level, config, self.op.instance_name)

    async def check(self, config: Config) -> Placed:
        plan = placed(config, get_instance(config, self.op.instance_name), "reboot")
        if plan.instance.admin_state == AdminState.OFFLINE:
            raise errors.OpPrereqError(
                f"cannot reboot instance {plan.instance.name}: it is marked offline", ECode.STATE
            )
        need_online(plan.primary, f"reboot instance {plan.instance.name}")
        return plan

    def hooks(self, plan: Placed, config: Config) -> HookRun:
        env = {
            "IGNORE_SECONDARIES": self.op.ignore_secondaries,
            "REBOOT_TYPE": self.op.reboot_type,
            "SHUTDOWN_TIMEOUT": self.op.shutdown_timeout,
        }
        return instance_hooks(config, config.instances[plan.instance.uuid], env)

    async def execute(self, plan: Placed) -> None:
        running = await devices.is_running(self.services, plan.primary, plan.on_node)
        if running and self.op.reboot_type != RebootType.FULL:
            answer = await self.services.rpc.call(
                plan.primary,
                p.instance_reboot,
                plan.on_node,
                self.op.reboot_type,
                self.op.shutdown_timeout,
                self.reason_trail(),
            )
            answer.unwrap(f"reboot instance {plan.instance.name}")
        else:
            await self._stop_and_start(plan, running)
        with self.services.config.update() as draft:
            now = draft.instances[plan.instance.uuid]
            draft.instances[now.uuid] = replace(now, admin_state=AdminState.UP, disks_active=True)
        await self.services.config.durable(draft)

    async def _stop_and_start(self, plan: Placed, running: bool) -> None:
        rpc, config = self.services.rpc, self.services.config.current
        if running:
            stopped = await rpc.call(
                plan.primary, p.instance_shutdown, plan.on_node, self.op.shutdown_timeout, self.reason_trail()
            )
            stopped.unwrap(f"stop instance {plan.instance.name}")
            await devices.shutdown_disks(self.services, config, plan.on_node, self.warn)
        else:
            self.info(f"instance {plan.instance.name} was not running, starting it")
        await devices.assemble_disks(
            self.services, config, plan.on_node, self.warn, ignore_secondaries=self.op.ignore_secondaries
        )
        await devices.start(self.services, plan.primary, plan.on_node, False, self.reason_trail(), self.warn)
