"""Migrates all primary instances of a node, a job for each."""

from __future__ import annotations

from collections.abc import Sequence

from ganeti import errors
from ganeti.errors import ECode
from ganeti.masterd.cmdlib.base import HookRun, Jobs, Locks, LogicalUnit, get_node, need_online, node_of
from ganeti.masterd.config.snapshot import Config
from ganeti.model.enums import Level
from ganeti.model.opcodes.instance import OpInstanceMigrate
from ganeti.model.opcodes.node import OpNodeMigrate
from ganeti.model.scalars import NodeName


class LUNodeMigrate(LogicalUnit[OpNodeMigrate, Sequence[OpInstanceMigrate]]):
    """Submit a migration for each instance; how each went is its job's to tell."""

    def locks(self, level: Level, config: Config) -> Locks | None:
        return Locks({self.op.node_name}, shared=True) if level == Level.NODE else None

    async def check(self, config: Config) -> Sequence[OpInstanceMigrate]:
        op, node = self.op, get_node(config, self.op.node_name)
        need_online(node, f"migrate instances from node {node.name}", "gnt-node failover starts them elsewhere")
        target = node_of(config, op.target_node, op.target_node_uuid)
        if target and op.iallocator:
            raise errors.OpPrereqError("give either a node or an allocator, not both", ECode.INVAL)
        if target and target.uuid == node.uuid:
            raise errors.OpPrereqError(f"cannot migrate instances from node {node.name} to itself", ECode.INVAL)
        if op.live is not None and op.mode is not None:
            raise errors.OpPrereqError("give either live or mode, not both", ECode.INVAL)
        leaving = config.instances_on(node.uuid, primary=True, secondary=False)
        return [
            OpInstanceMigrate(
                instance_name=instance.name,
                mode=op.mode,
                live=op.live,
                target_node=NodeName(target.name) if target else None,
                allow_runtime_changes=op.allow_runtime_changes,
                ignore_ipolicy=op.ignore_ipolicy,
                iallocator=op.iallocator,
            )
            for instance in sorted(leaving, key=lambda instance: instance.name)
        ]

    def preview(self, plan: Sequence[OpInstanceMigrate]) -> object:
        return {"jobs": []}

    def hooks(self, plan: Sequence[OpInstanceMigrate], config: Config) -> HookRun:
        env = {"NODE_NAME": self.op.node_name, "ALLOW_RUNTIME_CHANGES": str(self.op.allow_runtime_changes)}
        master = [NodeName(config.master.name)]
        return HookRun(env, master, master)

    async def execute(self, plan: Sequence[OpInstanceMigrate]) -> Jobs:
        if not plan:
            self.info(f"no instance leaves node {self.op.node_name}: there is none")
        return Jobs([[op] for op in plan])
