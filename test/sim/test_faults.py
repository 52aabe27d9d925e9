"""Nodes that are down, hang, or miss things; networks that lose and repeat requests; votes."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
from collections.abc import Callable

import pytest

from ganeti import errors
from ganeti.luxi import methods as m
from ganeti.masterd.daemon import NotMaster, check_mastership
from ganeti.model.enums import JobStatus
from ganeti.utils import files
from test.support.disk import NO_SPACE
from test.support.sim import HOUR, CrashPoint, Master, SimCluster, results_of
from test.support.sim_check import check_at_rest, check_running_once, half_moved, running
from test.support.sim_net import Fault, State
from test.support.sim_ops import create, delay, failover, migrate, modify, name_of, node, remove, shutdown, startup

MakeCluster = Callable[..., SimCluster]

#: seconds within which a call to a node that is down, or hangs, must have ended
BOUND = 10.0


# --- nodes that do not answer -------------------------------------------------------------------


@pytest.mark.parametrize("state", State)
def test_a_job_on_a_node_that_is_down_fails_in_time_and_names_the_node(make_cluster: MakeCluster, state: State) -> None:
    cluster = make_cluster(nodes=4, candidates=2)

    async def scenario(master: Master) -> None:
        await master.run(create(1, on=3, start=False))
        cluster.network.states[node(3)] = state
        start = cluster.time.now
        with pytest.raises((errors.OpPrereqError, errors.OpExecError, errors.HooksFailure), match=node(3)):
            await master.run(startup(1))
        assert cluster.time.now - start < 5 * BOUND

    cluster.live(scenario)


@pytest.mark.parametrize("state", State)
def test_jobs_on_other_nodes_do_not_feel_a_node_that_is_down(make_cluster: MakeCluster, state: State) -> None:
    cluster = make_cluster(nodes=4, candidates=2)

    async def scenario(master: Master) -> None:
        await master.run(create(1, on=3, start=False))
        await asyncio.sleep(5.0)
        cluster.network.states[node(3)] = state
        doomed = await master.submit(startup(1))
        start = cluster.time.now
        for number in (5, 6, 7):
            await master.run(shutdown(number), startup(number))
        assert cluster.time.now - start < 1.0
        assert (await master.end_of(doomed)).status == JobStatus.ERROR

    async def prepare(master: Master) -> None:
        for number in (5, 6, 7):
            await master.run(create(number, on=4))

    cluster.live(prepare)
    cluster.live(scenario)


@pytest.mark.parametrize("state", State)
def test_a_candidate_that_is_down_holds_jobs_up_once_and_not_at_every_step(cluster: SimCluster, state: State) -> None:
    async def scenario(master: Master) -> None:
        await master.run(create(1, on=1))
        cluster.network.states[node(3)] = state
        start = cluster.time.now
        for memory in range(200, 220):
            await master.run(modify(1, beparams={"memory": memory}))
        assert cluster.time.now - start < 3 * BOUND
        cluster.network.states.clear()
        await asyncio.sleep(1.0)
        await master.caught_up()
        await asyncio.sleep(3.0)
        check_at_rest(cluster, master)

    cluster.live(scenario)


def test_a_node_that_goes_down_during_a_call_ends_the_call(cluster: SimCluster) -> None:
    async def scenario(master: Master) -> None:
        job_id = await master.submit(delay(300.0, 3))
        await asyncio.sleep(20.0)
        cluster.network.states[node(3)] = State.OFF
        start = cluster.time.now
        with pytest.raises(errors.OpExecError, match=node(3)):
            results_of(await master.end_of(job_id))
        assert cluster.time.now - start < 60.0
        assert master.daemon.locks.dump() == []

    cluster.live(scenario)


def test_a_node_daemon_that_ends_during_a_call_is_noticed(cluster: SimCluster) -> None:
    async def scenario(master: Master) -> None:
        job_id = await master.submit(delay(3000.0, 3))
        await asyncio.sleep(20.0)
        cluster.nodes[2].restart()
        with pytest.raises(errors.OpExecError, match=rf"{node(3)}.*daemon ended|daemon ended.*{node(3)}"):
            results_of(await master.end_of(job_id))
        assert cluster.time.now < 60.0

    cluster.live(scenario)


def test_a_short_break_of_the_network_does_not_end_a_long_call(cluster: SimCluster) -> None:
    async def scenario(master: Master) -> None:
        job_id = await master.submit(delay(60.0, 3))
        await asyncio.sleep(20.0)
        cluster.network.states[node(3)] = State.OFF
        await asyncio.sleep(8.0)
        cluster.network.states.clear()
        results_of(await master.end_of(job_id))

    cluster.live(scenario)

    assert cluster.nodes[2].carried_out.count("test_delay") == 1


# --- who missed something -------------------------------------------------------------------------


def test_a_candidate_that_misses_updates_is_known_as_behind_and_caught_up(cluster: SimCluster) -> None:
    async def scenario(master: Master) -> None:
        cluster.network.states[node(3)] = State.NO_DAEMON
        await master.run(create(1, on=2))
        assert master.daemon.distribution.behind == {node(3): {"config", "queue", "ssconf"}}
        own = files.read_file(cluster.nodes[0].paths.config_file)
        assert files.read_file(cluster.nodes[1].paths.config_file) == own
        assert files.read_file(cluster.nodes[2].paths.config_file) != own
        cluster.network.states.clear()
        start = cluster.time.now
        await master.caught_up()
        assert cluster.time.now - start < 30.0
        await asyncio.sleep(3.0)
        check_at_rest(cluster, master)

    cluster.live(scenario)


def test_what_a_candidate_missed_while_no_daemon_ran_is_caught_up_at_the_start(cluster: SimCluster) -> None:
    async def alone(master: Master) -> None:
        await master.run(create(1, on=2))

    async def look(master: Master) -> None:
        await asyncio.sleep(5.0)
        await master.caught_up()
        check_at_rest(cluster, master)

    cluster.network.states[node(3)] = State.OFF
    cluster.live(alone)
    cluster.network.states.clear()
    cluster.live(look)


def test_a_candidate_catches_up_while_the_configuration_goes_on_changing(cluster: SimCluster) -> None:
    async def scenario(master: Master) -> None:
        await master.run(create(1, on=2))
        cluster.network.slow[node(3)] = 3.0  # what is sent arrives when the next is there already
        cluster.network.states[node(3)] = State.NO_DAEMON
        await master.run(modify(1, beparams={"memory": 200}))
        cluster.network.states.clear()
        for memory in range(201, 231):
            await master.run(modify(1, beparams={"memory": memory}))
            await asyncio.sleep(0.7)
        cluster.network.slow.clear()
        await asyncio.sleep(10.0)
        await master.caught_up()
        await asyncio.sleep(3.0)
        check_at_rest(cluster, master)

    cluster.live(scenario)


def test_the_master_s_own_node_daemon_is_caught_up_like_any_other(cluster: SimCluster) -> None:
    async def scenario(master: Master) -> None:
        await asyncio.sleep(1.0)
        cluster.network.states[node(1)] = State.NO_DAEMON
        await master.run(create(1, on=2))
        cluster.network.states.clear()
        await asyncio.sleep(1.0)
        await master.caught_up()
        await asyncio.sleep(3.0)
        check_at_rest(cluster, master)

    cluster.live(scenario)


@pytest.mark.parametrize("number", range(5))
def test_what_is_sent_at_the_start_does_not_undo_what_jobs_change_meanwhile(
    make_cluster: MakeCluster, number: int
) -> None:
    """A slow candidate gets the configuration of the start and that of a job at about the same time."""
    cluster = make_cluster(number)

    async def submit(master: Master) -> None:
        await master.run(create(1, on=2))
        for memory in range(200, 206):
            await master.submit(modify(1, beparams={"memory": memory}))

    async def look(master: Master) -> None:
        cluster.network.jitter[node(3)] = 5.0
        await master.all_ended()
        cluster.network.jitter.clear()
        await asyncio.sleep(20.0)
        await master.caught_up()
        await asyncio.sleep(3.0)
        check_at_rest(cluster, master)

    cluster.crash(submit, CrashPoint(write=130 + 7 * number))
    cluster.live(look)


def test_the_drain_flag_reaches_a_candidate_that_missed_it(cluster: SimCluster) -> None:
    async def scenario(master: Master) -> None:
        cluster.network.states[node(3)] = State.NO_DAEMON
        await master.call(m.set_drain_flag, True)
        cluster.network.states.clear()
        await master.caught_up()
        assert os.path.exists(cluster.nodes[2].paths.queue_drain)

    cluster.live(scenario)


def test_ssconf_files_are_sent_when_what_is_in_them_changes_and_only_then(cluster: SimCluster) -> None:
    async def scenario(master: Master) -> None:
        def sent() -> int:
            return sum(line.endswith("write_ssconf_files") for line in cluster.network.sent)

        await asyncio.sleep(1.0)
        before = sent()
        await master.run(create(1, on=2))
        assert sent() - before == len(cluster.nodes)
        await master.run(modify(1, beparams={"memory": 300}), shutdown(1), startup(1))
        assert sent() - before == len(cluster.nodes)

    cluster.live(scenario)


# --- requests that are lost, or come twice ----------------------------------------------------------


async def one_of_each(master: Master) -> None:
    await master.run(create(1, on=2, disks=1))
    await master.run(shutdown(1), startup(1))
    await master.run(remove(1))
    await master.run(create(2, on=3))
    await master.run(migrate(2, to=2))
    await master.run(failover(2, to=1))


ACTS = ("instance_start", "instance_shutdown", "blockdev_create", "accept_instance", "instance_migrate")


MIGRATION = (
    "migration_info",
    "accept_instance",
    "instance_migrate",
    "instance_get_migration_status",
    "instance_finalize_migration_src",
    "instance_finalize_migration_dst",
)


def counts(cluster: SimCluster) -> dict[str, int]:
    return {act: sum(each.carried_out.count(act) for each in cluster.nodes) for act in ACTS}


def test_requests_that_arrive_twice_are_carried_out_once(make_cluster: MakeCluster) -> None:
    quiet, noisy = make_cluster(1), make_cluster(2)
    noisy.network.chances[Fault.DUPLICATE] = 0.5

    quiet.live(one_of_each)
    noisy.live(one_of_each)

    assert counts(noisy) == counts(quiet)


def test_an_answer_that_is_lost_is_asked_for_again_and_nothing_done_twice(make_cluster: MakeCluster) -> None:
    quiet, noisy = make_cluster(1), make_cluster(2)

    async def scenario(master: Master) -> None:
        await asyncio.sleep(1.0)  # the daemons are known by then
        lost = noisy.network.lose_next = dict.fromkeys(ACTS, Fault.LOST_ANSWER)
        await one_of_each(master)
        assert lost == {}

    quiet.live(one_of_each)
    noisy.live(scenario)

    assert counts(noisy) == counts(quiet)


def test_a_request_that_is_lost_is_sent_again(cluster: SimCluster) -> None:
    async def scenario(master: Master) -> None:
        await asyncio.sleep(1.0)
        lost = cluster.network.lose_next = dict.fromkeys(ACTS, Fault.LOST_REQUEST)
        await one_of_each(master)
        assert lost == {}

    cluster.live(scenario)


@pytest.mark.parametrize("fault", [Fault.LOST_REQUEST, Fault.LOST_ANSWER])
@pytest.mark.parametrize("step", MIGRATION)
def test_a_migration_that_loses_touch_at_any_step_leaves_the_instance_running_once(
    cluster: SimCluster, step: str, fault: Fault
) -> None:
    """Both tries of a request are lost, so nobody knows whether it was done; what runs is started again, then."""

    async def scenario(master: Master) -> None:
        await master.run(create(1, on=2))
        cluster.network.lose_next[step] = cluster.network.lose_again[step] = fault
        with contextlib.suppress(errors.OpExecError):
            await master.run(migrate(1, to=3))
        assert cluster.network.lose_again == {}
        check_running_once(cluster)
        await master.run(startup(1))
        check_running_once(cluster)
        await master.run(migrate(1, to=1, cleanup=True))
        assert len(running(cluster)) == 1 and not half_moved(cluster)
        await asyncio.sleep(3.0)
        check_at_rest(cluster, master)

    cluster.live(scenario)


@pytest.mark.parametrize("number", range(4))
def test_on_a_bad_network_everything_ends_and_nothing_runs_twice(make_cluster: MakeCluster, number: int) -> None:
    cluster = make_cluster(number, nodes=4)
    rng = random.Random(f"{cluster.rng.random()}")

    async def scenario(master: Master) -> None:
        await asyncio.sleep(1.0)
        for each in (1, 2, 3):
            await master.run(create(each, on=each))
        cluster.network.chances = {Fault.LOST_REQUEST: 0.04, Fault.LOST_ANSWER: 0.04, Fault.DUPLICATE: 0.04}
        trouble = asyncio.create_task(_trouble(cluster, rng))
        jobs = []
        for _ in range(40):
            each = rng.randrange(1, 4)
            to = rng.randrange(1, 5)
            op = rng.choice((startup(each), shutdown(each), migrate(each, to), failover(each, to), delay(0.5, to)))
            jobs.append(await master.submit(op))
            await asyncio.sleep(rng.random())
            check_running_once(cluster)
        for job_id in jobs:
            assert (await master.end_of(job_id)).is_final
            check_running_once(cluster)
        trouble.cancel()
        cluster.network.chances.clear()
        cluster.network.states.clear()
        await asyncio.sleep(30.0)
        await master.caught_up()
        for each in (1, 2, 3):  # what was cut off is mended, as an administrator would
            if name_of(each) in running(cluster):
                await master.run(migrate(each, to=1, cleanup=True))
            await master.run(shutdown(each), startup(each))
        await asyncio.sleep(3.0)
        assert running(cluster).keys() == {name_of(each) for each in (1, 2, 3)}
        check_at_rest(cluster, master)

    cluster.live(scenario, limit=12 * HOUR)


async def _trouble(cluster: SimCluster, rng: random.Random) -> None:
    """Let nodes but the master's be away for some seconds, one at a time."""
    while True:
        await asyncio.sleep(rng.uniform(2.0, 8.0))
        each = rng.randrange(2, 5)
        cluster.network.states[node(each)] = rng.choice(list(State))
        await asyncio.sleep(rng.uniform(0.1, 15.0))
        cluster.network.states.clear()


# --- no space left ----------------------------------------------------------------------------------


def test_on_a_full_disk_jobs_are_refused_and_accepted_again_when_there_is_space(cluster: SimCluster) -> None:
    async def scenario(master: Master) -> None:
        await master.run(create(1, on=2))
        await asyncio.sleep(3.0)
        disk = cluster.disk
        disk.fail_at, disk.error, disk.lasting = len(disk.operations), NO_SPACE, True
        with pytest.raises(errors.JobQueueError, match="No space left"):
            await master.submit(create(2, on=2))
        disk.repair()
        await master.run(create(2, on=2))
        await asyncio.sleep(3.0)
        check_at_rest(cluster, master)

    cluster.live(scenario)


# --- votes --------------------------------------------------------------------------------------------


def stand(cluster: SimCluster, number: int = 1) -> None:
    """Let a node find out whether it is the master."""

    async def act() -> None:
        local = cluster.local_node(number - 1)
        config = (await local.load_config()).current
        await check_mastership(local, config, cluster.rpc(number - 1, config), vote=True)

    cluster.work(act)


def test_the_master_is_elected_by_all(cluster: SimCluster) -> None:
    stand(cluster)


def test_a_node_the_configuration_does_not_name_is_refused(cluster: SimCluster) -> None:
    with pytest.raises(NotMaster, match=f"names {node(1)} as the master, this is {node(2)}"):
        stand(cluster, 2)


def test_the_majority_side_of_a_split_has_its_master(make_cluster: MakeCluster) -> None:
    cluster = make_cluster(nodes=5)
    cluster.network.cut(cluster.nodes[:3], cluster.nodes[3:])

    stand(cluster)


def test_the_minority_side_of_a_split_has_none(make_cluster: MakeCluster) -> None:
    cluster = make_cluster(nodes=5)
    cluster.network.cut(cluster.nodes[:2], cluster.nodes[2:])

    with pytest.raises(NotMaster, match="only 2 of 5 nodes name this node"):
        stand(cluster)

    assert cluster.time.now < 300


def test_a_split_that_ends_during_the_vote_lets_the_master_start(make_cluster: MakeCluster) -> None:
    cluster = make_cluster(nodes=5)
    cluster.network.cut(cluster.nodes[:2], cluster.nodes[2:])

    async def act() -> None:
        local = cluster.local_node()
        config = (await local.load_config()).current
        asyncio.get_running_loop().call_later(20.0, cluster.network.cut)
        await check_mastership(local, config, cluster.rpc(0, config), vote=True)

    cluster.work(act)


def test_a_master_that_was_replaced_meanwhile_is_refused_at_once(make_cluster: MakeCluster) -> None:
    cluster = make_cluster(nodes=3)
    for each in cluster.nodes[1:]:
        path = each.paths.ssconf_file("master_node")
        files.write_file(path, f"{node(2)}\n", mode=0o444)

    with pytest.raises(NotMaster, match=f"2 of 3 nodes name {node(2)} as the master"):
        stand(cluster)

    assert cluster.time.now < 1
