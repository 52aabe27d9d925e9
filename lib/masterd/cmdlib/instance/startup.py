"""Starts an instance."""

from __future__ import annotations

from ganeti import errors
from ganeti.errors import ECode
from ganeti.masterd.cmdlib.base import HookRun, Locks, LogicalUnit, get_instance, need_online
from ganeti.masterd.cmdlib.instance import devices, moves
from ganeti.masterd.cmdlib.instance.common import Placed, instance_hooks, instance_locks, primary_of
from ganeti.masterd.config.snapshot import Config
from ganeti.model.enums import AdminState, Level
from ganeti.model.objects.instance import FilledInstance
from ganeti.model.objects.node import Node
from ganeti.model.opcodes.instance import OpInstanceStartup
from ganeti.model.params.be import backend, check_beparams
from ganeti.model.params.fill import fill_instance
from ganeti.model.params.hv import check_hvparams
from ganeti.schema import replace


class LUInstanceStartup(LogicalUnit[OpInstanceStartup, Placed]):
    """Assemble the disks and start the instance on its primary node."""

    def locks(self, level: Level, config: Config) -> Locks | None:
        return instance_locks(level, config, self.op.instance_name, nodes_shared=True)

    async def check(self, config: Config) -> Placed:
        instance = get_instance(config, self.op.instance_name)
        if instance.admin_state == AdminState.OFFLINE:
            raise errors.OpPrereqError(
                f"cannot start instance {instance.name}: it is marked offline; see gnt-instance modify --online",
                ECode.STATE,
            )
        if self.asked_by_watcher and instance.admin_state != AdminState.UP:
            raise errors.OpPrereqError(
                f"cannot start instance {instance.name} for the watcher: it was stopped meanwhile", ECode.STATE
            )
        check_hvparams(instance.hypervisor, self.op.hvparams, "hvparams")
        check_beparams(self.op.beparams, "beparams")
        primary = primary_of(config, instance, "start")
        on_node = fill_instance(config, instance, hvparams=self.op.hvparams, beparams=self.op.beparams)
        if primary.offline and self.op.ignore_offline_nodes:
            self.warn(f"node {primary.name} is offline: instance {instance.name} is only marked as up")
            return Placed(instance, on_node, primary)
        need_online(primary, f"start instance {instance.name}")
        plan = Placed(instance, on_node, primary)
        await moves.need_stopped_elsewhere(self.services, config, plan, f"start instance {instance.name}")
        await self._check_memory(on_node, primary)
        return plan

    def hooks(self, plan: Placed, config: Config) -> HookRun:
        return instance_hooks(config, config.instances[plan.instance.uuid], {"FORCE": self.op.force})

    async def execute(self, plan: Placed) -> None:
        # Marked up before it starts: should we die in between, the watcher starts it.
        if not self.op.no_remember and plan.instance.admin_state != AdminState.UP:
            with self.services.config.update() as draft:
                draft.instances[plan.instance.uuid] = replace(
                    plan.instance, admin_state=AdminState.UP, disks_active=True
                )
            await self.services.config.durable(draft)
        if plan.primary.offline:
            return
        if plan.instance.moving:
            await self._settle_move(plan)
        config = self.services.config.current
        await devices.assemble_disks(self.services, config, plan.on_node, self.warn, ignore_secondaries=self.op.force)
        await devices.start(
            self.services, plan.primary, plan.on_node, self.op.startup_paused, self.reason_trail(), self.warn
        )

    async def _settle_move(self, plan: Placed) -> None:
        """End a move that was cut off: the instance goes on on its primary node if it can, and nowhere else."""
        config = self.services.config.current
        failed = await moves.give_up_elsewhere(self.services, config, plan, self.reason_trail(), self.warn)
        if failed:
            raise errors.OpExecError(
                f"cannot start instance {plan.instance.name}: {', '.join(node.name for node in failed)}"
                " may keep it from a move that was cut off"
            )
        if await moves.go_on(self.services, plan):
            self.info(f"instance {plan.instance.name} goes on where a move that was cut off had stopped it")
        await moves.is_over(self.services, plan.instance.uuid)

    async def _check_memory(self, instance: FilledInstance, primary: Node) -> None:
        if await devices.is_running(self.services, primary, instance):
            return
        wanted = backend(instance.beparams).minmem
        await devices.need_memory(self.services, primary, instance, wanted, "start")
