"""Everything at once: a bad network, nodes that go away, a master that dies again and again, random jobs.

`HYPOTHESIS_PROFILE=thorough` plays many more stories.
"""

from __future__ import annotations

import asyncio
import os
import random
from collections.abc import Callable

import pytest

from ganeti.model.enums import AdminState
from ganeti.model.opcodes.base import OpCode
from ganeti.model.scalars import JobId
from test.support.disk import DEATHS
from test.support.sim import HOUR, CrashPoint, Master, SimCluster
from test.support.sim_admin import set_right
from test.support.sim_check import check_at_rest, check_running_once, half_moved, running
from test.support.sim_net import Fault, State
from test.support.sim_ops import create, delay, failover, migrate, modify, node, remove, shutdown, startup

MakeCluster = Callable[..., SimCluster]

NODES = 4
INSTANCES = range(1, 6)
STORIES = 60 if os.environ.get("HYPOTHESIS_PROFILE") == "thorough" else 6
LIVES = 4


def some_opcode(rng: random.Random) -> OpCode:
    """Return something to do; much of it makes no sense when it is done, and is refused then."""
    number, to = rng.choice(INSTANCES), rng.randint(1, NODES)
    shared = number % 2 == 0
    return rng.choice(
        (
            lambda: create(number, on=to, disks=int(shared), shared=shared, start=rng.random() < 0.7),
            lambda: remove(number),
            lambda: startup(number),
            lambda: shutdown(number),
            lambda: migrate(number, to),
            lambda: failover(number, to),
            lambda: modify(number, beparams={"memory": rng.randint(128, 300)}),
            lambda: delay(rng.random(), to),
        )
    )()


@pytest.mark.parametrize("story", range(STORIES))
def test_nothing_acknowledged_is_lost_and_nothing_runs_twice(make_cluster: MakeCluster, story: int) -> None:
    cluster = make_cluster(story, nodes=NODES)
    rng = random.Random(cluster.rng.random())
    acknowledged: list[JobId] = []

    async def work(master: Master) -> None:
        cluster.network.chances = {Fault.LOST_REQUEST: 0.02, Fault.LOST_ANSWER: 0.02, Fault.DUPLICATE: 0.02}
        trouble = asyncio.create_task(_trouble(cluster, rng))
        for _ in range(12):
            acknowledged.append(await master.submit(some_opcode(rng)))
            await asyncio.sleep(rng.random())
            check_running_once(cluster)
        await master.all_ended()
        trouble.cancel()

    async def mend(master: Master) -> None:
        jobs = {job.id: job for job in await master.all_ended()}
        assert [job_id for job_id in acknowledged if job_id not in jobs] == []
        check_running_once(cluster)
        await asyncio.sleep(30.0)
        await master.caught_up()
        await set_right(master)
        await asyncio.sleep(3.0)
        assert not half_moved(cluster)
        wanted = {
            instance.name
            for instance in master.daemon.config.current.instances.values()
            if instance.admin_state == AdminState.UP
        }
        assert running(cluster).keys() == wanted
        check_at_rest(cluster, master)

    for _ in range(LIVES):
        point = rng.choice(
            (
                CrashPoint(write=rng.randrange(400), death=rng.choice(DEATHS)),
                CrashPoint(request=rng.randrange(300), late=rng.random() < 0.5),
            )
        )
        cluster.crash(work, point, limit=12 * HOUR)
        check_running_once(cluster)
    cluster.network.chances.clear()
    cluster.network.states.clear()
    cluster.live(mend, limit=12 * HOUR)


async def _trouble(cluster: SimCluster, rng: random.Random) -> None:
    """Let nodes but the master's be away for some seconds, one at a time."""
    while True:
        await asyncio.sleep(rng.uniform(2.0, 8.0))
        cluster.network.states[node(rng.randint(2, NODES))] = rng.choice(list(State))
        await asyncio.sleep(rng.uniform(0.1, 15.0))
        cluster.network.states.clear()
