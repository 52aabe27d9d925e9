"""Doing what waits for the disk many times at once."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")

#: more get in each other's way
_THREADS = 4


def in_parallel(act: Callable[[T], None], items: Sequence[T]) -> None:
    """Do `act` for all items, in a few threads when there are many; raises the first OSError once all have stopped."""
    if len(items) < 2:
        for item in items:
            act(item)
        return
    failures: list[OSError] = []
    pending = iter(list(items))
    lock = threading.Lock()

    def work() -> None:
        while not failures:
            with lock:
                item = next(pending, None)
            if item is None:
                return
            try:
                act(item)
            except OSError as err:
                failures.append(err)

    threads = [threading.Thread(target=work) for _ in range(min(len(items), _THREADS) - 1)]
    for thread in threads:
        thread.start()
    work()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]
