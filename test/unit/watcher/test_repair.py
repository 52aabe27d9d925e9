"""What the watcher fails over without anybody's word, and where to."""

from __future__ import annotations

import logging

import pytest

from ganeti.model.enums import InstanceStatus
from ganeti.model.scalars import InstanceName, NodeName
from ganeti.watcher.plan import EXPIRY, MAX_RESTARTS, InstanceFact, Locked, LockFact
from ganeti.watcher.repair import PREFIX, Host, Lost, Repairs, is_allowed, lost_ones, make_repairs
from ganeti.watcher.state import Attempts

NOW = 1_700_000_000.0
WEB, DB = InstanceName("web.example.com"), InstanceName("db.example.com")
OFF = NodeName("node1")


def tags(*words: str) -> list[str]:
    return [PREFIX + word for word in words]


@pytest.mark.parametrize(
    ("instance", "group", "cluster", "allowed"),
    [
        ([], [], [], False),
        (["web", "autorepair:failover"], [], [], False),
        (tags("failover"), [], [], True),
        ([], tags("failover"), [], True),
        ([], [], tags("failover"), True),
        (tags("reinstall"), [], [], True),  # allows the milder ones
        (tags("migrate"), [], [], False),
        (tags("fix-storage"), [], tags("failover"), False),  # the nearest decides
        (tags("failover"), tags("migrate"), [], True),
        (tags("failover", "migrate"), [], [], False),  # the mildest
        (tags("nonsense"), tags("failover"), [], True),
        (tags("failover", "suspend"), [], [], False),
        (tags("failover"), [], tags("suspend"), False),
        (tags("failover", f"suspend:{NOW + 1:.0f}"), [], [], False),
        (tags("failover", f"suspend:{NOW:.0f}"), [], [], True),
        (tags("failover", "suspend:tomorrow"), [], [], False),
        (tags("pending:failover:7:1:2", "result:failover:7:1:failure:2"), [], [], False),
    ],
)
def test_f24_nothing_is_failed_over_unless_a_tag_allows_it(
    instance: list[str], group: list[str], cluster: list[str], allowed: bool
) -> None:
    assert is_allowed([instance, group, cluster], NOW) is allowed


def fact(status: InstanceStatus, *, up: bool = True) -> InstanceFact:
    return InstanceFact(WEB, status, up, up)


@pytest.mark.parametrize("status", InstanceStatus)
def test_f24_lost_is_what_should_run_on_a_node_that_gives_no_answer(status: InstanceStatus) -> None:
    lost = status in (InstanceStatus.ERROR_NODE_DOWN, InstanceStatus.ERROR_NODE_OFFLINE)

    assert lost_ones([fact(status)], Locked([])) == ([WEB] if lost else [])
    assert lost_ones([fact(status, up=False)], Locked([])) == []
    assert lost_ones([fact(status)], Locked([LockFact(f"instance/{WEB}", "exclusive")])) == []


def lost(*names: InstanceName, memory: int = 100) -> list[Lost]:
    return [Lost(name, OFF, memory) for name in names]


def hosts(*free: int) -> list[Host]:
    return [Host(NodeName(f"node{number}"), each, "") for number, each in enumerate(free, 1)]


def targets(found: Repairs) -> dict[str, str | None]:
    return {repair.instance.name: repair.target for repair in found.todo}


def test_f24_instances_go_where_most_memory_is_free() -> None:
    found = make_repairs({}, lost(WEB, DB), hosts(900, 150, 200), False, NOW)

    assert targets(found) == {WEB: "node3", DB: "node2"}
    assert found.tried == {name: Attempts(restart_count=1, restart_when=NOW) for name in (WEB, DB)}


def test_f24_allocator_is_left_to_choose_where_there_is_one() -> None:
    assert targets(make_repairs({}, lost(WEB), hosts(0, 0), True, NOW)) == {WEB: None}


@pytest.mark.parametrize("free", [(900, 0), (900, 99)])
def test_f24_without_room_elsewhere_nothing_is_tried(free: tuple[int, ...]) -> None:
    found = make_repairs({}, lost(WEB), hosts(*free), False, NOW)

    assert (targets(found), found.tried) == ({}, {})
    assert "no node has 100 MiB free" in found.notes[0].text


def test_f24_what_fails_is_tried_with_pauses_and_given_up_and_told_once() -> None:
    def tried(count: int, ago: float) -> dict[InstanceName, Attempts]:
        return {WEB: Attempts(restart_count=count, restart_when=NOW - ago)}

    def after(count: int, ago: float) -> Repairs:
        return make_repairs(tried(count, ago), lost(WEB), hosts(0, 900), False, NOW)

    assert targets(after(2, 299)) == {} and targets(after(2, 300)) == {WEB: "node2"}
    last = after(MAX_RESTARTS, EXPIRY - 1)
    assert targets(last) == {} and [note.level for note in last.notes] == [logging.ERROR]
    assert f"gnt-instance failover {WEB}" in last.notes[0].text
    assert make_repairs(last.tried, lost(WEB), hosts(0, 900), False, NOW).notes == []
