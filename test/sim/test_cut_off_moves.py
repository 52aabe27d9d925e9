"""An administrator who does not clean up after a move, or a removal, that was cut off: nothing stays behind."""

from __future__ import annotations

import asyncio
import contextlib
import os
from collections.abc import Awaitable, Callable, Mapping

import pytest

from ganeti import errors
from ganeti.model.enums import AdminState
from test.support.sim import CrashPoint, Master, SimCluster
from test.support.sim_check import check_at_rest, check_running_once, disk_files, half_moved, running
from test.support.sim_net import State
from test.support.sim_ops import create, failover, migrate, name_of, node, remove, shutdown, startup

MakeCluster = Callable[..., SimCluster]

#: more requests than a migration, or a removal, takes
MANY = 60
#: one in so many requests is tried, others by each test, unless all are
STEP = 1 if os.environ.get("HYPOTHESIS_PROFILE") == "thorough" else 4


async def runs(cluster: SimCluster, master: Master) -> None:
    assert len(running(cluster)) == 1


async def is_down(cluster: SimCluster, master: Master) -> None:
    assert not running(cluster)
    await master.run(migrate(1, to=3, cleanup=True))


async def is_gone(cluster: SimCluster, master: Master) -> None:
    assert not running(cluster) and not disk_files(cluster)


async def start(master: Master) -> None:
    await master.run(startup(1))


async def stop(master: Master) -> None:
    await master.run(shutdown(1))


async def fail_over(master: Master) -> None:
    await master.run(failover(1, to=1))


async def take_away(master: Master) -> None:
    await master.run(remove(1))


async def move_on(master: Master) -> None:
    with contextlib.suppress(errors.OpPrereqError):  # the guest is in the middle: it must go on first
        await master.run(migrate(1, to=1))
    await master.run(startup(1))


NEXT: Mapping[str, tuple[Callable[[Master], Awaitable[None]], Callable[[SimCluster, Master], Awaitable[None]]]] = {
    "startup": (start, runs),
    "shutdown": (stop, is_down),
    "failover": (fail_over, runs),
    "remove": (take_away, is_gone),
    "migrate": (move_on, runs),
}


@pytest.mark.parametrize("late", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("act", NEXT)
def test_whatever_follows_a_migration_that_was_cut_off_nodes_keep_nothing_of_it(
    make_cluster: MakeCluster, act: str, late: bool
) -> None:
    follow, check = NEXT[act]

    async def after(master: Master) -> None:
        await master.all_ended()
        check_running_once(cluster)
        await follow(master)
        await check(cluster, master)
        assert not half_moved(cluster)
        assert all(not instance.moving for instance in master.daemon.config.current.instances.values())
        await asyncio.sleep(3.0)
        check_at_rest(cluster, master)

    for number in range((2 * list(NEXT).index(act) + late) % STEP, MANY, STEP):
        cluster = make_cluster(number)
        cluster.live(make_shared)
        if not cluster.crash(move, CrashPoint(request=number, late=late)):
            break
        cluster.live(after)
    assert 10 < number < MANY - 1


async def make_shared(master: Master) -> None:
    await master.run(create(1, on=2, disks=1, shared=True))
    await asyncio.sleep(3.0)


async def move(master: Master) -> None:
    await master.run(migrate(1, to=3))


def test_an_instance_is_not_removed_while_a_node_that_may_keep_it_does_not_answer(cluster: SimCluster) -> None:

    async def scenario(master: Master) -> None:
        await cut_short(master)
        with pytest.raises(errors.OpExecError, match=r"node3.* may keep it from a move"):
            await take_away(master)
        await master.run(remove(1, ignore_failures=True))

    async def cut_short(master: Master) -> None:
        """Let the target accept the instance and be away from then on."""
        await make_shared(master)
        moving = await master.submit(migrate(1, to=3))
        while not half_moved(cluster):
            await asyncio.sleep(0.0001)
        cluster.network.states[node(3)] = State.OFF
        await master.end_of(moving)

    cluster.live(scenario)


def test_an_instance_whose_removal_was_cut_off_is_not_to_be_started_again(make_cluster: MakeCluster) -> None:
    """It may have lost its disks: it is marked down, until its removal is repeated."""

    async def make(master: Master) -> None:
        await master.run(create(1, on=2, disks=2))
        await asyncio.sleep(3.0)

    async def after(master: Master) -> None:
        await master.all_ended()
        instance = master.daemon.config.current.instance_named(name_of(1))
        if instance and (name_of(1) not in running(cluster) or len(disk_files(cluster)) < 2):
            assert instance.admin_state == AdminState.DOWN
        if instance:
            await take_away(master)
        await is_gone(cluster, master)
        await asyncio.sleep(3.0)
        check_at_rest(cluster, master)

    for number in range(0, MANY, STEP):
        cluster = make_cluster(number)
        cluster.live(make)
        if not cluster.crash(take_away, CrashPoint(request=number)):
            break
        cluster.live(after)
    assert 5 < number < MANY - 1
