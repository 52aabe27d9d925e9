"""Which of two copies of a job file is the newer one.  Pure.

A master candidate may have missed changes.  Jobs only move on, so the copy that has
come further is the newer one; which, two copies tell by themselves.
"""

from __future__ import annotations

from ganeti import errors
from ganeti.masterd.jobqueue import job as jobs
from ganeti.masterd.jobqueue.job import Job
from ganeti.model.enums import OpStatus
from ganeti.model.scalars import JobId

#: how far an opcode is, by its status; a waiting one may become queued again
_RANK = {
    OpStatus.QUEUED: 0,
    OpStatus.WAITING: 0,
    OpStatus.CANCELING: 1,
    OpStatus.RUNNING: 2,
    OpStatus.SUCCESS: 3,
    OpStatus.ERROR: 3,
    OpStatus.CANCELED: 3,
}


def is_newer(copy: bytes, than: bytes, job_id: JobId) -> bool:
    """Tell whether a copy of a job file has come further than another one; what cannot be read has not."""
    return _progress(copy, job_id) > _progress(than, job_id)


def _progress(data: bytes, job_id: JobId) -> tuple[object, ...]:
    try:
        job = jobs.from_file(data, job_id)
    except errors.JobFileCorrupted:
        return (-1,)
    return (sum(_RANK[op.status] for op in job.ops), _newest_moment(job), job.log_serial)


def _newest_moment(job: Job) -> tuple[int, int]:
    moments = [job.received_timestamp, job.start_timestamp, job.end_timestamp]
    moments += [moment for op in job.ops for moment in (op.start_timestamp, op.exec_timestamp, op.end_timestamp)]
    return max((tuple(moment) for moment in moments if moment), default=(0, 0))  # type: ignore[return-value]  # pairs
