"""Runs stand for exactly the numbers they were made of."""

import itertools

from hypothesis import given
from hypothesis import strategies as st

from ganeti.utils.numbers import besides, runs_of

numbers = st.sets(st.integers(0, 60))


def test_neighbours_are_one_run():
    assert runs_of([7, 1, 3, 2]) == [(1, 3), (7, 7)]


@given(numbers, numbers)
def test_what_lies_beside_runs_is_the_difference_of_the_sets(some, others):
    assert list(besides(some, runs_of(others))) == sorted(some - others)


@given(numbers)
def test_runs_are_apart(some):
    runs = runs_of(some)

    assert all(first <= last for first, last in runs)
    assert all(before[1] + 1 < after[0] for before, after in itertools.pairwise(runs))
