"""What the watcher decides about instances, from what it sees and remembers."""

from __future__ import annotations

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganeti.model.enums import InstanceStatus
from ganeti.model.scalars import InstanceName, NodeName
from ganeti.watcher.plan import (
    EXPIRY,
    MAX_RESTARTS,
    PAUSES,
    InstanceFact,
    Locked,
    LockFact,
    NodeFact,
    Plan,
    make_plan,
    to_activate,
)
from ganeti.watcher.state import Attempts, GroupState, SeenNode

NOW = 1_700_000_000.0
WEB = InstanceName("web.example.com")
DB = InstanceName("db.example.com")
NODE = NodeName("node2.example.com")
FREE = Locked([])


def instance(
    status: str = InstanceStatus.RUNNING, *, name: str = WEB, up: bool = True, secondaries: tuple[str, ...] = ()
) -> InstanceFact:
    return InstanceFact(InstanceName(name), status, up, up, secondaries)


def down(name: str = WEB) -> InstanceFact:
    return instance(InstanceStatus.ERROR_DOWN, name=name)


def started(count: int, ago: float = 0.0) -> GroupState:
    return GroupState(instance={WEB: Attempts(restart_count=count, restart_when=NOW - ago)})


def planned(
    *instances: InstanceFact,
    state: GroupState | None = None,
    nodes: tuple[NodeFact, ...] = (),
    locked: Locked = FREE,
    now: float = NOW,
) -> Plan:
    return make_plan(state or GroupState(), nodes, instances, locked, now)


def lock(name: str, mode: str | None = "exclusive", *pending: str) -> Locked:
    return Locked([LockFact(name, mode, pending)])


# --- what should run --------------------------------------------------------------------


def test_an_instance_that_should_run_is_started_and_that_is_remembered_before() -> None:
    plan = planned(down())

    assert plan.start == [WEB]
    assert plan.state.instance == {WEB: Attempts(restart_count=1, restart_when=NOW)}


@pytest.mark.parametrize("status", sorted(set(InstanceStatus) - {InstanceStatus.ERROR_DOWN}))
def test_nothing_else_is_started(status: InstanceStatus) -> None:
    assert planned(instance(status)).start == []


def test_one_stopped_by_its_user_is_cleaned_up_once() -> None:
    assert planned(instance(InstanceStatus.USER_DOWN)).clean_up == [WEB]
    assert planned(instance(InstanceStatus.USER_DOWN, up=False)).clean_up == []


# --- F21: one that does not stay up --------------------------------------------------------


def test_f21_starts_come_with_growing_pauses() -> None:
    for count, pause in enumerate(PAUSES[1:], start=1):
        assert planned(down(), state=started(count, pause)).start == [WEB]
        if pause:
            assert planned(down(), state=started(count, pause - 1)).start == []
    assert list(PAUSES) == sorted(PAUSES)
    assert len(PAUSES) == MAX_RESTARTS


def test_f21_after_the_last_start_it_is_told_once_and_left() -> None:
    first = planned(down(), state=started(MAX_RESTARTS, 600))
    second = planned(down(), state=first.state)

    assert (first.start, second.start) == ([], [])
    assert [note.level for note in first.notes] == [logging.ERROR]
    assert "gnt-instance startup" in first.notes[0].text
    assert second.notes == []


def test_f21_the_count_expires() -> None:
    exhausted = started(MAX_RESTARTS + 1, EXPIRY)

    assert planned(down(), state=exhausted).start == [WEB]
    assert planned(instance(), state=exhausted).state.instance == {}


def test_f21_running_in_between_does_not_reset_the_count() -> None:
    assert planned(instance(), state=started(3, 60)).state.instance[WEB].restart_count == 3


@given(st.lists(st.integers(60, 900), min_size=200, max_size=400))
def test_f21_a_flapping_instance_is_started_seldom_and_told_of_seldom(gaps: list[int]) -> None:
    now, state, starts, lines = NOW, GroupState(), [], 0
    for gap in gaps:
        now += gap
        plan = make_plan(state, (), [down()], FREE, now)
        state = plan.state
        starts += [now] * len(plan.start)
        lines += sum(note.level > logging.DEBUG for note in plan.notes)

    spans = (now - NOW) / EXPIRY + 1
    assert len(starts) <= MAX_RESTARTS * spans
    assert lines <= spans


def test_what_is_gone_is_forgotten() -> None:
    assert planned(instance(name=DB), state=started(2, 10)).state.instance == {}


# --- F20: what a job works on ----------------------------------------------------------------


@pytest.mark.parametrize(
    "locked",
    [
        lock(f"instance/{WEB}"),
        lock(f"instance/{WEB}", None, "exclusive"),
        lock(f"instance/{WEB}", "shared", "exclusive"),
        lock("instance/[lockset]"),
        lock("cluster/BGL"),
    ],
)
def test_f20_what_a_job_has_locked_is_left_alone(locked: Locked) -> None:
    plan = planned(
        down(), instance(InstanceStatus.USER_DOWN), instance(secondaries=(NODE,)), locked=locked,
        nodes=(NodeFact(NODE, "boot2"),),
    )  # fmt: skip

    assert (plan.start, plan.clean_up, plan.activate) == ([], [], [])
    assert plan.state == GroupState()


@pytest.mark.parametrize("locked", [lock(f"instance/{DB}"), lock(f"instance/{WEB}", "shared"), lock(f"node/{NODE}")])
def test_f20_locks_of_others_and_of_those_who_only_look_hinder_nothing(locked: Locked) -> None:
    assert planned(down(), locked=locked).start == [WEB]


# --- a secondary node was rebooted ---------------------------------------------------------


def seen(boot: str) -> GroupState:
    return GroupState(node={NODE: SeenNode(bootid=boot)})


def test_disks_are_activated_after_a_reboot_of_the_secondary_node_and_once() -> None:
    nodes = (NodeFact(NODE, "boot2"),)
    first = planned(instance(secondaries=(NODE,)), instance(name=DB), state=seen("boot1"), nodes=nodes)
    second = planned(instance(secondaries=(NODE,)), state=first.state, nodes=nodes)

    assert (first.activate, second.activate) == ([WEB], [])
    assert first.state.node == {NODE: SeenNode(bootid="boot2")}


def test_a_node_that_says_nothing_was_not_rebooted() -> None:
    plan = planned(instance(secondaries=(NODE,)), state=seen("boot1"), nodes=(NodeFact(NODE, None),))

    assert plan.activate == []
    assert plan.state.node == {NODE: SeenNode(bootid="boot1")}


def test_a_reboot_is_not_forgotten_while_a_job_works_on_one_of_the_instances() -> None:
    nodes = (NodeFact(NODE, "boot2"),)
    both = instance(secondaries=(NODE,)), instance(name=DB, secondaries=(NODE,))
    first = planned(*both, state=seen("boot1"), nodes=nodes, locked=lock(f"instance/{DB}"))
    second = planned(*both, state=first.state, nodes=nodes)

    assert first.activate == [WEB]
    assert DB in second.activate


def test_what_is_started_needs_no_activation_of_its_disks() -> None:
    fact = down()._replace(secondaries=(NODE,))
    plan = planned(fact, state=seen("boot1"), nodes=(NodeFact(NODE, "boot2"),))

    assert (plan.start, plan.activate) == ([WEB], [])


def test_disks_found_inactive_are_activated_unless_something_else_is_done() -> None:
    found = [WEB, DB, "gone.example.com"]
    facts = [instance(), down(DB)]

    assert to_activate(found, facts, planned(*facts), FREE) == [WEB]
    assert to_activate(found, facts, planned(*facts), lock(f"instance/{WEB}")) == []
    assert to_activate(found, [instance(InstanceStatus.ERROR_NODE_DOWN)], planned(), FREE) == []
