"""Small units for tests of clients: answer as told, take secrets, show what an allocator is asked."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ganeti import errors
from ganeti.errors import ECode
from ganeti.masterd.cmdlib.base import Jobs, LogicalUnit, get_group, get_instance
from ganeti.masterd.config.snapshot import Config
from ganeti.masterd.iallocator import request
from ganeti.masterd.iallocator.run import allocator_name
from ganeti.model.enums import CreateMode, DiskTemplate, IAllocatorDirection, IAllocatorMode, LogType
from ganeti.model.opcodes import registry
from ganeti.model.opcodes.instance import OpInstanceCreate
from ganeti.model.opcodes.test import OpTestAllocator, OpTestDummy, OpTestOsParams
from ganeti.model.scalars import InstanceName
from ganeti.schema_types import dump_any
from ganeti.utils import json


class LUTestDummy(LogicalUnit[OpTestDummy, Jobs]):
    """Answer, log, fail and submit jobs as told."""

    async def check(self, config: Config) -> Jobs:
        wanted = enumerate(_items("submit_jobs", self.op.submit_jobs))
        jobs = [(i, _items(f"submit_jobs[{i}]", job)) for i, job in wanted]
        return Jobs([[registry.load(op, f"submit_jobs[{i}]") for op in job] for i, job in jobs])

    async def execute(self, plan: Jobs) -> object:
        messages = self.op.messages
        for message in messages if isinstance(messages, (list, tuple)) else [messages] if messages else []:
            self.call.log(LogType.MESSAGE, message)
        if self.op.fail:
            raise errors.OpExecError("opcode failed as it was asked to")
        return plan if plan.jobs else self.op.result


class LUTestOsParams(LogicalUnit[OpTestOsParams, None]):
    """Take secret parameters and do nothing with them."""

    async def check(self, config: Config) -> None:
        return None

    async def execute(self, plan: None) -> None:
        return None


class LUTestAllocator(LogicalUnit[OpTestAllocator, Mapping[str, object]]):
    """Show the question to an allocator, or its answer; the plan is the question."""

    EFFECTS = False

    async def check(self, config: Config) -> Mapping[str, object]:
        op = self.op
        hypervisor = op.hypervisor or config.cluster.enabled_hypervisors[0]
        template = op.disk_template or DiskTemplate.DISKLESS
        wanted = self._request(config)
        figures = await self.services.allocator.figures(config, hypervisor, template)
        return request.document(config, figures, wanted)

    async def execute(self, plan: Mapping[str, object]) -> object:
        if self.op.direction == IAllocatorDirection.IN:
            return json.dumps(dump_any(plan))
        config = self.services.config.current
        name = allocator_name(config, self.op.iallocator)
        return json.dumps(dump_any(await self.services.allocator.ask(config, name, plan)))

    def _request(self, config: Config) -> Mapping[str, object]:
        op = self.op
        match op.mode:
            case IAllocatorMode.RELOCATE:
                instance = get_instance(config, InstanceName(op.name))
                template = config.template_of(instance)
                known = template if isinstance(template, DiskTemplate) else DiskTemplate.DISKLESS
                return request.relocation(config, instance, known)
            case IAllocatorMode.ALLOCATE:
                return request.allocation(config, self._new(op.name), None)
            case IAllocatorMode.MULTI_ALLOCATE:
                return request.allocations(config, [self._new(f"{op.name}-{n}") for n in range(op.count)])
            case IAllocatorMode.NODE_EVACUATE:
                if op.evac_mode is None:
                    raise errors.OpPrereqError("evac_mode: required to ask for an evacuation", ECode.INVAL)
                return request.evacuation(self._instances(config), op.evac_mode)
            case IAllocatorMode.CHANGE_GROUP:
                groups = [get_group(config, name).uuid for name in op.target_groups or ()]
                return request.group_change(self._instances(config), groups)
        raise errors.OpPrereqError(f"mode: {op.mode} is not supported by this version", ECode.INVAL)

    def _instances(self, config: Config) -> list[InstanceName]:
        """Return the instances to find a new place for."""
        names = self.op.instances or ()
        if not names:
            raise errors.OpPrereqError(f"instances: required for mode {self.op.mode}", ECode.INVAL)
        return [get_instance(config, name).name for name in names]

    def _new(self, name: str) -> OpInstanceCreate:
        """Return the creation of an instance as the opcode describes it."""
        op = self.op
        return OpInstanceCreate.from_wire(
            {
                "instance_name": name,
                "mode": CreateMode.CREATE,
                "disks": dump_any(op.disks or ()),
                "nics": dump_any(op.nics or ()),
                "disk_template": op.disk_template,
                "hypervisor": op.hypervisor,
                "os_type": op.os,
                "tags": list(op.tags),
                "group_name": op.group_name,
                "beparams": {
                    key: value
                    for key, value in (
                        *(("maxmem", op.memory), ("minmem", op.memory)),
                        *(("vcpus", op.vcpus), ("spindle_use", op.spindle_use)),
                    )
                    if value is not None
                },
            }
        )


def _items(field: str, value: object) -> Sequence[object]:
    """Return the items of a list in a field that takes any JSON; null has none."""
    if value is not None and not isinstance(value, (list, tuple)):
        raise errors.OpPrereqError(f"{field}: expected a list", ECode.INVAL)
    return value or ()
