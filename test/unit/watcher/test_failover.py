"""When a lost master is replaced without anybody's word."""

from __future__ import annotations

import pytest

from ganeti import mastership
from ganeti.mastership import ABSENCE_EXPIRY, Absence
from ganeti.model.scalars import NodeName
from ganeti.paths import Paths
from ganeti.watcher.failover import SETTLED, enough, is_due, is_off, noted
from test.support.faults import write_script

NOW = 1_700_000_000.0


def missed(*seconds: float | None) -> dict[NodeName, float | None]:
    return {NodeName(f"node{number}"): value for number, value in enumerate(seconds, 1)}


def test_looks_are_counted_while_it_is_the_same_master_that_gives_no_answer() -> None:
    once = noted(None, "node1", NOW)
    twice = noted(once, "node1", NOW + 300)

    assert once == Absence("node1", 1, NOW, NOW)
    assert twice == Absence("node1", 2, NOW, NOW + 300)
    assert noted(twice, "node2", NOW + 600) == Absence("node2", 1, NOW + 600, NOW + 600)
    late = NOW + 300 + ABSENCE_EXPIRY
    assert noted(twice, "node1", late) == Absence("node1", 1, late, late)


def test_it_is_off_unless_the_cluster_wants_it() -> None:
    assert not is_due(Absence("node1", 1000, NOW, NOW + 1000), 0)


def test_master_has_to_be_missed_in_so_many_runs_and_long_enough() -> None:
    assert is_due(Absence("node1", 3, NOW, NOW + SETTLED), 3)
    assert not is_due(Absence("node1", 2, NOW, NOW + 1000), 3)
    assert not is_due(Absence("node1", 9, NOW, NOW + SETTLED - 1), 3)


@pytest.mark.parametrize(
    ("seconds", "agreed"),
    [
        ((None, 60.0, 60.0), True),
        ((None, 60.0, None), False),  # one of three
        ((None, 60.0), False),  # one of two is no majority
        ((None, 60.0, 60.0, None), False),  # half of four
        ((None, 60.0, 60.0, 60.0, None), True),
        ((None, 60.0, 59.0), False),  # not long enough
        ((60.0,), True),
    ],
)
def test_more_than_half_of_all_nodes_have_to_miss_it(seconds: tuple[float | None, ...], agreed: bool) -> None:
    assert enough(missed(*seconds)) is agreed


def test_absence_is_remembered_until_the_master_answers(paths: Paths) -> None:
    found = Absence("node1", 3, NOW, NOW + 600)

    mastership.note_absence(paths, found)
    assert mastership.read_absence(paths) == found
    mastership.note_absence(paths, None)
    assert mastership.read_absence(paths) is None


def test_damaged_note_counts_for_nothing(paths: Paths) -> None:
    mastership.note_absence(paths, Absence("node1", 3, NOW, NOW))
    with open(paths.master_absence_file, "w") as file:
        file.write("[")

    assert mastership.read_absence(paths) is None


@pytest.mark.parametrize(
    ("body", "off"),
    [
        ("echo '{\"powered\": false}'", True),
        ("echo '{\"powered\": true}'", False),
        ("echo nonsense", False),
        ("echo '{\"powered\": false}'; exit 1", False),
    ],
)
def test_f24_out_of_band_helper_has_to_say_that_the_master_is_off(paths: Paths, body: str, off: bool) -> None:
    helper = write_script(f"{paths.data_dir}/oob", 'test "$1 $2" = "power-status node1" || exit 9', body)

    assert is_off(paths, helper, "node1") is off


def test_f24_missing_helper_is_a_no(paths: Paths) -> None:
    assert not is_off(paths, f"{paths.data_dir}/nothing", "node1")
