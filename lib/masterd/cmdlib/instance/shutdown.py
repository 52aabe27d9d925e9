"""Stops an instance."""

from __future__ import annotations

from ganeti import errors
from ganeti.errors import ECode
from ganeti.masterd.cmdlib.base import HookRun, Locks, LogicalUnit, get_instance, need_online
from ganeti.masterd.cmdlib.instance import devices, moves
from ganeti.masterd.cmdlib.instance.common import Placed, instance_hooks, instance_locks, placed
from ganeti.masterd.config.snapshot import Config
from ganeti.model.enums import AdminState, AdminStateSource, Level
from ganeti.model.opcodes.instance import OpInstanceShutdown
from ganeti.model.query.status import SHUT_DOWN
from ganeti.rpc import procedures as p
from ganeti.schema import replace


class LUInstanceShutdown(LogicalUnit[OpInstanceShutdown, Placed]):
    """Stop the instance on its primary node and shut down its disks."""

    def locks(self, level: Level, config: Config) -> Locks | None:
        return instance_locks(level, config, self.op.instance_name, nodes_shared=True)

    async def check(self, config: Config) -> Placed:
        instance = get_instance(config, self.op.instance_name)
        if instance.admin_state == AdminState.OFFLINE and not self.op.force:
            raise errors.OpPrereqError(
                f"cannot stop instance {instance.name}: it is marked offline; use --force to stop it all the same",
                ECode.STATE,
            )
        plan = placed(config, instance, "stop")
        if plan.primary.offline and self.op.ignore_offline_nodes:
            self.warn(f"node {plan.primary.name} is offline: instance {instance.name} is only marked as down")
        else:
            need_online(
                plan.primary,
                f"stop instance {instance.name}",
                "--ignore-offline only marks the instance as down",
            )
            if self.asked_by_watcher:
                await self._need_stopped_inside(plan)
        return plan

    def hooks(self, plan: Placed, config: Config) -> HookRun:
        return instance_hooks(config, config.instances[plan.instance.uuid], {"TIMEOUT": self.op.timeout})

    async def execute(self, plan: Placed) -> None:
        # Marked down first: should we die in between, the watcher does not start it again.
        if not self.op.no_remember and plan.instance.admin_state == AdminState.UP:
            source = self.op.admin_state_source or AdminStateSource.ADMIN
            with self.services.config.update() as draft:
                draft.instances[plan.instance.uuid] = replace(
                    plan.instance, admin_state=AdminState.DOWN, admin_state_source=source, disks_active=False
                )
            await self.services.config.durable(draft)
        if plan.primary.offline:
            return
        answer = await self.services.rpc.call(
            plan.primary, p.instance_shutdown, plan.on_node, self.op.timeout, self.reason_trail()
        )
        answer.unwrap(f"stop instance {plan.instance.name}")
        config = self.services.config.current
        await devices.shutdown_disks(self.services, config, plan.on_node, self.warn)
        if plan.instance.moving and not await moves.give_up_elsewhere(
            self.services, config, plan, self.reason_trail(), self.warn
        ):
            await moves.is_over(self.services, plan.instance.uuid)

    async def _need_stopped_inside(self, plan: Placed) -> None:
        """Refuse to stop what is not there to be cleaned up after its user stopped it from inside."""
        instance = plan.on_node
        answer = await self.services.rpc.call(
            plan.primary, p.instance_info, instance.name, instance.hypervisor, instance.hvparams
        )
        figures = answer.unwrap(f"look for instance {instance.name}")
        if figures is None or figures.state != SHUT_DOWN:
            raise errors.OpPrereqError(
                f"cannot clean up instance {instance.name} for the watcher: it is not stopped from inside any more",
                ECode.STATE,
            )
