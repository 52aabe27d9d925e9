"""The job queue of the master daemon: what can be asked of it, and the wiring of its parts.

    job        what a job is and how it changes       (pure)
    scheduler  which one runs next                    (pure)
    run        the run of one job
    records    what is known of each, and who is told
    store      files; commit: group commit and replication

The queue is given a function that executes opcodes and knows nothing of what they do.
"""

from __future__ import annotations

import asyncio
import functools
import logging
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from ganeti import clock as moments
from ganeti import errors
from ganeti.clock import Clock
from ganeti.errors import ECode
from ganeti.masterd.jobqueue import job as jobs
from ganeti.masterd.jobqueue import scheduler
from ganeti.masterd.jobqueue.job import Job, Verb
from ganeti.masterd.jobqueue.records import Records, Watch
from ganeti.masterd.jobqueue.run import Executor, JobRun, Stop
from ganeti.masterd.jobqueue.scheduler import Doom, Instruction, Scheduler, Start
from ganeti.masterd.jobqueue.store import JobStore
from ganeti.masterd.jobqueue.submission import make_jobs
from ganeti.masterd.jobqueue.subscribe import Answer
from ganeti.model.enums import JobPriority, JobStatus, OpStatus
from ganeti.model.opcodes.base import OpCode
from ganeti.model.scalars import JobId

log = logging.getLogger(__name__)

T = TypeVar("T")

#: jobs moved by one step of `auto_archive`, between two looks at the clock
ARCHIVE_STEP = 100

#: returns the values of fields of a job, as queries show them; raises for an unknown field
FieldValues = Callable[[Job, Sequence[str]], Sequence[object]]


class Limits(NamedTuple):
    """How much the queue takes on (spec/constants.json, job_queue).

    `running` jobs are under way at a time, counting those that wait for locks; `tracked`
    is the same to this daemon, which follows every job it has started; `unfinished`
    jobs may be in the queue.
    """

    running: int = 20
    tracked: int = 25
    unfinished: int = 5000

    @property
    def started(self) -> int:
        """How many jobs are started at a time."""
        return max(1, min(self.running, self.tracked))


class JobQueue:
    """All jobs of the cluster.

    `priorities_changed` is called when the priority of a job that may be waiting for
    locks has changed, `watch` with each job that changed.
    """

    def __init__(
        self,
        store: JobStore,
        clock: Clock,
        values: FieldValues,
        *,
        limits: Limits = Limits(),  # noqa: B008 - a constant
        priorities_changed: Callable[[], None] = lambda: None,
        watch: Watch = lambda old, new: None,
    ) -> None:
        self._store = store
        self._clock = clock
        self._values = values
        self._limits = limits
        self._priorities_changed = priorities_changed
        self._records = Records(store, clock, watch)
        self._scheduler = Scheduler(limits.started)
        self._executor: Executor | None = None
        self._runs: dict[JobId, JobRun] = {}
        self._tasks: set[asyncio.Task[Any]] = set()
        self._unfinished: set[JobId] = set()
        self._serial = JobId(0)
        #: numbered, but not written yet
        self._arriving: set[JobId] = set()
        self._drained = False
        self._open = False
        self._closing = False
        #: jobs whose files could not be read at the start, and why
        self.lost: Mapping[JobId, str] = {}

    # --- life ----------------------------------------------------------------------

    async def start(self, executor: Executor) -> None:
        """Read the queue and go on where the last master daemon ended.

        Waits for no other node: the candidates are to be given the whole queue (`send_all`).

        Raises JobQueueError when the queue on disk is of another version.
        """
        self._executor = executor
        loaded = await self._store.load()
        self._serial, self._drained, self.lost = loaded.serial, loaded.drained, loaded.lost
        unfinished = [job for job in loaded.jobs if not job.is_final]
        for job in loaded.jobs:
            self._records.add(job)
        recovered = await asyncio.gather(*(self._recover(job) for job in unfinished))
        await self._enqueue([job for job in recovered if not job.is_final])
        self._open = True
        log.info("job queue: %d jobs, %d to be run, %d lost", len(loaded.jobs), len(self._unfinished), len(self.lost))

    async def shutdown(self, patience: float) -> None:
        """Stop: running jobs get `patience` seconds to end, then are stopped with an error.

        Jobs that wait go back to the queue.  Nothing is accepted any more.
        """
        self._open = False
        self._closing = True
        self._scheduler.stop()
        self._stop_runs(JobStatus.QUEUED, JobStatus.WAITING)
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=patience)
        self._stop_runs(JobStatus.RUNNING, JobStatus.CANCELING)
        while self._tasks:
            await asyncio.wait(self._tasks)
        await self._records.close()

    # --- looking -------------------------------------------------------------------

    def jobs(self) -> list[Job]:
        """Return all jobs that are not archived, oldest first."""
        return sorted(self._records, key=lambda job: job.id)

    async def archived(self) -> list[Job]:
        """Return all jobs in the archive, oldest first; they are read for it, all of them."""
        return await self._store.read_archive()

    def get(self, job_id: JobId) -> Job | None:
        """Return a job that is not archived."""
        return self._records.shown(job_id)

    async def find(self, job_id: JobId) -> Job | None:
        """Return a job, looking in the archive too."""
        return self._records.shown(job_id) or await self._store.read_archived(job_id)

    @property
    def drained(self) -> bool:
        """Whether new jobs are refused."""
        return self._drained

    @property
    def unfinished(self) -> int:
        """How many jobs have not ended."""
        return len(self._unfinished)

    async def wait_for_change(
        self,
        job_id: JobId,
        fields: Sequence[str],
        known_values: Sequence[object] | None,
        known_serial: int | None,
        timeout: float,
    ) -> Answer:
        """Return (values of fields, new log entries) once they differ from what the client knows.

        The answer is "nochange" when nothing happened for `timeout` seconds.

        Raises JobLost when there is no such job.
        """
        archived = None if self._records.shown(job_id) else await self._store.read_archived(job_id)
        return await self._records.subscriptions.wait(
            job_id,
            lambda: self._records.shown(job_id) or archived,
            lambda job: self._values(job, fields),
            known_values,
            known_serial,
            timeout,
        )

    async def send_all(self, send: Callable[[Sequence[tuple[str, bytes]]], Awaitable[None]]) -> None:
        """Let `send` give a candidate every file (path, content) it should have.

        Nothing else is sent to any candidate meanwhile, so nothing is overtaken.
        """
        await self._store.send_all(send)

    # --- submitting ----------------------------------------------------------------

    async def submit(self, opcodes: Sequence[OpCode], *, even_drained: bool = False) -> JobId:
        """Queue a job and return its id once it is on disk here and on the master candidates.

        Raises JobQueueDrainError, JobQueueFull or, when it cannot be written, JobQueueError.
        """
        (answer,) = await self._submit([opcodes], even_drained=even_drained)
        return _id_of(answer)

    async def submit_many(self, wanted: Sequence[Sequence[OpCode]]) -> list[tuple[bool, JobId | str]]:
        """Queue jobs, which may depend on each other by relative ids (-1: the one before).

        Returns (True, id) or (False, reason) for each, in order.

        Raises JobQueueDrainError.
        """
        answers = await self._submit(wanted)
        return [(False, str(a)) if isinstance(a, errors.GenericError) else (True, a) for a in answers]

    async def submit_all(self, wanted: Sequence[Sequence[OpCode]]) -> list[JobId]:
        """Queue jobs like `submit_many` and return their ids.

        Raises the error of the first that was refused; those before it are queued.
        """
        return [_id_of(answer) for answer in await self._submit(wanted)]

    async def _submit(
        self, wanted: Sequence[Sequence[OpCode]], *, even_drained: bool = False
    ) -> list[JobId | errors.GenericError]:
        if not self._open:
            raise errors.JobQueueError("cannot submit job: the master daemon is starting or shutting down")
        if self._drained and not even_drained:
            raise errors.JobQueueDrainError("cannot submit job: the job queue is drained (see gnt-cluster queue)")
        room = self._limits.unfinished - len(self._unfinished) - len(self._arriving)
        made = make_jobs(wanted, self._serial, self._limits.unfinished, room, self._clock.time())
        arriving = [job for job in made if isinstance(job, Job)]
        self._serial = max((job.id for job in arriving), default=self._serial)
        refused = await self._to_the_end(self._take_in(arriving))
        return [refused.get(job.id, job.id) if isinstance(job, Job) else job for job in made]

    async def _take_in(self, arriving: Sequence[Job]) -> dict[JobId, errors.GenericError]:
        """Write new jobs and have them scheduled; return which could not be written, and why."""
        ids = {job.id for job in arriving}
        self._arriving |= ids
        try:
            # All are on their way before any is waited for: they are written in their order.
            written = [self._store.add(job, functools.partial(self._written, job)) for job in arriving]
            outcomes = await asyncio.gather(*written, return_exceptions=True)
        finally:
            self._arriving -= ids
        return {job.id: _refusal(job, err) for job, err in zip(arriving, outcomes, strict=True) if err is not None}

    def _written(self, job: Job) -> None:
        """Have a new job scheduled as soon as it is on disk here.

        It is not acknowledged yet, and need not be: before it changes anything the
        candidates are told that it runs, so they know of it.  What they are told of a
        short job is often its end already, which saves them a write.
        """
        self._arriving.discard(job.id)
        self._unfinished.add(job.id)
        self._records.add_new(job)
        self._spawn(self._enqueue([job]))

    # --- what can be asked of a job ----------------------------------------------------

    async def cancel(self, job_id: JobId, *, kill: bool = False) -> tuple[bool, str]:
        """Cancel a job that is not running yet, or with `kill` stop one that is.

        Returns (whether it worked, a sentence for the user).
        """
        if self._records.shown(job_id) is None:
            return False, f"cannot cancel job {job_id}: it is not in the queue"
        job = self._records.newest(job_id)
        run = self._runs.get(job_id)
        if kill and run and jobs.refusal(job, Verb.KILL) is None:
            run.stop(Stop.KILL)
            return True, f"job {job_id} is being killed"
        if reason := jobs.refusal(job, Verb.CANCEL):
            return False, reason
        if run is None:
            self._scheduler.withdrawn(job_id)
            await self._to_the_end(self._end(jobs.cancel(job, self._clock.time())))
            return True, f"job {job_id} is canceled"
        if job.status != JobStatus.CANCELING:
            run.stop(Stop.CANCEL)
        if job.status == JobStatus.WAITING:
            changed = jobs.set_status(job, job.position, OpStatus.CANCELING, self._clock.time())
            try:
                await self._records.record(changed)
            except errors.JobQueueError as err:
                log.error("%s", err)
        return True, f"job {job_id} will be canceled"

    async def change_priority(self, job_id: JobId, priority: int) -> tuple[bool, str]:
        """Change the priority of what is still to be done of a job.

        Returns (whether it worked, a sentence for the user).

        Raises OpPrereqError for a priority that is out of range.
        """
        if not JobPriority.HIGHEST <= priority <= JobPriority.LOWEST:
            raise errors.OpPrereqError(
                f"cannot change priority of job {job_id}: {priority} is not from "
                f"{JobPriority.HIGHEST:d} (most urgent) to {JobPriority.LOWEST:d}",
                ECode.INVAL,
            )
        if self._records.shown(job_id) is None:
            return False, f"cannot change priority of job {job_id}: it is not in the queue"
        job = self._records.newest(job_id)
        if reason := jobs.refusal(job, Verb.CHANGE_PRIORITY):
            return False, reason
        changed = jobs.change_priority(job, priority)
        self._scheduler.priority_changed(job_id, priority)
        self._records.change(changed)
        self._priorities_changed()
        await self._records.record(changed)
        return True, f"what is left of job {job_id} now has priority {priority}"

    async def archive(self, job_id: JobId) -> bool:
        """Move a job that has ended to the archive; return false if there is none such."""
        job = self._records.shown(job_id)
        if job is None or jobs.refusal(job, Verb.ARCHIVE):
            return False
        return bool(await self._records.archive([job_id]))

    async def auto_archive(self, age: float, timeout: float) -> tuple[int, int]:
        """Archive jobs that ended more than `age` seconds ago (-1: all that have ended).

        Returns (how many were archived, how many were left when `timeout` seconds had passed).
        """
        end = self._clock.monotonic() + timeout
        newest = self._clock.time() - age
        old = [job.id for job in self.jobs() if job.is_final and (age < 0 or _ended(job) < newest)]
        archived = 0
        while old and self._clock.monotonic() < end:
            step, old = old[:ARCHIVE_STEP], old[ARCHIVE_STEP:]
            archived += len(await self._records.archive(step))
        return archived, len(old)

    async def set_drain(self, drained: bool) -> None:
        """Refuse new jobs, or accept them again.

        Raises JobQueueError when the flag cannot be written.
        """
        try:
            await self._store.set_drain(drained)
        except OSError as err:
            raise errors.JobQueueError(f"cannot set drain flag of the job queue: {err}") from err
        self._drained = drained

    def set_limits(self, limits: Limits) -> None:
        """Take on more or less; what has started goes on."""
        self._limits = limits
        self._carry_out(self._scheduler.limit_changed(limits.started))

    # --- scheduling ----------------------------------------------------------------

    async def _recover(self, job: Job) -> Job:
        """Bring one job of an earlier master daemon into a state to go on from."""
        now = self._clock.time()
        try:
            recovered = jobs.recover(jobs.with_opcodes(job), now)
        except errors.GenericError as err:
            recovered = jobs.recover(job, now)
            recovered = recovered if recovered.is_final else jobs.fail(recovered, err, now)
        if recovered.is_final:
            await self._records.commit(recovered, replicate=False)
        else:
            self._records.change(recovered)
        return recovered

    async def _enqueue(self, queued: Sequence[Job]) -> None:
        """Hand jobs to the scheduler."""
        self._unfinished.update(job.id for job in queued)
        wanted = {other for job in queued for other in _depends(job)}
        archived: dict[JobId, JobStatus | None] = {}
        # Until all are known without waiting: a job may be archived while we look for others.
        while missing := [other for other in wanted if other not in archived and not self._records.shown(other)]:
            for other in missing:
                found = await self._store.read_archived(other)
                archived[other] = found.status if found else None
        for job in queued:
            shown = self._records.shown(job.id)
            if shown and not self._records.newest(job.id).is_final:  # as it may have been canceled meanwhile
                depends = _depends(shown)
                known = {other: self._records.shown(other) for other in depends}
                statuses = {other: there.status if there else archived[other] for other, there in known.items()}
                self._carry_out(self._scheduler.submitted(job.id, shown.priority, depends, statuses))

    def _carry_out(self, instructions: Iterable[Instruction]) -> None:
        for instruction in instructions:
            match instruction:
                case Start(job_id):
                    self._start(job_id)
                case Doom(job_id, status, reason):
                    self._spawn(self._doom(job_id, status, reason))

    def _start(self, job_id: JobId) -> None:
        assert self._executor is not None
        run = self._runs[job_id] = JobRun(
            job_id, self._records, self._executor, self._clock, may_go_on=self._may_go_on, ending=self._ending
        )
        self._spawn(self._follow(run))

    def _ending(self, job_id: JobId) -> None:
        self._carry_out(self._scheduler.ending(job_id))

    async def _follow(self, run: JobRun) -> None:
        try:
            await run.run()
        except Exception as err:  # ours: what the opcode raises is caught where it runs
            log.exception("the run of job %s broke", run.job_id)
            await self._records.commit(jobs.abort(self._records.newest(run.job_id), err, self._clock.time()))
        finally:
            del self._runs[run.job_id]
        job = self._records.newest(run.job_id)
        if job.is_final:
            self._finished(job)
        elif not self._closing:
            await self._enqueue([job])

    async def _doom(self, job_id: JobId, status: JobStatus, reason: str) -> None:
        job, now = self._records.newest(job_id), self._clock.time()
        if job.is_final:
            return  # somebody canceled it just now
        if status == JobStatus.CANCELED:
            await self._end(jobs.finish(job, OpStatus.CANCELED, now, errors.to_wire(errors.JobCanceled(reason))))
        else:
            await self._end(jobs.fail(job, errors.OpExecError(reason), now))

    async def _end(self, job: Job) -> None:
        await self._records.commit(job)
        self._finished(job)

    def _finished(self, job: Job) -> None:
        self._unfinished.discard(job.id)
        self._carry_out(self._scheduler.finished(job.id, job.status))

    def _may_go_on(self, job: Job) -> bool:
        """Tell whether the next opcode of a job can follow at once: it waits for no other job."""
        return not self._closing and not _depends(job)

    def _stop_runs(self, *statuses: JobStatus) -> None:
        for job_id, run in list(self._runs.items()):
            if self._records.newest(job_id).status in statuses:
                run.stop(Stop.SHUTDOWN)

    def _spawn(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    async def _to_the_end(self, work: Coroutine[Any, Any, T]) -> T:
        """Do what must not stop half-way, even if the client who asked for it goes away."""
        return await asyncio.shield(self._spawn(work))


def _id_of(answer: JobId | errors.GenericError) -> JobId:
    if isinstance(answer, errors.GenericError):
        raise answer
    return answer


def _refusal(job: Job, err: BaseException) -> errors.GenericError:
    """Return what to tell of a job that could not be written; what is no fault of the disk is raised."""
    if not isinstance(err, OSError):
        raise err
    log.error("cannot write job %s: %s", job.id, err)
    return errors.JobQueueError(f"cannot submit job: it cannot be written: {err}; see to the disk, then retry")


def _depends(job: Job) -> dict[JobId, scheduler.Accepted]:
    """Return what the next opcode of a job waits for."""
    return jobs.dependencies(job.ops[job.position].opcode) if not job.is_final else {}


def _ended(job: Job) -> float:
    moment = job.end_timestamp or job.received_timestamp
    return moments.merge(moment) if moment else 0.0
