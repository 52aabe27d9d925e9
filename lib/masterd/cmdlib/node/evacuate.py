"""Moves instances away from a node, where an allocator says."""

from __future__ import annotations

from collections.abc import Sequence

from ganeti import errors
from ganeti.errors import ECode
from ganeti.masterd.cmdlib.base import ALL, Jobs, Locks, LogicalUnit, get_node, node_of
from ganeti.masterd.config.snapshot import Config
from ganeti.model.enums import EvacMode, Level
from ganeti.model.objects.instance import Instance
from ganeti.model.opcodes.base import OpCode
from ganeti.model.opcodes.instance import OpInstanceReplaceDisks
from ganeti.model.opcodes.node import OpNodeEvacuate
from ganeti.schema import replace


class LUNodeEvacuate(LogicalUnit[OpNodeEvacuate, Sequence[Instance]]):
    """Ask an allocator where the instances can go, and submit the jobs it answers with."""

    def locks(self, level: Level, config: Config) -> Locks | None:
        match level:
            case Level.INSTANCE:
                return Locks({instance.name for instance in self._leaving(config)}, shared=True)
            case Level.NODE:
                return Locks(ALL, shared=True)
        return None

    async def check(self, config: Config) -> Sequence[Instance]:
        op = self.op
        act = f"evacuate node {op.node_name}"
        remote = node_of(config, op.remote_node, op.remote_node_uuid)
        if remote and op.iallocator:
            raise errors.OpPrereqError("give either a node or an allocator, not both", ECode.INVAL)
        if remote and remote.name == op.node_name:
            raise errors.OpPrereqError(f"cannot {act}: it cannot be its own new secondary node", ECode.INVAL)
        if remote and op.mode != EvacMode.SECONDARY:
            raise errors.OpPrereqError(
                f"cannot {act}: a node can only be given for instances it is the secondary node of; else an allocator"
                " chooses",
                ECode.INVAL,
            )
        leaving = self._leaving(config)
        late = sorted({instance.name for instance in leaving} - set(self.held(Level.INSTANCE)))
        if late:
            raise errors.OpPrereqError(f"cannot {act}: {late[0]} has just come to it; try again", ECode.STATE)
        if remote and leaving:
            raise errors.OpPrereqError(
                f"cannot {act}: disks with a mirror, as {leaving[0].name} has, are not supported by this version",
                ECode.INVAL,
            )
        return leaving

    def preview(self, plan: Sequence[Instance]) -> object:
        return {"jobs": []}

    async def execute(self, plan: Sequence[Instance]) -> Jobs:
        if not plan:
            self.info(f"no instance leaves node {self.op.node_name}: there is none")
            return Jobs([])
        found = await self.services.allocator.evacuate(
            self.services.config.current,
            plan,
            self.op.mode,
            self.op.iallocator,
            ignore_soft_errors=bool(self.op.ignore_soft_errors),
        )
        if found.failed:
            told = ", ".join(f"{name} ({reason})" for name, reason in found.failed)
            raise errors.OpExecError(
                f"cannot evacuate node {self.op.node_name}: no place for {told}; nothing was moved"
            )
        for name, nodes in found.moved:
            self.info(f"instance {name} goes to {', '.join(nodes)}")
        return Jobs([[self._released(op) for op in job] for job in found.jobs])

    def _leaving(self, config: Config) -> list[Instance]:
        node = get_node(config, self.op.node_name)
        found = config.instances_on(
            node.uuid,
            primary=self.op.mode != EvacMode.SECONDARY,
            secondary=self.op.mode != EvacMode.PRIMARY,
        )
        return sorted(found, key=lambda instance: instance.name)

    def _released(self, op: OpCode) -> OpCode:
        return replace(op, early_release=self.op.early_release) if isinstance(op, OpInstanceReplaceDisks) else op
