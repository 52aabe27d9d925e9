"""Calls that undo something: made again while a node daemon is away for a moment.

What failed because a daemon was restarted is undone right then, when the daemon is
not back yet.  Whatever is undone has to bear being asked for twice.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TypeVar

from ganeti.clock import Clock
from ganeti.rpc.result import Failure, NodeResult, Phase

R = TypeVar("R")

#: seconds for all that one operation undoes, from its first call on: more than a daemon takes to start
PATIENCE = 30.0
_PAUSE = 1.0


class Persistence:
    """Makes calls again until they are answered, or the time of all of them together is over."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._end: float | None = None

    async def ask(self, call: Callable[[], Awaitable[NodeResult[R]]]) -> NodeResult[R]:
        """Return what comes of a call: the answer of its node, or the last failure to get one."""
        if self._end is None:
            self._end = self._clock.monotonic() + PATIENCE
        while True:
            answer = await call()
            if not _may_pass(answer.failure) or self._clock.monotonic() + _PAUSE >= self._end:
                return answer
            await self._clock.sleep(_PAUSE)


def _may_pass(failure: Failure | None) -> bool:
    """Tell whether a call failed for want of an answer."""
    return failure is not None and (failure.uncertain or failure.phase in (Phase.UNREACHABLE, Phase.TIMEOUT))
