"""The run of one job: opcode after opcode, from its start until it has ended or is stopped."""

from __future__ import annotations

import asyncio
import enum
import logging
from collections.abc import Awaitable, Callable
from typing import Protocol

from ganeti import errors
from ganeti.clock import Clock
from ganeti.masterd.jobqueue import job as jobs
from ganeti.masterd.jobqueue.job import Job
from ganeti.masterd.jobqueue.records import Records
from ganeti.model.enums import JobStatus, LogType, OpStatus
from ganeti.model.opcodes.base import OpCode
from ganeti.model.scalars import JobId
from ganeti.schema_types import dump_any
from ganeti.utils import json

log = logging.getLogger(__name__)


class OpContext(Protocol):
    """What an opcode that is executed may do with its job."""

    @property
    def job_id(self) -> JobId: ...

    @property
    def op_index(self) -> int: ...

    def priority(self) -> int:
        """Return the priority as it is now."""

    async def running(self, *, effects: bool = True) -> None:
        """Take note that all locks are held and the work begins; returns when that is durable.

        After this the job cannot be canceled, and a crash ends it in error.  An opcode
        without `effects` changes nothing outside: a crash makes it run again, and
        nothing is written.

        Raises JobCanceled when the job was canceled, JobQueueError when it cannot be
        recorded: then nothing must be changed.
        """

    def log(self, kind: LogType, message: object) -> None:
        """Tell the submitter something."""

    def raise_if_canceled(self) -> None:
        """Raise JobCanceled when the job was canceled."""


Executor = Callable[[OpCode, OpContext], Awaitable[object]]


class Stop(enum.Enum):
    """Why a run is stopped, and what becomes of an opcode that is running."""

    CANCEL = "canceled by request"
    KILL = "killed by request while it was running; see how far it came"
    SHUTDOWN = "the master daemon was shut down while this was running; see how far it came"


class JobRun:
    """A started job.

    `may_go_on` is asked between two opcodes whether the next one can follow at once;
    `ending` is told when nothing is left to be done, and the end is about to be recorded.
    """

    def __init__(
        self,
        job_id: JobId,
        records: Records,
        executor: Executor,
        clock: Clock,
        *,
        may_go_on: Callable[[Job], bool],
        ending: Callable[[JobId], None],
    ) -> None:
        self.job_id = job_id
        self._records = records
        self._executor = executor
        self._clock = clock
        self._may_go_on = may_go_on
        self._ending = ending
        self._stop: Stop | None = None
        self._executing: asyncio.Task[None] | None = None

    async def run(self) -> None:
        """Execute what is left of the job; afterwards it has ended, or is queued again."""
        await self._execute(self._newest())
        while not self._newest().is_final and self._goes_on(self._newest()):
            await self._execute(self._newest())

    def stop(self, why: Stop) -> None:
        """Interrupt the run, but neither what is being recorded nor, by a second kill, what the first has undone."""
        if why == self._stop == Stop.KILL:
            return
        self._stop = why
        if self._executing:
            self._executing.cancel()

    def _goes_on(self, job: Job) -> bool:
        return self._stop == Stop.CANCEL or (self._stop is None and self._may_go_on(job))

    def _newest(self) -> Job:
        return self._records.newest(self.job_id)

    async def _execute(self, job: Job) -> None:
        if self._stop == Stop.SHUTDOWN:
            return
        if self._stop == Stop.CANCEL:
            await self._commit(jobs.cancel(job, self._clock.time()))
            return
        index = job.position
        self._records.change(jobs.set_status(job, index, OpStatus.WAITING, self._clock.time()))
        self._executing = asyncio.current_task()
        result: object = None
        failure: BaseException | None = None
        try:
            result = _plain(await self._executor(_opcode(job), _Context(self._records, self._clock, job.id, index)))
        except (errors.GenericError, asyncio.CancelledError) as err:
            failure = err
        except Exception as err:
            log.exception("opcode %d of job %s ended in a way nobody expected", index, job.id)
            failure = err
        finally:
            if self._executing and self._stop:
                self._executing.uncancel()
            self._executing = None
        await self._end(self._newest(), index, result, failure)

    async def _end(self, job: Job, index: int, result: object, failure: BaseException | None) -> None:
        now = self._clock.time()
        status = job.ops[index].status
        if status == OpStatus.CANCELING:
            job = jobs.cancel(job, now)
        elif status == OpStatus.WAITING and self._stop == Stop.SHUTDOWN:
            self._records.change(jobs.set_status(job, index, OpStatus.QUEUED, now))
            return
        elif isinstance(failure, asyncio.CancelledError):
            why = self._stop.value if self._stop else "interrupted, nobody knows by what"
            job = jobs.fail(job, errors.OpExecError(f"cannot finish {_opcode(job).summary()}: {why}"), now)
        elif failure:
            job = jobs.fail(job, failure, now)
        else:
            job = jobs.set_status(job, index, OpStatus.SUCCESS, now, result)
        log.info("job %s is %s", job.id, job.status)
        await self._commit(job)

    async def _commit(self, job: Job) -> None:
        if job.is_final:
            self._ending(job.id)
        await self._records.commit(job)


class _Context:
    """See OpContext."""

    def __init__(self, records: Records, clock: Clock, job_id: JobId, op_index: int) -> None:
        self._records = records
        self._clock = clock
        self.job_id = job_id
        self.op_index = op_index

    def priority(self) -> int:
        return self._job().ops[self.op_index].priority

    async def running(self, *, effects: bool = True) -> None:
        self.raise_if_canceled()
        job = jobs.set_status(self._job(), self.op_index, OpStatus.RUNNING, self._clock.time())
        if effects:
            await self._records.record(job)
        else:
            self._records.change(job)

    def log(self, kind: LogType, message: object) -> None:
        job = self._job()
        if job.ops[self.op_index].is_final:
            log.warning("job %s says something after its end: %s", job.id, message)
            return
        self._records.log(jobs.append_log(job, self.op_index, kind, _plain(message), self._clock.time()))

    def raise_if_canceled(self) -> None:
        if self._job().status == JobStatus.CANCELING:
            raise errors.JobCanceled(f"job {self.job_id} was canceled")

    def _job(self) -> Job:
        return self._records.newest(self.job_id)


def _opcode(job: Job) -> OpCode:
    opcode = job.ops[job.position].opcode
    assert opcode is not None, "an opcode is there until it has ended"
    return opcode


def _plain(value: object) -> object:
    """Return the wire form of a value.

    Raises ResultValidationError if JSON cannot hold it: it could not be written.
    """
    plain = dump_any(value)
    try:
        json.dumps(plain)
    except (TypeError, ValueError) as err:
        raise errors.ResultValidationError(f"cannot keep {value!r:.80}: {err}") from err
    return plain
