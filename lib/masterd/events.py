"""What happens in the cluster, for whoever watches: jobs that go on, configuration that changes.

`EventLog` is the pure part: the last events with their serials.  `Events` tells those
who wait.  Nothing is kept on disk: a new master daemon begins a new epoch, and who asks
from an older one is told to look at everything anew.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Collection, Iterator, Mapping
from itertools import islice
from typing import Any, NamedTuple

from ganeti import errors
from ganeti.clock import Clock
from ganeti.luxi.events import NOW, Change, Event, EventKind, Position
from ganeti.masterd.config.snapshot import Config
from ganeti.masterd.jobqueue.job import Job
from ganeti.model.objects.base import ConfigObject
from ganeti.model.query.fields.job import summary_of
from ganeti.model.scalars import Uuid

#: events that are kept for those who come back
CAPACITY = 4096
#: events in one answer
BATCH = 1000
_SUMMARY_LENGTH = 200

_KINDS: Mapping[str, EventKind] = {
    "nodes": EventKind.NODE,
    "nodegroups": EventKind.GROUP,
    "instances": EventKind.INSTANCE,
    "networks": EventKind.NETWORK,
    "disks": EventKind.DISK,
    "filters": EventKind.FILTER,
}


class Batch(NamedTuple):
    """Events after a position, and the position after them; `reset` says that some were missed."""

    position: Position
    reset: bool
    events: list[Event]

    def to_wire(self) -> dict[str, Any]:
        """Return the form of `wait_for_events`."""
        epoch, serial = self.position
        return {"epoch": epoch, "serial": serial, "reset": self.reset, "events": [list(e) for e in self.events]}


class EventLog:
    """The last events of an epoch."""

    def __init__(self, epoch: str, capacity: int = CAPACITY) -> None:
        self._epoch = epoch
        self._events: deque[Event] = deque(maxlen=capacity)
        self._newest = 0

    @property
    def position(self) -> Position:
        """Where the next event will follow."""
        return Position(self._epoch, self._newest)

    def append(self, kind: EventKind, time: float, data: Mapping[str, object]) -> None:
        """Take note of an event; the oldest is forgotten for it when there are many."""
        self._newest += 1
        self._events.append(Event(self._newest, time, kind, data))

    def after(self, known: Position, limit: int = BATCH) -> Batch:
        """Return the first events after a position, at most `limit`."""
        if known == NOW:
            return Batch(self.position, False, [])
        oldest = self._newest - len(self._events)
        if known.epoch != self._epoch or not oldest <= known.serial <= self._newest:
            return Batch(self.position, True, [])
        start = known.serial - oldest
        events = list(islice(self._events, start, start + limit))
        return Batch(Position(self._epoch, known.serial + len(events)), False, events)

    def validate(self) -> None:
        """Check that serials are in a row and end at the newest.

        Raises ProgrammerError.
        """
        serials = [event.serial for event in self._events]
        if serials != list(range(self._newest - len(serials) + 1, self._newest + 1)):
            raise errors.ProgrammerError(f"serials of events are wrong: {serials}, newest {self._newest}")


class Events:
    """Makes events of what changes, and wakes those who wait for them."""

    def __init__(self, clock: Clock, epoch: str) -> None:
        self._clock = clock
        self._log = EventLog(epoch)
        self._waiting: set[asyncio.Future[None]] = set()

    @property
    def position(self) -> Position:
        """Where the next event will follow."""
        return self._log.position

    @property
    def waiting(self) -> int:
        """How many wait for an event."""
        return len(self._waiting)

    # --- what happens -------------------------------------------------------------------

    def job_changed(self, old: Job | None, new: Job) -> None:
        """Note where a job stands now, if that is elsewhere than before."""
        if old is None or _place(old) != _place(new):
            self._happened(EventKind.JOB, _told_of_job(new))

    def config_changed(self, before: Config, after: Config, touched: Mapping[str, Collection[Uuid]]) -> None:
        """Note which records a change of the configuration made, changed or removed."""
        if before.cluster is not after.cluster:
            cluster = after.cluster
            told = {"name": cluster.cluster_name, "uuid": cluster.uuid, "serial_no": cluster.serial_no}
            self._happened(EventKind.CLUSTER, {"change": Change.CHANGED, **told, "config_serial": after.serial_no})
        for kind, told in _changes(before, after, touched):
            self._happened(kind, {**told, "config_serial": after.serial_no})

    def _happened(self, kind: EventKind, data: Mapping[str, object]) -> None:
        self._log.append(kind, self._clock.time(), data)
        for waiter in self._waiting:
            if not waiter.done():
                waiter.set_result(None)

    # --- who waits ----------------------------------------------------------------------

    async def wait(self, known: Position, timeout: float) -> Batch:
        """Return what happened after a position; wait for it at most `timeout` seconds."""
        batch = self._log.after(known)
        if batch.events or batch.reset or known == NOW or timeout <= 0:
            return batch
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.add(waiter)
        try:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(timeout):
                    await waiter
        finally:
            self._waiting.discard(waiter)
        return self._log.after(known)


def _place(job: Job) -> tuple[object, ...]:
    return job.status, job.position, job.archived


def _told_of_job(job: Job) -> dict[str, object]:
    position = min(job.position, len(job.ops) - 1)
    return {
        "id": job.id,
        "status": job.status,
        "archived": job.archived,
        "opcode": position,
        "opcodes": len(job.ops),
        "summary": summary_of(job.ops[position])[:_SUMMARY_LENGTH],
    }


def _changes(
    before: Config, after: Config, touched: Mapping[str, Collection[Uuid]]
) -> Iterator[tuple[EventKind, dict[str, object]]]:
    """Yield the records that differ, what is told of each; those of a section in no order of their own."""
    for section, uuids in touched.items():
        olds: Mapping[Uuid, ConfigObject] = getattr(before.contents, section)
        news: Mapping[Uuid, ConfigObject] = getattr(after.contents, section)
        for uuid in sorted(uuids):
            old, new = olds.get(uuid), news.get(uuid)
            if old is new:
                continue
            change = Change.ADDED if old is None else Change.REMOVED if new is None else Change.CHANGED
            record = new or old
            told = {"change": change, "uuid": uuid, "name": getattr(record, "name", None)}
            yield _KINDS[section], {**told, "serial_no": getattr(record, "serial_no", None)}
