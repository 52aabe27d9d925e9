"""What is known of every job: the newest version, the one that is shown, the one on disk.

Everybody but the job's own run sees the *shown* version.  How a job or opcode ended is
shown once it is durable, so nobody is told of a success that a crash takes back.  Log
entries are shown at once and written a little later.

On a full disk an end cannot be made durable.  It is shown all the same, because the
admin has to see what happens, and written when there is space again; a crash before
that makes an error of it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Iterator, Sequence

from ganeti import errors
from ganeti.clock import Clock
from ganeti.masterd.jobqueue.job import Job
from ganeti.masterd.jobqueue.store import JobStore
from ganeti.masterd.jobqueue.subscribe import Subscriptions
from ganeti.model.scalars import JobId
from ganeti.schema import replace

log = logging.getLogger(__name__)

#: seconds until log entries, and what a full disk refused, are written
FLUSH_INTERVAL = 2.0


#: called with a job as it was shown (None: it is new) and as it is shown now; not for log entries
Watch = Callable[[Job | None, Job], None]


class Records:
    """All jobs that are not archived."""

    def __init__(self, store: JobStore, clock: Clock, watch: Watch = lambda old, new: None) -> None:
        self._store = store
        self._clock = clock
        self._watch = watch
        self.subscriptions = Subscriptions(clock)
        self._shown: dict[JobId, Job] = {}
        self._ahead: dict[JobId, Job] = {}
        self._unwritten: dict[JobId, bool] = {}  # whether the candidates are to have it too
        self._flusher: asyncio.Task[None] | None = None

    # --- looking -------------------------------------------------------------------

    def shown(self, job_id: JobId) -> Job | None:
        """Return a job as everybody may see it."""
        return self._shown.get(job_id)

    def newest(self, job_id: JobId) -> Job:
        """Return a job as its run sees it."""
        return self._ahead.get(job_id) or self._shown[job_id]

    def __iter__(self) -> Iterator[Job]:
        return iter(self._shown.values())

    def __len__(self) -> int:
        return len(self._shown)

    # --- changing ------------------------------------------------------------------

    def add(self, job: Job) -> None:
        """Take in a job that is on disk."""
        self._shown[job.id] = job

    def add_new(self, job: Job) -> None:
        """Take in a job that was just submitted, and is on disk."""
        self.add(job)
        self._watch(None, job)

    def change(self, job: Job, *, urgent: bool = True) -> None:
        """Take note of a change that needs no disk: after a crash it does not matter."""
        if job.id in self._ahead:
            self._ahead[job.id] = job
        else:
            old, self._shown[job.id] = self._shown.get(job.id), job
            self.subscriptions.publish(job.id, urgent=urgent)
            if urgent:
                self._watch(old, job)

    def log(self, job: Job) -> None:
        """Take note of new log entries, which are written later."""
        self.change(job, urgent=False)
        self._write_later(job.id, replicate=False)

    async def record(self, job: Job) -> None:
        """Show a change at once and return when it is durable.

        Raises JobQueueError when it cannot be written.
        """
        self.change(job)
        try:
            await self._save(job)
        except OSError as err:
            raise errors.JobQueueError(f"cannot record that job {job.id} is {job.status}: {err}") from err

    async def commit(self, job: Job, *, replicate: bool = True) -> None:
        """Make an end durable, here and (`replicate`) on the candidates, then show it."""
        self._ahead[job.id] = job
        try:
            await self._save(job, replicate=replicate)
        except OSError as err:
            log.error("cannot record that job %s is %s, will try again: %s", job.id, job.status, err)
        finally:
            self.change(self._ahead.pop(job.id))

    async def archive(self, job_ids: Sequence[JobId]) -> list[Job]:
        """Move jobs that have ended to the archive; return those that went.

        Raises JobQueueError when they cannot be moved.
        """
        going: list[Job] = []
        try:
            await asyncio.gather(*(self._write(job_id) for job_id in job_ids if job_id in self._unwritten))
            # Only what is still here: two may archive the same job at the same time.
            going = [job for job_id in job_ids if (job := self._shown.pop(job_id, None))]
            await self._store.archive([job.id for job in going])
        except OSError as err:
            self._shown.update((job.id, job) for job in going)
            raise errors.JobQueueError(f"cannot archive jobs: {err}") from err
        for job in going:
            self.subscriptions.publish(job.id)
            self._watch(job, replace(job, archived=True))
        return going

    async def _save(self, job: Job, *, replicate: bool = True) -> None:
        self._unwritten.pop(job.id, None)  # what was to be written goes with this
        try:
            await self._store.save(job, replicate=replicate)
        except OSError:
            self._write_later(job.id, replicate=True)
            raise

    # --- writing later --------------------------------------------------------------

    def _write_later(self, job_id: JobId, *, replicate: bool) -> None:
        self._unwritten[job_id] = replicate or self._unwritten.get(job_id, False)
        if self._flusher is None:
            self._flusher = asyncio.get_running_loop().create_task(self._flush_in_a_while())

    async def _flush_in_a_while(self) -> None:
        while self._unwritten:
            await self._clock.sleep(FLUSH_INTERVAL)
            await self.flush()
        self._flusher = None

    async def flush(self) -> None:
        """Write what waits to be written; what cannot be written goes on waiting."""
        await asyncio.gather(*(self._try_to_write(job_id) for job_id in list(self._unwritten)))

    async def close(self) -> None:
        """Write what waits to be written, for the last time."""
        if self._flusher:
            self._flusher.cancel()
        await self.flush()
        await self._store.settle()
        self.subscriptions.close()

    async def _try_to_write(self, job_id: JobId) -> None:
        try:
            await self._write(job_id)
        except OSError as err:
            log.warning("job %s waits to be written: %s", job_id, err)

    async def _write(self, job_id: JobId) -> None:
        replicate = self._unwritten.pop(job_id, None)
        if replicate is None:
            return  # it went with something else meanwhile
        try:
            await self._store.save(self.newest(job_id), replicate=replicate)
        except OSError:
            if job_id in self._shown:
                self._write_later(job_id, replicate=replicate)
            raise
