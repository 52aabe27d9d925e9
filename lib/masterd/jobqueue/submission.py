"""From what a client asks for to numbered jobs: pure, nothing is written here."""

from __future__ import annotations

from collections.abc import Sequence

from ganeti import errors
from ganeti.errors import ECode
from ganeti.masterd.jobqueue.job import Job, new_job
from ganeti.model.opcodes.base import OpCode
from ganeti.model.scalars import JobId
from ganeti.schema import replace

#: opcodes of one job: each step of it writes and sends all of them, and all other jobs wait for that
MAX_OPCODES = 1000


def make_jobs(
    wanted: Sequence[Sequence[OpCode]], serial: JobId, limit: int, room: int, now: float
) -> list[Job | errors.GenericError]:
    """Return for each list of opcodes a job, numbered after `serial`, or why there is none.

    `room` is how many more of the `limit` unfinished jobs there may be.  Relative ids
    in dependencies (-1 is the job before) are replaced by those of the jobs made.
    """
    made: list[Job | errors.GenericError] = []
    ids: list[JobId | None] = []
    for opcodes in wanted:
        try:
            if not opcodes:
                raise errors.OpPrereqError("cannot submit job: it has no opcodes", ECode.INVAL)
            if len(opcodes) > MAX_OPCODES:
                raise errors.OpPrereqError(
                    f"cannot submit job: it has {len(opcodes)} opcodes, a job can have {MAX_OPCODES};"
                    " make several jobs of it, each of which may depend on the one before",
                    ECode.INVAL,
                )
            if room <= 0:
                raise errors.JobQueueFull(
                    f"cannot submit job: {limit} jobs in the queue have not ended yet, wait for some of them"
                )
            absolute = [_with_absolute_ids(op, ids) for op in opcodes]
        except errors.GenericError as err:
            made.append(err)
            ids.append(None)
        else:
            serial = JobId(serial + 1)
            room -= 1
            made.append(new_job(serial, absolute, now))
            ids.append(serial)
    return made


def _with_absolute_ids(op: OpCode, before: Sequence[JobId | None]) -> OpCode:
    if not op.depends:
        return op
    return replace(op, depends=tuple((_absolute_id(other, before), accepted) for other, accepted in op.depends))


def _absolute_id(other: int, before: Sequence[JobId | None]) -> JobId:
    if other >= 0:
        return JobId(other)
    found = before[other] if -other <= len(before) else None
    if found is None:
        raise errors.OpPrereqError(
            f"cannot submit job: it depends on job {other} of this request, which was not submitted", ECode.INVAL
        )
    return found
