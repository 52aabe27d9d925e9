"""The master dies somewhere, another daemon starts on what is left: nothing is lost, nothing is mixed.

`HYPOTHESIS_PROFILE=thorough` dies at every change of the disk and at every request;
otherwise the seed chooses some of them.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
from collections.abc import Awaitable, Callable, Iterator, Sequence
from typing import Any, NamedTuple

import pytest

from ganeti.luxi import methods as m
from ganeti.masterd.config.load import parse_config
from ganeti.masterd.config.snapshot import Config
from ganeti.masterd.jobqueue.job import Job
from ganeti.model.enums import AdminState, JobStatus
from ganeti.model.opcodes.base import OpCode
from ganeti.model.scalars import JobId
from ganeti.utils import files
from test.support.disk import CRASH, POWER_CUT, POWER_CUT_NAMES_KEPT
from test.support.sim import CrashPoint, Master, SimCluster
from test.support.sim_check import check_at_rest, check_running_once, disk_files, half_moved, running
from test.support.sim_ops import (
    create,
    delay,
    failover,
    migrate,
    modify,
    name_of,
    node,
    number_of,
    remove,
    shutdown,
    startup,
)

MakeCluster = Callable[..., SimCluster]

#: how many places each part of a sweep tries, when not all
SAMPLE = 3
PARTS = 8
THOROUGH = os.environ.get("HYPOTHESIS_PROFILE") == "thorough"

#: jobs on one instance each, one after the other; the numbers are those of the instances
CHAINS: dict[int, Sequence[OpCode]] = {
    1: [create(1, on=2), modify(1, beparams={"memory": 300}), shutdown(1), remove(1)],
    2: [create(2, on=3, disks=2), shutdown(2), startup(2)],
    3: [create(3, on=1), failover(3, to=2), delay(0.5, 2)],
    4: [create(4, on=1, disks=1, start=False), startup(4), remove(4)],
}


class Seen(NamedTuple):
    """What clients of the daemon that died had been told."""

    #: acknowledged jobs, by instance, in order
    acknowledged: dict[int, list[JobId]]
    #: the last that was seen of each
    jobs: dict[JobId, Job]
    #: serial numbers of the configurations that were seen
    serials: list[int]


def client(seen: Seen) -> Callable[[Master], Any]:
    """Submit all chains, then watch them to their end."""

    async def watch(master: Master) -> None:
        while True:
            for job in master.daemon.queue.jobs():
                seen.jobs[job.id] = job
            seen.serials.append(master.daemon.config.current.serial_no)
            await asyncio.sleep(0.001)

    async def act(master: Master) -> None:
        watching = asyncio.create_task(watch(master))
        for number, ops in CHAINS.items():
            jobs = [[op.to_wire() | ({"depends": [[-1, _ANY_END]]} if index else {})] for index, op in enumerate(ops)]
            answers = await master.call(m.submit_many_jobs, jobs)
            assert all(done for done, _ in answers), answers
            seen.acknowledged[number] = [job_id for _, job_id in answers]
        await master.all_ended()
        await asyncio.sleep(3.0)  # the logs are written
        watching.cancel()

    return act


_ANY_END = ["success", "error", "canceled"]


def crash_and_recover(cluster: SimCluster, point: CrashPoint) -> bool:
    """Let the daemon die at a point, check what is left, start another and check again.

    Returns whether the point was reached.
    """
    seen = Seen({}, {}, [])
    crashed = cluster.crash(client(seen), point)
    with contextlib.ExitStack() as at_fault:
        at_fault.callback(lambda: print(f"master died at {point}, time {cluster.time.now:.3f}"))
        check_disks(cluster, seen)
        cluster.live(lambda master: recovery(cluster, master, seen))
        at_fault.pop_all()
    return crashed


def check_disks(cluster: SimCluster, seen: Seen) -> None:
    """Check what a dead daemon leaves: configurations are whole and none that was seen is lost."""
    check_running_once(cluster)
    known = cluster.disk.contents[cluster.nodes[0].paths.config_file]
    serials = []
    for each in cluster.nodes:
        data = files.read_file(each.paths.config_file)
        assert data in known, f"{each.name} has a configuration nobody made"
        serials.append(parse_config(data, each.paths.config_file).config.serial_no)
    assert serials[0] >= max(seen.serials, default=0)


async def recovery(cluster: SimCluster, master: Master, seen: Seen, crashes: int = 1) -> None:
    jobs = {job.id: job for job in await master.all_ended()}
    await asyncio.sleep(3.0)  # the logs are written
    await master.caught_up()
    assert master.daemon.queue.lost == {}
    check_promises(seen, jobs)
    config = master.daemon.config.current
    # Of a submission that was not acknowledged there may be all, some or none.
    for number, ids in seen.acknowledged.items():
        chain = [(op, jobs[job_id]) for op, job_id in zip(CHAINS[number], ids, strict=True)]
        cut = [job for _, job in chain if "master daemon ended" in str(job.ops[0].result)]
        assert len(cut) <= crashes, "only one job of a chain is running at a time"
        if not cut:
            check_outcome(cluster, config, number, chain)
    check_at_rest(cluster, master)
    await check_usable(cluster, master)


def check_promises(seen: Seen, jobs: dict[JobId, Job]) -> None:
    """Check the contract of each status (`jobqueue/job.py`)."""
    for chain in seen.acknowledged.values():
        for job_id in chain:
            assert job_id in jobs, f"job {job_id} was acknowledged and is lost"
    for job_id, before in seen.jobs.items():
        after = jobs[job_id]
        if before.is_final:
            assert (after.status, after.ops[0].result) == (before.status, before.ops[0].result)
        if before.status == JobStatus.RUNNING and after.status == JobStatus.ERROR:
            assert "the master daemon ended while this was running" in str(after.ops[0].result) or before != after


def check_outcome(cluster: SimCluster, config: Config, number: int, chain: Sequence[tuple[OpCode, Job]]) -> None:
    """Check that all jobs of a chain succeeded, and what they did."""
    failed = [(job.id, job.ops[0].result) for _, job in chain if job.status != JobStatus.SUCCESS]
    assert not failed, f"nothing was cut off, but jobs failed: {failed}"
    instance, where = config.instance_named(name_of(number)), running(cluster).get(name_of(number), [])
    match [op.OP_ID for op, _ in chain if op.OP_ID != "OP_TEST_DELAY"][-1]:
        case "OP_INSTANCE_REMOVE":
            assert instance is None and not where
            assert not any(name_of(number) in disk for disk in disk_files(cluster))
        case "OP_INSTANCE_CREATE" | "OP_INSTANCE_STARTUP" | "OP_INSTANCE_FAILOVER":
            assert instance is not None
            assert bool(where) == (instance.admin_state == AdminState.UP)
        case "OP_INSTANCE_SHUTDOWN":
            assert instance is not None and not where
        case "OP_INSTANCE_SET_PARAMS":
            assert instance is not None and instance.beparams["maxmem"] == 300


async def check_usable(cluster: SimCluster, master: Master) -> None:
    """Check that everything can be made and removed as if nothing had happened."""
    for name in master.daemon.config.current.instance_names():
        await master.run(remove(number_of(name)))
    for number in CHAINS:
        await master.run(create(number, on=1 + number % 3, disks=number % 2))
    assert running(cluster) == {name_of(number): [node(1 + number % 3)] for number in CHAINS}
    await asyncio.sleep(3.0)
    check_at_rest(cluster, master)


# --- the sweeps -------------------------------------------------------------------------------


def places(count: int, part: int, rng: random.Random) -> list[int]:
    """Return the places of one part of a sweep: all of them, or some."""
    mine = range(part, count, PARTS)
    return list(mine) if THOROUGH else sorted(rng.sample(mine, min(len(mine), SAMPLE)))


@pytest.fixture
def sizes(make_cluster: MakeCluster) -> tuple[int, int]:
    """How many changes of the disk and how many requests there are without a crash, roughly."""
    cluster = make_cluster(-1)
    assert not cluster.crash(client(Seen({}, {}, [])), CrashPoint())
    return len(cluster.disk.operations), cluster.transport.count


@pytest.fixture(params=range(PARTS))
def part(request: pytest.FixtureRequest) -> int:
    return int(request.param)


def sweep(make_cluster: MakeCluster, points: Sequence[CrashPoint]) -> Iterator[bool]:
    for number, point in enumerate(points):
        yield crash_and_recover(make_cluster(number), point)


@pytest.mark.parametrize("death", [CRASH, POWER_CUT, POWER_CUT_NAMES_KEPT], ids=["crash", "power", "names-kept"])
def test_f01_f47_the_master_dies_or_loses_power_at_a_change_of_its_disk(
    make_cluster: MakeCluster, sizes: tuple[int, int], part: int, death: Any, seed: str
) -> None:
    points = [CrashPoint(write=n, death=death) for n in places(sizes[0], part, random.Random(seed))]
    assert any(list(sweep(make_cluster, points)))


@pytest.mark.parametrize("late", [False, True], ids=["before", "after"])
def test_f09_the_master_dies_at_a_request(
    make_cluster: MakeCluster, sizes: tuple[int, int], part: int, late: bool, seed: str
) -> None:
    points = [CrashPoint(request=n, late=late) for n in places(sizes[1], part, random.Random(seed))]
    assert any(list(sweep(make_cluster, points)))


def test_without_a_crash_everything_succeeds(cluster: SimCluster) -> None:
    assert not crash_and_recover(cluster, CrashPoint())


def test_f09_a_daemon_that_dies_again_and_again_gets_there_in_the_end(cluster: SimCluster, seed: str) -> None:
    rng = random.Random(seed)
    seen = Seen({}, {}, [])
    cluster.crash(client(seen), CrashPoint(write=rng.randrange(150, 250)))
    for _ in range(5):
        check_disks(cluster, seen)
        cluster.crash(lambda master: master.all_ended(), CrashPoint(write=rng.randrange(60), death=POWER_CUT))

    cluster.live(lambda master: recovery(cluster, master, seen, crashes=6))


# --- migration --------------------------------------------------------------------------------


@pytest.mark.parametrize("late", [False, True], ids=["before", "after"])
def test_a_migration_cut_off_anywhere_is_mended_by_cleanup(make_cluster: MakeCluster, late: bool, part: int) -> None:
    """The instance goes on, nodes keep nothing of the attempt, and the configuration agrees."""

    async def mend(cluster: SimCluster, master: Master) -> None:
        await master.run(migrate(1, to=3, cleanup=True))
        assert len(running(cluster)) == 1 and not half_moved(cluster)

    cut_off_migrations(make_cluster, late, part, mend)


@pytest.mark.parametrize("late", [False, True], ids=["before", "after"])
def test_an_instance_whose_migration_was_cut_off_can_be_started(
    make_cluster: MakeCluster, late: bool, part: int
) -> None:
    """Which is what the watcher does: it must not run twice then."""

    async def mend(cluster: SimCluster, master: Master) -> None:
        await master.run(startup(1))
        check_running_once(cluster)
        await master.run(migrate(1, to=3, cleanup=True))

    cut_off_migrations(make_cluster, late, part, mend)


def cut_off_migrations(
    make_cluster: MakeCluster, late: bool, part: int, mend: Callable[[SimCluster, Master], Awaitable[None]]
) -> None:
    """Let the master die at the requests of one part of a sweep, and another mend what is left."""

    async def make(master: Master) -> None:
        await master.run(create(1, on=2, disks=1, shared=True))
        await asyncio.sleep(3.0)

    async def move(master: Master) -> None:
        await master.run(migrate(1, to=3))

    async def after(master: Master) -> None:
        await master.all_ended()
        check_running_once(cluster)
        await mend(cluster, master)
        await asyncio.sleep(3.0)
        check_at_rest(cluster, master)
        await master.run(migrate(1, to=1))
        assert running(cluster) == {name_of(1): [node(1)]}

    for number in range(part, 60, PARTS):
        cluster = make_cluster(number)
        cluster.live(make)
        if not cluster.crash(move, CrashPoint(request=number, late=late)):
            break
        check_running_once(cluster)
        cluster.live(after)
