"""Waiting for a job to change: clients subscribe, the queue pushes.

A client says what it knows (values of some fields, serial of the newest log entry) and
is answered as soon as there is something else.  A job that talks a lot does not flood
its readers: log entries are gathered for LOG_INTERVAL; changes of status are not
held back.  A client that waits long is answered "nochange" before it would give up.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from ganeti import clock, errors
from ganeti.clock import Clock
from ganeti.masterd.jobqueue.job import Job, LogEntry
from ganeti.model.scalars import JobId
from ganeti.utils import json

#: what a client is told when nothing happened in time (spec/constants.json, JOB_NOTCHANGED)
NO_CHANGE = "nochange"
#: seconds a client may wait at most (spec/luxi.json, wait_for_job_change_max)
MAX_WAIT = 89.0
#: seconds during which log entries are gathered before a client is told
LOG_INTERVAL = 0.1

Values = Callable[[Job], Sequence[object]]
Answer = str | tuple[list[object], list[LogEntry]]


class _Watcher:
    """One client that waits: `changed` is set by anything, `urgent` not by log entries."""

    def __init__(self) -> None:
        self.urgent = False
        self.changed = asyncio.Event()


class Subscriptions:
    """Who waits for which job."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._watchers: dict[JobId, set[_Watcher]] = {}
        self._closed = False

    def publish(self, job_id: JobId, *, urgent: bool = True) -> None:
        """Tell whoever waits for a job that it changed; `urgent` is anything but a log entry."""
        for watcher in self._watchers.get(job_id, ()):
            watcher.urgent = watcher.urgent or urgent
            watcher.changed.set()

    def close(self) -> None:
        """Let nobody wait any more."""
        self._closed = True
        for job_id in self._watchers:
            self.publish(job_id)

    async def wait(
        self,
        job_id: JobId,
        look: Callable[[], Job | None],
        values: Values,
        known_values: Sequence[object] | None,
        known_serial: int | None,
        timeout: float,
    ) -> Answer:
        """Return the values and new log entries of a job once they differ from what is known.

        `look` returns the job as it is now.  The answer is NO_CHANGE after `timeout`
        seconds, or MAX_WAIT if that is less.

        Raises JobLost when the job leaves the queue.
        """
        end = self._clock.monotonic() + min(timeout, MAX_WAIT)
        watcher = _Watcher()
        self._watchers.setdefault(job_id, set()).add(watcher)
        try:
            job = _found(look(), job_id)
            if known_values is not None and self._is_talking(job):
                await self._gather(watcher, end)
            while True:
                answer = _difference(_found(look(), job_id), values, known_values, known_serial)
                if answer is not None:
                    return answer
                watcher.urgent = False
                watcher.changed.clear()
                if self._closed or not await self._wait(watcher, end):
                    return NO_CHANGE
                await self._gather(watcher, end)
        finally:
            self._forget(job_id, watcher)

    def _is_talking(self, job: Job) -> bool:
        """Tell whether a job has just logged something, and will perhaps go on."""
        newest = max((clock.merge(op.log[-1][1]) for op in job.ops if op.log), default=0.0)
        return not job.is_final and 0 <= self._clock.time() - newest < LOG_INTERVAL

    async def _gather(self, watcher: _Watcher, end: float) -> None:
        """Give a job a moment to say more, unless something urgent happens."""
        pause = min(self._clock.monotonic() + LOG_INTERVAL, end)
        while not watcher.urgent and not self._closed:
            watcher.changed.clear()
            if not await self._wait(watcher, pause):
                return

    async def _wait(self, watcher: _Watcher, until: float) -> bool:
        """Wait for a change; return false when there was none in time."""
        try:
            async with asyncio.timeout(max(0.0, until - self._clock.monotonic())):
                await watcher.changed.wait()
        except TimeoutError:
            return False
        return True

    def _forget(self, job_id: JobId, watcher: _Watcher) -> None:
        watchers = self._watchers[job_id]
        watchers.discard(watcher)
        if not watchers:
            del self._watchers[job_id]


def _found(job: Job | None, job_id: JobId) -> Job:
    if job is None:
        raise errors.JobLost(f"job {job_id} is not in the queue: it does not exist, or has been archived")
    return job


def _difference(
    job: Job, values: Values, known_values: Sequence[object] | None, known_serial: int | None
) -> Answer | None:
    """Return what a client does not know of a job, or None if it knows everything and more is to come."""
    # Through JSON, as the client's knowledge went: tuples became lists, enums text.
    now: list[object] = json.loads(json.dumps(list(values(job))))
    serial = known_serial or 0
    entries = [entry for op in job.ops if op.log and op.log[-1][0] > serial for entry in op.log if entry[0] > serial]
    if job.is_final or entries or known_values is None or list(known_values) != now:
        return now, entries
    return None
