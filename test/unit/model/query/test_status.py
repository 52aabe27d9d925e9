"""What an instance is found to be."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from ganeti.model.enums import AdminState, AdminStateSource, InstanceStatus
from ganeti.model.query.status import SHUT_DOWN, GuestState, LiveInstances, NodeState, collate, instance_status
from test.support.config_view import an_instance, uuid_of

UP, DOWN, OUT = AdminState.UP, AdminState.DOWN, AdminState.OFFLINE
ADMIN, USER = AdminStateSource.ADMIN, AdminStateSource.USER
ABSENT, RUNNING, STOPPED, ELSEWHERE = (
    GuestState.ABSENT,
    GuestState.RUNNING,
    GuestState.STOPPED_INSIDE,
    GuestState.ELSEWHERE,
)
NODE1, NODE2 = uuid_of("node1"), uuid_of("node2")


class Guest(NamedTuple):
    memory: int = 128
    vcpus: int = 1
    state: int = 0


def status(
    admin_state: AdminState,
    guest: GuestState,
    *,
    node: NodeState = NodeState.ANSWERED,
    source: AdminStateSource = ADMIN,
    user_may_stop: bool = False,
) -> InstanceStatus:
    instance = an_instance("web1", admin_state=admin_state, admin_state_source=source)
    return instance_status(instance, node, guest, user_may_stop=user_may_stop)


@pytest.mark.parametrize(
    ("admin_state", "guest", "expected"),
    [
        (UP, RUNNING, InstanceStatus.RUNNING),
        (UP, ABSENT, InstanceStatus.ERROR_DOWN),
        (DOWN, ABSENT, InstanceStatus.ADMIN_DOWN),
        (DOWN, RUNNING, InstanceStatus.ERROR_UP),
        (DOWN, STOPPED, InstanceStatus.ADMIN_DOWN),
        (OUT, ABSENT, InstanceStatus.ADMIN_OFFLINE),
        (OUT, STOPPED, InstanceStatus.ADMIN_OFFLINE),
        (OUT, RUNNING, InstanceStatus.ERROR_UP),
        (UP, ELSEWHERE, InstanceStatus.ERROR_WRONG_NODE),
        (DOWN, ELSEWHERE, InstanceStatus.ERROR_WRONG_NODE),
    ],
)
def test_wish_and_reality_make_the_status(admin_state, guest, expected):
    assert status(admin_state, guest) is expected


def test_guest_stopped_by_its_user_is_an_error_unless_that_is_allowed():
    assert status(UP, STOPPED) is InstanceStatus.ERROR_DOWN
    assert status(UP, STOPPED, user_may_stop=True) is InstanceStatus.USER_DOWN


def test_instance_marked_down_for_its_user_is_down_by_its_user():
    assert status(DOWN, ABSENT, source=USER) is InstanceStatus.USER_DOWN


def test_stopping_being_allowed_does_not_excuse_a_crash():
    assert status(UP, ABSENT, user_may_stop=True) is InstanceStatus.ERROR_DOWN


@pytest.mark.parametrize("admin_state", list(AdminState))
@pytest.mark.parametrize("guest", list(GuestState))
def test_node_that_cannot_tell_decides_alone(admin_state, guest):
    assert status(admin_state, guest, node=NodeState.OFFLINE) is InstanceStatus.ERROR_NODE_OFFLINE
    assert status(admin_state, guest, node=NodeState.SILENT) is InstanceStatus.ERROR_NODE_DOWN


def guests(answers: dict[str, dict[str, Guest] | None]) -> LiveInstances:
    return collate({uuid_of(node): found for node, found in answers.items()}, {"web1": NODE1, "web2": NODE2})


def test_guest_on_its_primary_node_runs():
    live = guests({"node1": {"web1": Guest()}, "node2": {}})

    assert live.guest("web1") is RUNNING
    assert live.guest("web2") is ABSENT


def test_guest_on_another_node_is_elsewhere():
    live = guests({"node1": {"web2": Guest(memory=64)}, "node2": {}})

    assert live.guest("web2") is ELSEWHERE
    assert live.figures["web2"].memory == 64


@pytest.mark.parametrize("order", [("node1", "node2"), ("node2", "node1")])
def test_guest_on_both_nodes_counts_on_its_primary(order):
    found = {"node1": {"web1": Guest(memory=1)}, "node2": {"web1": Guest(memory=2)}}
    live = guests({node: found[node] for node in order})

    assert live.guest("web1") is RUNNING
    assert live.figures["web1"].memory == 1


def test_guest_shut_down_from_inside_is_told_apart():
    assert guests({"node1": {"web1": Guest(state=SHUT_DOWN)}}).guest("web1") is STOPPED


def test_nodes_without_answer_are_known():
    assert guests({"node1": None, "node2": {}}).silent == {NODE1}
