"""Removes a node from the cluster; an offline one too."""

from __future__ import annotations

from typing import NamedTuple

from ganeti import errors
from ganeti.errors import ECode
from ganeti.masterd.cmdlib.base import ALL, HookRun, Locks, LogicalUnit, get_node
from ganeti.masterd.cmdlib.node import pool
from ganeti.masterd.cmdlib.node.common import hooks_on
from ganeti.masterd.config.snapshot import Config
from ganeti.model.enums import Level
from ganeti.model.objects.node import Node
from ganeti.model.opcodes.node import OpNodeRemove
from ganeti.rpc import procedures as p


class Removal(NamedTuple):
    """The node that goes; `hooks` was described while it was there."""

    node: Node
    hooks: HookRun


class LUNodeRemove(LogicalUnit[OpNodeRemove, Removal]):
    """Take a node without instances out of the configuration and have it leave."""

    def locks(self, level: Level, config: Config) -> Locks | None:
        # All nodes: any of them may become master candidate in its place.
        return Locks(ALL) if level == Level.NODE else None

    async def check(self, config: Config) -> Removal:
        node = get_node(config, self.op.node_name)
        check_removal(config, node)
        env = {"OP_TARGET": node.name, "NODE_NAME": node.name}
        hooks = hooks_on(env, [name for name in config.node_names() if name != node.name])
        return Removal(node, hooks._replace(farewell=[node.name]))

    def hooks(self, plan: Removal, config: Config) -> HookRun:
        return plan.hooks

    async def execute(self, plan: Removal) -> None:
        services, node = self.services, plan.node
        config = services.config.current
        successors = await pool.prepare_pool(services, config, self.warn, leaving={node.uuid})
        with services.config.update() as draft:
            pool.write_pool(draft, successors)
            pool.forget_digest(draft, node.uuid)
            del draft.nodes[node.uuid]
        await services.config.durable(draft)
        await pool.settle_pool(services, successors, self.info, self.warn)
        if node.offline:
            self.warn(
                f"node {node.name} is offline: it keeps the keys of the cluster",
                hint="wipe it before it is switched on",
            )
            return
        answer = await services.rpc.call(node, p.node_leave_cluster, config.cluster.modify_ssh_setup)
        if not answer.ok:
            self.warn(
                f"node {node.name} did not clean up: {answer.failure}",
                hint="stop its node daemon and remove the cluster's files there by hand",
            )


def check_removal(config: Config, node: Node) -> None:
    """Refuse to remove the master, or a node that holds instances or disks.

    Raises OpPrereqError.
    """
    if node.uuid == config.cluster.master_node:
        raise errors.OpPrereqError(
            f"cannot remove node {node.name}: it is the master",
            ECode.INVAL,
        )
    there = sorted(instance.name for instance in config.instances_on(node.uuid))
    if there:
        shown = ", ".join(there[:5]) + (f" and {len(there) - 5} more" if len(there) > 5 else "")
        raise errors.OpPrereqError(
            f"cannot remove node {node.name}: it holds {shown};"
            " move these instances away first (gnt-instance migrate or failover) or remove them",
            ECode.STATE,
        )
