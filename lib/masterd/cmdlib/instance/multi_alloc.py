"""Places several new instances at once and submits a job to create each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ganeti import errors
from ganeti.errors import ECode
from ganeti.masterd.cmdlib.base import ALL, Jobs, Locks, LogicalUnit
from ganeti.masterd.cmdlib.instance import build
from ganeti.masterd.config.snapshot import Config
from ganeti.model.enums import Level
from ganeti.model.opcodes.base import OpCode
from ganeti.model.opcodes.instance import OpInstanceCreate, OpInstanceMultiAlloc
from ganeti.model.scalars import InstanceName, NodeName
from ganeti.schema import replace


class Allocation(NamedTuple):
    """Instances with their nodes, and those no place was found for."""

    placed: Sequence[OpInstanceCreate]
    failed: Sequence[InstanceName]


class LUInstanceMultiAlloc(LogicalUnit[OpInstanceMultiAlloc, Allocation]):
    """Ask the allocator once for all instances."""

    def locks(self, level: Level, config: Config) -> Locks | None:
        if level == Level.NODE_ALLOC:
            return Locks(ALL)
        if level == Level.NODE:
            return Locks(ALL, shared=True)
        return None

    async def check(self, config: Config) -> Allocation:
        names = [op.instance_name for op in self.op.instances]
        if self.op.opportunistic_locking:
            raise errors.OpPrereqError("opportunistic_locking: not supported for several instances", ECode.INVAL)
        if not names:
            raise errors.OpPrereqError("instances: at least one is needed", ECode.INVAL)
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            raise errors.OpPrereqError(f"instances: {', '.join(twice)} given more than once", ECode.NOTUNIQUE)
        for op in self.op.instances:
            build.template_of(config.cluster, op)
        with_node = [op.instance_name for op in self.op.instances if op.pnode or op.pnode_uuid]
        if len(with_node) == len(names):
            return Allocation(self.op.instances, ())
        if with_node:
            raise errors.OpPrereqError(f"instances: give nodes to all or to none ({with_node[0]} has one)", ECode.INVAL)
        taken = [name for name in names if config.instance_named(name)]
        if taken:
            raise errors.OpPrereqError(f"instance {taken[0]} exists already", ECode.EXISTS)
        chosen, failed = await self.services.allocator.place_all(config, self.op.instances, self.op.iallocator)
        placed = [
            replace(
                op,
                pnode=NodeName(chosen[op.instance_name][0]),
                iallocator=None,
                group_name=None,
                opportunistic_locking=False,  # it has chosen
            )
            for op in self.op.instances
            if op.instance_name in chosen
        ]
        return Allocation(placed, failed)

    def preview(self, plan: Allocation) -> object:
        return {"allocatable": [op.instance_name for op in plan.placed], "failed": list(plan.failed)}

    async def execute(self, plan: Allocation) -> Jobs:
        for name in plan.failed:
            self.warn(f"no place found for instance {name}")
        jobs: list[list[OpCode]] = [[op] for op in plan.placed]
        names = [op.instance_name for op in plan.placed]
        return Jobs(jobs, {"allocatable": names, "failed": list(plan.failed)})
