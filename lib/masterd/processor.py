"""The way of one opcode through its logical unit.

    resolve names → locks, level by level → check → hooks → execute → hooks → unlock

The processor is the only caller of logical units and the only one that takes their
locks.  It is handed to the job queue as its executor.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from ganeti import errors
from ganeti.errors import ECode
from ganeti.masterd.cmdlib.base import ALL, HookRun, Jobs, Locks, LogicalUnit
from ganeti.masterd.config.snapshot import Config
from ganeti.masterd.hooks import HookRunner
from ganeti.masterd.jobqueue.run import OpContext
from ganeti.masterd.locking.manager import LockManager
from ganeti.masterd.locking.table import ALL as EVERY_LOCK
from ganeti.masterd.services import Services, SubmitJobs
from ganeti.model.enums import Level
from ganeti.model.objects.base import TrackedObject
from ganeti.model.opcodes.base import InstanceOpCode, NodeOpCode, OpCode, result_type
from ganeti.model.scalars import GroupName, InstanceName, NodeName
from ganeti.schema import Field, Record, fields_of, per_class, replace
from ganeti.schema_types import CheckedType, ListType, Type, UnionType, dump_any
from ganeti.utils import log as logs
from ganeti.utils import text

log = logging.getLogger(__name__)

#: the name of the one lock at Level.CLUSTER
CLUSTER_LOCK = "BGL"


class Processor:
    """Runs opcodes; `units` is the table of logical units by opcode class.

    `cluster_changed` is told when an operation changed the settings of the cluster.
    """

    def __init__(
        self,
        services: Services,
        locks: LockManager,
        hooks: HookRunner,
        submit: SubmitJobs,
        units: Mapping[type[OpCode], type[LogicalUnit[Any, Any]]],
        cluster_changed: Callable[[Config], None] = lambda config: None,
    ) -> None:
        self._services = services
        self._locks = locks
        self._hooks = hooks
        self._submit = submit
        self._units = units
        self._cluster_changed = cluster_changed

    async def execute(self, op: OpCode, context: OpContext) -> object:
        """Run one opcode and return its result.

        Raises OpPrereqError before anything was changed; any other GenericError
        when it failed on the way.
        """
        unit = self._units.get(type(op))
        if unit is None:
            raise errors.OpPrereqError(f"cannot execute {op.OP_ID}: not supported by this version", ECode.INVAL)
        owner = f"{context.job_id}/{op.summary()}"
        token = logs.context.set(f"job {context.job_id} op {context.op_index} {op.summary()}")
        config_store = self._services.config
        try:
            held = functools.partial(self._held, owner)
            named = await self._services.names.checked(resolve_names(op, config_store.current))
            lu = unit(named, self._services, context, held)
            await self._acquire(lu, owner, context)
            await context.running(effects=lu.EFFECTS)
            return await self._run(lu, context)
        finally:
            self._locks.release(owner)
            config_store.release(context.job_id)
            logs.context.reset(token)

    def _held(self, owner: str, level: Level) -> Collection[str]:
        names = self._locks.owned(owner, level)
        return () if names is EVERY_LOCK else names

    async def _acquire(self, lu: LogicalUnit[Any, Any], owner: str, context: OpContext) -> None:
        await self._take(owner, Level.CLUSTER, Locks({CLUSTER_LOCK}, shared=not lu.EXCLUSIVE), context)
        for level in Level:
            if level == Level.CLUSTER:
                continue
            wanted = lu.locks(level, self._services.config.current)
            if wanted is not None and (wanted.names is ALL or wanted.names):
                await self._take(owner, level, wanted, context)

    async def _take(self, owner: str, level: Level, wanted: Locks, context: OpContext) -> None:
        await self._locks.acquire(
            owner,
            level,
            EVERY_LOCK if wanted.names is ALL else wanted.names,
            shared=wanted.shared,
            priority=context.priority,
            timeout=None,
            opportunistic=wanted.opportunistic,
        )

    async def _run(self, lu: LogicalUnit[Any, Any], context: OpContext) -> object:
        store = self._services.config
        before = store.current
        plan = await lu.check(before)
        if lu.op.dry_run:
            return lu.preview(plan)
        run = lu.hooks(plan, before)
        if run:
            await self._hooks.pre(lu.op, run, before, lu.warn)
            await self._hooks.farewell(lu.op, run, before, lu.warn)
        try:
            result = await lu.execute(plan)
        finally:  # one that failed may have changed the settings all the same
            now = store.current
            if now.cluster is not before.cluster:
                self._cluster_changed(now)
        result = await self._after(lu, plan, result, run, before)
        answer = await self._submitted(lu.op, result)
        _check_answer(lu.op, answer)
        return answer

    async def _after(
        self, lu: LogicalUnit[Any, Any], plan: Any, result: object, run: HookRun | None, before: Config
    ) -> object:
        """Run the hooks that come after; return the result, which may depend on them."""
        now = self._services.config.current
        if now.serial_no != before.serial_no:
            await self._hooks.config_updated(lu.op, run, now)
        if run:
            after = lu.hooks(plan, now) or run
            failed = await self._hooks.post(lu.op, run, after, now, lu.warn)
            result = lu.judge_hooks(plan, result, failed)
        return result

    async def _submitted(self, op: OpCode, result: object) -> object:
        if not isinstance(result, Jobs):
            return result
        children = [[_inherit(child, op) for child in job] for job in result.jobs]
        ids = await self._submit(children)
        return {"jobs": [[True, job_id] for job_id in ids], **result.more}


def _check_answer(op: OpCode, answer: object) -> None:
    """Log an answer that is not of the declared type: our mistake, but what was asked for is done."""
    try:
        result_type(type(op)).parse(dump_any(answer), "result")
    except errors.ParameterError as err:
        log.error("the answer of %s is not what it should be, please report it: %s", op.summary(), err)


def _inherit(child: OpCode, parent: OpCode) -> OpCode:
    """Give a job made by a job the priority, debug level and comment of its maker, and its reason besides its own."""
    return replace(
        child,
        priority=child.priority or parent.priority,
        debug_level=child.debug_level or parent.debug_level,
        comment=child.comment or parent.comment,
        reason=(*(child.reason or ()), *(parent.reason or ())),
    )


# --- names --------------------------------------------------------------------------


def resolve_names(op: OpCode, config: Config) -> OpCode:
    """Return the opcode with short names of existing objects written in full.

    Which fields name an instance, node or group follows from their type.

    Raises OpPrereqError when there is no such object, or several, or when the uuid
    given beside a name is another object's.
    """
    changes: dict[str, object] = {}
    for field, look_up, many in _name_fields(type(op)):
        value = getattr(op, field.name)
        if value:
            changes[field.name] = tuple(look_up(config, name) for name in value) if many else look_up(config, value)
    resolved = replace(op, **changes) if changes else op
    _check_uuids(resolved, config)
    return resolved


def _check_uuids(op: OpCode, config: Config) -> None:
    """Refuse an opcode whose uuid does not belong to the name it gives (see InstanceOpCode, NodeOpCode)."""
    named: TrackedObject | None = None
    uuid = None
    if isinstance(op, InstanceOpCode):
        named, uuid = config.instance_named(op.instance_name), op.instance_uuid
    elif isinstance(op, NodeOpCode):
        named, uuid = config.node_named(op.node_name), op.node_uuid
    if named and uuid and named.uuid != uuid:
        raise errors.OpPrereqError(f"uuid {uuid} given for {op.summary()} is not its own, {named.uuid}", ECode.INVAL)


LookUp = Callable[[Config, str], str]


def _full_instance(config: Config, name: str) -> str:
    return _match("instance", name, config.instance_named(InstanceName(name)), config.instance_names())


def _full_node(config: Config, name: str) -> str:
    return _match("node", name, config.node_named(NodeName(name)), config.node_names())


def _full_group(config: Config, name: str) -> str:
    return _match("node group", name, config.group_named(GroupName(name)), config.group_names())


def _match(kind: str, name: str, exact: Any, known: Sequence[str]) -> str:
    if exact is not None:
        return str(exact.name)
    found = text.matching_names(name, known)
    if len(found) == 1:
        return found[0]
    if found:
        raise errors.OpPrereqError(f"{kind} name {name!r} is not unique: {', '.join(found)}", ECode.INVAL)
    raise errors.OpPrereqError(f"{kind} {name!r} is not known", ECode.NOENT)


_LOOK_UPS: Mapping[Any, LookUp] = {InstanceName: _full_instance, NodeName: _full_node, GroupName: _full_group}


@per_class
def _name_fields(cls: type[Record]) -> tuple[tuple[Field, LookUp, bool], ...]:
    found = []
    for field in fields_of(cls):
        newtype, many = _named_by(field.type)
        look_up = _LOOK_UPS.get(newtype)
        if look_up:
            found.append((field, look_up, many))
    return tuple(found)


def _named_by(type_: Type) -> tuple[Any, bool]:
    """Return (the NewType of the names in a field or None, whether it is a list of them)."""
    if isinstance(type_, UnionType) and len(type_.options) == 1:
        return _named_by(type_.options[0])
    if isinstance(type_, ListType):
        return _named_by(type_.item)[0], True
    return (type_.newtype if isinstance(type_, CheckedType) else None), False
