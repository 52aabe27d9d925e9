"""Fails an instance over: stopped on one node, started on another."""

from __future__ import annotations

from typing import NamedTuple

from ganeti import errors
from ganeti.errors import ECode
from ganeti.masterd.cmdlib.base import ALL, HookRun, Locks, LogicalUnit, get_instance
from ganeti.masterd.cmdlib.instance import devices, fencing, moves, relocation
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
    """The instance where it is, what proves that it is down there or will be, and where it goes."""

    source: Placed
    target: Node
    evidence: fencing.Evidence


class LUInstanceFailover(LogicalUnit[OpInstanceFailover, Failover]):
    """Stop the instance, record the other node as its primary, start it there; take the record back if that fails.

    Nothing is recorded before the instance is known to be down where it was.  The record
    comes before the start: a master that dies in between leaves one that is started where
    it may be running already, and nowhere else.
    """

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
        return Failover(source, target, await self._need_proof(config, source))

    async def _need_proof(self, config: Config, source: Placed) -> fencing.Evidence:
        """Refuse to go on with an instance that may run where it is, or need not be moved any more.

        Raises OpPrereqError.
        """
        evidence = await fencing.look(self.services, config, source)
        if self.asked_by_watcher and (evidence.answers or source.instance.admin_state != AdminState.UP):
            now = f"node {source.primary.name} answers again" if evidence.answers else "it was stopped meanwhile"
            raise errors.OpPrereqError(
                f"cannot fail over instance {source.instance.name} for the watcher: {now}", ECode.STATE
            )
        fencing.need_proof(source, evidence, force=self.op.ignore_consistency)
        return evidence

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
        await self._end_moves(plan)
        await self._stop_at_source(plan)
        before = self.services.config.current
        with self.services.config.update() as draft:
            now = draft.instances[instance.uuid]
            now = replace(now, disks_active=now.admin_state == AdminState.UP)
            relocation.record_move(draft, now, plan.target)
        config = await self.services.config.durable(draft)
        if instance.admin_state != AdminState.UP:
            return
        moved = fill_instance(config, config.instances[instance.uuid])
        self.info(f"starting instance {instance.name} on node {plan.target.name}")
        try:
            await devices.assemble_disks(self.services, config, moved, self.warn)
        except errors.OpExecError:
            await self._stay(plan, before)
            raise
        answer = await devices.try_to_start(self.services, plan.target, moved, False, self.reason_trail(), self.warn)
        if answer.failure and answer.failure.uncertain:
            self.warn(f"instance {instance.name} may run on node {plan.target.name}, which stays its primary node")
        elif answer.failure:
            await self._stay(plan, before)
        answer.unwrap(f"start instance {instance.name}")

    async def _stop_at_source(self, plan: Failover) -> None:
        """Make sure that the instance is down where it was.

        Raises OpExecError.
        """
        source, instance = fencing.reachable(plan.source.primary), plan.source.instance
        force = self.op.ignore_consistency
        if not plan.evidence.answers:
            self._tell_unasked(plan)
            return
        self.info(f"stopping instance {instance.name} on node {source.name}")
        answer = await self.services.rpc.call(
            source, p.instance_shutdown, plan.source.on_node, self.op.shutdown_timeout, self.reason_trail()
        )
        if not answer.ok:
            self.warn(f"cannot stop instance {instance.name} on node {source.name}: {answer.failure}")
            now = await fencing.look(self.services, self.services.config.current, plan.source)
            unsure = now.runs is None or isinstance(answer.failure and answer.failure.error, errors.LockError)
            if now.runs or (unsure and not force):
                raise errors.OpExecError(
                    f"cannot stop instance {instance.name} on node {source.name}: {answer.failure}; {now.told}"
                    + ("" if now.runs else "; make sure it is down there, then use --ignore-consistency")
                )
        config = self.services.config.current
        if not await devices.shutdown_disks(self.services, config, plan.source.on_node, self.warn) and not force:
            raise errors.OpExecError(f"cannot shut down the disks of instance {instance.name}")
        if plan.source.primary.offline:
            await devices.shutdown_disks_on(self.services, source, plan.source.on_node, self.warn)

    def _tell_unasked(self, plan: Failover) -> None:
        """Tell the submitter why nothing is stopped: what proves that nothing runs, or that nothing does."""
        told, name = plan.evidence.told, plan.source.instance.name
        if plan.evidence.runs is None:
            self.warn(
                f"{told}; going on because of --ignore-consistency: should instance {name}"
                f" still run on node {plan.source.primary.name}, it will run twice and destroy its disks"
            )
        else:
            self.info(f"{told}: instance {name} is down")

    async def _stay(self, plan: Failover, before: Config) -> None:
        """Take the record of the move back after the instance did not start on the target."""
        uuid = plan.source.instance.uuid
        with self.services.config.update() as draft:
            relocation.take_back(draft, before.instances[uuid], before.disks)
        await self.services.config.durable(draft)
        self.warn(
            f"instance {plan.source.instance.name} is down, its primary node is {plan.source.primary.name} as before"
        )

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
