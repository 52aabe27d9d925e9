"""A clock that stands still until somebody sleeps."""

from __future__ import annotations

import asyncio


class ManualClock:
    """Time that passes only by sleeping, and then at once; `slept` holds the delays."""

    def __init__(self, now: float = 1_700_000_000.0) -> None:
        self.now = now
        self.slept: list[float] = []

    def time(self) -> float:
        return self.now

    def monotonic(self) -> float:
        return self.now

    async def sleep(self, delay: float) -> None:
        self.slept.append(delay)
        self.now += delay
        await asyncio.sleep(0)
