"""Nodes that are down or hang, and a disk that is full: bounded, named, and felt by nobody else."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from ganeti import errors
from ganeti.luxi import methods as m
from ganeti.model.enums import JobStatus
from ganeti.model.opcodes.cluster import OpClusterVerifyGroup
from ganeti.model.opcodes.group import OpGroupRename
from ganeti.model.scalars import GroupName
from test.support.disk import NO_SPACE
from test.support.sim import Master, SimCluster, log_of, results_of
from test.support.sim_check import check_at_rest
from test.support.sim_net import State
from test.support.sim_ops import create, delay, modify, node, shutdown, startup

MakeCluster = Callable[..., SimCluster]

#: seconds within which a call to a node that is down, or hangs, must have ended
BOUND = 10.0
GROUPS = ("default", "other")


# --- nodes that do not answer -------------------------------------------------------------------


@pytest.mark.parametrize("state", State)
def test_f16_a_job_on_a_node_that_is_down_fails_in_time_and_names_it(make_cluster: MakeCluster, state: State) -> None:
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
def test_f16_jobs_on_other_nodes_do_not_feel_a_node_that_is_down(make_cluster: MakeCluster, state: State) -> None:
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
def test_f16_a_candidate_that_is_down_holds_jobs_up_once_not_at_every_step(cluster: SimCluster, state: State) -> None:
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


@pytest.mark.parametrize("state", [State.OFF, State.HANGING])
def test_f16_a_list_waits_for_a_silent_node_for_a_moment_and_changes_of_others_do_not(
    cluster: SimCluster, state: State
) -> None:
    async def free_memory(master: Master) -> list[object]:
        answer = await master.call(m.query, "node", ["name", "mfree"], None)
        return [row[1][1] for row in answer["data"]]

    async def scenario(master: Master) -> None:
        await asyncio.sleep(2.0)  # nothing is on its way any more
        assert None not in await free_memory(master)
        cluster.network.states[node(3)] = state
        took = []
        for _ in range(3):
            start = cluster.time.now
            assert [value is None for value in await free_memory(master)] == [False, False, True]
            took.append(cluster.time.now - start)
        assert took[0] < 3.5 and max(took[1:]) < 1.5
        cluster.network.states.clear()
        assert None not in await free_memory(master)
        await master.caught_up()
        await asyncio.sleep(3.0)
        check_at_rest(cluster, master)

    cluster.live(scenario)


@pytest.mark.parametrize("state", [State.OFF, State.HANGING])
def test_f16_verification_waits_for_a_silent_node_once_and_names_it(make_cluster: MakeCluster, state: State) -> None:
    cluster = make_cluster(nodes=4, candidates=2)
    silent = node(4)

    def asked(call: str) -> int:
        return cluster.network.sent.count(f"{node(1)} -> {silent} {call}")

    async def scenario(master: Master) -> None:
        await master.run(create(1, on=4), create(2, on=3))
        await asyncio.sleep(2.0)  # nothing is on its way any more
        cluster.network.states[silent] = state
        for longest in (1.2 * BOUND, 0.6 * BOUND):  # the second time it is known to be silent
            start, before = cluster.time.now, asked("node_verify")
            job = await master.end_of(await master.submit(OpClusterVerifyGroup(group_name=GroupName("default"))))
            assert cluster.time.now - start < longest
            assert asked("node_verify") - before == 1 and asked("blockdev_getdimensions") == 0
            assert sum(silent in line and "ERROR" in line for line in log_of(job)) == 1, log_of(job)
            assert any(f"cannot run post hooks on node {silent}" in line for line in log_of(job)), log_of(job)
        cluster.network.states.clear()
        await master.caught_up()
        await asyncio.sleep(3.0)
        check_at_rest(cluster, master)

    cluster.live(scenario)


@pytest.mark.parametrize("state", [State.OFF, State.HANGING])
def test_f16_hooks_wait_for_a_silent_node_once_in_a_job_which_says_so(make_cluster: MakeCluster, state: State) -> None:
    cluster = make_cluster(nodes=4, candidates=2)
    renamed = [OpGroupRename(group_name=GroupName(old), new_name=GroupName(new)) for old, new in (GROUPS, GROUPS[::-1])]

    async def scenario(master: Master) -> None:
        await asyncio.sleep(2.0)  # nothing is on its way any more
        cluster.network.states[node(4)] = state
        start = cluster.time.now
        job = await master.end_of(await master.submit(*renamed))
        assert cluster.time.now - start < BOUND + 5.0
        assert results_of(job) == list(GROUPS[::-1])
        told = [line for line in log_of(job) if node(4) in line]
        assert ["pre hooks" in line for line in told] == [True, False, True, False], told
        cluster.network.states.clear()
        await master.caught_up()
        await asyncio.sleep(3.0)
        check_at_rest(cluster, master)

    cluster.live(scenario)


def test_f17_a_node_that_goes_down_during_a_call_ends_the_call(cluster: SimCluster) -> None:
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


def test_f17_a_node_daemon_that_ends_during_a_call_is_noticed(cluster: SimCluster) -> None:
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


# --- no space left ----------------------------------------------------------------------------------


def test_f15_on_a_full_disk_jobs_are_refused_and_accepted_again_when_there_is_space(cluster: SimCluster) -> None:
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
