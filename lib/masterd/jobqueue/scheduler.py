"""Which job runs next: events in, instructions out, nothing else.

A job is *blocked* while a job it depends on has not ended, *ready* while it could run,
*started* from `Start` until nothing is left to be done, *ending* from then on until that is
recorded, and *doomed* from `Doom` (or `withdrawn`) on.  Ready jobs start in the order of
their priority, then of their number, as long as fewer than `limit` are started.

The queue tells what happens (`submitted`, `finished`, ...) and carries out the
instructions it is given; what an instruction leads to it tells in turn.
"""

from __future__ import annotations

import bisect
from collections.abc import Mapping
from typing import NamedTuple

from ganeti import errors
from ganeti.masterd.jobqueue.job import FINAL
from ganeti.model.enums import FinalStatus, JobStatus
from ganeti.model.scalars import JobId

#: no more are started while so many are started or ending
AT_MOST = 200

Accepted = frozenset[FinalStatus]


class Start(NamedTuple):
    """Run the job."""

    job_id: JobId


class Doom(NamedTuple):
    """End the job without running it: `status` is error or canceled."""

    job_id: JobId
    status: JobStatus
    reason: str


Instruction = Start | Doom


class _Blocked(NamedTuple):
    priority: int
    unmet: dict[JobId, Accepted]


class Scheduler:
    """Knows every job that has not ended."""

    def __init__(self, limit: int, at_most: int = AT_MOST) -> None:
        self._limit = limit
        self._at_most = at_most
        self._stopped = False
        self._priorities: dict[JobId, int] = {}
        self._ready: list[tuple[int, JobId]] = []
        self._blocked: dict[JobId, _Blocked] = {}
        self._dependents: dict[JobId, set[JobId]] = {}
        self.started: set[JobId] = set()
        self._ending: set[JobId] = set()
        self._doomed: set[JobId] = set()

    # --- events --------------------------------------------------------------------

    def submitted(
        self,
        job_id: JobId,
        priority: int,
        depends: Mapping[JobId, Accepted],
        statuses: Mapping[JobId, JobStatus | None],
    ) -> list[Instruction]:
        """Take in a job that is queued, or goes back to the queue between two opcodes.

        `statuses` says where the jobs it depends on stand; None: there is no such job.
        One that was withdrawn before it came is left to whoever ends it.
        """
        self.started.discard(job_id)
        if job_id in self._doomed:
            return self._fill()
        unmet = {}
        for other, accepted in depends.items():
            status = statuses[other]
            if status is not None and status not in FINAL and other != job_id:
                unmet[other] = accepted
            elif doom := _judge(job_id, other, status, accepted):
                self._doomed.add(job_id)
                return [doom, *self._fill()]
        if unmet:
            self._blocked[job_id] = _Blocked(priority, unmet)
            for other in unmet:
                self._dependents.setdefault(other, set()).add(job_id)
        else:
            self._make_ready(job_id, priority)
        return self._fill()

    def ending(self, job_id: JobId) -> list[Instruction]:
        """Take note that a started job has nothing left to do: another one may have its place."""
        self.started.discard(job_id)
        self._ending.add(job_id)
        return self._fill()

    def finished(self, job_id: JobId, status: JobStatus) -> list[Instruction]:
        """Take note that the end of a job is recorded, however and wherever it stood."""
        self._remove(job_id)
        doomed: list[Instruction] = []
        for dependent in sorted(self._dependents.pop(job_id, ())):
            blocked = self._blocked[dependent]
            accepted = blocked.unmet.pop(job_id)
            if doom := _judge(dependent, job_id, status, accepted):
                self._remove(dependent)
                self._doomed.add(dependent)
                doomed.append(doom)
            elif not blocked.unmet:
                del self._blocked[dependent]
                self._make_ready(dependent, blocked.priority)
        return doomed + self._fill()

    def withdrawn(self, job_id: JobId) -> None:
        """Take a job that has not started out of the queue: somebody is about to end it."""
        self._remove(job_id)
        self._doomed.add(job_id)

    def priority_changed(self, job_id: JobId, priority: int) -> None:
        """Reorder a job that has not started."""
        blocked = self._blocked.get(job_id)
        if blocked:
            self._blocked[job_id] = blocked._replace(priority=priority)
        elif job_id in self._priorities:
            self._unready(job_id)
            self._make_ready(job_id, priority)

    def limit_changed(self, limit: int) -> list[Instruction]:
        """Allow another number of jobs to be started at a time."""
        self._limit = limit
        return self._fill()

    def stop(self) -> None:
        """Start no more jobs."""
        self._stopped = True

    # --- looking -------------------------------------------------------------------

    def validate(self) -> None:
        """Check every invariant.

        Raises ProgrammerError naming the one that does not hold.
        """
        ready = [job_id for _, job_id in self._ready]
        places = [set(ready), set(self._blocked), self.started, self._ending, self._doomed]
        _must(len(ready) == len(set(ready)), "a job is ready twice")
        _must(sum(map(len, places)) == len(set().union(*places)), "a job is in two places")
        _must(self._ready == sorted(self._ready), "ready jobs are out of order")
        _must({j: p for p, j in self._ready} == self._priorities, "priorities of ready jobs are wrong")
        _must(not (self._room() > 0 and ready), "a ready job is not started")
        wanted: dict[JobId, set[JobId]] = {}
        for job_id, blocked in self._blocked.items():
            _must(bool(blocked.unmet), f"job {job_id} is blocked by nothing")
            for other in blocked.unmet:
                wanted.setdefault(other, set()).add(job_id)
        _must(wanted == self._dependents, "dependents are wrong")

    # --- how -----------------------------------------------------------------------

    def _make_ready(self, job_id: JobId, priority: int) -> None:
        self._priorities[job_id] = priority
        bisect.insort(self._ready, (priority, job_id))

    def _unready(self, job_id: JobId) -> None:
        place = bisect.bisect_left(self._ready, (self._priorities.pop(job_id), job_id))
        del self._ready[place]

    def _remove(self, job_id: JobId) -> None:
        self.started.discard(job_id)
        self._ending.discard(job_id)
        self._doomed.discard(job_id)
        if job_id in self._priorities:
            self._unready(job_id)
        blocked = self._blocked.pop(job_id, None)
        for other in blocked.unmet if blocked else ():
            left = self._dependents[other]
            left.discard(job_id)
            if not left:
                del self._dependents[other]

    def _room(self) -> int:
        """Return how many more may start."""
        if self._stopped:
            return 0
        started = len(self.started)
        return max(0, min(self._limit - started, max(self._limit, self._at_most) - started - len(self._ending)))

    def _fill(self) -> list[Instruction]:
        count = min(self._room(), len(self._ready))
        chosen = self._ready[:count]
        del self._ready[:count]
        for _, job_id in chosen:
            del self._priorities[job_id]
            self.started.add(job_id)
        return [Start(job_id) for _, job_id in chosen]


def _judge(job_id: JobId, other: JobId, status: JobStatus | None, accepted: Accepted) -> Doom | None:
    """Return how a job ends because of a job it depends on, or None if that may go on."""
    if status is None or job_id == other:
        why = "itself" if job_id == other else "which is archived and gone, or was never there"
        return Doom(job_id, JobStatus.ERROR, f"cannot start job {job_id}: it depends on job {other}, {why}")
    if FinalStatus(status) in accepted:
        return None
    # The child of a canceled job is canceled with it; nothing went wrong.
    end = JobStatus.CANCELED if status == JobStatus.CANCELED else JobStatus.ERROR
    wanted = " or ".join(sorted(accepted)) or "nothing that is possible"
    return Doom(
        job_id, end, f"cannot start job {job_id}: it depends on {wanted} of job {other}, which ended in {status}"
    )


def _must(holds: bool, otherwise: str) -> None:
    if not holds:
        raise errors.ProgrammerError(f"scheduler is wrong: {otherwise}")
