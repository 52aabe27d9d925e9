"""Migrates a running instance: it goes on while it changes its node."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ganeti import errors
from ganeti.errors import ECode
from ganeti.masterd.cmdlib.base import ALL, HookRun, Locks, LogicalUnit, get_instance, need_online
from ganeti.masterd.cmdlib.instance import devices, fencing, moves, relocation
from ganeti.masterd.cmdlib.instance.common import Placed, instance_hooks, instance_locks, placed
from ganeti.masterd.cmdlib.instance.failover import Failover, LUInstanceFailover
from ganeti.masterd.config.snapshot import Config
from ganeti.model.enums import AdminState, Level, MigrationMode
from ganeti.model.objects.node import Node
from ganeti.model.opcodes.instance import OpInstanceFailover, OpInstanceMigrate
from ganeti.model.params.be import backend
from ganeti.model.params.fill import fill_instance
from ganeti.model.scalars import MiB, NodeName
from ganeti.rpc import procedures as p

#: seconds between looks at the progress of a transfer
POLL = 0.1
#: seconds between progress messages to the submitter
REPORT_EVERY = 10.0


class Migration(NamedTuple):
    """The instance where it is, where it goes, and how; `failover` replaces the migration of a stopped one.

    `memory` is what it must be shrunk to, to fit on the target; None leaves it as it is.
    """

    source: Placed
    target: Node
    live: bool
    failover: bool
    memory: MiB | None = None


class End(NamedTuple):
    """What went wrong with a transfer, "" for nothing; `uncertain` when the instance may have gone all the same."""

    problem: str
    uncertain: bool = False


class LUInstanceMigrate(LogicalUnit[OpInstanceMigrate, Migration]):
    """Move a running instance; after any failure it runs on exactly one node."""

    def locks(self, level: Level, config: Config) -> Locks | None:
        if level == Level.NODE:
            return Locks(ALL, shared=True)
        return instance_locks(level, config, self.op.instance_name)

    async def check(self, config: Config) -> Migration:
        instance = get_instance(config, self.op.instance_name)
        source = placed(config, instance, "migrate")
        if self.op.cleanup:
            return await self._check_cleanup(config, source)
        need_online(source.primary, f"migrate instance {instance.name}")
        target = await relocation.choose_target(
            self.services,
            config,
            source,
            "migrate",
            target_node=self.op.target_node,
            target_uuid=self.op.target_node_uuid,
            iallocator=self.op.iallocator,
        )
        self._check_policy(config, source, target)
        await self._check_versions(source, target)
        if not await devices.is_running(self.services, source.primary, source.on_node):
            if instance.admin_state == AdminState.UP or not self.op.allow_failover:
                hint = "" if self.op.allow_failover else " (--allow-failover moves a stopped one)"
                raise errors.OpPrereqError(
                    f"cannot migrate instance {instance.name}: it does not run{hint}", ECode.STATE
                )
            return Migration(source, target, False, True)
        migratable = await self.services.rpc.call(source.primary, p.instance_migratable, source.on_node)
        if not migratable.ok and not self.op.allow_failover:
            raise errors.OpPrereqError(
                f"cannot migrate instance {instance.name}: {migratable.failure} (--allow-failover fails it over)",
                ECode.STATE,
            )
        memory = await self._memory(source, target)
        return Migration(source, target, self._live(source), not migratable.ok, memory)

    def hooks(self, plan: Migration, config: Config) -> HookRun:
        env = {
            "MIGRATE_LIVE": plan.live,
            "MIGRATE_CLEANUP": self.op.cleanup,
            "ALLOW_RUNTIME_CHANGES": self.op.allow_runtime_changes,
            **relocation.move_env(plan.source.primary, plan.target),
        }
        instance = config.instances[plan.source.instance.uuid]
        where = [NodeName(plan.source.primary.name), NodeName(plan.target.name)]
        return instance_hooks(config, instance, env, extra=where)

    async def execute(self, plan: Migration) -> None:
        name = plan.source.instance.name
        if self.op.cleanup:
            await self._clean_up(plan)
            return
        if plan.failover:
            self.info(f"instance {name} cannot be migrated, failing it over")
            op = OpInstanceFailover(instance_name=name, target_node=NodeName(plan.target.name), reason=self.op.reason)
            unit = LUInstanceFailover(op, self.services, self.call, self.held)
            evidence = await fencing.look(self.services, self.services.config.current, plan.source)
            await unit.execute(Failover(plan.source, plan.target, evidence))
            return
        self.info(f"migrating instance {name} from node {plan.source.primary.name} to node {plan.target.name}")
        await self._migrate(plan)
        self.info(f"instance {name} runs on node {plan.target.name}")

    # --- checks -----------------------------------------------------------------------

    def _check_policy(self, config: Config, source: Placed, target: Node) -> None:
        problems = relocation.policy_problems(config, source, target)
        if problems and not self.op.ignore_ipolicy:
            raise errors.OpPrereqError(
                f"cannot migrate instance {source.instance.name} to node {target.name}: {'; '.join(problems)}"
                " (--ignore-ipolicy goes on all the same)",
                ECode.INVAL,
            )

    async def _check_versions(self, source: Placed, target: Node) -> None:
        """Refuse to migrate between different versions of a hypervisor, where both nodes tell theirs."""
        asked = [(source.instance.hypervisor, source.on_node.hvparams)]
        answers = await self.services.rpc.call_many([source.primary, target], p.node_info, (), asked)
        told = [answer.value.hypervisors[0].hv_version for answer in answers.values() if answer.ok and answer.value]
        problem = relocation.version_problem(source.instance, told)
        if problem and not self.op.ignore_hvversions:
            raise errors.OpPrereqError(f"{problem} (--ignore-hvversions goes on all the same)", ECode.STATE)
        if problem:
            self.warn(problem)

    async def _memory(self, source: Placed, target: Node) -> MiB | None:
        """Return what the instance must be shrunk to, None if it fits as it is.

        Raises OpPrereqError when it does not fit in any way.
        """
        answer = await self.services.rpc.call(
            source.primary,
            p.instance_info,
            source.instance.name,
            source.instance.hypervisor,
            source.on_node.hvparams,
        )
        figures = answer.unwrap(f"look at instance {source.instance.name}")
        wanted = figures.memory if figures else backend(source.on_node.beparams).maxmem
        free = await devices.free_memory(self.services, target, source.on_node)
        least = backend(source.on_node.beparams).minmem
        if wanted <= free:
            return None
        if self.op.allow_runtime_changes and least <= free:
            return MiB(free)
        raise errors.OpPrereqError(
            f"cannot migrate instance {source.instance.name}: it uses {wanted} MiB of memory,"
            f" node {target.name} has {free} MiB free",
            ECode.NORES,
        )

    def _live(self, source: Placed) -> bool:
        if self.op.mode is not None and self.op.live is not None:
            raise errors.OpPrereqError("give either mode or live, not both", ECode.INVAL)
        if self.op.live is not None:
            return self.op.live
        mode = self.op.mode or source.on_node.hvparams.get("migration_mode", MigrationMode.LIVE)
        return bool(mode == MigrationMode.LIVE)

    async def _check_cleanup(self, config: Config, source: Placed) -> Migration:
        target = config.node_named(self.op.target_node) if self.op.target_node else None
        return Migration(source, target or source.primary, False, False)

    # --- the move ---------------------------------------------------------------------

    async def _migrate(self, plan: Migration) -> None:
        rpc, source, target, filled = self.services.rpc, plan.source.primary, plan.target, plan.source.on_node
        name = plan.source.instance.name
        config = self.services.config.current
        await self._end_earlier(plan, config)
        if plan.memory is not None:
            self.info(
                f"shrinking the memory of instance {name} to {plan.memory} MiB, which node {target.name} has free"
            )
            shrunk = await rpc.call(source, p.instance_balloon_memory, filled, plan.memory)
            shrunk.unwrap(f"shrink the memory of instance {name}")
        info = (await rpc.call(source, p.migration_info, filled)).unwrap(f"describe instance {name} for its move")
        await devices.assemble_disks_on(self.services, target, filled)
        await moves.remember(self.services, plan.source.instance.uuid, [source, target])
        accepted = await rpc.call(target, p.accept_instance, filled, info, target.primary_ip)
        if not accepted.ok:
            if await self._abort_target(plan, info):
                await moves.is_over(self.services, plan.source.instance.uuid)
            accepted.unwrap(f"prepare to receive instance {name}")
        moved = await rpc.call(
            source, p.instance_migrate, config.cluster.cluster_name, filled, target.primary_ip, plan.live
        )
        end = End(str(moved.failure), uncertain=moved.failure.uncertain) if moved.failure else await self._wait(plan)
        if end.problem:
            aborted = await self._abort_target(plan, info)
            if aborted or not end.uncertain:  # else it may run over there
                back = await rpc.call(source, p.instance_finalize_migration_src, filled, False, plan.live)
                if aborted and back.ok:
                    await moves.is_over(self.services, plan.source.instance.uuid)
            raise errors.OpExecError(
                f"cannot migrate instance {name}: {end.problem}; it should still run on node {source.name},"
                f" see gnt-instance migrate --cleanup {name}"
            )
        # Recorded before anything else: it can only go on over there.
        with self.services.config.update() as draft:
            relocation.record_move(draft, draft.instances[plan.source.instance.uuid], target)
        config = await self.services.config.durable(draft)
        after = fill_instance(config, config.instances[plan.source.instance.uuid])
        ended = await rpc.call(source, p.instance_finalize_migration_src, filled, True, plan.live)
        if not ended.ok:
            self.warn(f"cannot clean up after instance {name} on node {source.name}: {ended.failure}")
        (await rpc.call(target, p.instance_finalize_migration_dst, after, info, True)).unwrap(
            f"take over instance {name}"
        )
        if ended.ok:
            await moves.is_over(self.services, plan.source.instance.uuid)
        await devices.shutdown_disks_on(self.services, source, filled, self.warn)

    async def _wait(self, plan: Migration) -> End:
        """Wait for the end of the transfer."""
        name, clock = plan.source.instance.name, self.services.clock
        told = clock.monotonic()
        while True:
            answer = await self.services.rpc.call(
                plan.source.primary, p.instance_get_migration_status, plan.source.on_node
            )
            if not answer.ok:
                return End(f"cannot follow its progress: {answer.failure}", uncertain=True)
            status = answer.unwrap("follow the migration")
            if status.status == "completed":
                return End("")
            if status.status in ("failed", "cancelled"):
                return End(f"the transfer {status.status}")
            if status.total_ram and clock.monotonic() - told > REPORT_EVERY:
                told = clock.monotonic()
                self.info(f"memory of {name}: {100 * (status.transferred_ram or 0) // status.total_ram}% transferred")
            await clock.sleep(POLL)

    async def _abort_target(self, plan: Migration, info: str) -> bool:
        """Have the target forget the instance; return whether it did."""
        answer = await self.services.rpc.call(
            plan.target, p.instance_finalize_migration_dst, plan.source.on_node, info, False
        )
        if not answer.ok:
            self.warn(f"cannot clean up on node {plan.target.name}: {answer.failure}")
        await devices.shutdown_disks_on(self.services, plan.target, plan.source.on_node, self.warn)
        return answer.ok

    async def _clean_up(self, plan: Migration) -> None:
        """Ask every node that may have it where the instance runs, and make the record agree."""
        instance = plan.source.instance
        config = self.services.config.current
        nodes = config.online_nodes()
        answers = await self.services.rpc.call_many(
            nodes, p.instance_info, instance.name, instance.hypervisor, plan.source.on_node.hvparams
        )
        silent = [name for name, answer in answers.items() if not answer.ok]
        if silent:
            raise errors.OpExecError(
                f"cannot clean up instance {instance.name}: {', '.join(silent)} did not say whether it runs there"
            )
        on = [node for node in nodes if answers[NodeName(node.name)].unwrap("look") is not None]
        if len(on) > 1:
            raise errors.OpExecError(
                f"instance {instance.name} runs on {', '.join(n.name for n in on)}: stop it on all but one by hand"
            )
        there = on[0] if on else await self._take_over(plan)
        if there.uuid != instance.primary_node:
            self.info(f"instance {instance.name} runs on node {there.name}: recording that")
            with self.services.config.update() as draft:
                relocation.record_move(draft, draft.instances[instance.uuid], there)
            await self.services.config.durable(draft)
        else:
            self.info(f"instance {instance.name} runs on its primary node {there.name}")
        if await self._forget_attempts(plan, there, [node for node in nodes if node.uuid != there.uuid]):
            await moves.is_over(self.services, instance.uuid)

    async def _take_over(self, plan: Migration) -> Node:
        """Finish or undo a move that was cut off when the instance was on neither side; return where it runs now.

        Raises OpExecError when it should run and the primary node does not hold it.
        """
        primary, name = plan.source.primary, plan.source.instance.name
        if plan.source.instance.admin_state != AdminState.UP:
            await self.services.rpc.call(primary, p.instance_shutdown, plan.source.on_node, 0, self.reason_trail())
            self.info(f"instance {name} does not run, and is not meant to")
            return primary
        if not await moves.go_on(self.services, plan.source):
            raise errors.OpExecError(f"instance {name} runs nowhere: start it with gnt-instance startup")
        self.info(f"instance {name} was stopped in the middle of its move: it goes on on node {primary.name}")
        return primary

    async def _end_earlier(self, plan: Migration, config: Config) -> None:
        """Have other nodes give up what they keep from an earlier move that was cut off."""
        failed = await moves.give_up_elsewhere(self.services, config, plan.source, self.reason_trail(), self.warn)
        if failed:
            raise errors.OpExecError(
                f"cannot migrate instance {plan.source.instance.name}: {', '.join(node.name for node in failed)}"
                " may keep it from an earlier move that was cut off"
            )

    async def _forget_attempts(self, plan: Migration, there: Node, others: Sequence[Node]) -> bool:
        """Have nodes give up what they keep of moves that did not happen; return whether all did."""
        filled, rpc = plan.source.on_node, self.services.rpc
        as_targets = await rpc.call_many(others, p.instance_finalize_migration_dst, filled, "", False)
        as_sources = await rpc.call_many(others, p.instance_finalize_migration_src, filled, True, plan.live)
        last = await rpc.call(there, p.instance_finalize_migration_src, filled, False, plan.live)
        failed = [answer for answer in (*as_targets.values(), *as_sources.values(), last) if not answer.ok]
        for answer in failed:
            self.warn(f"cannot clean up on node {answer.node}: {answer.failure}")
        return not failed
