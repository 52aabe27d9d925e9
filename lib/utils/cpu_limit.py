"""A limit to the time a computation may take, where its cost cannot be told before: regular expressions of users.

Matching one may take time exponential in its length, and while it does no other code of
the process runs; but it looks for signals (`_sre` does every few thousand steps).
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType
from typing import TypeVar

T = TypeVar("T")


class _ExpiredError(Exception):
    pass


def run_limited(act: Callable[[], T], seconds: float) -> T:
    """Return what `act` does, which must be pure: it may be cut off anywhere.

    The time is that of the CPU.  There is no limit in other threads than the first.

    Raises TimeoutError when it takes longer.
    """
    if threading.current_thread() is not threading.main_thread():
        return act()
    armed = True

    def expire(number: int, frame: FrameType | None) -> None:
        if armed:  # else it comes late: the act has ended
            raise _ExpiredError

    before = signal.signal(signal.SIGVTALRM, expire)
    try:
        signal.setitimer(signal.ITIMER_VIRTUAL, seconds)
        return act()
    except _ExpiredError:
        raise TimeoutError from None
    finally:
        armed = False
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
