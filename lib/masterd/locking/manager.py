"""Waiting for locks: the asynchronous shell around the lock table."""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from collections.abc import Callable, Collection, Iterable
from typing import NamedTuple

from ganeti import errors
from ganeti.clock import Clock
from ganeti.masterd.histogram import Histogram
from ganeti.masterd.locking.table import ALL, All, Grant, LockTable, Names
from ganeti.model.enums import Level

log = logging.getLogger(__name__)

#: how the lock of all names of a level is shown
ALL_NAMES = "[lockset]"

Priority = int | Callable[[], int]


class LockRow(NamedTuple):
    """One lock, as `gnt-debug locks` lists it.

    `mode` is "exclusive", "shared" or None when nobody holds it; `pending` holds
    (mode, owners) in the order in which they are served.
    """

    name: str
    mode: str | None
    owner: list[str]
    pending: list[tuple[str, list[str]]]


class LockManager:
    """Gives locks to owners, each a name such as "17/INSTANCE_STARTUP(web1)"."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._table = LockTable()
        self._wakeups: dict[str, asyncio.Future[None]] = {}
        self._priorities: dict[str, Callable[[], int]] = {}
        #: how long requests waited that could not be granted at once
        self.waits = Histogram()

    async def acquire(
        self,
        owner: str,
        level: Level,
        names: Collection[str] | All,
        *,
        shared: bool,
        priority: Priority = 0,
        timeout: float | None = None,
        opportunistic: bool = False,
    ) -> Names:
        """Wait for locks of one level and return what is now held of it.

        `opportunistic` waits for nothing and takes the locks that are free; there may
        be none.  `timeout` is in seconds, None is for ever.  When the waiting is
        canceled or times out, nothing is held and the request is withdrawn.

        Raises LockError when the timeout has passed, ProgrammerError when the levels
        are taken out of order or ALL is asked for opportunistically.
        """
        if opportunistic:
            if names is ALL:
                raise errors.ProgrammerError(f"cannot lock {level.name} for {owner}: name the locks you may use")
            return self._table.take_free(owner, level, names, shared=shared)
        look = priority if callable(priority) else lambda: priority
        if self._table.request(owner, level, names, shared=shared, priority=look(), now=self._clock.monotonic()):
            return self._table.owned(owner, level)
        self._priorities[owner] = look
        self._wakeups[owner] = asyncio.get_running_loop().create_future()
        log.debug("%s waits for %s", owner, describe(level, names))
        begin = self._clock.monotonic()
        try:
            async with asyncio.timeout(timeout):
                await self._wakeups[owner]
        except (asyncio.CancelledError, TimeoutError) as err:
            self._give_up(owner, level)
            if isinstance(err, TimeoutError):
                what = describe(level, names)
                raise errors.LockError(f"cannot lock {what}: others hold it, waited {timeout:g} seconds") from err
            raise
        finally:
            self._wakeups.pop(owner, None)
            self._priorities.pop(owner, None)
            self.waits.add(self._clock.monotonic() - begin)
        return self._table.owned(owner, level)

    def release(self, owner: str, level: Level | None = None, names: Collection[str] | None = None) -> None:
        """Give back some names, a level, or (with None) everything an owner holds."""
        self._wake(self._table.release(owner, level, names))

    def keep(self, owner: str, level: Level, names: Collection[str]) -> None:
        """Give back what is held on a level except `names`; the way from ALL to some."""
        self._wake(self._table.keep(owner, level, names))

    def downgrade(self, owner: str, level: Level) -> None:
        """Turn exclusive locks of a level into shared ones."""
        self._wake(self._table.downgrade(owner, level))

    def owned(self, owner: str, level: Level) -> Names:
        """Return the names an owner holds on a level."""
        return self._table.owned(owner, level)

    def priorities_changed(self) -> None:
        """Look again at the priorities of all who wait."""
        for owner, look in list(self._priorities.items()):
            self._wake(self._table.prioritize(owner, look()))

    def counts(self) -> dict[str, dict[str, int]]:
        """Return {"held": owners by level, "waiting": requests by level}; levels in lower case."""
        held = Counter(level.name.lower() for _, level, _ in self._table.holdings())
        waiting = Counter(request.level.name.lower() for request in self._table.waiting())
        return {"held": dict(held), "waiting": dict(waiting)}

    def dump(self) -> list[LockRow]:
        """Return every lock somebody holds or waits for, by level and name."""
        rows: dict[tuple[Level, str], LockRow] = {}
        for owner, level, holding in self._table.holdings():
            for name in _shown(holding.names):
                row = rows.get((level, name)) or LockRow(describe(level, [name]), None, [], [])
                rows[level, name] = row._replace(mode=_mode(holding.shared), owner=[*row.owner, owner])
        for request in self._table.waiting():
            for name in _shown(request.names):
                key = request.level, name
                row = rows.get(key) or LockRow(describe(request.level, [name]), None, [], [])
                rows[key] = row._replace(pending=[*row.pending, (_mode(request.shared), [request.owner])])
        return [rows[key] for key in sorted(rows)]

    def _give_up(self, owner: str, level: Level) -> None:
        # The grant may have come together with the cancellation: then give it back.
        self._wake(self._table.withdraw(owner) + self._table.release(owner, level))

    def _wake(self, grants: Iterable[Grant]) -> None:
        for grant in grants:
            future = self._wakeups[grant.owner]
            if not future.done():
                future.set_result(None)


def describe(level: Level, names: Collection[str] | All) -> str:
    """Return locks of a level in words: "node/a, node/b"."""
    prefix = level.name.lower().replace("_", "-")
    return ", ".join(f"{prefix}/{name}" for name in _shown(names))


def _shown(names: Collection[str] | All) -> list[str]:
    return [ALL_NAMES] if names is ALL else sorted(names)


def _mode(shared: bool) -> str:
    return "shared" if shared else "exclusive"
