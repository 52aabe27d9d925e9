"""The fields of jobs; they are read from the jobs of the queue as they are."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

from ganeti.model.enums import FieldKind, JobStatus, OpStatus, QueryResource
from ganeti.model.opcodes.registry import OPCODES
from ganeti.model.query.table import FieldRow, Match, Need, Table
from ganeti.model.scalars import JobId
from ganeti.schema_types import dump_any

BOOL, NUMBER, OTHER, TEXT = FieldKind.BOOL, FieldKind.NUMBER, FieldKind.OTHER, FieldKind.TEXT

Moment = tuple[int, int]
"""Seconds since the epoch, and microseconds."""


class OpRow(Protocol):
    """One opcode of a job, as files of jobs have it (spec/files.json, job-N)."""

    @property
    def input(self) -> Mapping[str, object]:
        """The opcode in its wire form, without what must not be seen."""

    @property
    def status(self) -> OpStatus:
        """Where it stands."""

    @property
    def result(self) -> object:
        """What it answered, or its encoded error."""

    @property
    def log(self) -> Sequence[Sequence[object]]:
        """[serial, time, kind, message] of each entry."""

    @property
    def priority(self) -> int:
        """How urgent it is now."""

    @property
    def start_timestamp(self) -> Moment | None:
        """When it left the queue."""

    @property
    def exec_timestamp(self) -> Moment | None:
        """When it had its locks."""

    @property
    def end_timestamp(self) -> Moment | None:
        """When it ended."""


class JobRow(Protocol):
    """A job of the queue or the archive."""

    @property
    def id(self) -> JobId:
        """Its number."""

    @property
    def ops(self) -> Sequence[OpRow]:
        """Its opcodes, in order."""

    @property
    def status(self) -> JobStatus:
        """Where it stands."""

    @property
    def priority(self) -> int:
        """The most urgent priority of what is left to do."""

    @property
    def archived(self) -> bool:
        """Whether it was moved to the archive."""

    @property
    def received_timestamp(self) -> Moment | None:
        """When it was submitted."""

    @property
    def start_timestamp(self) -> Moment | None:
        """When it first left the queue."""

    @property
    def end_timestamp(self) -> Moment | None:
        """When it ended."""


def summary_of(op: OpRow) -> str:
    """Return what lists show of an opcode, also of one this release does not know."""
    op_id = str(op.input.get("OP_ID", ""))
    cls = OPCODES.get(op_id)
    return cls.summary_of(op.input) if cls else op_id.removeprefix("OP_")


def _each(value: Callable[[OpRow], object]) -> Callable[[JobRow], object]:
    return lambda row: [value(op) for op in row.ops]


def _moment(moment: Moment | None) -> object:
    return None if moment is None else list(moment)


_FIELDS: list[FieldRow[JobRow]] = [
    FieldRow("id", "ID", NUMBER, "Number of the job", lambda r: r.id, match=Match.JOB_ID),
    FieldRow(
        "status",
        "Status",
        TEXT,
        "Where it stands: queued, waiting, canceling, running, canceled, success or error",
        lambda r: r.status.value,
    ),
    FieldRow("summary", "Summary", OTHER, "What each opcode does, and to which object", _each(summary_of)),
    FieldRow(
        "priority", "Priority", NUMBER, "How urgent it is now, from -20, most urgent, to 19", lambda r: r.priority
    ),
    FieldRow("archived", "Archived", BOOL, "Whether it was moved to the archive", lambda r: r.archived, Need.ARCHIVED),
    FieldRow(
        "received_ts",
        "Received",
        OTHER,
        "When it was submitted: seconds and microseconds",
        lambda r: _moment(r.received_timestamp),
        match=Match.TIMESTAMP,
    ),
    FieldRow(
        "start_ts",
        "Start",
        OTHER,
        "When it left the queue: seconds and microseconds",
        lambda r: _moment(r.start_timestamp),
        match=Match.TIMESTAMP,
    ),
    FieldRow(
        "end_ts",
        "End",
        OTHER,
        "When it ended: seconds and microseconds",
        lambda r: _moment(r.end_timestamp),
        match=Match.TIMESTAMP,
    ),
    FieldRow("ops", "OpCodes", OTHER, "Opcodes, with all of their parameters", _each(lambda op: op.input)),
    FieldRow("opresult", "OpCode_result", OTHER, "Results of all opcodes", _each(lambda op: dump_any(op.result))),
    FieldRow("opstatus", "OpCode_status", OTHER, "Where each opcode stands", _each(lambda op: op.status.value)),
    FieldRow(
        "oplog",
        "OpCode_log",
        OTHER,
        "Logs of all opcodes: serial, time, kind and message of each entry",
        _each(lambda op: dump_any(op.log)),
    ),
    FieldRow(
        "opstart",
        "OpCode_start",
        OTHER,
        "When each opcode left the queue",
        _each(lambda op: _moment(op.start_timestamp)),
    ),
    FieldRow(
        "opexec", "OpCode_exec", OTHER, "When each opcode had its locks", _each(lambda op: _moment(op.exec_timestamp))
    ),
    FieldRow("opend", "OpCode_end", OTHER, "When each opcode ended", _each(lambda op: _moment(op.end_timestamp))),
    FieldRow("oppriority", "OpCode_prio", OTHER, "How urgent each opcode is", _each(lambda op: op.priority)),
]

JOBS: Table[JobRow] = Table(QueryResource.JOB, "id", _FIELDS)
