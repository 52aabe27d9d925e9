"""An instance is failed over only when it is certainly down where it was, and lost by no failure on the way."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable

import pytest

from ganeti import errors
from ganeti.model.opcodes.node import OpNodeSetParams
from ganeti.utils import files, json
from test.support.faults import write_script
from test.support.sim import CrashPoint, Master, SimCluster, log_of, results_of
from test.support.sim_check import check_at_rest, check_running_once, running
from test.support.sim_net import State
from test.support.sim_ops import create, failover, migrate, name_of, node, startup

MakeCluster = Callable[..., SimCluster]

#: more requests than a failover takes
MANY = 60
#: one in so many requests is tried, unless all are
STEP = 1 if os.environ.get("HYPOTHESIS_PROFILE") == "thorough" else 3
ON_2, ON_3 = {name_of(1): [node(2)]}, {name_of(1): [node(3)]}


async def make(master: Master) -> None:
    """Have an instance run on node 2, whose disk all nodes can reach."""
    await master.run(create(1, on=2, disks=1, shared=True))
    await asyncio.sleep(3.0)


async def mark_offline(master: Master) -> None:
    await master.run(OpNodeSetParams(node_name=node(2), offline=True))


def primary(master: Master) -> str:
    config = master.daemon.config.current
    instance = config.instance_named(name_of(1))
    assert instance is not None and instance.primary_node is not None
    (disk,) = (config.disks[uuid] for uuid in instance.disks)
    assert not disk.nodes or instance.primary_node in disk.nodes
    return config.nodes[instance.primary_node].name


async def told_by(master: Master, **fields: object) -> str:
    """Fail the instance over, which must work; return what the job told."""
    job = await master.end_of(await master.submit(failover(1, to=3, **fields)))
    results_of(job)
    return "\n".join(log_of(job))


def misbehave(cluster: SimCluster, number: int, *faults: dict[str, object]) -> None:
    """Have the hypervisor of a node do something wrong."""
    path = os.path.join(cluster.nodes[number - 1].paths.run_dir, "fake-hypervisor-faults.json")
    files.write_file(path, json.dumps(list(faults)), durable=False)


async def set_helper(cluster: SimCluster, master: Master, *body: str) -> None:
    """Give node 2 an out-of-band helper."""
    path = os.path.join(cluster.nodes[0].paths.data_dir, "oob")
    write_script(path, f'test "$1 $2" = "power-status {node(2)}" || exit 9', *body)
    await master.run(OpNodeSetParams(node_name=node(2), ndparams={"oob_program": path}))


# --- what proves that it is down ------------------------------------------------------------------


def test_f23_instance_that_runs_on_a_node_marked_offline_by_mistake_is_not_failed_over(cluster: SimCluster) -> None:
    async def scenario(master: Master) -> None:
        await make(master)
        await mark_offline(master)

        with pytest.raises(errors.OpPrereqError, match=r"runs on node node2.*gnt-node modify --offline=no node2"):
            await master.run(failover(1, to=3))

        assert (running(cluster), primary(master)) == (ON_2, node(2))

    cluster.live(scenario)


def test_f23_with_the_administrators_word_it_is_stopped_on_the_node_marked_offline(cluster: SimCluster) -> None:
    async def scenario(master: Master) -> None:
        await make(master)
        await mark_offline(master)
        await master.run(failover(1, to=3, ignore_consistency=True))
        assert (running(cluster), primary(master)) == (ON_3, node(3))

    cluster.live(scenario)


def test_f23_instance_that_is_seen_running_is_never_started_elsewhere(cluster: SimCluster) -> None:
    async def scenario(master: Master) -> None:
        await make(master)
        await mark_offline(master)
        misbehave(cluster, 2, {"action": "fail", "operation": "stop", "message": "no way"})

        with pytest.raises(errors.OpExecError, match=r"no way.*says that it runs there"):
            await master.run(failover(1, to=3, ignore_consistency=True))

        assert (running(cluster), primary(master)) == (ON_2, node(2))

    cluster.live(scenario)


def test_f23_instance_that_is_still_being_started_is_not_started_elsewhere(cluster: SimCluster) -> None:
    async def scenario(master: Master) -> None:
        await make(master)
        misbehave(cluster, 2, {"action": "crash", "instance": name_of(1), "times": 1})
        cluster.nodes[1].pretend("instance_shutdown", _is_being_started)

        with pytest.raises(errors.OpExecError, match=r"being started.*does not run there.*--ignore-consistency"):
            await master.run(failover(1, to=3))
        assert primary(master) == node(2)

        await master.run(failover(1, to=3, ignore_consistency=True))
        assert (running(cluster), primary(master)) == (ON_3, node(3))

    cluster.live(scenario)


def test_f23_word_of_the_node_that_it_is_down_there_is_proof(cluster: SimCluster) -> None:
    async def scenario(master: Master) -> None:
        await make(master)
        await mark_offline(master)
        cluster.nodes[1].lose_power()
        await master.run(failover(1, to=3))
        assert (running(cluster), primary(master)) == (ON_3, node(3))

    cluster.live(scenario)


@pytest.mark.parametrize("offline", [True, False], ids=["offline", "silent"])
@pytest.mark.parametrize(
    ("helper", "why"),
    [
        ("", "no out-of-band helper"),
        ("echo '{\"powered\": true}'", "says that it is on"),
        ("echo nonsense", "does not tell whether"),
        ("exit 1", "helper does not tell"),
    ],
)
def test_f23_node_that_may_be_running_it_keeps_it(cluster: SimCluster, helper: str, why: str, offline: bool) -> None:
    async def scenario(master: Master) -> None:
        await make(master)
        if helper:
            await set_helper(cluster, master, helper)
        cluster.network.states[node(2)] = State.OFF
        if offline:
            await mark_offline(master)

        with pytest.raises(errors.OpPrereqError, match=rf"may still run on node node2.*{why}.*--ignore-consistency"):
            await master.run(failover(1, to=3))
        assert primary(master) == node(2)

        cluster.nodes[1].lose_power()
        assert "it will run twice" in await told_by(master, ignore_consistency=True)
        assert (running(cluster), primary(master)) == (ON_3, node(3))

    cluster.live(scenario)


@pytest.mark.parametrize("offline", [True, False], ids=["offline", "silent"])
def test_f24_word_of_the_out_of_band_helper_that_the_node_is_off_is_proof(cluster: SimCluster, offline: bool) -> None:
    async def scenario(master: Master) -> None:
        await make(master)
        await set_helper(cluster, master, "echo '{\"powered\": false}'")
        cluster.nodes[1].lose_power()
        cluster.network.states[node(2)] = State.OFF
        if offline:
            await mark_offline(master)

        assert "says that node node2.example.com is off" in await told_by(master)
        assert (running(cluster), primary(master)) == (ON_3, node(3))

    cluster.live(scenario)


# --- what fails on the way ------------------------------------------------------------------------


def test_f23_instance_that_does_not_start_elsewhere_stays_where_it_was(cluster: SimCluster) -> None:
    async def scenario(master: Master) -> None:
        await make(master)
        misbehave(cluster, 3, {"action": "fail", "operation": "start", "times": 1})

        with pytest.raises(errors.HypervisorError, match="cannot start instance inst1"):
            await master.run(failover(1, to=3))

        assert (running(cluster), primary(master)) == ({}, node(2))
        await master.run(startup(1))
        assert running(cluster) == ON_2
        await asyncio.sleep(3.0)
        check_at_rest(cluster, master)

    cluster.live(scenario)


def test_f23_instance_of_which_nobody_knows_whether_it_started_is_not_started_where_it_was(
    cluster: SimCluster,
) -> None:
    async def scenario(master: Master) -> None:
        await make(master)
        moving = await master.submit(failover(1, to=3))
        while running(cluster) != ON_3:
            await asyncio.sleep(0.0001)
        cluster.network.states[node(3)] = State.OFF
        with pytest.raises(errors.OpExecError, match="cannot start instance inst1"):
            results_of(await master.end_of(moving))

        assert primary(master) == node(3)
        with pytest.raises(errors.GenericError):
            await master.run(startup(1))
        del cluster.network.states[node(3)]
        await master.run(startup(1))
        assert running(cluster) == ON_3

    cluster.live(scenario)


@pytest.mark.parametrize("late", [False, True], ids=["before", "after"])
def test_f23_failover_that_is_cut_off_anywhere_loses_nothing_and_starts_nothing_twice(
    make_cluster: MakeCluster, late: bool
) -> None:
    async def move(master: Master) -> None:
        await master.run(failover(1, to=3))

    async def as_the_watcher_does(cluster: SimCluster, master: Master) -> None:
        await master.all_ended()
        check_running_once(cluster)
        await master.run(startup(1))
        assert running(cluster) == {name_of(1): [primary(master)]}
        await asyncio.sleep(3.0)
        check_at_rest(cluster, master)

    def mending(cluster: SimCluster) -> Callable[[Master], Awaitable[None]]:
        return lambda master: as_the_watcher_does(cluster, master)

    for number in range(late, MANY, STEP):
        cluster = make_cluster(number)
        cluster.live(make)
        if not cluster.crash(move, CrashPoint(request=number, late=late)):
            break
        check_running_once(cluster)
        cluster.live(mending(cluster))
    assert 10 < number < MANY - 1


# --- why it was done ------------------------------------------------------------------------------


def test_f24_reason_trail_goes_from_the_watcher_to_the_node(cluster: SimCluster) -> None:
    async def scenario(master: Master) -> None:
        await make(master)
        await set_helper(cluster, master, "echo '{\"powered\": false}'")
        cluster.nodes[1].lose_power()
        cluster.network.states[node(2)] = State.OFF
        trail = [["gnt:watcher", "automatic repair: node2 is off", 1]]

        job = await master.end_of(await master.submit(failover(1, to=3, reason=trail)))

        results_of(job)
        kept = json.loads(files.read_file(os.path.join(cluster.nodes[2].paths.instance_reason_dir, name_of(1))))
        assert [entry[0] for entry in kept] == ["gnt:watcher", "gnt:opcode:instance_failover", "gnt:daemon:noded"]
        written = json.loads(files.read_file(cluster.nodes[0].paths.job_file(job.id)))
        assert written["ops"][0]["input"]["reason"] == kept[:2]
        assert kept[:1] == trail and kept[1][1] == f"job={job.id};index=0"

    cluster.live(scenario)


def test_f24_instance_whose_node_came_back_is_not_failed_over_for_the_watcher(cluster: SimCluster) -> None:
    async def scenario(master: Master) -> None:
        await make(master)

        with pytest.raises(errors.OpPrereqError, match=r"for the watcher: node node2.* answers again"):
            await master.run(failover(1, to=3, reason=[["gnt:watcher", "node2 is off", 1]]))

        assert running(cluster) == ON_2

    cluster.live(scenario)


def test_f24_failover_that_replaces_a_migration_has_its_reason(cluster: SimCluster) -> None:
    async def scenario(master: Master) -> None:
        await make(master)
        cluster.nodes[1].pretend("instance_migratable", _cannot_migrate)

        await master.run(migrate(1, to=3, allow_failover=True, reason=[["gnt:user", "new disks for node2", 1]]))

        kept = json.loads(files.read_file(os.path.join(cluster.nodes[2].paths.instance_reason_dir, name_of(1))))
        assert [entry[0] for entry in kept] == ["gnt:user", "gnt:opcode:instance_migrate", "gnt:daemon:noded"]

    cluster.live(scenario)


def _is_being_started(instance: object, timeout: object, reason: object) -> None:
    raise errors.LockError("cannot stop: it is being started")


def _cannot_migrate(instance: object) -> None:
    raise errors.HypervisorError("cannot migrate: not today")
