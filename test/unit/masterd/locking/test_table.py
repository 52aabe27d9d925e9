from collections.abc import Collection

import pytest

from ganeti.errors import ProgrammerError
from ganeti.masterd.locking.table import AGING_SECONDS, ALL, All, LockTable
from ganeti.model.enums import Level


class Locks:
    """A lock table asked in few words; time moves by one second per request."""

    def __init__(self) -> None:
        self.table = LockTable()
        self.now = 0.0

    def ask(
        self, owner: str, names: str | All, *, shared: bool = False, priority: int = 0, level: Level = Level.NODE
    ) -> bool:
        self.now += 1
        wanted: Collection[str] | All = ALL if isinstance(names, All) else set(names)
        granted = self.table.request(owner, level, wanted, shared=shared, priority=priority, now=self.now)
        self.table.validate()
        return granted

    def waiting(self) -> list[str]:
        return [request.owner for request in self.table.waiting()]


def test_free_locks_are_granted_at_once():
    locks = Locks()

    assert locks.ask("job1", "ab")
    assert locks.table.owned("job1", Level.NODE) == {"a", "b"}


def test_exclusive_request_waits_for_all_sharers():
    locks = Locks()
    locks.ask("job1", "a", shared=True)
    locks.ask("job2", "a", shared=True)

    assert not locks.ask("job3", "a")
    assert locks.table.release("job1") == []
    assert [grant.owner for grant in locks.table.release("job2")] == ["job3"]


def test_waiting_writer_is_not_overtaken_by_later_reader():
    locks = Locks()
    locks.ask("job1", "a", shared=True)
    locks.ask("job2", "a")

    assert not locks.ask("job3", "a", shared=True)


def test_request_is_granted_whole_or_not_at_all():
    locks = Locks()
    locks.ask("job1", "a")

    assert not locks.ask("job2", "ab")
    assert locks.table.owned("job2", Level.NODE) == frozenset()


def test_lock_wanted_by_an_earlier_blocked_request_stays_free_for_it():
    locks = Locks()
    locks.ask("job1", "a")
    locks.ask("job2", "ab")

    assert not locks.ask("job3", "b")
    assert [grant.owner for grant in locks.table.release("job1")] == ["job2"]


def test_request_for_other_locks_passes_by_those_who_wait():
    locks = Locks()
    locks.ask("job1", "a")
    locks.ask("job2", "a")

    assert locks.ask("job3", "b")


def test_reader_passes_by_a_waiting_reader():
    locks = Locks()
    locks.ask("job1", "a")
    locks.ask("job2", "ab", shared=True)

    assert locks.ask("job3", "b", shared=True)


def test_more_urgent_request_is_served_first():
    locks = Locks()
    locks.ask("job1", "a")
    locks.ask("job2", "a", priority=0)
    locks.ask("job3", "a", priority=-10)

    assert [grant.owner for grant in locks.table.release("job1")] == ["job3"]


def test_waiting_long_enough_beats_urgency():
    locks = Locks()
    locks.ask("job1", "a")
    locks.ask("old", "a", priority=19)
    locks.now += 39 * AGING_SECONDS

    locks.ask("new", "a", priority=-20)

    assert locks.waiting() == ["old", "new"]


def test_all_excludes_every_single_lock_even_of_new_names():
    locks = Locks()
    locks.ask("job1", ALL)

    assert not locks.ask("job2", "never-seen-before")


def test_all_waits_for_every_single_lock():
    locks = Locks()
    locks.ask("job1", "a", shared=True)

    assert not locks.ask("job2", ALL)
    assert locks.ask("job3", "b") is False, "a later single lock must not starve ALL"


def test_all_shared_goes_with_single_sharers():
    locks = Locks()
    locks.ask("job1", "a", shared=True)

    assert locks.ask("job2", ALL, shared=True)
    assert locks.ask("job3", "b", shared=True)
    assert not locks.ask("job4", "c")


def test_levels_do_not_disturb_each_other():
    locks = Locks()
    locks.ask("job1", ALL, level=Level.NODE)

    assert locks.ask("job2", "a", level=Level.INSTANCE)


def test_empty_request_is_granted_and_holds_nothing():
    locks = Locks()
    locks.ask("job1", ALL)

    assert locks.ask("job2", "")
    assert locks.ask("job2", "x", level=Level.INSTANCE)


@pytest.mark.parametrize("level", [Level.NODE, Level.INSTANCE])
def test_asking_for_a_level_not_above_those_held_is_a_bug(level):
    locks = Locks()
    locks.ask("job1", "a", level=Level.NODE)

    with pytest.raises(ProgrammerError, match="job1"):
        locks.ask("job1", "b", level=level)


def test_asking_while_waiting_is_a_bug():
    locks = Locks()
    locks.ask("job1", "a")
    locks.ask("job2", "a")

    with pytest.raises(ProgrammerError, match="waits"):
        locks.ask("job2", "b", level=Level.NETWORK)


def test_downgrade_lets_readers_in():
    locks = Locks()
    locks.ask("job1", "a")
    locks.ask("job2", "a", shared=True)

    assert [grant.owner for grant in locks.table.downgrade("job1", Level.NODE)] == ["job2"]
    assert not locks.table.is_exclusive("job1", Level.NODE)


def test_downgrade_of_nothing_is_a_bug():
    with pytest.raises(ProgrammerError):
        LockTable().downgrade("job1", Level.NODE)


def test_release_of_some_names_keeps_the_others():
    locks = Locks()
    locks.ask("job1", "ab")
    locks.ask("job2", "a")

    assert [grant.owner for grant in locks.table.release("job1", Level.NODE, {"a"})] == ["job2"]
    assert locks.table.owned("job1", Level.NODE) == {"b"}


def test_keep_narrows_all_to_some():
    locks = Locks()
    locks.ask("job1", ALL)
    locks.ask("job2", "b")
    locks.ask("job3", "a")

    assert [grant.owner for grant in locks.table.keep("job1", Level.NODE, {"a"})] == ["job2"]


def test_releasing_some_names_of_all_is_a_bug():
    locks = Locks()
    locks.ask("job1", ALL)

    with pytest.raises(ProgrammerError, match="keep"):
        locks.table.release("job1", Level.NODE, {"a"})


def test_opportunistic_takes_what_is_free_and_wanted_by_nobody():
    locks = Locks()
    locks.ask("job1", "a")
    locks.ask("job2", "ab")

    taken = locks.table.take_free("job3", Level.NODE, "abcd", shared=False)

    assert taken == {"c", "d"}
    locks.table.validate()


def test_withdrawn_request_no_longer_blocks_others():
    locks = Locks()
    locks.ask("job1", "a", shared=True)
    locks.ask("job2", "a")
    locks.ask("job3", "a", shared=True)

    assert [grant.owner for grant in locks.table.withdraw("job2")] == ["job3"]


def test_forgotten_owner_holds_and_wants_nothing():
    locks = Locks()
    locks.ask("job1", "a", level=Level.INSTANCE)
    locks.ask("job2", "b")
    locks.ask("job1", "b")
    locks.ask("job3", "a", level=Level.INSTANCE)

    assert [grant.owner for grant in locks.table.forget("job1")] == ["job3"]
    assert list(locks.waiting()) == []


def test_raised_priority_can_grant_at_once():
    locks = Locks()
    locks.ask("holder", "a")
    locks.ask("job1", "ab")
    locks.ask("job2", "b")

    assert [grant.owner for grant in locks.table.prioritize("job2", -10)] == ["job2"]


def test_validate_notices_a_forgotten_wakeup():
    locks = Locks()
    locks.ask("job1", "a")
    locks.ask("job2", "a")
    locks.table._held.clear()
    locks.table._levels[Level.NODE].held = type(locks.table._levels[Level.NODE].held)()

    with pytest.raises(ProgrammerError, match="for no reason"):
        locks.table.validate()
