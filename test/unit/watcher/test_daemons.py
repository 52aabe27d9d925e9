"""What the watcher decides about daemons."""

from __future__ import annotations

import pytest

from ganeti.watcher.daemons import DAEMONS, EXPIRY, PAUSES, Action, Role, decide, remember
from ganeti.watcher.state import Restarts

NOW = 1_700_000_000.0


@pytest.mark.parametrize("answers", [True, None])
def test_one_that_answers_or_of_which_nothing_can_be_said_is_left_alone(answers: bool | None) -> None:
    assert decide(True, answers, None, NOW) is Action.NOTHING


def test_one_that_does_not_run_is_started_however_often_it_was() -> None:
    assert decide(False, None, Restarts(count=9, when=NOW), NOW) is Action.START


def test_f22_one_that_gives_no_answer_is_restarted_with_growing_pauses() -> None:
    assert decide(True, False, None, NOW) is Action.RESTART
    for count, pause in [*enumerate(PAUSES), (len(PAUSES), PAUSES[-1]), (100, PAUSES[-1])]:
        before = Restarts(count=count, when=NOW)
        assert decide(True, False, before, NOW + pause) is Action.RESTART
        if pause:
            assert decide(True, False, before, NOW + pause - 1) is Action.WAIT
    assert list(PAUSES) == sorted(PAUSES)


def test_f22_restarts_are_counted_until_they_expire() -> None:
    once = remember({}, ["ganeti-noded"], NOW)
    twice = remember(once, ["ganeti-noded"], NOW + 60)

    assert once == {"ganeti-noded": Restarts(count=1, when=NOW)}
    assert twice == {"ganeti-noded": Restarts(count=2, when=NOW + 60)}
    assert remember(twice, [], NOW + 60 + EXPIRY) == {}


@pytest.mark.parametrize(
    ("role", "wanted"),
    [
        (Role(is_master=False, is_candidate=False), {"ganeti-noded"}),
        (Role(is_master=False, is_candidate=True), {"ganeti-noded", "ganeti-confd"}),
        (Role(is_master=True, is_candidate=True), {"ganeti-noded", "ganeti-masterd", "ganeti-rapi", "ganeti-confd"}),
    ],
)
def test_what_is_to_run_depends_on_what_the_node_is(role: Role, wanted: set[str]) -> None:
    assert {row.name for row in DAEMONS if row.belongs(role)} == wanted
