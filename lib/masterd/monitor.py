"""The master daemon as seen by those who watch it: events, and figures of how it does.

It is told of everything and changes nothing; what goes wrong in here is logged and
stays in here.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from ganeti import clock as moments
from ganeti.clock import Clock
from ganeti.luxi import methods as m
from ganeti.luxi.events import Position
from ganeti.masterd.config.snapshot import Config
from ganeti.masterd.config.store import ConfigStore
from ganeti.masterd.events import Events
from ganeti.masterd.histogram import Histogram
from ganeti.masterd.jobqueue.job import Job, Moment, QueuedOp
from ganeti.masterd.jobqueue.queue import JobQueue
from ganeti.masterd.locking.manager import LockManager
from ganeti.masterd.luxi_server import Handler
from ganeti.model.enums import JobStatus, OpStatus
from ganeti.model.scalars import Uuid
from ganeti.rpc.client import NodeRpc

log = logging.getLogger(__name__)


class JobTimes:
    """How long jobs and opcodes took, and how they ended, since the daemon began.

    `queued` is from submission until the job first leaves the queue; `preparing` from
    there until an opcode has its locks and begins; `running` from there to its end.
    """

    def __init__(self) -> None:
        self.queued = Histogram()
        self.preparing = Histogram()
        self.running = Histogram()
        self.submitted = 0
        self.ended: Counter[str] = Counter()

    def job_changed(self, old: Job | None, new: Job) -> None:
        """Count what a change of a job ends."""
        if old is None:
            self.submitted += 1
            return
        if old.start_timestamp is None:
            _add(self.queued, new.received_timestamp, new.start_timestamp)
        if new.is_final and not old.is_final:
            self.ended[new.status] += 1
        for before, after in zip(old.ops, new.ops, strict=False):
            if before.status != after.status:
                self._opcode_changed(after)

    def _opcode_changed(self, op: QueuedOp) -> None:
        if op.status == OpStatus.RUNNING:
            _add(self.preparing, op.start_timestamp, op.exec_timestamp)
        elif op.is_final:
            _add(self.running, op.exec_timestamp, op.end_timestamp)

    def to_wire(self) -> dict[str, Any]:
        """Return all of it."""
        return {
            "submitted": self.submitted,
            "ended": dict(self.ended),
            "queued_seconds": self.queued.to_wire(),
            "preparing_seconds": self.preparing.to_wire(),
            "running_seconds": self.running.to_wire(),
        }


class Monitor:
    """Watches queue and configuration; answers the LUXI calls about both and the rest of the daemon."""

    def __init__(self, clock: Clock, config: ConfigStore, locks: LockManager, rpc: NodeRpc) -> None:
        # No two master daemons begin in the same microsecond.
        self.events = Events(clock, f"{int(clock.time() * 1_000_000):x}")
        self._times = JobTimes()
        self._config = config
        self._locks = locks
        self._rpc = rpc
        self._began = clock.time()
        self._queue: JobQueue | None = None

    def connect(self, queue: JobQueue) -> None:
        """Learn of the queue, which is told of the monitor when it is made."""
        self._queue = queue

    def table(self) -> Mapping[str, Handler]:
        """Return the handlers by wire name."""
        return {m.wait_for_events.name: self.wait_for_events, m.query_figures.name: self.query_figures}

    # --- what happens -------------------------------------------------------------------

    def job_changed(self, old: Job | None, new: Job) -> None:
        """See `records.Watch`."""
        try:
            self.events.job_changed(old, new)
            self._times.job_changed(old, new)
        except Exception:
            log.exception("cannot tell those who watch that job %s changed", new.id)

    def config_changed(self, before: Config, after: Config, touched: Mapping[str, Collection[Uuid]]) -> None:
        """See `store.Watch`."""
        try:
            self.events.config_changed(before, after, touched)
        except Exception:
            log.exception("cannot tell those who watch of configuration %d", after.serial_no)

    # --- calls --------------------------------------------------------------------------

    async def wait_for_events(self, epoch: str, serial: int, timeout: float) -> object:
        batch = await self.events.wait(Position(epoch, serial), min(timeout, m.LONGEST_WAIT))
        return batch.to_wire()

    async def query_figures(self) -> object:
        config = self._config.current
        jobs: Sequence[Job] = self._queue.jobs() if self._queue else ()
        statuses = Counter(job.status for job in jobs)
        return {
            "began": self._began,
            "cluster": config.cluster.cluster_name,
            "config_serial": config.serial_no,
            "event_serial": self.events.position.serial,
            "event_waiters": self.events.waiting,
            "jobs": {status.value: statuses[status] for status in JobStatus},
            "jobs_lost": len(self._queue.lost) if self._queue else 0,
            "queue_drained": self._queue.drained if self._queue else False,
            "job_times": self._times.to_wire(),
            "locks": self._locks.counts(),
            "lock_wait_seconds": self._locks.waits.to_wire(),
            "rpc_calls": dict(self._rpc.calls),
            "rpc_failures": [[name, phase, count] for (name, phase), count in self._rpc.failures.items()],
            "instances": dict(Counter(instance.admin_state for instance in config.instances.values())),
            "disks": len(config.disks),
            "networks": len(config.networks),
            "groups": len(config.groups),
        }


def _add(histogram: Histogram, begin: Moment | None, end: Moment | None) -> None:
    if begin is not None and end is not None:
        histogram.add(moments.merge(end) - moments.merge(begin))
