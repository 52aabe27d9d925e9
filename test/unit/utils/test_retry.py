"""Trying again."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganeti import errors
from ganeti.utils.retry import backoff, retry
from test.support.clock import ManualClock


class _Flaky:
    def __init__(self, failures: int, error: Exception) -> None:
        self.failures = failures
        self.error = error

    async def __call__(self) -> str:
        self.failures -= 1
        if self.failures >= 0:
            raise self.error
        return "done"


def test_it_is_tried_again_until_it_works() -> None:
    clock = ManualClock()

    result = asyncio.run(retry(_Flaky(2, errors.RemoteError("no")), [1, 2, 3], clock))

    assert result == "done"
    assert clock.slept == [1, 2]


def test_the_last_failure_rises_when_delays_are_used_up() -> None:
    clock = ManualClock()

    with pytest.raises(errors.RemoteError, match="no"):
        asyncio.run(retry(_Flaky(9, errors.RemoteError("no")), [1, 2], clock))

    assert clock.slept == [1, 2]


def test_other_errors_rise_at_once() -> None:
    clock = ManualClock()

    with pytest.raises(ValueError, match="bad"):
        asyncio.run(retry(_Flaky(1, ValueError("bad")), [1], clock))

    assert clock.slept == []


def test_what_is_tried_again_can_be_chosen() -> None:
    assert asyncio.run(retry(_Flaky(1, KeyError()), [1], ManualClock(), on=KeyError)) == "done"


def test_delays_grow_up_to_the_longest() -> None:
    assert list(backoff(1, 2, 4, 12)) == [1, 2, 4, 4, 1]


@given(st.floats(0.01, 2), st.floats(1, 3), st.floats(2, 10), st.floats(0, 60))
def test_delays_add_up_to_the_total(first: float, factor: float, longest: float, total: float) -> None:
    delays = list(backoff(first, factor, longest, total))

    assert sum(delays) == pytest.approx(total)
    assert all(0 < d <= longest for d in delays)
