"""A job: its opcodes, where each stands, and the only function that moves them on.

What a status promises (the *contract*, which holds on disk after any crash):

=========  ====================================================================
queued     nothing of the opcode was done; it will be run, in its turn
waiting    it asks for locks and looks around; nothing outside was changed
canceling  as waiting, and it will not be run
running    it may have changed anything
success    it is done, the result is kept
error      it failed or was not started, the result says why
canceled   it was not run, nothing was changed
=========  ====================================================================

So after a crash queued and waiting opcodes are run, canceling ones are canceled, and
running ones end in error, because nobody knows how far they came.

Jobs are values: every function here returns a changed copy.  Format of the files:
`spec/files.json`, job-N.
"""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from typing import Any

from ganeti import clock, errors
from ganeti.model.enums import FinalStatus, JobPriority, JobStatus, LogType, OpStatus
from ganeti.model.opcodes import registry
from ganeti.model.opcodes.base import OpCode
from ganeti.model.scalars import JobId
from ganeti.schema import Record, param, replace
from ganeti.schema_types import dump_any
from ganeti.utils import json

Moment = tuple[int, int]
"""Seconds since the epoch, and microseconds."""
LogEntry = tuple[int, Moment, LogType, object]
"""Serial (counts within the job), time, kind, message."""


class QueuedOp(Record, keep_unknown=True):
    """One opcode of a job."""

    input: Mapping[str, object] = param(doc="The opcode, as everybody may see it")
    status: OpStatus = param(default=OpStatus.QUEUED, doc="Where it stands")
    result: object = param(default=None, doc="What it answered, or the encoded error")
    log: Sequence[LogEntry] = param(default=(), doc="What it told its submitter")
    start_timestamp: Moment | None = param(default=None, doc="When it left the queue")
    exec_timestamp: Moment | None = param(default=None, doc="When it had its locks")
    end_timestamp: Moment | None = param(default=None, doc="When it ended")
    priority: int = param(default=0, doc="How urgent it is now: -20 to 19, smaller is more urgent")
    opcode: OpCode | None = param(default=None, stored=False, doc="The opcode with its secrets, until it ends")

    @property
    def is_final(self) -> bool:
        """Tell whether nothing more happens to it."""
        return self.status in FINAL_OPS


class Job(Record, keep_unknown=True):
    """Opcodes that are executed one after the other."""

    id: JobId = param(doc="Number of the job")
    ops: Sequence[QueuedOp] = param(doc="The opcodes, in order")
    received_timestamp: Moment | None = param(default=None, doc="When it was submitted")
    start_timestamp: Moment | None = param(default=None, doc="When it first left the queue")
    end_timestamp: Moment | None = param(default=None, doc="When it ended")
    archived: bool = param(default=False, stored=False, doc="Whether it was moved to the archive")

    @property
    def status(self) -> JobStatus:
        """Where the job stands: where its first opcode that has not succeeded does."""
        for op in self.ops:
            if op.status != OpStatus.SUCCESS:
                return JobStatus(op.status)
        return JobStatus.SUCCESS

    @property
    def is_final(self) -> bool:
        """Tell whether nothing more happens to it."""
        return self.status in FINAL

    @property
    def priority(self) -> int:
        """The most urgent priority of what is still to be done."""
        left = [op.priority for op in self.ops if not op.is_final]
        return min(left) if left else int(JobPriority.NORMAL)

    @property
    def position(self) -> int:
        """Index of the first opcode that has not ended; the number of opcodes when all have."""
        return next((index for index, op in enumerate(self.ops) if not op.is_final), len(self.ops))

    @property
    def log_serial(self) -> int:
        """Serial of the newest log entry, 0 if there is none."""
        return max((op.log[-1][0] for op in self.ops if op.log), default=0)


FINAL = frozenset({JobStatus.SUCCESS, JobStatus.ERROR, JobStatus.CANCELED})
FINAL_OPS = frozenset(OpStatus(status) for status in FINAL)

#: where an opcode can go from where it stands
TRANSITIONS: Mapping[OpStatus, frozenset[OpStatus]] = {
    OpStatus.QUEUED: frozenset({OpStatus.WAITING, OpStatus.CANCELED, OpStatus.ERROR}),
    # back to queued: the daemon ends; straight to success: an opcode without effects
    OpStatus.WAITING: frozenset(
        {OpStatus.RUNNING, OpStatus.CANCELING, OpStatus.CANCELED, OpStatus.QUEUED, OpStatus.ERROR, OpStatus.SUCCESS}
    ),
    OpStatus.CANCELING: frozenset({OpStatus.CANCELED}),
    OpStatus.RUNNING: frozenset({OpStatus.SUCCESS, OpStatus.ERROR}),
    OpStatus.SUCCESS: frozenset(),
    OpStatus.ERROR: frozenset(),
    OpStatus.CANCELED: frozenset(),
}


class Verb(enum.StrEnum):
    """What can be asked of a job."""

    CANCEL = "cancel"
    KILL = "kill"
    ARCHIVE = "archive"
    CHANGE_PRIORITY = "change priority of"


#: in which status which verb is allowed
VERBS: Mapping[Verb, frozenset[JobStatus]] = {
    Verb.CANCEL: frozenset({JobStatus.QUEUED, JobStatus.WAITING, JobStatus.CANCELING}),
    Verb.KILL: frozenset({JobStatus.RUNNING}),
    Verb.ARCHIVE: FINAL,
    Verb.CHANGE_PRIORITY: frozenset({JobStatus.QUEUED, JobStatus.WAITING, JobStatus.RUNNING}),
}


#: what to tell of a job that something cannot be done with now
_CONDITION: Mapping[JobStatus, str] = {
    JobStatus.QUEUED: "it has not begun",
    JobStatus.WAITING: "it has not begun",
    JobStatus.CANCELING: "it is being canceled",
    JobStatus.RUNNING: "it is running",
    JobStatus.SUCCESS: "it has ended (success)",
    JobStatus.ERROR: "it has ended (error)",
    JobStatus.CANCELED: "it has ended (canceled)",
}


def refusal(job: Job, verb: Verb) -> str | None:
    """Return why a verb is not allowed now, or None when it is."""
    status = job.status
    if status in VERBS[verb]:
        return None
    return f"cannot {verb} job {job.id}: {_CONDITION[status]}"


# --- making and changing ------------------------------------------------------------


def new_job(job_id: JobId, opcodes: Sequence[OpCode], now: float) -> Job:
    """Return a queued job of opcodes whose dependencies are job ids."""
    traced = [_with_reason(op, job_id, index, now) for index, op in enumerate(opcodes)]
    ops = [QueuedOp(input=op.redacted(), priority=int(op.priority), opcode=op) for op in traced]
    return Job(id=job_id, ops=tuple(ops), received_timestamp=clock.split(now))


def set_status(job: Job, index: int, status: OpStatus, now: float, result: object = None) -> Job:
    """Move one opcode on: the only writer of statuses and their timestamps.

    Raises ProgrammerError, with the job's story, when the transition table forbids it.
    """
    op = job.ops[index]
    if status not in TRANSITIONS[op.status]:
        raise errors.ProgrammerError(
            f"cannot move opcode {index} of job {job.id} from {op.status} to {status}: {story(job)}"
        )
    moment = clock.split(now)
    changes: dict[str, Any] = {"status": status, "result": result}
    if status == OpStatus.WAITING:
        changes["start_timestamp"] = moment
    elif status == OpStatus.RUNNING:
        changes["exec_timestamp"] = moment
    elif status == OpStatus.QUEUED:
        changes["start_timestamp"] = None
    elif status in FINAL_OPS:
        changes |= {"end_timestamp": moment, "opcode": None}
    changed = replace(job, ops=(*job.ops[:index], replace(op, **changes), *job.ops[index + 1 :]))
    if status == OpStatus.WAITING and job.start_timestamp is None:
        return replace(changed, start_timestamp=moment)
    if status in FINAL_OPS and changed.position == len(changed.ops):
        return replace(changed, end_timestamp=moment)
    return changed


def finish(job: Job, status: OpStatus, now: float, result: object, rest: object = None) -> Job:
    """End a job: the opcode it stands at gets `status` and `result`, later ones `rest`."""
    for index in range(job.position, len(job.ops)):
        job = set_status(job, index, status, now, result)
        result = result if rest is None else rest
    return job


def fail(job: Job, error: BaseException, now: float) -> Job:
    """End a job in error at the opcode it stands at."""
    rest = errors.OpExecError("not executed: an earlier opcode of this job failed")
    return finish(job, OpStatus.ERROR, now, errors.to_wire(error), errors.to_wire(rest))


def cancel(job: Job, now: float) -> Job:
    """End a job as canceled."""
    return finish(job, OpStatus.CANCELED, now, errors.to_wire(errors.JobCanceled("canceled by request")))


def abort(job: Job, error: BaseException, now: float) -> Job:
    """End a job wherever it stands."""
    if job.is_final:
        return job
    return cancel(job, now) if job.status == JobStatus.CANCELING else fail(job, error, now)


def append_log(job: Job, index: int, kind: LogType, message: object, now: float) -> Job:
    """Add to the log of an opcode."""
    op = job.ops[index]
    entry: LogEntry = (job.log_serial + 1, clock.split(now), kind, dump_any(message))
    return replace(job, ops=(*job.ops[:index], replace(op, log=(*op.log, entry)), *job.ops[index + 1 :]))


def change_priority(job: Job, priority: int) -> Job:
    """Give another priority to all that is still to be done."""
    return replace(job, ops=tuple(op if op.is_final else replace(op, priority=priority) for op in job.ops))


def recover(job: Job, now: float) -> Job:
    """Return an unfinished job as it is to go on after its master daemon has ended, by the contract of statuses."""
    status, index = job.status, job.position
    if status == JobStatus.RUNNING:
        return fail(job, errors.OpExecError("the master daemon ended while this was running; see how far it came"), now)
    if status == JobStatus.CANCELING:
        return cancel(job, now)
    return set_status(job, index, OpStatus.QUEUED, now) if status == JobStatus.WAITING else job


def _with_reason(op: OpCode, job_id: JobId, index: int, now: float) -> OpCode:
    """Add the job to the trail of who wanted this and why."""
    source = f"gnt:opcode:{op.OP_ID.removeprefix('OP_').lower()}"
    seconds, microseconds = clock.split(now)
    entry = [source, f"job={job_id};index={index}", seconds * 1_000_000_000 + microseconds * 1000]
    return replace(op, reason=(*(op.reason or ()), entry))


# --- dependencies -------------------------------------------------------------------


#: what an empty list of statuses stands for; the child of a canceled job is canceled with it
ANY_END = (FinalStatus.SUCCESS, FinalStatus.ERROR)


def dependencies(op: OpCode | None) -> dict[JobId, frozenset[FinalStatus]]:
    """Return the jobs an opcode waits for, each with the statuses that will do."""
    wanted: dict[JobId, frozenset[FinalStatus]] = {}
    for job_id, statuses in (op.depends if op else None) or ():
        accepted = frozenset(statuses or ANY_END)
        # Named twice: both conditions must hold.
        wanted[JobId(job_id)] = accepted & wanted.get(JobId(job_id), accepted)
    return wanted


# --- reading and writing ------------------------------------------------------------


def to_file(job: Job) -> bytes:
    """Return what a job's file holds: secrets only while they are needed to run it."""
    wire = job.to_wire()
    for op, written in zip(job.ops, wire["ops"], strict=True):
        if op.opcode is not None:
            written["input"] = op.opcode.to_wire()
    return json.dumps_bytes(wire)


def from_file(data: bytes, job_id: JobId) -> Job:
    """Return the job a file holds; opcodes are not looked at (see `with_opcodes`).

    Raises JobFileCorrupted.
    """
    try:
        job = Job.from_wire(json.loads(data))
    except (errors.ParseError, errors.ParameterError) as err:
        raise errors.JobFileCorrupted(f"cannot read job {job_id}: {err}") from err
    if job.id != job_id or not job.ops:
        raise errors.JobFileCorrupted(f"cannot read job {job_id}: its file is of job {job.id}, {len(job.ops)} opcodes")
    return job


def with_opcodes(job: Job) -> Job:
    """Return a job from a file with what is needed to run the rest of it.

    Raises OpCodeUnknown or ParameterError if an opcode is none of ours.
    """
    return replace(job, ops=tuple(op if op.is_final else _with_opcode(op) for op in job.ops))


def _with_opcode(op: QueuedOp) -> QueuedOp:
    opcode = registry.load(op.input)
    return replace(op, opcode=opcode, input=opcode.redacted())


def story(job: Job) -> str:
    """Return in one line what became of a job so far, for error messages."""
    parts = []
    for index, op in enumerate(job.ops):
        times = {"waiting": op.start_timestamp, "running": op.exec_timestamp, "ended": op.end_timestamp}
        seen = "".join(f", {what} since {clock.merge(t):.3f}" for what, t in times.items() if t)
        parts.append(f"opcode {index} {op.input.get('OP_ID')} is {op.status}{seen}")
    return f"job {job.id}: " + "; ".join(parts)
