"""Adds, removes, renames and changes node groups, and moves nodes between them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ganeti import errors
from ganeti.errors import ECode
from ganeti.masterd.cmdlib.base import HookRun, Locks, LogicalUnit, get_group, get_node, names
from ganeti.masterd.cmdlib.cluster.usage import named, new_violations
from ganeti.masterd.cmdlib.group.parameters import Changes, changed_group
from ganeti.masterd.cmdlib.node.common import hooks_on, master_hooks, refuse_unsupported
from ganeti.masterd.config.snapshot import Config
from ganeti.model.enums import AllocPolicy, DiskTemplate, Level
from ganeti.model.objects.node import Node
from ganeti.model.objects.nodegroup import NodeGroup
from ganeti.model.opcodes.group import OpGroupAdd, OpGroupAssignNodes, OpGroupRemove, OpGroupRename, OpGroupSetParams
from ganeti.model.scalars import Uuid
from ganeti.schema import replace
from ganeti.schema_types import dump_any


class LUGroupAdd(LogicalUnit[OpGroupAdd, NodeGroup]):
    """Add an empty group."""

    async def check(self, config: Config) -> NodeGroup:
        op = self.op
        refuse_unsupported(f"add node group {op.group_name}", {"hv_state": op.hv_state, "disk_state": op.disk_state})
        reserve = self.services.config.reservations(self.call.job_id)
        reserve.group_name(op.group_name)
        group, _ = changed_group(
            config,
            NodeGroup(uuid=reserve.uuid(), name=op.group_name),
            alloc_policy=op.alloc_policy or AllocPolicy.PREFERRED,
            ndparams=op.ndparams,
            diskparams=op.diskparams,
            policy=op.ipolicy,
        )
        return group

    def hooks(self, plan: NodeGroup, config: Config) -> HookRun:
        return master_hooks(config, {"GROUP_NAME": plan.name})

    async def execute(self, plan: NodeGroup) -> None:
        with self.services.config.update() as draft:
            draft.add_group(plan)
        await self.services.config.durable(draft)


class LUGroupRemove(LogicalUnit[OpGroupRemove, NodeGroup]):
    """Remove a group without nodes that is not the last."""

    def locks(self, level: Level, config: Config) -> Locks | None:
        return Locks({get_group(config, self.op.group_name).uuid}) if level == Level.NODEGROUP else None

    async def check(self, config: Config) -> NodeGroup:
        group = get_group(config, self.op.group_name)
        members = config.members_of(group.uuid)
        if members:
            raise errors.OpPrereqError(
                f"cannot remove node group {group.name}: it has nodes: {named(names(members))}", ECode.STATE
            )
        if len(config.groups) == 1:
            raise errors.OpPrereqError(f"cannot remove node group {group.name}: it is the only one", ECode.STATE)
        return group

    def hooks(self, plan: NodeGroup, config: Config) -> HookRun:
        return master_hooks(config, {"GROUP_NAME": plan.name})

    async def execute(self, plan: NodeGroup) -> None:
        with self.services.config.update() as draft:
            del draft.groups[plan.uuid]
        await self.services.config.durable(draft)


class LUGroupRename(LogicalUnit[OpGroupRename, NodeGroup]):
    """Give a group another name."""

    def locks(self, level: Level, config: Config) -> Locks | None:
        return Locks({get_group(config, self.op.group_name).uuid}) if level == Level.NODEGROUP else None

    async def check(self, config: Config) -> NodeGroup:
        group = get_group(config, self.op.group_name)
        self.services.config.reservations(self.call.job_id).group_name(self.op.new_name)
        return group

    def hooks(self, plan: NodeGroup, config: Config) -> HookRun:
        env = {"OLD_NAME": plan.name, "NEW_NAME": self.op.new_name}
        return hooks_on(env, [config.master.name, *names(config.members_of(plan.uuid))])

    async def execute(self, plan: NodeGroup) -> str:
        with self.services.config.update() as draft:
            draft.groups[plan.uuid] = replace(draft.groups[plan.uuid], name=self.op.new_name)
        await self.services.config.durable(draft)
        return self.op.new_name


class LUGroupSetParams(LogicalUnit[OpGroupSetParams, NodeGroup]):
    """Change the parameters of a group."""

    def locks(self, level: Level, config: Config) -> Locks | None:
        return Locks({get_group(config, self.op.group_name).uuid}) if level == Level.NODEGROUP else None

    async def check(self, config: Config) -> NodeGroup:
        group, op = get_group(config, self.op.group_name), self.op
        act = f"change node group {group.name}"
        refuse_unsupported(act, {"hv_state": op.hv_state, "disk_state": op.disk_state})
        if all(value is None for value in (op.alloc_policy, op.ndparams, op.diskparams, op.ipolicy)):
            raise errors.OpPrereqError(f"cannot {act}: no change is asked for", ECode.INVAL)
        self._changed(config, group)
        return group

    def hooks(self, plan: NodeGroup, config: Config) -> HookRun:
        return master_hooks(config, {"GROUP_NAME": plan.name, "NEW_ALLOC_POLICY": self.op.alloc_policy})

    async def execute(self, plan: NodeGroup) -> Changes:
        before = self.services.config.current
        with self.services.config.update() as draft:
            new, changes = self._changed(draft.base, draft.groups[plan.uuid])
            draft.groups[plan.uuid] = new
        after = await self.services.config.durable(draft)
        violating = new_violations(before, after) if self.op.ipolicy is not None else []
        if violating:
            self.warn(f"instances do not fit the new policy: {named(violating)}")
        return [(name, dump_any(value)) for name, value in changes]

    def _changed(self, config: Config, group: NodeGroup) -> tuple[NodeGroup, Changes]:
        return changed_group(
            config,
            group,
            alloc_policy=self.op.alloc_policy,
            ndparams=self.op.ndparams,
            diskparams=self.op.diskparams,
            policy=self.op.ipolicy,
        )


class Move(NamedTuple):
    """Nodes that go to a group."""

    group: NodeGroup
    nodes: Sequence[Node]


class LUGroupAssignNodes(LogicalUnit[OpGroupAssignNodes, Move]):
    """Move nodes to a group, unless that tears mirrored instances apart."""

    def locks(self, level: Level, config: Config) -> Locks | None:
        nodes = self._nodes(config)
        if level == Level.NODEGROUP:
            return Locks({get_group(config, self.op.group_name).uuid, *(node.group for node in nodes)})
        if level == Level.NODE:
            return Locks(set(names(nodes)))
        return None

    async def check(self, config: Config) -> Move:
        group = get_group(config, self.op.group_name)
        nodes = self._nodes(config)
        torn = newly_split(config, group.uuid, {node.uuid for node in nodes})
        if torn and not self.op.force:
            raise errors.OpPrereqError(
                f"cannot move nodes to group {group.name}: instances would be spread over two groups:"
                f" {named(torn)} (--force does it all the same)",
                ECode.STATE,
            )
        if torn:
            self.warn(f"instances are spread over two groups now: {named(torn)}")
        return Move(group, nodes)

    async def execute(self, plan: Move) -> None:
        with self.services.config.update() as draft:
            for node in plan.nodes:
                draft.nodes[node.uuid] = replace(draft.nodes[node.uuid], group=plan.group.uuid)
        await self.services.config.durable(draft)

    def _nodes(self, config: Config) -> list[Node]:
        by_name = [get_node(config, name) for name in self.op.nodes]
        unknown = [uuid for uuid in self.op.node_uuids or () if uuid not in config.nodes]
        if unknown:
            raise errors.OpPrereqError(f"node {unknown[0]} is not known", ECode.NOENT)
        nodes = [*by_name, *(config.nodes[uuid] for uuid in self.op.node_uuids or ())]
        return list({node.uuid: node for node in nodes}.values())


def newly_split(config: Config, target: Uuid, moved: set[Uuid]) -> list[str]:
    """Return the mirrored instances whose nodes are in one group now and would not be any more."""
    found = []
    for instance in config.instances.values():
        nodes = config.nodes_of(instance)
        if config.template_of(instance) != DiskTemplate.DRBD or not any(node.uuid in moved for node in nodes):
            continue
        after = {target if node.uuid in moved else node.group for node in nodes}
        if len(after) > 1 and len({node.group for node in nodes}) == 1:
            found.append(str(instance.name))
    return found
