"""Removes an instance and its disks."""

from __future__ import annotations

from typing import NamedTuple

from ganeti import errors
from ganeti.masterd.cmdlib.base import HookRun, Locks, LogicalUnit, get_instance
from ganeti.masterd.cmdlib.instance import devices
from ganeti.masterd.cmdlib.instance.common import as_text, instance_env, instance_locks, node_names, primary_of
from ganeti.masterd.config.snapshot import Config
from ganeti.model.enums import Level
from ganeti.model.objects.instance import FilledInstance, Instance
from ganeti.model.objects.node import Node
from ganeti.model.opcodes.instance import OpInstanceRemove
from ganeti.model.params.fill import fill_instance
from ganeti.model.scalars import NodeName
from ganeti.rpc import procedures as p


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
        if plan.primary:
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
            await devices.remove_directories(self.services, plan.primary, plan.on_node.disks_info, self.warn)
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
