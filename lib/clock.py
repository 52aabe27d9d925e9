"""Time as a parameter: what waits or stamps is handed a Clock.

`SystemClock` is the real one.  The simulation runs the same code on an event loop
with virtual time, and hands out a clock that reads that loop.
"""

from __future__ import annotations

import asyncio
import time
from typing import Protocol


class Clock(Protocol):
    """Where time comes from; all values are seconds."""

    def time(self) -> float:
        """Return the time of day, in seconds since the epoch."""

    def monotonic(self) -> float:
        """Return a time that never goes back."""

    async def sleep(self, delay: float) -> None:
        """Wait for `delay` seconds."""


class SystemClock:
    """The machine's time."""

    def time(self) -> float:
        """See Clock."""
        return time.time()

    def monotonic(self) -> float:
        """See Clock."""
        return time.monotonic()

    async def sleep(self, delay: float) -> None:
        """See Clock."""
        await asyncio.sleep(delay)


def split(seconds: float) -> tuple[int, int]:
    """Return (seconds, microseconds), the form of timestamps in job files."""
    whole = int(seconds)
    return whole, round((seconds - whole) * 1_000_000) % 1_000_000


def merge(stamp: tuple[int, int]) -> float:
    """Return the float of a (seconds, microseconds) pair."""
    return stamp[0] + stamp[1] / 1_000_000
