"""Fails an instance over: stopped on one node, started on another."""

from __future__ import annotations

from typing import NamedTuple

from ganeti import errors
from ganeti.errors import ECode
from ganeti.masterd.cmdlib.base import ALL, HookRun, Locks, LogicalUnit, get_instance
from ganeti.masterd.cmdlib.instance import devices, moves, relocation
from ganeti.masterd.cmdlib.instance.common import Placed, instance_hooks, instance_locks, placed
from ganeti.masterd.config.snapshot import Config
from ganeti.model.enums import AdminState, Level
from ganeti.model.objects.node import Node
from ganeti.model.opcodes.instance import OpInstanceFailover
from ganeti.model.params.be import backend
from ganeti.model.params.fill import fill_instance
from ganeti.model.scalars import NodeName
from ganeti.rpc import procedures as p
from ganeti.schema import replace


class Failover(NamedTuple):
    """The instance where it is, and where it goes."""

    source: Placed
    target: Node


class LUInstanceFailover(LogicalUnit[OpInstanceFailover, Failover]):
    """Stop the instance, record the other node as its primary, start it there."""

    def locks(self, level: Level, config: Config) -> Locks | None:
        if level == Level.NODE:
            return Locks(ALL, shared=True)
        return instance_locks(level, config, self.op.instance_name)

    async def check(self, config: Config) -> Failover:
        if self.op.cleanup:
            raise errors.OpPrereqError("cleanup: not supported for instances of this kind of disks", ECode.INVAL)
        instance = get_instance(config, self.op.instance_name)
        source = placed(config, instance, "fail over")
        target = await relocation.choose_target(
            self.services,
            config,
            source,
            "fail over",
            target_node=self.op.target_node,
            target_uuid=self.op.target_node_uuid,
            iallocator=self.op.iallocator,
        )
        problems = relocation.policy_problems(config, source, target)
        if problems and not self.op.ignore_ipolicy:
            raise errors.OpPrereqError(
                f"cannot fail over instance {instance.name} to node {target.name}: {'; '.join(problems)}"
                " (--ignore-ipolicy goes on all the same)",
                ECode.INVAL,
            )
        if instance.admin_state == AdminState.UP:
            wanted = backend(source.on_node.beparams).minmem
            await devices.need_memory(self.services, target, source.on_node, wanted, "fail over")
        return Failover(source, target)

    def hooks(self, plan: Failover, config: Config) -> HookRun:
        env = {
            "IGNORE_CONSISTENCY": self.op.ignore_consistency,
            "SHUTDOWN_TIMEOUT": self.op.shutdown_timeout,
            "FAILOVER_CLEANUP": self.op.cleanup,
            **relocation.move_env(plan.source.primary, plan.target),
        }
        run = instance_hooks(config, config.instances[plan.source.instance.uuid], env)
        master, old, new = config.master.name, plan.source.primary.name, plan.target.name
        before = list(dict.fromkeys([NodeName(master), NodeName(new)]))
        return HookRun(run.env, before, list(dict.fromkeys([*before, NodeName(old)])))

    async def execute(self, plan: Failover) -> None:
        instance = plan.source.instance
        await self._stop_at_source(plan)
        with self.services.config.update() as draft:
            now = draft.instances[instance.uuid]
            now = replace(now, disks_active=now.admin_state == AdminState.UP)
            relocation.record_move(draft, now, plan.target)
        config = await self.services.config.durable(draft)
        if instance.admin_state != AdminState.UP:
            return
        moved = fill_instance(config, config.instances[instance.uuid])
        self.info(f"starting instance {instance.name} on node {plan.target.name}")
        await devices.assemble_disks(self.services, config, moved, self.warn)
        await devices.start(self.services, plan.target, moved, False, self.reason_trail(), self.warn)

    async def _stop_at_source(self, plan: Failover) -> None:
        source, instance = plan.source.primary, plan.source.instance
        await self._end_moves(plan)
        if source.offline:
            self.warn(
                f"node {source.name} is offline: it cannot be asked to stop instance {instance.name};"
                " make sure that the node is down"
            )
            return
        self.info(f"stopping instance {instance.name} on node {source.name}")
        answer = await self.services.rpc.call(
            source, p.instance_shutdown, plan.source.on_node, self.op.shutdown_timeout, self.reason_trail()
        )
        if not answer.ok and not self.op.ignore_consistency:
            raise errors.OpExecError(
                f"cannot stop instance {instance.name} on node {source.name}: {answer.failure};"
                " make sure it is down there, then use --ignore-consistency"
            )
        if not answer.ok:
            self.warn(f"cannot stop instance {instance.name} on node {source.name}: {answer.failure}")
        if not await devices.shutdown_disks(
            self.services, self.services.config.current, plan.source.on_node, self.warn
        ):
            if not self.op.ignore_consistency:
                raise errors.OpExecError(f"cannot shut down the disks of instance {instance.name}")

    async def _end_moves(self, plan: Failover) -> None:
        """Have nodes give up what they keep from a move that was cut off."""
        config = self.services.config.current
        failed = await moves.give_up_elsewhere(self.services, config, plan.source, self.reason_trail(), self.warn)
        if failed and not self.op.ignore_consistency:
            raise errors.OpExecError(
                f"cannot fail over instance {plan.source.instance.name}: {', '.join(node.name for node in failed)}"
                " may keep it from a move that was cut off; make sure it is down there, then use --ignore-consistency"
            )
        kept = [node for node in moves.elsewhere(config, plan.source) if node not in failed]
        await moves.is_over(self.services, plan.source.instance.uuid, [plan.source.primary, *kept])
