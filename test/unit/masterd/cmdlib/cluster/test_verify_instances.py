"""Judging whether instances are where they are meant to be."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ganeti.masterd.cmdlib.cluster import verify_checks, verify_config
from ganeti.masterd.cmdlib.cluster.verify_instances import judge_disks, judge_instance, judge_memory, judge_running
from ganeti.masterd.config.snapshot import Config
from ganeti.model.enums import AdminState, DiskTemplate, VerifyCode
from ganeti.model.objects.configdata import ConfigData
from test.support.config_view import a_cluster, a_disk, a_group, a_node, an_instance, uuid_of

MASTER = a_node("node1.example.com", master_candidate=True)


def config_of(*, nodes=(), instances=(), disks=(), groups=(), **cluster):
    every = [MASTER, *nodes]
    data = ConfigData(
        cluster=a_cluster(**cluster),
        nodes={node.uuid: node for node in every},
        nodegroups={group.uuid: group for group in (a_group(), *groups)},
        instances={instance.uuid: instance for instance in instances},
        disks={disk.uuid: disk for disk in disks},
    )
    return Config.from_data(data)


def codes(findings):
    return [finding.code for finding in findings if not finding.is_warning]


def test_an_instance_that_runs_where_it_should_is_fine():
    web = an_instance("web1")

    assert codes(judge_instance(config_of(instances=[web]), web, {MASTER.name: {"web1"}})) == []


def test_an_instance_that_should_run_and_does_not_is_down():
    web = an_instance("web1")

    assert codes(judge_instance(config_of(instances=[web]), web, {MASTER.name: set()})) == [VerifyCode.EINSTANCEDOWN]


def test_a_stopped_instance_is_not_expected_and_a_silent_node_says_nothing():
    stopped, web = an_instance("web1", admin_state=AdminState.DOWN), an_instance("web2")
    config = config_of(instances=[stopped, web])

    assert codes(judge_instance(config, stopped, {MASTER.name: set()})) == []
    assert codes(judge_instance(config, web, {})) == []


def test_an_instance_on_an_offline_node_is_told_once():
    node = a_node("node2.example.com", offline=True)
    web = an_instance("web1", "node2.example.com")

    found = judge_instance(config_of(nodes=[node], instances=[web]), web, {})

    assert codes(found) == [VerifyCode.EINSTANCEBADNODE]


def test_strangers_and_wrong_places_are_found():
    node = a_node("node2.example.com")
    web = an_instance("web1")
    config = config_of(nodes=[node], instances=[web])

    found = judge_running(config, {MASTER.name: {"web1", "ghost"}, node.name: {"web1"}})

    assert [(f.code, f.item) for f in found] == [
        (VerifyCode.ENODEORPHANINSTANCE, MASTER.name),
        (VerifyCode.EINSTANCEWRONGNODE, "web1"),
    ]


def test_an_instance_that_runs_twice_is_not_to_be_recorded_elsewhere_but_stopped_there():
    node = a_node("node2.example.com")
    config = config_of(nodes=[node], instances=[an_instance("web1")])

    (twice,) = judge_running(config, {MASTER.name: {"web1"}, node.name: {"web1"}})
    (moved,) = judge_running(config, {MASTER.name: set(), node.name: {"web1"}})

    assert f"runs on node {node.name} and on its primary node {MASTER.name}" in twice.text
    assert "stop it" in twice.text and "--cleanup" not in twice.text
    assert "--cleanup" in moved.text


def drbd(name, primary, secondary, **fields):
    disk = a_disk(
        f"{name}-disk",
        dev_type=DiskTemplate.DRBD,
        logical_id=(uuid_of(primary), uuid_of(secondary), 11000, 0, 0, "x"),
        nodes=(primary, secondary),
    )
    return an_instance(name, primary, disks=(disk.uuid,), beparams={"minmem": 1000, "maxmem": 1000}, **fields), disk


def test_a_node_must_be_able_to_take_over_from_any_other():
    node = a_node("node2.example.com")
    one, disk1 = drbd("web1", MASTER.name, node.name)
    two, disk2 = drbd("web2", MASTER.name, node.name)
    config = config_of(nodes=[node], instances=[one, two], disks=[disk1, disk2])

    assert judge_memory(config, [node], {node.name: 2000}) == []
    (finding,) = judge_memory(config, [node], {node.name: 1999})
    assert (finding.code, finding.item) == (VerifyCode.ENODEN1, node.name)
    assert "2000 MiB" in finding.text


def test_a_missing_disk_is_told_with_its_index():
    web, disk = drbd("web1", MASTER.name, "node2.example.com")
    config = config_of(nodes=[a_node("node2.example.com")], instances=[web], disks=[disk])

    (finding,) = judge_disks(config, {disk.uuid: ["node2.example.com"]})

    assert (finding.item, finding.text) == ("web1", "disk/0 is missing on node2.example.com")


def test_a_mirrored_instance_over_two_groups_is_found():
    other = a_group("other")
    node = a_node("node2.example.com", group=other.uuid)
    web, disk = drbd("web1", MASTER.name, node.name)

    found = judge_instance(config_of(nodes=[node], groups=[other], instances=[web], disks=[disk]), web, {})

    assert codes(found) == [VerifyCode.EINSTANCESPLITGROUPS]


def test_policy_is_a_warning():
    web = an_instance("web1", beparams={"vcpus": 60})

    found = judge_instance(config_of(instances=[web]), web, {MASTER.name: {"web1"}})

    assert {(f.code, f.is_warning) for f in found} == {(VerifyCode.EINSTANCEPOLICY, True)}
    assert any("cpu-count" in f.text for f in found)


def test_dangling_records_are_found_in_the_configuration():
    lost = an_instance("web1", "node9.example.com")
    stray = a_node("node2.example.com", group=uuid_of("nowhere"))

    found = verify_config.judge_config(config_of(nodes=[stray], instances=[lost]))

    assert {VerifyCode.ECLUSTERDANGLINGINST, VerifyCode.ECLUSTERDANGLINGNODES} <= set(codes(found))


@given(st.integers(1, 12))
def test_the_ring_passes_every_node_once(count):
    nodes = [a_node(f"node{number}") for number in range(count)]

    following = [verify_checks.next_in_ring(node, nodes) for node in nodes]

    if count == 1:
        assert following == [None]
    else:
        assert sorted(node.name for node in following if node) == sorted(node.name for node in nodes)
        assert all(a.uuid != b.uuid for a, b in zip(nodes, following, strict=True) if b)
