"""A job queue as a cluster has after years: written straight to disk while no master daemon runs."""

from __future__ import annotations

import os

from ganeti.masterd.jobqueue import job as jobs
from ganeti.masterd.jobqueue.job import Job
from ganeti.model.enums import OpStatus
from ganeti.model.opcodes.test import OpTestDelay
from ganeti.model.scalars import JobId
from ganeti.paths import Paths

_NOW = 1_700_000_000.0


def fill(paths: Paths, *, first: int, archived: int, ended: int, queued: int) -> range:
    """Write jobs that are archived, then some that have ended, then some that wait; return the ids of those.

    `first` is an id that no job has yet.  The first of those that wait was running when its master daemon ended.
    """
    done = _job(OpStatus.QUEUED, OpStatus.WAITING, OpStatus.RUNNING, OpStatus.SUCCESS)
    waiting, running = _job(OpStatus.QUEUED), _job(OpStatus.QUEUED, OpStatus.WAITING, OpStatus.RUNNING)
    for job_id in range(first, first + archived):
        path = paths.archived_job_file(job_id)
        os.makedirs(os.path.dirname(path), 0o750, exist_ok=True)
        _write(path, _numbered(done, job_id))
    unfinished = range(first + archived + ended, first + archived + ended + queued)
    for job_id in range(first + archived, unfinished.start):
        _write(paths.job_file(job_id), _numbered(done, job_id))
    for job_id in unfinished:
        _write(paths.job_file(job_id), _numbered(running if job_id == unfinished.start else waiting, job_id))
    _write(paths.queue_serial, f"{unfinished.stop - 1}\n".encode())
    return unfinished


def _job(*statuses: OpStatus) -> Job:
    """Return a job that went through these statuses, the first of which it was born with."""
    job = jobs.new_job(JobId(1), [OpTestDelay(duration=1e-6)], _NOW)
    for status in statuses[1:]:
        job = jobs.set_status(job, 0, status, _NOW)
    return job


def _numbered(job: Job, job_id: int) -> bytes:
    return jobs.to_file(job).replace(b'"id":1,', b'"id":%d,' % job_id)


def _write(path: str, content: bytes) -> None:
    # Not the way daemons write: that syncs every file.
    with open(path, "wb", opener=lambda name, flags: os.open(name, flags, 0o640)) as file:
        file.write(content)
