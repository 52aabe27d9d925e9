"""Nodes that missed something: known as behind, and given it."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable

import pytest

from ganeti.luxi import methods as m
from ganeti.utils import files
from test.support.sim import CrashPoint, Master, SimCluster
from test.support.sim_check import check_at_rest
from test.support.sim_net import State
from test.support.sim_ops import create, modify, node, shutdown, startup

MakeCluster = Callable[..., SimCluster]


def test_f19_a_candidate_that_misses_updates_is_known_as_behind_and_caught_up(cluster: SimCluster) -> None:
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


def test_f19_what_a_candidate_missed_while_no_daemon_ran_is_caught_up_at_the_start(cluster: SimCluster) -> None:
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
