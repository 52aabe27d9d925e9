"""Virtual time, and an event loop that can die: what a simulated master daemon runs on.

Time passes only when nothing is ready, and then at once to the next timer.  Tasks that
become ready together take their next step in an order the seed chooses.  `die` ends
everything as `kill -9` does: no callback runs any more, nothing is cleaned up.
"""

from __future__ import annotations

import asyncio
import collections
import contextlib
import logging
import random
import selectors
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from test.support.disk import Crash

T = TypeVar("T")

EPOCH = 1_700_000_000.0


class Deadlock(AssertionError):
    """Everybody waits: for nothing at all, or longer than the test allows."""


class SimTime:
    """The time of the whole cluster, in seconds; it outlives the loops that make it pass."""

    def __init__(self) -> None:
        self.now = 0.0


class SimClock:
    """A Clock that reads virtual time."""

    def __init__(self, time: SimTime) -> None:
        self._time = time

    def time(self) -> float:
        return EPOCH + self._time.now

    def monotonic(self) -> float:
        return self._time.now

    async def sleep(self, delay: float) -> None:
        await asyncio.sleep(delay)


class _Selector(selectors.DefaultSelector):
    loop: SimLoop

    def select(self, timeout: float | None = None) -> list[Any]:
        events = super().select(0)
        if not events:
            self.loop.let_pass(timeout)
        return events


class _Ready(collections.deque[Any]):
    """The callbacks to be run; which task goes first is left to chance."""

    def __init__(self, loop: SimLoop, rng: random.Random | None) -> None:
        super().__init__()
        self._loop = loop
        self._rng = rng

    def popleft(self) -> Any:
        if self._loop.dead:
            raise Crash
        count = self._tasks_in_front() if self._rng else 0
        if count < 2:
            return super().popleft()
        assert self._rng is not None
        chosen = self._rng.randrange(count)
        self.rotate(-chosen)
        handle = super().popleft()
        self.rotate(chosen)
        return handle

    def _tasks_in_front(self) -> int:
        # Other callbacks keep their order, which asyncio promises.
        for count, handle in enumerate(self):
            if not isinstance(getattr(handle._callback, "__self__", None), asyncio.Task):
                return count
        return len(self)


class SimLoop(asyncio.SelectorEventLoop):
    """One life of a process; blocking work must be done in the loop.

    Without `rng` tasks run in the order in which they became ready.  `limit` is how
    long it may last, in virtual seconds.
    """

    _ready: Any

    def __init__(self, time: SimTime, rng: random.Random | None, limit: float) -> None:
        self._sim_time = time
        self._end = time.now + limit
        self.dead = False
        #: errors of tasks and callbacks that nobody asked for
        self.lost: list[BaseException] = []
        selector = _Selector()
        selector.loop = self
        super().__init__(selector)
        self._ready = _Ready(self, rng)
        self.set_exception_handler(self._note)

    def time(self) -> float:
        return self._sim_time.now

    def let_pass(self, timeout: float | None) -> None:
        """Go on to the next timer."""
        if self.dead:
            raise Crash
        if timeout is None:
            raise Deadlock(f"everybody waits for ever: {self.describe()}")
        self._sim_time.now += max(0.0, timeout)
        if self._sim_time.now > self._end:
            raise Deadlock(f"not done in the time it may take: {self.describe()}")

    def die(self) -> None:
        """Run nothing any more once the callback that runs now gives way."""
        self.dead = True

    def live(self, main: Coroutine[Any, Any, T]) -> T:
        """Run to the end of `main`, or to the death of the loop, which raises Crash."""
        try:
            result = self.run_until_complete(main)
        finally:
            self._bury()
        if self.lost:
            raise self.lost[0]
        return result

    def describe(self) -> str:
        """Tell who waits, and where."""
        waiting = [f"{task.get_name()} at {_place(task)}" for task in asyncio.all_tasks(self)]
        return "; ".join(sorted(waiting)) or "no tasks"

    def _note(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if isinstance(error, Exception) and not self.dead:
            self.lost.append(error)

    def _bury(self) -> None:
        self.dead = True
        logging.disable()  # what the dead say is not heard
        seen: set[asyncio.Task[Any]] = set()
        while left := [task for task in asyncio.all_tasks(self) if task not in seen]:
            for task in left:
                seen.add(task)
                task._log_destroy_pending = False  # type: ignore[attr-defined]  # asyncio's own way to be quiet
                coroutine = task.get_coro()
                assert isinstance(coroutine, Coroutine)
                with contextlib.suppress(BaseException):
                    coroutine.close()
        logging.disable(logging.NOTSET)
        self._ready.clear()
        self.close()


def _place(task: asyncio.Task[Any]) -> str:
    frames = task.get_stack()
    return ", ".join(f"{frame.f_code.co_name}:{frame.f_lineno}" for frame in frames[-2:]) or "its start"


def in_loop(delay: Callable[[], float]) -> Any:
    """Return what a daemon is given to run blocking functions: does so in the loop, taking some time."""

    async def offload(func: Callable[..., T], /, *args: object) -> T:
        await asyncio.sleep(delay())
        result = func(*args)
        await asyncio.sleep(delay())
        return result

    return offload
