"""Whether a machine may become a node."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganeti import errors
from ganeti.masterd.cmdlib.node import joining
from ganeti.masterd.cmdlib.node.pool import digest_in
from ganeti.masterd.cmdlib.node.remove import check_removal
from ganeti.masterd.cmdlib.node.roles import FlagRequest
from ganeti.masterd.cmdlib.node.set_params import changes, check_instances, plan_flags, plan_power
from ganeti.masterd.cmdlib.node.storage import default_type, storage_rows
from ganeti.masterd.config.snapshot import Config
from ganeti.model.enums import DiskTemplate, StorageType
from ganeti.model.objects.configdata import ConfigData
from ganeti.model.opcodes.node import OpNodeAdd
from ganeti.schema import replace
from test.support.config_view import a_cluster, a_group, a_node, an_instance, uuid_of

MASTER = a_node("node1.example.com", primary_ip="127.0.1.1", secondary_ip="127.0.1.1", master_candidate=True)
OLD = a_node("node2.example.com", primary_ip="127.0.1.2", secondary_ip="127.0.1.2", offline=True, tags={"t"})


def config_of(*nodes, groups=(), instances=(), **cluster):
    every = [MASTER, *nodes]
    return Config.from_data(
        ConfigData(
            cluster=a_cluster(**cluster),
            nodes={node.uuid: node for node in every},
            nodegroups={group.uuid: group for group in (a_group(), *groups)},
            instances={instance.uuid: instance for instance in instances},
        )
    )


def planned(config, **fields):
    op = OpNodeAdd.from_wire({"node_name": "node3.example.com", "primary_ip": "127.0.1.3", **fields})
    return joining.plan_node(config, op, uuid_of("node3.example.com"))


def refused(match, config, **fields):
    with pytest.raises(errors.UserError, match=match):
        planned(config, **fields)


def test_a_new_node_has_one_address_and_both_capabilities():
    node = planned(config_of())

    assert (node.primary_ip, node.secondary_ip) == ("127.0.1.3", "127.0.1.3")
    assert node.master_capable and node.vm_capable and not node.master_candidate
    assert node.group == a_group().uuid


def test_a_known_name_is_only_taken_back():
    refused("already", config_of(OLD), node_name=OLD.name)
    refused("not in the cluster", config_of(), readd=True)
    refused("it is the master", config_of(), node_name=MASTER.name, readd=True)


def test_a_node_that_is_taken_back_keeps_what_it_had():
    node = planned(config_of(OLD), node_name=OLD.name, primary_ip=OLD.primary_ip, readd=True)

    assert node.uuid == OLD.uuid and node.tags == {"t"}
    assert not (node.offline or node.drained)
    refused("addresses of before", config_of(OLD), node_name=OLD.name, primary_ip="127.0.1.9", readd=True)
    refused("group", config_of(OLD), node_name=OLD.name, primary_ip=OLD.primary_ip, readd=True, group="default")


@pytest.mark.parametrize("field", ["primary_ip", "secondary_ip"])
def test_addresses_of_others_are_refused(field):
    refused("node2.example.com", config_of(OLD), **{field: "127.0.1.2"})


def test_nodes_are_alike_in_having_a_secondary_address():
    refused("secondary address", config_of(), secondary_ip="127.0.2.3")


def test_the_group_is_needed_where_there_are_several():
    refused("several node groups", config_of(groups=[a_group("other")]))


def test_parameters_of_a_group_are_refused_for_a_node():
    refused("exclusive_storage", config_of(), ndparams={"exclusive_storage": True})


def test_problems_of_the_new_node_are_named():
    checks = {"nodesetup": ["file hmac.key: no such file"], "nodelist": {"node1": "cannot reach it"}}

    assert joining.problems_of(OLD.name, checks) == ["file hmac.key: no such file", "cannot reach it"]
    assert joining.problems_of(OLD.name, {"nodesetup": [], "nodelist": {}}) == []
    assert len(joining.problems_of(OLD.name, {})) == 2


@given(st.floats(0, 1e6), st.floats(0, 1e3), st.floats(-1e5, 1e5))
def test_clock_skew_is_never_more_than_the_difference(start, took, offset):
    there = max(start + offset, 0.0)
    seconds = int(there)

    skew = joining.clock_skew({"time": [seconds, int((there - seconds) * 1e6)]}, start, start + took)

    assert skew is not None and 0 <= skew <= abs(there - start) + 1e-5


def test_a_digest_or_a_reason():
    assert digest_in({"client-cert": [None, "AA"]}) == ("AA", "")
    assert digest_in({"client-cert": ["ERROR", "is missing"]}) == ("", "is missing")
    assert digest_in({})[1]


def test_master_and_nodes_in_use_stay():
    config = config_of(OLD, instances=[an_instance("web1", OLD.name)])

    with pytest.raises(errors.OpPrereqError, match="it is the master"):
        check_removal(config, MASTER)
    with pytest.raises(errors.OpPrereqError, match="it holds web1"):
        check_removal(config, OLD)
    check_removal(config_of(OLD), OLD)


def test_a_node_with_instances_stays_vm_capable():
    config = config_of(OLD, instances=[an_instance("web1", OLD.name)])

    with pytest.raises(errors.OpPrereqError, match="web1"):
        check_instances(config, OLD, replace(OLD, vm_capable=False))


def test_power_is_only_known_with_a_helper():
    config = config_of(OLD)
    with pytest.raises(errors.OpPrereqError, match="out-of-band"):
        plan_power(config, OLD, OLD, True)
    helped = config_of(replace(OLD, powered=False), ndparams={"oob_program": "/bin/oob"})
    off = helped.nodes[OLD.uuid]
    with pytest.raises(errors.OpPrereqError, match="switch it on"):
        plan_power(helped, off, replace(off, offline=False), None)
    assert plan_power(helped, off, replace(off, offline=False), True).powered


def test_what_was_changed_is_answered_by_name():
    decision = plan_flags(config_of(OLD), OLD, FlagRequest(offline=False))

    assert changes(OLD, replace(decision.node, ndparams={"ssh_port": 23})) == [
        ("master_candidate", "True"),
        ("offline", "False"),
        ("nd/ssh_port", "23"),
    ]


def test_rows_of_storage_units_follow_the_fields_asked_for():
    rows = storage_rows(OLD.name, ["name", "free"], [["/b", 2], ["/a", 1]], ["free", "node", "name"])

    assert rows == [[1, OLD.name, "/a"], [2, OLD.name, "/b"]]
    assert default_type(a_cluster(enabled_disk_templates=(DiskTemplate.PLAIN,))) == StorageType.LVM_VG
