"""The fields of instances."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest

from ganeti.model.enums import AdminState, DiskTemplate, HypervisorName, NicMode
from ganeti.model.objects.network import Network
from ganeti.model.query.evaluate import run_query
from ganeti.model.query.fields.instance import INSTANCES
from ganeti.model.query.rows.instance import instance_rows
from ganeti.model.query.table import NODATA
from ganeti.utils import json
from test.support.config_view import (
    View,
    a_cluster,
    a_disk,
    a_group,
    a_nic,
    a_node,
    a_view,
    an_instance,
    uuid_of,
)

NODE1, NODE2 = "node1.example.com", "node2.example.com"


class Guest(NamedTuple):
    memory: int = 128
    vcpus: int = 2
    state: int = 0


def cells(view: View, *fields: str, **gathered: Any) -> list[list[object]]:
    """Return [status, value] of each field of the first instance."""
    return run_query(INSTANCES, instance_rows(view, **gathered), fields)["data"][0]


def values(view: View, *fields: str, **gathered: Any) -> list[object]:
    return [value for _, value in cells(view, *fields, **gathered)]


def one(**fields: Any) -> View:
    """Return a configuration with one instance."""
    return a_view(instances=[an_instance("web1.example.com", **fields)])


def test_rows_come_in_natural_order():
    view = a_view(instances=[an_instance(f"web{i}.example.com") for i in (10, 9, 1)])

    assert [row.instance.name[:5].rstrip(".") for row in instance_rows(view)] == ["web1", "web9", "web10"]


def test_only_named_instances_are_rows():
    view = a_view(instances=[an_instance(f"web{i}") for i in range(3)])

    assert [row.instance.name for row in instance_rows(view, only=["web1", "nosuch"])] == ["web1"]


def test_configuration_is_shown():
    view = one(admin_state=AdminState.DOWN, tags=frozenset({"b", "a"}), network_port=11000)

    assert values(view, "name", "os", "hypervisor", "admin_state", "admin_up", "tags", "network_port") == [
        "web1.example.com",
        "noop",
        "fake",
        "down",
        False,
        ["a", "b"],
        11000,
    ]


def test_what_is_not_set_is_unavailable():
    assert (
        cells(one(), "network_port", "ip", "disk.size/0", "nic.mac/7", "hv/kernel_path", "console") == [[3, None]] * 6
    )


def test_parameters_are_filled():
    cluster = a_cluster(
        beparams={"default": {"maxmem": 256}},
        os_hvp={"noop": {HypervisorName.KVM: {"kernel_path": "/boot/os"}}},
        osparams={"noop": {"a": "1", "b": "1"}},
    )
    instance = an_instance(
        "web1", hypervisor=HypervisorName.KVM, beparams={"vcpus": 4}, hvparams={"acpi": False}, osparams={"b": "2"}
    )
    view = a_view(cluster=cluster, instances=[instance])

    assert values(view, "be/maxmem", "be/memory", "be/minmem", "vcpus", "be/vcpus") == [256, 256, 128, 4, 4]
    assert values(view, "hv/kernel_path", "hv/acpi", "osparams") == ["/boot/os", False, {"a": "1", "b": "2"}]
    assert values(view, "custom_beparams", "custom_hvparams", "custom_osparams") == [
        {"vcpus": 4},
        {"acpi": False},
        {"b": "2"},
    ]
    assert values(view, "beparams")[0]["maxmem"] == 256


def test_private_parameters_are_never_shown():
    view = one(osparams_private={"password": "hunter2"})

    assert "hunter2" not in json.dumps(run_query(INSTANCES, instance_rows(view), None))


def test_disks_are_listed_in_order():
    disks = [
        a_disk("d0", nodes=[NODE1], size=10, name="root", spindles=2),
        a_disk("d1", nodes=[NODE1], size=20),
    ]
    instance = an_instance("web1", disks=(uuid_of("d0"), uuid_of("d1")))
    view = a_view(instances=[instance], disks=disks)

    assert values(view, "disk.count", "disk.sizes", "disk.names", "disk.spindles") == [
        2,
        [10, 20],
        ["root", None],
        [2, None],
    ]
    assert values(view, "disk.size/1", "disk.name/0", "disk.uuid/0", "sda_size", "sdb_size") == [
        20,
        "root",
        uuid_of("d0"),
        10,
        20,
    ]
    assert cells(view, "disk.name/1", "disk.size/2") == [[3, None], [3, None]]


@pytest.mark.parametrize(
    ("templates", "shown", "usage"),
    [
        ([], "diskless", 0),
        ([DiskTemplate.PLAIN, DiskTemplate.PLAIN], "plain", 2048),
        ([DiskTemplate.DRBD], "drbd", 1024 + 128),
        ([DiskTemplate.BLOCKDEV], "blockdev", 0),
        ([DiskTemplate.PLAIN, DiskTemplate.FILE], "mixed", 2048),
    ],
)
def test_template_and_usage_follow_from_the_disks(templates, shown, usage):
    disks = [a_disk(f"d{i}", nodes=[NODE1], dev_type=template) for i, template in enumerate(templates)]
    instance = an_instance("web1", disks=tuple(disk.uuid for disk in disks))
    view = a_view(instances=[instance], disks=disks)

    assert values(view, "disk_template", "disk_usage") == [shown, usage]


def test_nodes_and_groups_are_named():
    groups = [a_group(), a_group("other")]
    nodes = [a_node(NODE1), a_node(NODE2, group=uuid_of("other"))]
    disk = a_disk("d0", nodes=[NODE1, NODE2], dev_type=DiskTemplate.DRBD)
    view = a_view(groups=groups, nodes=nodes, disks=[disk], instances=[an_instance("web1", disks=(disk.uuid,))])

    assert values(view, "pnode", "pnode.group", "pnode.group.uuid") == [NODE1, "default", uuid_of("default")]
    assert values(view, "snodes", "snodes.group", "snodes.group.uuid") == [[NODE2], ["other"], [uuid_of("other")]]


def test_references_that_lead_nowhere_do_not_fail_the_query():
    view = a_view(nodes=[], groups=[], instances=[an_instance("web1", disks=(uuid_of("gone"),), nics=(a_nic(),))])

    answer = run_query(INSTANCES, instance_rows(view, answers={}), None)

    assert cells(view, "pnode", "pnode.group", "status", answers={}) == [[3, None], [3, None], [0, "ERROR_nodedown"]]
    assert json.dumps(answer)


def test_nics_have_filled_parameters_and_named_networks():
    network = Network(uuid=uuid_of("net"), name="net", network="192.0.2.0/24")
    group = a_group(networks={network.uuid: {"mode": NicMode.ROUTED.value, "link": "tbl", "vlan": ""}})
    nics = (
        a_nic(0, nicparams={"mode": "bridged", "link": "br7"}, ip="192.0.2.7", name="front"),
        a_nic(1, network=network.uuid),
    )
    view = a_view(groups=[group], networks=[network], instances=[an_instance("web1", nics=nics)])

    assert values(view, "nic.count", "nic.modes", "nic.links", "nic.bridges") == [
        2,
        ["bridged", "routed"],
        ["br7", "tbl"],
        ["br7", None],
    ]
    assert values(view, "nic.networks", "nic.networks.names", "nic.network.name/1", "nic.ips", "nic.names") == [
        [None, network.uuid],
        [None, "net"],
        "net",
        ["192.0.2.7", None],
        ["front", None],
    ]
    assert values(view, "bridge", "nic_link", "nic_mode", "mac", "ip", "nic.name/0") == [
        "br7",
        "br7",
        "bridged",
        nics[0].mac,
        "192.0.2.7",
        "front",
    ]
    assert cells(view, "nic.bridge/1", "nic_network") == [[3, None], [3, None]]


# --- what nodes answered ---------------------------------------------------------------

LIVE = ("status", "oper_state", "oper_ram", "oper_vcpus")


def test_running_instance_shows_the_figures_of_its_node():
    answers = {uuid_of(NODE1): {"web1.example.com": Guest()}}

    assert cells(one(), *LIVE, answers=answers) == [[0, "running"], [0, True], [0, 128], [0, 2]]


def test_instance_that_does_not_run_has_no_figures():
    assert cells(one(), *LIVE, answers={uuid_of(NODE1): {}}) == [[0, "ERROR_down"], [0, False], [3, None], [3, None]]


def test_silent_node_means_no_data():
    assert cells(one(), *LIVE, answers={uuid_of(NODE1): None}) == [
        [0, "ERROR_nodedown"],
        [2, None],
        [2, None],
        [2, None],
    ]


def test_offline_node_means_offline():
    view = a_view(nodes=[a_node(NODE1, offline=True)], instances=[an_instance("web1")])

    assert cells(view, *LIVE, answers={}) == [[0, "ERROR_nodeoffline"], [4, None], [4, None], [4, None]]


def test_instance_on_another_node_is_on_the_wrong_one():
    view = a_view(nodes=[a_node(NODE1), a_node(NODE2)], instances=[an_instance("web1")])
    answers = {uuid_of(NODE1): {}, uuid_of(NODE2): {"web1": Guest()}}

    assert cells(view, *LIVE, answers=answers) == [[0, "ERROR_wrongnode"], [0, True], [0, 128], [0, 2]]


@pytest.mark.parametrize(
    ("cluster_allows", "instance_allows", "expected"),
    [(True, True, "USER_down"), (True, False, "ERROR_down"), (False, True, "ERROR_down")],
)
def test_stopping_from_inside_must_be_allowed_by_cluster_and_instance(cluster_allows, instance_allows, expected):
    instance = an_instance("web1", hypervisor=HypervisorName.KVM, hvparams={"user_shutdown": instance_allows})
    view = a_view(cluster=a_cluster(enabled_user_shutdown=cluster_allows), instances=[instance])

    assert cells(view, "status", "oper_state", answers={uuid_of(NODE1): {"web1": Guest(state=1)}}) == [
        [0, expected],
        [0, False],
    ]


def test_console_is_what_was_gathered_or_the_reason_why_not():
    view = a_view(instances=[an_instance("web1"), an_instance("web2"), an_instance("web3")])
    consoles = {"web1": {"kind": "msg"}, "web2": NODATA}

    answer = run_query(INSTANCES, instance_rows(view, consoles=consoles), ["console"])

    assert answer["data"] == [[[0, {"kind": "msg"}]], [[2, None]], [[3, None]]]


def test_all_fields_have_a_json_form():
    disk = a_disk("d0", nodes=[NODE1])
    instance = an_instance("web1", disks=(disk.uuid,), nics=(a_nic(),), hypervisor=HypervisorName.KVM)
    view = a_view(instances=[instance], disks=[disk])
    answer = run_query(INSTANCES, instance_rows(view, answers={uuid_of(NODE1): {"web1": Guest()}}), None)

    assert json.loads(json.dumps(answer)) == answer
