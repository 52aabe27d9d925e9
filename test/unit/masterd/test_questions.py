"""Questions to a master daemon: what is answered from where, and what is asked of nodes for it."""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any

import pytest

from ganeti import errors
from ganeti.luxi import methods as m
from ganeti.model.enums import QueryStatus
from ganeti.model.objects.filter import Filter
from ganeti.model.opcodes.node import OpNodeSetParams
from ganeti.model.opcodes.tags import OpTagsSet
from ganeti.model.scalars import Uuid
from ganeti.utils import files
from test.support.sim import Master, SimCluster
from test.support.sim_net import State
from test.support.sim_ops import create, delay, name_of, node

NORMAL, NODATA, UNAVAIL, OFFLINE = (
    int(status) for status in (QueryStatus.NORMAL, QueryStatus.NODATA, QueryStatus.UNAVAIL, QueryStatus.OFFLINE)
)
_UPKEEP = frozenset({
    "jobqueue_archived", "jobqueue_digests", "jobqueue_set_drain_flag", "jobqueue_update",
    "edit_file_single", "master_behind", "upload_file_single", "write_ssconf_files",
})  # fmt: skip
Scenario = Callable[[Master], Awaitable[object]]


@pytest.fixture
def cluster(sim_directory: str) -> Iterator[SimCluster]:
    yield SimCluster(os.path.join(sim_directory, "c"), seed=1)


async def query(master: Master, what: str, fields: Sequence[str], qfilter: object = None) -> list[Any]:
    data: list[Any] = (await master.call(m.query, what, fields, qfilter))["data"]
    return data


async def calls(cluster: SimCluster, act: Awaitable[object]) -> list[str]:
    """Return the calls made to nodes while something is done, but for those that bring them up to date.

    These go out when the master begins and after every change, at the same time as what is asked.
    """
    before = len(cluster.network.sent)
    await act
    return [call for call in cluster.network.sent[before:] if call.rpartition(" ")[2] not in _UPKEEP]


# --- instances --------------------------------------------------------------------------------


def test_fields_of_the_configuration_ask_no_node(cluster: SimCluster) -> None:
    async def scenario(master: Master) -> None:
        await master.run(create(1, on=2))
        asked = await calls(cluster, query(master, "instance", ["name", "pnode", "admin_state", "be/maxmem"]))
        assert asked == []

    cluster.live(scenario)


def test_live_fields_ask_the_nodes_once_each(cluster: SimCluster) -> None:
    async def scenario(master: Master) -> None:
        await master.run(create(1, on=2), create(2, on=2, start=False))
        rows = await query(master, "instance", ["name", "status", "oper_ram"])
        assert sorted(rows) == [
            [[NORMAL, name_of(1)], [NORMAL, "running"], [NORMAL, 256]],
            [[NORMAL, name_of(2)], [NORMAL, "ADMIN_down"], [UNAVAIL, None]],
        ]
        asked = await calls(cluster, query(master, "instance", ["status", "oper_ram"]))
        assert sorted(asked) == [f"{node(1)} -> {node(number)} all_instances_info" for number in (1, 2, 3)]

    cluster.live(scenario)


def test_for_one_instance_only_its_node_is_asked(cluster: SimCluster) -> None:
    async def scenario(master: Master) -> None:
        await master.run(create(1, on=2), create(2, on=3))
        asked = await calls(cluster, query(master, "instance", ["oper_ram"], ["=", "name", name_of(1)]))
        assert asked == [f"{node(1)} -> {node(2)} all_instances_info"]

    cluster.live(scenario)


def test_an_instance_that_runs_elsewhere_is_seen_when_all_are_asked_for(cluster: SimCluster) -> None:
    async def scenario(master: Master) -> None:
        await master.run(create(1, on=2))
        directories = [cluster.nodes[number].paths.fake_hypervisor_dir for number in (1, 2)]
        os.makedirs(directories[1], exist_ok=True)
        os.rename(*(f"{directory}/{name_of(1)}" for directory in directories))

        assert await query(master, "instance", ["status"]) == [[[NORMAL, "ERROR_wrongnode"]]]

    cluster.live(scenario)


def test_of_a_silent_node_there_are_no_data(cluster: SimCluster) -> None:
    async def scenario(master: Master) -> None:
        await master.run(create(1, on=2))
        cluster.network.states[node(2)] = State.NO_DAEMON
        rows = await query(master, "instance", ["name", "oper_ram", "console"])
        assert rows == [[[NORMAL, name_of(1)], [NODATA, None], [NODATA, None]]]

    cluster.live(scenario)


def test_an_offline_node_is_not_asked(cluster: SimCluster) -> None:
    async def scenario(master: Master) -> None:
        await master.run(create(1, on=2, start=False))
        await master.run(OpNodeSetParams(node_name=node(2), offline=True))
        rows: list[Any] = []

        async def ask() -> None:
            rows.extend(await query(master, "instance", ["oper_ram", "console", "status"], ["=", "name", name_of(1)]))

        assert await calls(cluster, ask()) == []
        assert rows == [[[OFFLINE, None], [OFFLINE, None], [NORMAL, "ERROR_nodeoffline"]]]

    cluster.live(scenario)


def test_a_console_is_described_where_the_instance_runs(cluster: SimCluster) -> None:
    async def scenario(master: Master) -> None:
        await master.run(create(1, on=2), create(2, on=2, start=False))
        rows = await query(master, "instance", ["name", "console"])
        by_name = {row[0][1]: row[1] for row in rows}
        assert by_name[name_of(2)] == [UNAVAIL, None]
        status, console = by_name[name_of(1)]
        assert (status, console["instance"]) == (NORMAL, name_of(1))

    cluster.live(scenario)


# --- nodes, jobs, locks, the cluster --------------------------------------------------------------


def test_figures_of_nodes_are_asked_for_only_where_the_filter_lets_them_pass(cluster: SimCluster) -> None:
    async def scenario(master: Master) -> None:
        assert await calls(cluster, query(master, "node", ["name", "group", "role"])) == []
        asked = await calls(cluster, query(master, "node", ["mfree"], ["=", "master", True]))
        assert asked == [f"{node(1)} -> {node(1)} node_info"]

    cluster.live(scenario)


def test_a_silent_node_has_no_figures_and_the_others_have(cluster: SimCluster) -> None:
    async def scenario(master: Master) -> None:
        cluster.network.states[node(3)] = State.NO_DAEMON
        rows = await query(master, "node", ["name", "mtotal"])
        assert sorted(rows) == [
            [[NORMAL, node(1)], [NORMAL, 4096]],
            [[NORMAL, node(2)], [NORMAL, 4096]],
            [[NORMAL, node(3)], [NODATA, None]],
        ]

    cluster.live(scenario)


def test_jobs_are_found_by_number_archived_or_not(cluster: SimCluster) -> None:
    async def scenario(master: Master) -> None:
        for _ in range(2):
            await master.run(delay(1.0))
        assert await master.call(m.archive_job, 1)
        by_number = await query(master, "job", ["id", "archived"], ["|", ["=", "id", 1], ["=", "id", 2]])
        assert by_number == [[[NORMAL, 1], [NORMAL, True]], [[NORMAL, 2], [NORMAL, False]]]
        assert await query(master, "job", ["id"]) == [[[NORMAL, 2]]]
        every = await query(master, "job", ["id"], ["|", ["=", "archived", True], ["=", "archived", False]])
        assert every == [[[NORMAL, 1]], [[NORMAL, 2]]]

    cluster.live(scenario)


def test_rows_of_jobs_keep_the_order_asked_for_and_a_place_for_the_unknown(cluster: SimCluster) -> None:
    async def scenario(master: Master) -> None:
        for _ in range(2):
            await master.run(delay(1.0))
        assert await master.call(m.query_jobs, [2, 77, 1], ["id", "status"]) == [[2, "success"], None, [1, "success"]]
        with pytest.raises(errors.OpPrereqError, match="unknown output fields: color"):
            await master.call(m.query_jobs, None, ["color"])

    cluster.live(scenario)


def test_locks_tell_who_holds_them_and_who_waits(cluster: SimCluster) -> None:
    async def scenario(master: Master) -> None:
        holder, waiter = await master.submit(delay(50.0, 2)), await master.submit(delay(1.0, 2))
        while (await master.job(waiter)).status != "waiting":
            await master.daemon.services.clock.sleep(0.1)
        rows = await query(master, "lock", ["mode", "owner", "pending"], ["=", "name", f"node/{node(2)}"])
        ((mode, owner, pending),) = rows
        assert mode == [NORMAL, "exclusive"]
        assert [who.partition("/")[0] for who in owner[1]] == [str(holder)]
        assert [(kind, [who.partition("/")[0] for who in whose]) for kind, whose in pending[1]] == [
            ("exclusive", [str(waiter)])
        ]
        for job in (holder, waiter):
            await master.end_of(job)

    cluster.live(scenario)


def test_what_this_version_cannot_look_for_is_refused(cluster: SimCluster) -> None:
    async def scenario(master: Master) -> None:
        with pytest.raises(errors.OpPrereqError, match="cannot query extstorage: not supported by this version"):
            await query(master, "extstorage", ["name"])

    cluster.live(scenario)


# --- the older calls ----------------------------------------------------------------------------


def test_named_things_come_in_the_order_of_their_names_short_ones_too(cluster: SimCluster) -> None:
    async def scenario(master: Master) -> None:
        await master.run(create(1, on=2, start=False), create(2, on=3, start=False))
        assert await master.call(m.query_instances, ["inst2", "inst1"], ["name"], False) == [[name_of(2)], [name_of(1)]]
        assert await master.call(m.query_nodes, ["node3", "node1"], ["name"], False) == [[node(3)], [node(1)]]
        assert await master.call(m.query_groups, ["default"], ["name", "node_cnt"], False) == [["default", 3]]
        assert await master.call(m.query_networks, [], ["name"], False) == []

    cluster.live(scenario)


def test_a_name_that_is_not_known_is_refused(cluster: SimCluster) -> None:
    async def scenario(master: Master) -> None:
        with pytest.raises(errors.OpPrereqError, match="'web9' is not known"):
            await master.call(m.query_instances, ["web9"], ["name"], False)
        with pytest.raises(errors.OpPrereqError, match="cannot query with locks"):
            await master.call(m.query_nodes, [], ["name"], True)
        with pytest.raises(errors.OpPrereqError, match="unknown output fields: color"):
            await master.call(m.query_nodes, [], ["color"], False)

    cluster.live(scenario)


def test_values_of_the_cluster_come_in_order_with_nothing_for_the_unknown(cluster: SimCluster) -> None:
    async def scenario(master: Master) -> None:
        values = await master.call(m.query_config_values, ["master_node", "color", "drain_flag", "cluster_name"])
        assert values == [node(1), None, False, "cluster.example.com"]

    cluster.live(scenario)


def test_tags_are_listed_by_kind_and_name_short_ones_too(cluster: SimCluster) -> None:
    async def scenario(master: Master) -> None:
        await master.run(
            OpTagsSet.from_wire({"kind": "node", "name": "node2", "tags": ["b", "a"]}),
            OpTagsSet.from_wire({"kind": "cluster", "name": "", "tags": ["c"]}),
        )
        assert await master.call(m.query_tags, "node", "node2") == ["a", "b"]
        assert await master.call(m.query_tags, "node", node(3)) == []
        assert await master.call(m.query_tags, "cluster", "") == ["c"]
        for kind, name in (("node", "node9"), ("instance", "web1"), ("shelf", "x")):
            with pytest.raises(errors.OpPrereqError, match=r"not known|unknown kind"):
                await master.call(m.query_tags, kind, name)

    cluster.live(scenario)


# --- the pause of the watcher -----------------------------------------------------------------------


def test_a_pause_is_set_on_every_node_and_ends_by_itself(cluster: SimCluster) -> None:
    async def scenario(master: Master) -> None:
        clock = master.daemon.services.clock
        until = float(int(clock.time()) + 60)  # the file holds whole seconds
        assert await master.call(m.set_watcher_pause, until) == until
        written = {files.read_text(own.paths.watcher_pause).strip() for own in cluster.nodes}
        assert [float(text) for text in written] == [until]
        assert await master.call(m.query_config_values, ["watcher_pause"]) == [until]
        await clock.sleep(61.0)
        assert await master.call(m.query_config_values, ["watcher_pause"]) == [None]

    cluster.live(scenario)


def test_a_pause_can_be_taken_back(cluster: SimCluster) -> None:
    async def scenario(master: Master) -> None:
        await master.call(m.set_watcher_pause, master.daemon.services.clock.time() + 60.0)
        assert await master.call(m.set_watcher_pause, None) is None
        assert not any(os.path.exists(own.paths.watcher_pause) for own in cluster.nodes)

    cluster.live(scenario)


def test_a_pause_in_the_past_is_refused(cluster: SimCluster) -> None:
    async def scenario(master: Master) -> None:
        with pytest.raises(errors.GenericError, match="in the past"):
            await master.call(m.set_watcher_pause, master.daemon.services.clock.time() - 1.0)

    cluster.live(scenario)


def test_nodes_that_do_not_take_a_pause_are_named(cluster: SimCluster) -> None:
    async def scenario(master: Master) -> None:
        cluster.network.states[node(3)] = State.NO_DAEMON
        with pytest.raises(errors.OpExecError, match=f"cannot set the watcher pause on all nodes: {node(3)}"):
            await master.call(m.set_watcher_pause, master.daemon.services.clock.time() + 60.0)

    cluster.live(scenario)


@pytest.mark.parametrize("text", ["", "soon\n", "9" * 100, "inf\n"])
def test_a_damaged_pause_is_none(cluster: SimCluster, text: str) -> None:
    async def scenario(master: Master) -> None:
        files.write_file(cluster.nodes[0].paths.watcher_pause, text)
        assert await master.call(m.query_config_values, ["watcher_pause"]) == [None]

    cluster.live(scenario)


# --- exports and filters ----------------------------------------------------------------------------


def test_exports_are_the_directories_on_each_node_and_a_silent_node_has_a_row_without_one(cluster: SimCluster) -> None:
    async def scenario(master: Master) -> None:
        for name in ("web9", "web10", ".under-way"):
            files.ensure_dir(os.path.join(cluster.nodes[1].paths.export_dir, name))
        files.write_file(os.path.join(cluster.nodes[1].paths.export_dir, "notes"), "", durable=False)
        cluster.network.states[node(3)] = State.NO_DAEMON

        rows = await query(master, "export", ["node", "export"])

        assert rows == [
            [[NORMAL, node(2)], [NORMAL, "web9"]],
            [[NORMAL, node(2)], [NORMAL, "web10"]],
            [[NORMAL, node(3)], [NODATA, None]],
        ]
        assert await master.call(m.query_exports, [node(2)]) == [[node(2), "web9"], [node(2), "web10"]]
        asked = await calls(cluster, master.call(m.query_exports, [node(2)]))
        assert asked == [f"{node(1)} -> {node(2)} export_list"]
        with pytest.raises(errors.OpPrereqError, match="'elsewhere' is not known"):
            await master.call(m.query_exports, ["elsewhere"])

    cluster.live(scenario)


def test_filters_of_the_queue_are_answered_in_their_order_and_unknown_ones_are_left_out(cluster: SimCluster) -> None:
    async def scenario(master: Master) -> None:
        config = master.daemon.services.config
        with config.update() as draft:
            for number, priority in enumerate((7, 3)):
                uuid = Uuid(f"00000000-0000-4000-8000-00000000000{number}")
                draft.filters[uuid] = Filter(
                    uuid=uuid, watermark=0, priority=priority, predicates=(), action="PAUSE", reason_trail=()
                )
        await config.durable(draft)

        second, first = await master.call(m.query_filters, None, ["uuid", "priority", "action"])

        assert [second[1:], first[1:]] == [[3, "PAUSE"], [7, "PAUSE"]]
        assert await master.call(m.query_filters, [first[0], "none-such"], ["priority"]) == [[7]]
        with pytest.raises(errors.OpPrereqError, match="unknown output fields: color"):
            await master.call(m.query_filters, None, ["color"])

    cluster.live(scenario)
