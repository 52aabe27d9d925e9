"""What all opcodes share: common fields, the wire form with OP_ID, summaries, redaction."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Self

from ganeti import errors
from ganeti.model.enums import FinalStatus, HookType, SubmitPriority
from ganeti.model.scalars import InstanceName, JobId, NodeName, NonNegativeInt, RelativeJobId, Uuid, WholeSeconds
from ganeti.schema import Record, fields_of, param
from ganeti.schema_types import Type, type_of

REDACTED = "<redacted>"
"""Stands where a private value was."""

DEFAULT_SHUTDOWN_TIMEOUT = WholeSeconds(120)

Params = Mapping[str, object]
"""Parameters by name; which there are and what they hold is checked when the operation looks."""

JobDependency = tuple[JobId | RelativeJobId, Sequence[FinalStatus]]
"""A job to wait for, and the ways of ending that will do (empty: any success)."""

_TINY_PREFIXES: Mapping[str, str] = {"CLUSTER_": "C_", "GROUP_": "G_", "NODE_": "N_", "INSTANCE_": "I_"}

_word_start = re.compile(r"(?<=[a-z])(?=[A-Z])")


class OpCode(Record):
    """Base of all opcodes; the fields declared here belong to each of them."""

    #: name on the wire, from the class name: OpNodeAdd is OP_NODE_ADD
    OP_ID: ClassVar[str] = ""
    #: the field whose value the summary shows
    SUMMARY_FIELD: ClassVar[str | None] = None
    #: annotation of what the operation answers
    RESULT: ClassVar[object] = None
    #: directory and object of the operation's hooks; None: it runs none
    HOOKS_PATH: ClassVar[str | None] = None
    HOOKS_TYPE: ClassVar[HookType | None] = None

    dry_run: bool | None = param(default=None, doc="Only check whether it could be done; change nothing")
    debug_level: NonNegativeInt | None = param(default=None, doc="How much to tell in debugging output")
    priority: SubmitPriority = param(default=SubmitPriority.NORMAL, doc="How urgent it is: -10 (high), 0 or 10 (low)")
    depends: Sequence[JobDependency] | None = param(
        default=None, doc="Jobs to wait for, each with the statuses it may end in; -1 is the job submitted just before"
    )
    comment: str | None = param(default=None, doc="Free text kept with the job")
    reason: Sequence[object] | None = param(
        default=(), doc="Trail of who wanted this and why: lists of source, text and time in nanoseconds"
    )

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if cls.__name__.startswith("Op"):
            cls.OP_ID = _word_start.sub("_", cls.__name__).upper()

    @classmethod
    def from_wire(cls, data: Any, path: str = "") -> Self:
        """Build the opcode from its JSON form, which may leave out OP_ID.

        Raises ParameterError naming the path of what is wrong.
        """
        if isinstance(data, Mapping) and "OP_ID" in data:
            if data["OP_ID"] != cls.OP_ID:
                place = f"{path}.OP_ID" if path else "OP_ID"
                raise errors.ParameterError(f"{place}: expected {cls.OP_ID}, got {data['OP_ID']!r:.60}")
            data = {key: value for key, value in data.items() if key != "OP_ID"}
        return super().from_wire(data, path)

    def to_wire(self) -> dict[str, Any]:
        """Return the JSON form, OP_ID first."""
        return {"OP_ID": self.OP_ID, **super().to_wire()}

    def redacted(self) -> dict[str, Any]:
        """Return the JSON form for logs and lists: names of private parameters, not their values."""
        wire = self.to_wire()
        for field in fields_of(type(self)):
            value = getattr(self, field.name)
            if field.secret:
                wire[field.wire] = _redact(wire[field.wire])
            elif isinstance(value, tuple) and any(isinstance(item, OpCode) for item in value):
                wire[field.wire] = [item.redacted() if isinstance(item, OpCode) else item for item in value]
        return wire

    def summary(self) -> str:
        """Return what a job list shows: `INSTANCE_STARTUP(web1)`."""
        return self.summary_of(self.__dict__)

    @classmethod
    def summary_of(cls, values: Mapping[str, object]) -> str:
        """Return the summary of an opcode with these values, which may be in their wire form and incomplete."""
        name = cls.OP_ID.removeprefix("OP_")
        return f"{name}({cls._summary_text(values.get(cls.SUMMARY_FIELD))})" if cls.SUMMARY_FIELD else name

    def tiny_summary(self) -> str:
        """Return the summary without its value and with the noun cut to a letter: `I_STARTUP`."""
        name = self.OP_ID.removeprefix("OP_")
        for prefix, short in _TINY_PREFIXES.items():
            if name.startswith(prefix):
                return short + name.removeprefix(prefix)
        return name

    @classmethod
    def _summary_text(cls, value: object) -> str:
        return ",".join(str(item) for item in value) if isinstance(value, (list, tuple)) else str(value)


class InstanceOpCode(OpCode):
    """An operation on one instance that exists."""

    SUMMARY_FIELD: ClassVar[str | None] = "instance_name"

    instance_name: InstanceName = param(doc="Name of the instance")
    instance_uuid: Uuid | None = param(default=None, doc="UUID of the instance; refused if the name is another's")


class NodeOpCode(OpCode):
    """An operation on one node that exists."""

    SUMMARY_FIELD: ClassVar[str | None] = "node_name"

    node_name: NodeName = param(doc="Name of the node")
    node_uuid: Uuid | None = param(default=None, doc="UUID of the node; refused if the name is another's")


def result_type(op: type[OpCode]) -> Type:
    """Return the type of an operation's answer."""
    return type_of(op.RESULT)


def _redact(value: object) -> object:
    """Replace what is inside, keeping names: which parameters were given is no secret."""
    if value is None:
        return None
    if isinstance(value, Mapping):
        return {key: _redact(inner) for key, inner in value.items()}
    return REDACTED
