"""The fields of all resources but instances."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

import pytest

from ganeti.model.enums import DiskTemplate, JobStatus, LogType, OpStatus, StorageType
from ganeti.model.objects.filter import Filter
from ganeti.model.objects.network import Network
from ganeti.model.query.evaluate import plain_rows, run_query
from ganeti.model.query.fields.cluster import CLUSTER, ClusterRow
from ganeti.model.query.fields.export import EXPORTS, export_rows
from ganeti.model.query.fields.extstorage import EXTSTORAGE, ProviderFound, provider_rows
from ganeti.model.query.fields.group import GROUPS, group_rows
from ganeti.model.query.fields.job import JOBS
from ganeti.model.query.fields.jobfilter import FILTERS, filter_rows
from ganeti.model.query.fields.lock import LOCKS
from ganeti.model.query.fields.network import NETWORKS, network_rows
from ganeti.model.query.fields.node import NODES
from ganeti.model.query.fields.os import OSES, os_rows
from ganeti.model.query.rows.node import node_rows
from ganeti.model.query.table import OFFLINE, Table
from ganeti.utils import json
from test.support.config_view import a_cluster, a_disk, a_group, a_nic, a_node, a_view, an_instance, uuid_of

NODE1, NODE2, NODE3 = "node1.example.com", "node2.example.com", "node3.example.com"


def cells(table: Table[Any], rows: Iterable[Any], *fields: str) -> list[list[object]]:
    """Return [status, value] of each field of the first row."""
    return run_query(table, rows, fields)["data"][0]


def values(table: Table[Any], rows: Iterable[Any], *fields: str) -> list[object]:
    return [value for _, value in cells(table, rows, *fields)]


def assert_plain(table: Table[Any], rows: Iterable[Any]) -> None:
    """Check that all fields can be sent and come out the same."""
    answer = run_query(table, rows, None)
    assert json.loads(json.dumps(answer)) == answer
    assert answer["data"]


# --- nodes -----------------------------------------------------------------------------


class Space(NamedTuple):
    type: StorageType
    storage_free: int | None
    storage_size: int | None


class Figures(NamedTuple):
    memory_total: int = 4096
    memory_free: int = 1024
    memory_dom0: int = 512
    cpu_total: int = 8
    cpu_nodes: int = 1
    cpu_sockets: int = 2
    cpu_dom0: int = 0


class Answer(NamedTuple):
    boot_id: str = "boot"
    storage: tuple[Space, ...] = (Space(StorageType.LVM_VG, 10, 20), Space(StorageType.LVM_PV, 3, 4))
    hypervisors: tuple[Figures, ...] = (Figures(),)


LIVE = (
    "bootid",
    "cnodes",
    "cnos",
    "csockets",
    "ctotal",
    "dfree",
    "dtotal",
    "mfree",
    "mnode",
    "mtotal",
    "spfree",
    "sptotal",
)


@pytest.mark.parametrize(
    ("fields", "role"),
    [
        ({"name": NODE1, "master_candidate": True}, "M"),
        ({"name": NODE2, "master_candidate": True}, "C"),
        ({"name": NODE2, "drained": True}, "D"),
        ({"name": NODE2, "offline": True}, "O"),
        ({"name": NODE2}, "R"),
    ],
)
def test_role_of_a_node(fields, role):
    assert values(NODES, node_rows(a_view(nodes=[a_node(**fields)])), "role") == [role]


def test_live_fields_show_what_the_node_answered():
    view = a_view()

    assert values(NODES, node_rows(view, answers={uuid_of(NODE1): Answer()}), *LIVE) == [
        "boot", 1, 0, 2, 8, 10, 20, 1024, 512, 4096, 3, 4,
    ]  # fmt: skip


def test_node_without_answer_has_no_data():
    assert cells(NODES, node_rows(a_view(), answers={uuid_of(NODE1): None}), *LIVE) == [[2, None]] * len(LIVE)


def test_offline_node_is_offline():
    view = a_view(nodes=[a_node(NODE1, offline=True)])

    assert cells(NODES, node_rows(view, answers={}), *LIVE) == [[4, None]] * len(LIVE)


def test_node_that_runs_no_instances_tells_its_boot_id_only():
    view = a_view(nodes=[a_node(NODE1, vm_capable=False)])
    answer = Answer(hypervisors=())

    assert cells(NODES, node_rows(view, answers={uuid_of(NODE1): answer}), *LIVE) == [
        [0, "boot"],
        *[[3, None]] * (len(LIVE) - 1),
    ]


def test_spindles_are_unavailable_without_exclusive_storage():
    answer = Answer(storage=(Space(StorageType.FILE, None, 20),))
    rows = node_rows(a_view(), answers={uuid_of(NODE1): answer})

    assert cells(NODES, rows, "dfree", "dtotal", "spfree") == [[3, None], [0, 20], [3, None]]


def test_power_is_known_where_something_manages_it():
    managed = a_node(NODE1, ndparams={"oob_program": "/bin/oob"}, powered=False)

    assert cells(NODES, node_rows(a_view(nodes=[managed])), "powered") == [[0, False]]
    assert cells(NODES, node_rows(a_view()), "powered") == [[3, None]]


def test_instances_of_a_node_are_counted_by_role():
    disk = a_disk("d0", nodes=(), dev_type=DiskTemplate.DRBD, logical_id=(uuid_of(NODE1), uuid_of(NODE2), 1, 0, 0, "s"))
    view = a_view(
        nodes=[a_node(NODE1), a_node(NODE2)],
        disks=[disk],
        instances=[an_instance("web10", disks=(disk.uuid,)), an_instance("web9")],
    )
    fields = ("name", "pinst_cnt", "pinst_list", "sinst_cnt", "sinst_list")

    assert plain_rows(run_query(NODES, node_rows(view), fields)) == [
        [NODE1, 2, ["web9", "web10"], 0, []],
        [NODE2, 0, [], 1, ["web10"]],
    ]


def test_node_parameters_are_filled_from_the_group():
    view = a_view(groups=[a_group(ndparams={"spindle_count": 7})], nodes=[a_node(NODE1, ndparams={"ssh_port": 2222})])

    assert values(NODES, node_rows(view), "ndp/spindle_count", "ndp/ssh_port", "custom_ndparams", "group") == [
        7,
        2222,
        {"ssh_port": 2222},
        "default",
    ]


def test_node_fields_have_a_json_form():
    assert_plain(NODES, node_rows(a_view(), answers={uuid_of(NODE1): Answer()}))
    assert_plain(NODES, node_rows(a_view(groups=[])))


# --- groups and networks -----------------------------------------------------------------


def test_group_lists_its_nodes_and_their_instances():
    view = a_view(
        groups=[a_group(), a_group("other")],
        nodes=[a_node("node10"), a_node("node9"), a_node("node1", group=uuid_of("other"))],
        instances=[an_instance("web2", "node9"), an_instance("web1", "node10")],
    )
    fields = ("name", "node_cnt", "node_list", "pinst_cnt", "pinst_list")

    assert plain_rows(run_query(GROUPS, group_rows(view), fields)) == [
        ["default", 2, ["node9", "node10"], 2, ["web1", "web2"]],
        ["other", 1, ["node1"], 0, []],
    ]


def test_group_shows_filled_and_own_parameters():
    group = a_group(ndparams={"spindle_count": 7}, diskparams={DiskTemplate.DRBD: {"metavg": "meta"}})
    rows = group_rows(a_view(groups=[group]))

    assert values(GROUPS, rows, "ndp/spindle_count", "custom_ndparams", "custom_diskparams", "custom_ipolicy") == [
        7,
        {"spindle_count": 7},
        {"drbd": {"metavg": "meta"}},
        {},
    ]
    filled = values(GROUPS, rows, "diskparams", "ipolicy", "ndparams")
    assert filled[0]["drbd"]["metavg"] == "meta"
    assert "minmax" in filled[1] and filled[2]["ssh_port"] == 22
    assert_plain(GROUPS, rows)


def a_network(**fields: Any) -> Network:
    return Network(**{"uuid": uuid_of("net"), "name": "net", "network": "192.0.2.0/29", **fields})


def test_network_shows_which_addresses_are_taken():
    network = a_network(reservations="01000000", ext_reservations="10000001")
    fields = ("map", "free_count", "reserved_count", "external_reservations")

    assert values(NETWORKS, network_rows(a_view(networks=[network])), *fields) == [
        "XX.....X",
        5,
        3,
        "192.0.2.0, 192.0.2.7",
    ]


def test_network_lists_groups_and_instances_that_use_it():
    params = {"mode": "bridged", "link": "br0", "vlan": ""}
    view = a_view(
        groups=[a_group(networks={uuid_of("net"): params}), a_group("other")],
        networks=[a_network()],
        instances=[an_instance("web1", nics=(a_nic(0, network=uuid_of("net")), a_nic(1, network=uuid_of("net"))))],
    )
    fields = ("group_cnt", "group_list", "inst_cnt", "inst_list")

    assert values(NETWORKS, network_rows(view), *fields) == [1, [["default", "bridged", "br0", ""]], 1, ["web1"]]
    assert cells(NETWORKS, network_rows(view), "gateway", "network6") == [[3, None], [3, None]]
    assert_plain(NETWORKS, network_rows(view))


# --- jobs, locks, filters of jobs ----------------------------------------------------------


class Op(NamedTuple):
    input: dict[str, object]
    status: OpStatus = OpStatus.SUCCESS
    result: object = None
    log: tuple[tuple[int, tuple[int, int], LogType, object], ...] = ()
    priority: int = 0
    start_timestamp: tuple[int, int] | None = None
    exec_timestamp: tuple[int, int] | None = None
    end_timestamp: tuple[int, int] | None = None


class Job(NamedTuple):
    id: int
    ops: tuple[Op, ...]
    status: JobStatus = JobStatus.RUNNING
    priority: int = 0
    archived: bool = False
    received_timestamp: tuple[int, int] | None = (100, 500_000)
    start_timestamp: tuple[int, int] | None = None
    end_timestamp: tuple[int, int] | None = None


STARTUP = {"OP_ID": "OP_INSTANCE_STARTUP", "instance_name": "web1"}


def test_job_shows_one_value_for_each_opcode():
    job = Job(
        7,
        (
            Op(STARTUP, log=((1, (5, 6), LogType.MESSAGE, "hello"),), end_timestamp=(9, 0)),
            Op({"OP_ID": "OP_TEST_DELAY", "duration": 1.5}, OpStatus.RUNNING),
        ),
    )
    fields = ("id", "status", "summary", "opstatus", "oplog", "opend", "received_ts")

    assert values(JOBS, [job], *fields) == [
        7,
        "running",
        ["INSTANCE_STARTUP(web1)", "TEST_DELAY(1500000000 ns)"],
        ["success", "running"],
        [[[1, [5, 6], "message", "hello"]], []],
        [[9, 0], None],
        [100, 500_000],
    ]
    assert cells(JOBS, [job], "start_ts", "end_ts") == [[3, None], [3, None]]
    assert_plain(JOBS, [job])


def test_opcode_of_another_release_still_has_a_summary():
    assert values(JOBS, [Job(1, (Op({"OP_ID": "OP_NEW_THING", "x": 1}),))], "summary") == [["NEW_THING"]]
    assert values(JOBS, [Job(1, (Op({}),))], "summary") == [[""]]


def test_jobs_are_found_by_number_and_time():
    jobs = [Job(7, (Op(STARTUP),)), Job(8, (Op(STARTUP),), received_timestamp=(200, 0))]

    assert plain_rows(run_query(JOBS, jobs, ["id"], ["==", "id", "8"])) == [[8]]
    assert plain_rows(run_query(JOBS, jobs, ["id"], ["<", "received_ts", 100.6])) == [[7]]


class Lock(NamedTuple):
    name: str
    mode: str | None
    owner: list[str]
    pending: list[tuple[str, list[str]]]


def test_lock_shows_who_holds_it_and_who_waits():
    held = Lock("instance/web1", "exclusive", ["7"], [("shared", ["8", "9"])])

    assert values(LOCKS, [held], "name", "mode", "owner", "pending") == [
        "instance/web1",
        "exclusive",
        ["7"],
        [["shared", ["8", "9"]]],
    ]


def test_lock_nobody_holds_has_no_mode_and_no_owner():
    assert cells(LOCKS, [Lock("a", None, [], [])], "mode", "owner", "pending") == [[3, None], [3, None], [0, []]]


def test_job_filters_come_in_the_order_in_which_they_are_looked_at():
    rules = [
        Filter(
            uuid=uuid_of(str(n)),
            watermark=n,
            priority=p,
            action=("RATE_LIMIT", 2),
            predicates=(("jobid", ["?", "id"]),),
        )
        for n, p in ((3, 1), (2, 1), (9, 0))
    ]
    rows = filter_rows(a_view(filters=rules))

    assert plain_rows(run_query(FILTERS, rows, ["watermark", "action", "predicates"])) == [
        [n, ["RATE_LIMIT", 2], [["jobid", ["?", "id"]]]] for n in (9, 2, 3)
    ]
    assert_plain(FILTERS, rows)


# --- the cluster, exports, operating systems, providers -------------------------------------


def test_cluster_is_one_row():
    row = ClusterRow(a_cluster(), NODE1, "4.0.0", "abc", ("64bit", "x86_64"), True, None)

    assert values(CLUSTER, [row], "name", "cluster_name", "master_node", "drain_flag", "os_api_version") == [
        "cluster.example.com",
        "cluster.example.com",
        NODE1,
        True,
        20,
    ]
    assert cells(CLUSTER, [row], "watcher_pause", "volume_group_name") == [[3, None], [3, None]]
    assert cells(CLUSTER, [row._replace(watcher_pause=5.5, queue_drained=OFFLINE)], "watcher_pause", "drain_flag") == [
        [0, 5.5],
        [4, None],
    ]
    assert_plain(CLUSTER, [row])


def test_exports_are_listed_by_node_and_say_why_when_not_known():
    view = a_view(nodes=[a_node(NODE3, offline=True), a_node(NODE2), a_node(NODE1)])
    rows = export_rows(view, {uuid_of(NODE1): ["web10", "web9"], uuid_of(NODE2): None})

    assert run_query(EXPORTS, rows, ["node", "export"])["data"] == [
        [[0, NODE1], [0, "web9"]],
        [[0, NODE1], [0, "web10"]],
        [[0, NODE2], [2, None]],
        [[0, NODE3], [4, None]],
    ]


class Os(NamedTuple):
    name: str
    path: str = "/srv/os/x"
    status: bool = True
    diagnose: str = ""
    variants: tuple[str, ...] = ("a", "b")
    parameters: tuple[tuple[str, str], ...] = (("p", "doc"),)
    api_versions: tuple[int, ...] = (15, 20)
    trusted: bool = True


def test_operating_system_is_valid_where_all_nodes_can_use_it():
    good, bad = Os("good"), Os("bad", status=False, diagnose="no create script")
    rows = os_rows(a_cluster(hidden_os=("good",)), {NODE1: [good, bad], NODE2: [good], NODE3: None})
    fields = ("name", "valid", "hidden", "blacklisted", "variants")

    assert plain_rows(run_query(OSES, rows, fields)) == [
        ["bad", False, False, False, []],
        ["good", True, True, False, ["a", "b"]],
    ]
    assert_plain(OSES, rows)


def test_operating_system_offers_what_all_nodes_support():
    rows = os_rows(
        a_cluster(osparams={"x": {"p": "1"}}),
        {
            NODE1: [Os("x", variants=("b", "a"))],
            NODE2: [Os("x", variants=("a", "c", "b"), api_versions=(20,), parameters=())],
        },
    )

    assert values(OSES, rows, "variants", "api_versions", "parameters", "osparams") == [
        ["b", "a"],
        [20],
        [],
        {"p": "1"},
    ]


def test_first_definition_of_a_node_is_the_one_in_use():
    rows = os_rows(a_cluster(), {NODE1: [Os("x", path="/a", status=False), Os("x", path="/b")]})

    assert values(OSES, rows, "valid") == [False]
    assert [found[0] for found in values(OSES, rows, "node_status")[0][NODE1]] == ["/a", "/b"]


def test_provider_is_valid_by_group():
    view = a_view(
        groups=[a_group(), a_group("other")],
        nodes=[a_node(NODE1), a_node(NODE2), a_node(NODE3, group=uuid_of("other"))],
    )
    good = ProviderFound("rbd", "/x", True, "", (("size", "doc"),))
    rows = provider_rows(view, {uuid_of(NODE1): [good], uuid_of(NODE2): [], uuid_of(NODE3): [good]})

    assert values(EXTSTORAGE, rows, "name", "nodegroup_status", "parameters") == [
        "rbd",
        {"default": False, "other": True},
        [["size", "doc"]],
    ]
    assert_plain(EXTSTORAGE, rows)
