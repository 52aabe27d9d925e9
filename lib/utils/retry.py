"""Trying again: delays come from a sequence, time from a clock."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import TypeVar

from ganeti import errors
from ganeti.clock import Clock

T = TypeVar("T")


def backoff(first: float, factor: float, longest: float, total: float) -> Iterator[float]:
    """Yield growing delays in seconds whose sum is `total`."""
    delay = first
    while total > 0:
        step = min(delay, total)
        yield step
        total -= step
        delay = min(delay * factor, longest)


async def retry(
    act: Callable[[], Awaitable[T]],
    delays: Iterable[float],
    clock: Clock,
    on: type[Exception] | tuple[type[Exception], ...] = errors.EnvironmentFailure,
) -> T:
    """Return what `act` returns, trying again after each delay when it raises one of `on`.

    The last try's error rises.
    """
    for delay in delays:
        try:
            return await act()
        except on:
            await clock.sleep(delay)
    return await act()
