"""Where an instance can go, and the record of its move."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganeti import errors
from ganeti.masterd.cmdlib.instance import relocation
from ganeti.masterd.cmdlib.instance.common import Placed, placed
from ganeti.masterd.config.draft import Draft
from ganeti.masterd.config.snapshot import Config
from ganeti.model.enums import REACHABLE_ANYWHERE, DiskTemplate
from ganeti.model.objects.node import Node
from ganeti.model.scalars import NodeName, Uuid
from ganeti.schema import replace
from test.support.config import make_config, make_disk, make_instance, make_node, uuid_of


def config_with(template: DiskTemplate, **node1: Any) -> Config:
    disks = [] if template == DiskTemplate.DISKLESS else [make_disk(1, dev_type=template)]
    instance = make_instance(1, disks=tuple(disk.uuid for disk in disks))
    config = make_config(nodes=3, instances=[instance], disks=disks)
    changed = replace(config.nodes[uuid_of("node", 1)], **node1)
    return config.changed({"nodes": {changed.uuid: changed}}, config.head)


def plan_of(config: Config) -> Placed:
    return placed(config, config.instances[uuid_of("inst", 1)], "migrate")


def target(config: Config, name: str | None = None, uuid: Uuid | None = None) -> Node:
    # services are asked only when neither name nor uuid is given
    choosing = relocation.choose_target(
        None,  # type: ignore[arg-type]
        config,
        plan_of(config),
        "migrate",
        target_node=NodeName(name) if name else None,
        target_uuid=uuid,
        iallocator=None,
    )
    return asyncio.run(choosing)


@pytest.mark.parametrize("template", sorted(REACHABLE_ANYWHERE))
def test_an_instance_whose_disks_are_everywhere_goes_to_the_node_named(template: DiskTemplate) -> None:
    config = config_with(template)

    assert target(config, "node1.example.com") == config.nodes[uuid_of("node", 1)]
    assert target(config, uuid=uuid_of("node", 2)) == config.nodes[uuid_of("node", 2)]


@pytest.mark.parametrize("template", sorted(set(DiskTemplate) - REACHABLE_ANYWHERE))
def test_an_instance_whose_disks_are_on_its_node_stays(template: DiskTemplate) -> None:
    with pytest.raises(errors.OpPrereqError, match=r"cannot migrate instance inst1\.example\.com: its disks"):
        target(config_with(template), "node1.example.com")


@pytest.mark.parametrize(
    ("state", "reason"),
    [
        ({"offline": True}, r"node node1\.example\.com is marked offline"),
        ({"drained": True}, r"node node1\.example\.com is drained"),
        ({"vm_capable": False}, r"node node1\.example\.com is not vm_capable"),
    ],
)
def test_a_node_that_takes_no_instances_is_refused(state: Mapping[str, bool], reason: str) -> None:
    with pytest.raises(errors.OpPrereqError, match=f"cannot migrate .*{reason}"):
        target(config_with(DiskTemplate.DISKLESS, **state), "node1.example.com")


def test_the_node_it_is_on_is_refused() -> None:
    with pytest.raises(errors.OpPrereqError, match="already"):
        target(config_with(DiskTemplate.DISKLESS), "node0.example.com")


@pytest.mark.parametrize("who", [{"name": "node9.example.com"}, {"uuid": uuid_of("node", 9)}])
def test_a_node_that_is_not_known_is_refused(who: Mapping[str, Any]) -> None:
    with pytest.raises(errors.OpPrereqError, match="is not known"):
        target(config_with(DiskTemplate.DISKLESS), **who)


def test_the_policy_of_the_target_s_group_counts() -> None:
    config = config_with(DiskTemplate.DISKLESS, group=uuid_of("group", 1))
    (default,) = config.groups.values()
    other = replace(default, uuid=uuid_of("group", 1), name="other", ipolicy={"disk-templates": ["diskless"]})
    config = config.changed({"nodegroups": {other.uuid: other}}, config.head)

    problems = {
        number: relocation.policy_problems(config, plan_of(config), config.nodes[uuid_of("node", number)])
        for number in (1, 2)
    }

    assert not any("template" in problem for problem in problems[1])
    assert any("template" in problem for problem in problems[2])


@given(st.lists(st.integers(0, 3), max_size=3), st.integers(0, 3))
def test_a_move_changes_the_primary_and_the_disks_that_go_along(holders: list[int], to: int) -> None:
    disks = [
        make_disk(number, dev_type=DiskTemplate.SHAREDFILE, nodes=(uuid_of("node", holder),))
        for number, holder in enumerate(holders)
    ]
    instance = make_instance(1, disks=tuple(disk.uuid for disk in disks))
    config = make_config(nodes=4, instances=[instance], disks=disks)
    draft = Draft(config)

    relocation.record_move(draft, instance, config.nodes[uuid_of("node", to)])

    assert draft.instances[instance.uuid] == replace(instance, primary_node=uuid_of("node", to))
    for disk, holder in zip(disks, holders, strict=True):
        assert draft.disks[disk.uuid].nodes == (uuid_of("node", to if holder == 0 else holder),)


def test_hooks_are_told_where_from_and_where_to() -> None:
    assert relocation.move_env(make_node(1), make_node(2)) == {
        "OLD_PRIMARY": "node1.example.com",
        "NEW_PRIMARY": "node2.example.com",
        "OLD_SECONDARY": "",
        "NEW_SECONDARY": "",
    }
