"""Waiting for something to become true, with a deadline, in tests of real processes."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")

SECONDS = 30.0
_PAUSE = 0.01
_PAUSE_OF_OTHERS = 0.001


def until(look: Callable[[], T], what: str, seconds: float = SECONDS) -> T:
    """Look again and again until the answer is true, and return it; fail, naming `what`, when it never is."""
    end = time.monotonic() + seconds
    while True:
        seen = look()
        if seen:
            return seen
        assert time.monotonic() < end, f"not within {seconds:g} s: {what}"
        time.sleep(_PAUSE)


async def eventually(look: Callable[[], object]) -> None:
    """Let others go on until the answer is true; TimeoutError when it never is."""
    async with asyncio.timeout(SECONDS):
        while not look():
            await asyncio.sleep(_PAUSE_OF_OTHERS)
