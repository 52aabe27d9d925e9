"""Who holds which lock and who waits for it: the pure core of locking.

Locks lie on levels that are taken in a fixed order.  A request names locks of one
level and is granted whole or waits; three rules decide:

- two requests *conflict* when they want one of the same locks and are not both shared;
- a request waits for the holders it conflicts with, and for every request before it in
  the queue that it conflicts with: nobody is overtaken by who is in his way;
- a request comes before another when it is more urgent or older.  Waiting counts as
  urgency: each AGING_SECONDS are worth one step of priority, so that after half an
  hour even the least urgent request is behind nobody new.

Deadlock is impossible: an owner asks only for levels above those it holds and for one
at a time, so whoever waits on a level waits for owners further on, or further ahead.

A lock needs no registration: any name can be locked, also that of an object yet to be
made.  `ALL` stands for every name of a level, present and to come.

Nothing here waits, reads a clock or does I/O; time comes in with the request.
`validate` states the invariants; tests call it after every step.
"""

from __future__ import annotations

import bisect
import enum
from collections import Counter
from collections.abc import Collection, Iterator
from typing import NamedTuple

from ganeti import errors
from ganeti.model.enums import Level

#: seconds of waiting that are worth one step of priority
AGING_SECONDS = 45.0


class All(enum.Enum):
    """Stands for all names of a level, also those of objects yet to come."""

    ALL = "ALL"

    def __repr__(self) -> str:
        return "ALL"


ALL = All.ALL

Names = frozenset[str] | All


class Holding(NamedTuple):
    """What an owner holds on one level."""

    names: Names
    shared: bool


class Request(NamedTuple):
    """Somebody waits; requests sort in the order in which they are served."""

    rank: float
    number: int
    owner: str
    level: Level
    names: Names
    shared: bool
    arrived: float
    priority: int


class Grant(NamedTuple):
    """An owner that waited has got what it asked for."""

    owner: str
    level: Level
    names: Names


class LockTable:
    """All locks of a cluster: holdings and waiting requests."""

    def __init__(self) -> None:
        self._levels = {level: _Level() for level in Level}
        self._held: dict[str, dict[Level, Holding]] = {}
        self._waiting: dict[str, Request] = {}
        self._number = 0

    # --- asking --------------------------------------------------------------------

    def request(
        self, owner: str, level: Level, names: Collection[str] | All, *, shared: bool, priority: int, now: float
    ) -> bool:
        """Ask for locks; return whether they are granted at once, otherwise `owner` waits.

        Raises ProgrammerError when the owner waits already, or holds locks of this
        level or one after it: that could end in a deadlock.
        """
        wanted = ALL if names is ALL else frozenset(names)
        self._check_order(owner, level)
        place = self._levels[level]
        self._number += 1
        request = Request(_rank(now, priority), self._number, owner, level, wanted, shared, now, priority)
        if place.held.conflicts(wanted, shared) or place.is_ahead(request):
            bisect.insort(place.queue, request)
            self._waiting[owner] = request
            return False
        self._hold(request)
        return True

    def take_free(self, owner: str, level: Level, names: Collection[str], *, shared: bool) -> frozenset[str]:
        """Take those of the locks that are free and that nobody waits for; return their names.

        Raises ProgrammerError as `request` does.
        """
        self._check_order(owner, level)
        place = self._levels[level]
        queued = _Claims()
        for request in place.queue:
            queued.add(request.names, request.shared)
        free = frozenset(n for n in names if not place.held.denies(n, shared) and not queued.denies(n, shared))
        self._number += 1
        self._hold(Request(0.0, self._number, owner, level, free, shared, 0.0, 0))
        return free

    def withdraw(self, owner: str) -> list[Grant]:
        """Forget the request `owner` waits for, if any; return who gets locks now."""
        request = self._waiting.pop(owner, None)
        if request is None:
            return []
        self._levels[request.level].queue.remove(request)
        return self._serve(request.level)

    def prioritize(self, owner: str, priority: int) -> list[Grant]:
        """Change the priority of a waiting request; return who gets locks now."""
        request = self._waiting.get(owner)
        if request is None or request.priority == priority:
            return []
        changed = request._replace(priority=priority, rank=_rank(request.arrived, priority))
        place = self._levels[request.level]
        place.queue.remove(request)
        bisect.insort(place.queue, changed)
        self._waiting[owner] = changed
        return self._serve(request.level)

    # --- giving back ---------------------------------------------------------------

    def release(self, owner: str, level: Level | None = None, names: Collection[str] | None = None) -> list[Grant]:
        """Give locks back: some names, a whole level, or everything; return who gets locks now.

        What the owner does not hold is ignored.

        Raises ProgrammerError when names are to be taken from ALL: see `keep`.
        """
        if level is None:
            return [g for held in list(self._held.get(owner, ())) for g in self.release(owner, held)]
        holding = self._held.get(owner, {}).get(level)
        if holding is None:
            return []
        if names is None:
            return self._change(owner, level, None)
        if holding.names is ALL:
            raise errors.ProgrammerError(f"cannot release some of all locks of level {level.name}: keep() the others")
        return self._change(owner, level, holding._replace(names=holding.names - frozenset(names)))

    def keep(self, owner: str, level: Level, names: Collection[str]) -> list[Grant]:
        """Give back what is held on a level except `names`; return who gets locks now."""
        holding = self._held.get(owner, {}).get(level)
        if holding is None:
            return []
        kept = frozenset(names)
        return self._change(
            owner, level, holding._replace(names=kept if holding.names is ALL else holding.names & kept)
        )

    def downgrade(self, owner: str, level: Level) -> list[Grant]:
        """Turn exclusive locks of a level into shared ones; return who gets locks now.

        Raises ProgrammerError when the owner holds nothing there.
        """
        holding = self._held.get(owner, {}).get(level)
        if holding is None:
            raise errors.ProgrammerError(f"cannot downgrade locks of level {level.name}: {owner} holds none")
        return self._change(owner, level, holding._replace(shared=True))

    def forget(self, owner: str) -> list[Grant]:
        """Take from an owner all it holds and waits for; return who gets locks now."""
        return self.withdraw(owner) + self.release(owner)

    # --- looking -------------------------------------------------------------------

    def owned(self, owner: str, level: Level) -> Names:
        """Return the names an owner holds on a level."""
        holding = self._held.get(owner, {}).get(level)
        return holding.names if holding else frozenset()

    def is_exclusive(self, owner: str, level: Level) -> bool:
        """Tell whether an owner holds locks of a level, and exclusively."""
        holding = self._held.get(owner, {}).get(level)
        return holding is not None and not holding.shared

    def waiting(self) -> list[Request]:
        """Return all waiting requests, by level, in the order in which they are served."""
        return [request for place in self._levels.values() for request in place.queue]

    def holdings(self) -> Iterator[tuple[str, Level, Holding]]:
        """Yield (owner, level, what it holds there)."""
        for owner, levels in self._held.items():
            for level, holding in levels.items():
                yield owner, level, holding

    def validate(self) -> None:
        """Check every invariant.

        Raises ProgrammerError naming the one that does not hold.
        """
        for level, place in self._levels.items():
            self._validate_level(level, place)
        for owner, request in self._waiting.items():
            _must(request in self._levels[request.level].queue, f"{owner} waits, but in no queue")
            above = [level for level in self._held.get(owner, ()) if level >= request.level]
            _must(not above, f"{owner} waits for {request.level.name} and holds {above}")
        queued = sum(len(place.queue) for place in self._levels.values())
        _must(queued == len(self._waiting), "somebody waits twice")
        for owner, _, holding in self.holdings():
            _must(bool(holding.names), f"{owner} holds no name")

    # --- how -----------------------------------------------------------------------

    def _check_order(self, owner: str, level: Level) -> None:
        if owner in self._waiting:
            raise errors.ProgrammerError(
                f"cannot lock {level.name} for {owner}: it waits for {self._waiting[owner].level.name} already"
            )
        above = [held.name for held in self._held.get(owner, ()) if held >= level]
        if above:
            raise errors.ProgrammerError(
                f"cannot lock {level.name} for {owner}: it holds {', '.join(above)}, which come after it"
            )

    def _hold(self, request: Request) -> None:
        if request.names:
            holding = Holding(request.names, request.shared)
            self._held.setdefault(request.owner, {})[request.level] = holding
            self._levels[request.level].held.add(*holding)

    def _change(self, owner: str, level: Level, new: Holding | None) -> list[Grant]:
        place = self._levels[level]
        place.held.remove(*self._held[owner].pop(level))
        if new and new.names:
            place.held.add(*new)
            self._held[owner][level] = new
        elif not self._held[owner]:
            del self._held[owner]
        return self._serve(level)

    def _serve(self, level: Level) -> list[Grant]:
        """Grant what can be granted on a level, in order."""
        place = self._levels[level]
        ahead, left, granted = _Claims(), [], []
        for request in place.queue:
            if place.held.conflicts(request.names, request.shared) or ahead.conflicts(request.names, request.shared):
                ahead.add(request.names, request.shared)
                left.append(request)
            else:
                del self._waiting[request.owner]
                self._hold(request)
                granted.append(Grant(request.owner, level, request.names))
        place.queue = left
        return granted

    def _validate_level(self, level: Level, place: _Level) -> None:
        held, ahead = _Claims(), _Claims()
        for owner, at, holding in self.holdings():
            if at == level:
                _must(not held.conflicts(*holding), f"{owner} holds locks of {level.name} together with others")
                held.add(*holding)
        _must(held == place.held, f"count of holders of {level.name} is wrong")
        _must(place.queue == sorted(place.queue), f"queue of {level.name} is out of order")
        for request in place.queue:
            _must(self._waiting.get(request.owner) == request, f"{request.owner} is queued, but does not wait")
            blocked = held.conflicts(request.names, request.shared) or ahead.conflicts(request.names, request.shared)
            _must(blocked, f"{request.owner} waits for {level.name} for no reason")
            ahead.add(request.names, request.shared)


class _Claims:
    """How many readers and writers each name of a level has; ALL counts as a name."""

    def __init__(self) -> None:
        self.readers: Counter[str | All] = Counter()
        self.writers: Counter[str | All] = Counter()

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Claims) and self.readers == other.readers and self.writers == other.writers

    __hash__ = None  # type: ignore[assignment]  # changes, so cannot be hashed

    def add(self, names: Names, shared: bool) -> None:
        counts = self.readers if shared else self.writers
        for name in _each(names):
            counts[name] += 1

    def remove(self, names: Names, shared: bool) -> None:
        counts = self.readers if shared else self.writers
        for name in _each(names):
            counts[name] -= 1
            if not counts[name]:
                del counts[name]

    def conflicts(self, names: Names, shared: bool) -> bool:
        """Tell whether somebody has one of the names in a way that excludes this."""
        if names is ALL:
            return bool(self.writers) or (not shared and bool(self.readers))
        if not self.readers and not self.writers:
            return False
        return any(self.denies(name, shared) for name in names)

    def denies(self, name: str, shared: bool) -> bool:
        """Tell the same of a single name."""
        if name in self.writers or ALL in self.writers:
            return True
        return not shared and (name in self.readers or ALL in self.readers)


class _Level:
    """One level: who has its locks and who waits, in order."""

    def __init__(self) -> None:
        self.held = _Claims()
        self.queue: list[Request] = []

    def is_ahead(self, request: Request) -> bool:
        """Tell whether a request that comes before this one is in its way."""
        ahead = _Claims()
        for other in self.queue[: bisect.bisect(self.queue, request)]:
            ahead.add(other.names, other.shared)
        return ahead.conflicts(request.names, request.shared)


def _rank(arrived: float, priority: int) -> float:
    # The order of two requests never changes by waiting, so aging needs no timer.
    return arrived + AGING_SECONDS * priority


def _each(names: Names) -> Collection[str | All]:
    return (ALL,) if names is ALL else names


def _must(holds: bool, otherwise: str) -> None:
    if not holds:
        raise errors.ProgrammerError(f"lock table is wrong: {otherwise}")
