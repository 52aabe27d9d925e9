"""Networks that lose requests and answers, and deliver requests twice."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Callable

import pytest

from ganeti import errors
from test.support.sim import HOUR, Master, SimCluster
from test.support.sim_check import check_at_rest, check_running_once, half_moved, running
from test.support.sim_net import Fault, State
from test.support.sim_ops import create, delay, failover, migrate, name_of, node, remove, shutdown, startup

MakeCluster = Callable[..., SimCluster]


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


def test_f48_requests_that_arrive_twice_are_carried_out_once(make_cluster: MakeCluster) -> None:
    quiet, noisy = make_cluster(1), make_cluster(2)
    noisy.network.chances[Fault.DUPLICATE] = 0.5

    quiet.live(one_of_each)
    noisy.live(one_of_each)

    assert counts(noisy) == counts(quiet)


def test_f48_an_answer_that_is_lost_is_asked_for_again_and_nothing_done_twice(make_cluster: MakeCluster) -> None:
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
