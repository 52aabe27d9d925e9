"""The lock table against a model that is too simple to be wrong."""

from collections.abc import Iterator
from typing import NamedTuple

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from ganeti.masterd.locking.table import AGING_SECONDS, ALL, Grant, LockTable
from ganeti.model.enums import Level

UNIVERSE = frozenset("abcd")
#: in the model ALL is every name there can be, and one more for those to come
EVERYTHING = UNIVERSE | {"*"}
LEVELS = [Level.INSTANCE, Level.NODE, Level.NETWORK]

owners = st.sampled_from([f"job{n}" for n in range(8)])
names = st.one_of(st.just(ALL), st.frozensets(st.sampled_from(sorted(UNIVERSE)), min_size=1))
priorities = st.integers(-20, 19)


class Wish(NamedTuple):
    owner: str
    level: Level
    names: frozenset[str]
    shared: bool
    arrived: float
    number: int
    priority: int

    def conflicts(self, other: "Wish") -> bool:
        return self.level == other.level and not (self.shared and other.shared) and bool(self.names & other.names)

    def before(self, other: "Wish") -> bool:
        """More urgent, where waiting counts; then older."""
        mine = self.arrived + AGING_SECONDS * self.priority
        yours = other.arrived + AGING_SECONDS * other.priority
        return (mine, self.number) < (yours, other.number)


def full(wanted: object) -> frozenset[str]:
    return EVERYTHING if wanted is ALL else frozenset(wanted)  # type: ignore[call-overload]


class LockMachine(RuleBasedStateMachine):
    def __init__(self) -> None:
        super().__init__()
        self.table = LockTable()
        self.now = 0.0
        self.number = 0
        self.held: list[Wish] = []
        self.wishes: list[Wish] = []

    # --- the model ---

    def settle(self) -> set[str]:
        """Grant in the model what nothing stands against, first come first served."""
        granted: set[str] = set()
        while True:
            free = [w for w in self.wishes if not any(w.conflicts(o) for o in [*self.held, *self.ahead(w)])]
            if not free:
                return granted
            granted.add(free[0].owner)
            self.wishes.remove(free[0])
            self.held.append(free[0])

    def ahead(self, wish: Wish) -> Iterator[Wish]:
        return (other for other in self.wishes if other.before(wish))

    def held_by(self, owner: str) -> list[Wish]:
        return [w for w in self.held if w.owner == owner]

    def is_waiting(self, owner: str) -> bool:
        return any(w.owner == owner for w in self.wishes)

    def compare(self, grants: list[Grant], owner: str = "") -> None:
        assert {grant.owner for grant in grants} == self.settle() - {owner}

    # --- what can happen ---

    @rule(owner=owners, level=st.sampled_from(LEVELS), wanted=names, shared=st.booleans(), priority=priorities)
    def request(self, owner, level, wanted, shared, priority):
        if self.is_waiting(owner) or any(w.level >= level for w in self.held_by(owner)):
            return
        self.number += 1
        self.wishes.append(Wish(owner, level, full(wanted), shared, self.now, self.number, priority))

        granted = self.table.request(owner, level, wanted, shared=shared, priority=priority, now=self.now)

        assert self.settle() == ({owner} if granted else set())

    @rule(
        owner=owners, level=st.sampled_from(LEVELS), wanted=st.frozensets(st.sampled_from("abcd")), shared=st.booleans()
    )
    def take_free(self, owner, level, wanted, shared):
        if self.is_waiting(owner) or any(w.level >= level for w in self.held_by(owner)):
            return
        self.number += 1
        taken = self.table.take_free(owner, level, wanted, shared=shared)

        for name in wanted:
            single = Wish(owner, level, frozenset(name), shared, self.now, self.number, 0)
            assert (name in taken) == (not any(single.conflicts(o) for o in [*self.held, *self.wishes]))
        if taken:
            self.held.append(Wish(owner, level, taken, shared, self.now, self.number, 0))

    @rule(owner=owners)
    def release_everything(self, owner):
        grants = self.table.release(owner)
        self.held = [w for w in self.held if w.owner != owner]
        self.compare(grants)

    @rule(owner=owners, level=st.sampled_from(LEVELS), kept=st.frozensets(st.sampled_from(sorted(UNIVERSE))))
    def keep(self, owner, level, kept):
        grants = self.table.keep(owner, level, kept)
        changed = [w._replace(names=w.names & kept) if w.owner == owner and w.level == level else w for w in self.held]
        self.held = [w for w in changed if w.names]
        self.compare(grants)

    @rule(owner=owners, level=st.sampled_from(LEVELS))
    def downgrade(self, owner, level):
        if not any(w.level == level for w in self.held_by(owner)):
            return
        grants = self.table.downgrade(owner, level)
        self.held = [w._replace(shared=True) if w.owner == owner and w.level == level else w for w in self.held]
        self.compare(grants)

    @precondition(lambda self: self.wishes)
    @rule(data=st.data())
    def withdraw(self, data):
        wish = data.draw(st.sampled_from(self.wishes))
        self.wishes.remove(wish)
        self.compare(self.table.withdraw(wish.owner))

    @precondition(lambda self: self.wishes)
    @rule(data=st.data(), priority=priorities)
    def prioritize(self, data, priority):
        wish = data.draw(st.sampled_from(self.wishes))
        self.wishes[self.wishes.index(wish)] = wish._replace(priority=priority)
        self.compare(self.table.prioritize(wish.owner, priority))

    @rule(seconds=st.integers(0, 2000))
    def time_passes(self, seconds):
        self.now += seconds

    # --- what must hold ---

    @invariant()
    def table_is_valid(self):
        self.table.validate()

    @invariant()
    def same_as_model(self):
        mine = {(owner, level, full(h.names), h.shared) for owner, level, h in self.table.holdings()}
        assert mine == {(w.owner, w.level, w.names, w.shared) for w in self.held}
        assert {r.owner for r in self.table.waiting()} == {w.owner for w in self.wishes}

    def teardown(self):
        """Everybody gets what he waits for once the holders are done: no deadlock, no lost wakeup."""
        while self.table.waiting():
            running = {owner for owner, _, _ in self.table.holdings()} - {r.owner for r in self.table.waiting()}
            assert running, "everybody waits for somebody else"
            for owner in running:
                self.table.release(owner)
                self.table.validate()


TestLockTable = LockMachine.TestCase
TestLockTable.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
