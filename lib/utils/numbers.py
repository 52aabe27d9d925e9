"""Sets of numbers in short: 1, 2, 3, 7 are the runs (1, 3), (7, 7)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

Run = tuple[int, int]


def runs_of(numbers: Iterable[int]) -> list[Run]:
    """Return the (first, last) of each run of consecutive numbers, in order."""
    runs: list[Run] = []
    for number in sorted(numbers):
        if runs and number <= runs[-1][1] + 1:
            runs[-1] = runs[-1][0], number
        else:
            runs.append((number, number))
    return runs


def besides(numbers: Iterable[int], runs: Sequence[Run]) -> Iterator[int]:
    """Yield the numbers that lie in none of the runs, which are in order, as `runs_of` returns them."""
    left = iter(runs)
    run = next(left, None)
    for number in sorted(numbers):
        while run and run[1] < number:
            run = next(left, None)
        if run is None or number < run[0]:
            yield number
