"""Rules about roles of nodes and the pool of master candidates."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganeti import errors
from ganeti.masterd.cmdlib.node import roles
from ganeti.masterd.cmdlib.node.roles import FlagRequest
from ganeti.model.enums import NodeRole
from ganeti.model.objects.node import Node
from test.support.config_view import a_node, uuid_of

MASTER = uuid_of("n0")

STATES = ("regular", "candidate", "drained", "offline")


def node_in(index: int, state: str, capable: bool = True, group: str = "default") -> Node:
    return a_node(
        f"n{index}",
        group=uuid_of(group),
        master_capable=capable,
        master_candidate=state == "candidate" and capable,
        drained=state == "drained",
        offline=state == "offline",
    )


clusters = st.lists(
    st.tuples(st.sampled_from(STATES), st.booleans(), st.sampled_from(("g1", "g2", "g3"))), max_size=8
).map(
    lambda rows: (
        [node_in(0, "candidate")]
        + [node_in(index, state, capable, group) for index, (state, capable, group) in enumerate(rows, 1)]
    )
)
requests = st.builds(FlagRequest, *[st.sampled_from((None, None, True, False)) for _ in FlagRequest._fields])


def after(nodes: list[Node], change: roles.PoolChange) -> list[Node]:
    promoted = {node.uuid for node in change.promote}
    demoted = {node.uuid for node in change.demote}
    return [node if node.uuid not in promoted | demoted else node_with(node, node.uuid in promoted) for node in nodes]


def node_with(node: Node, candidate: bool) -> Node:
    return Node(**{**node.__dict__, "master_candidate": candidate})


@given(clusters, st.integers(1, 12), st.booleans())
def test_pool_is_filled_as_far_as_nodes_allow_and_never_without_the_master(nodes, size, shrink):
    change = roles.plan_pool(nodes, MASTER, size, shrink=shrink)

    candidates = [node for node in after(nodes, change) if node.master_candidate]
    assert MASTER in {node.uuid for node in candidates}
    assert all(roles.can_be_candidate(node) for node in candidates)
    assert len(candidates) >= roles.wanted_candidates(nodes, size)
    if shrink:
        assert len(candidates) == roles.wanted_candidates(nodes, size)


@given(clusters, st.integers(1, 12))
def test_filling_the_pool_twice_changes_nothing_more(nodes, size):
    filled = after(nodes, roles.plan_pool(nodes, MASTER, size, shrink=True))

    assert roles.plan_pool(filled, MASTER, size, shrink=True) == ((), ())


@given(clusters, st.integers(1, 12), st.data())
def test_leaving_and_unable_nodes_are_not_promoted(nodes, size, data):
    uuids = [node.uuid for node in nodes if node.uuid != MASTER]
    leaving = data.draw(st.sets(st.sampled_from(uuids))) if uuids else set()
    unable = data.draw(st.sets(st.sampled_from(uuids))) if uuids else set()

    change = roles.plan_pool(nodes, MASTER, size, leaving=leaving, unable=unable)

    assert not {node.uuid for node in change.promote} & (leaving | unable)
    assert not change.demote


def test_copies_are_spread_over_groups():
    nodes = [node_in(0, "candidate", group="a"), node_in(1, "regular", group="a"), node_in(2, "regular", group="b")]

    change = roles.plan_pool(nodes, MASTER, 2)

    assert [node.name for node in change.promote] == ["n2"]


def test_a_pool_that_is_too_large_keeps_the_master():
    nodes = [node_in(index, "candidate") for index in range(4)]

    change = roles.plan_pool(nodes, MASTER, 1, shrink=True)

    assert {node.name for node in change.demote} == {"n1", "n2", "n3"}


@given(clusters, requests, st.integers(0, 8), st.booleans())
def test_a_decision_leaves_each_node_one_role_and_the_master_its_own(nodes, request, index, needed):
    node = nodes[index % len(nodes)]
    is_master = node.uuid == MASTER
    try:
        new = roles.decide_flags(node, request, is_master=is_master, pool_needs_it=needed).node
    except errors.OpPrereqError:
        return

    assert [new.master_candidate, new.drained, new.offline].count(True) <= 1
    assert not new.master_candidate or new.master_capable
    if is_master:
        assert roles.role_of(new, MASTER) == NodeRole.MASTER
        assert new.master_candidate and roles.can_be_candidate(new)


@given(clusters, requests, st.integers(0, 8), st.integers(1, 10))
def test_change_and_promotion_together_never_leave_too_few_candidates(nodes, request, index, size):
    node = nodes[index % len(nodes)]
    nodes = after(nodes, roles.plan_pool(nodes, MASTER, size))
    node = next(n for n in nodes if n.uuid == node.uuid)
    room = roles.has_room(nodes, node_with_role(node, request), size)
    try:
        new = roles.decide_flags(node, request, is_master=node.uuid == MASTER, pool_needs_it=room).node
    except errors.OpPrereqError:
        return
    leaving = set() if new.master_candidate else {new.uuid}

    change = roles.plan_pool(nodes, MASTER, size, leaving=leaving)

    result = [new if n.uuid == new.uuid else n for n in after(nodes, change)]
    assert any(n.uuid == MASTER and n.master_candidate for n in result)
    others = [n for n in result if n.uuid != new.uuid]
    assert sum(n.master_candidate for n in result) >= roles.wanted_candidates(others, size)


def node_with_role(node: Node, request: FlagRequest) -> Node:
    capable = node.master_capable if request.master_capable is None else request.master_capable
    return Node(**{**node.__dict__, "offline": False, "drained": False, "master_capable": capable})


def test_a_candidate_leaves_only_when_the_pool_stays_full():
    nodes = [node_in(0, "candidate"), node_in(1, "candidate"), node_in(2, "regular")]
    offline = roles.decide_flags(nodes[1], FlagRequest(offline=True), is_master=False, pool_needs_it=False).node

    with pytest.raises(errors.OpPrereqError, match="--auto-promote"):
        roles.check_pool(nodes, offline, MASTER, 2)
    roles.check_pool(nodes[:2], offline, MASTER, 2)
    roles.check_pool(nodes, offline, MASTER, 1)


@pytest.mark.parametrize(
    "request_",
    [FlagRequest(offline=True), FlagRequest(drained=True), FlagRequest(False), FlagRequest(master_capable=False)],
)
def test_the_master_keeps_its_role(request_):
    with pytest.raises(errors.OpPrereqError, match="it is the master"):
        roles.decide_flags(node_in(0, "candidate"), request_, is_master=True, pool_needs_it=False)


def test_two_roles_at_once_are_refused():
    with pytest.raises(errors.OpPrereqError, match="master candidate and offline"):
        roles.decide_flags(
            node_in(1, "regular"),
            FlagRequest(master_candidate=True, offline=True),
            is_master=False,
            pool_needs_it=False,
        )


def test_a_node_that_comes_back_is_promoted_when_needed():
    offline = node_in(1, "offline")

    needed = roles.decide_flags(offline, FlagRequest(offline=False), is_master=False, pool_needs_it=True)
    spare = roles.decide_flags(offline, FlagRequest(offline=False), is_master=False, pool_needs_it=False)

    assert needed.node.master_candidate and needed.notes
    assert not spare.node.master_candidate and not spare.node.offline


def test_losing_the_capability_ends_candidacy():
    decision = roles.decide_flags(
        node_in(1, "candidate"), FlagRequest(master_capable=False), is_master=False, pool_needs_it=True
    )

    assert roles.changed_flags(node_in(1, "candidate"), decision.node) == [
        ("master_candidate", False),
        ("master_capable", False),
    ]
