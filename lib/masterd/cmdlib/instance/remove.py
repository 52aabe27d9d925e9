"""Removes an instance and its disks."""

from __future__ import annotations

from typing import NamedTuple

from ganeti import errors
from ganeti.masterd.cmdlib.base import HookRun, Locks, LogicalUnit, get_instance
from ganeti.masterd.cmdlib.instance import devices, moves
from ganeti.masterd.cmdlib.instance.common import Placed, as_text, instance_env, instance_locks, node_names, primary_of
from ganeti.masterd.cmdlib.instance.persistence import Persistence
from ganeti.masterd.config.snapshot import Config
from ganeti.model.enums import AdminState, Level
from ganeti.model.objects.instance import FilledInstance, Instance
from ganeti.model.objects.node import Node
from ganeti.model.opcodes.instance import OpInstanceRemove
from ganeti.model.params.fill import fill_instance
from ganeti.model.scalars import NodeName
from ganeti.rpc import procedures as p
from ganeti.schema import replace


class Removal(NamedTuple):
    """What to remove; `hooks` was described while it existed."""

    instance: Instance
    on_node: FilledInstance
    primary: Node | None
    hooks: HookRun


class LUInstanceRemove(LogicalUnit[OpInstanceRemove, Removal]):
    """Stop the instance, remove its disks and forget it."""

    def locks(self, level: Level, config: Config) -> Locks | None:
        return instance_locks(level, config, self.op.instance_name, nodes_shared=True)

    async def check(self, config: Config) -> Removal:
        instance = get_instance(config, self.op.instance_name)
        primary = primary_of(config, instance, "remove") if instance.primary_node else None
        env = instance_env(config, instance) | as_text({"SHUTDOWN_TIMEOUT": self.op.shutdown_timeout})
        master = NodeName(config.master.name)
        hooks = HookRun(env, [master], list(dict.fromkeys([master, *node_names(config, instance.name)])))
        return Removal(instance, fill_instance(config, instance), primary, hooks)

    def hooks(self, plan: Removal, config: Config) -> HookRun:
        return plan.hooks

    async def execute(self, plan: Removal) -> None:
        name = plan.instance.name
        config = self.services.config.current
        if plan.instance.admin_state == AdminState.UP:
            await self._mark_down(plan)
        if plan.primary:
            await self._end_moves(config, plan, plan.primary)
            answer = await self.services.rpc.call(
                plan.primary, p.instance_shutdown, plan.on_node, self.op.shutdown_timeout, self.reason_trail()
            )
            if not answer.ok and not self.op.ignore_failures:
                raise errors.OpExecError(
                    f"cannot stop instance {name} on node {plan.primary.name}: {answer.failure};"
                    " make sure it is down there, then use --ignore-failures to forget it all the same"
                )
            if not answer.ok:
                self.warn(f"cannot stop instance {name} on node {plan.primary.name}: {answer.failure}")
        removed = await devices.remove_disks(self.services, config, plan.on_node, self.warn)
        if plan.primary and removed:
            again = Persistence(self.services.clock)
            await devices.remove_directories(self.services, plan.primary, plan.on_node.disks_info, self.warn, again)
        if not removed and not self.op.ignore_failures:
            raise errors.OpExecError(
                f"cannot remove instance {name}: not all of its disks could be removed;"
                " use --ignore-failures to forget it all the same"
            )
        with self.services.config.update() as draft:
            for disk in plan.instance.disks:
                draft.disks.pop(disk, None)
            del draft.instances[plan.instance.uuid]
        await self.services.config.durable(draft)

    async def _mark_down(self, plan: Removal) -> None:
        # First of all: should we die with half of its disks gone, nobody is to start it again.
        with self.services.config.update() as draft:
            draft.instances[plan.instance.uuid] = replace(plan.instance, admin_state=AdminState.DOWN)
        await self.services.config.durable(draft)

    async def _end_moves(self, config: Config, plan: Removal, primary: Node) -> None:
        """Have other nodes give up what they keep from a move that was cut off."""
        where = Placed(plan.instance, plan.on_node, primary)
        failed = await moves.give_up_elsewhere(self.services, config, where, self.reason_trail(), self.warn)
        if failed and not self.op.ignore_failures:
            raise errors.OpExecError(
                f"cannot remove instance {plan.instance.name}: {', '.join(node.name for node in failed)} may keep it"
                " from a move that was cut off; make sure it is down there, then use --ignore-failures"
            )
