"""Operations that are cut off half way, by a full disk or by force, leave disks and records that agree."""

from __future__ import annotations

import asyncio
import posixpath
from collections.abc import Callable

import pytest

from ganeti.luxi import methods as m
from ganeti.masterd.config.snapshot import Config
from ganeti.model.enums import JobStatus
from ganeti.model.opcodes.base import OpCode
from ganeti.model.opcodes.cluster import OpClusterVerifyGroup
from ganeti.model.opcodes.instance import OpInstanceRename
from test.support.disk import NO_SPACE
from test.support.sim import Master, SimCluster, log_of
from test.support.sim_check import check_master, disk_files, running
from test.support.sim_net import State
from test.support.sim_ops import create, name_of, node

#: a removal is not among them: it has no way back, and may be asked for again
OPS: dict[str, Callable[[], OpCode]] = {
    "create": lambda: create(2, on=2, disks=2),
    "rename": lambda: OpInstanceRename(instance_name=name_of(1), new_name="other.example.com", name_check=False),
}


def recorded_disks(config: Config) -> list[str]:
    """Return the disks the configuration knows, as `disk_files` names them."""
    paths = [
        (holder.name, str(disk.logical_id[1])) for disk in config.disks.values() for holder in config.holders_of(disk)
    ]
    return sorted(
        f"{node} {posixpath.basename(posixpath.dirname(path))}/{posixpath.basename(path)}" for node, path in paths
    )


def check_agreement(cluster: SimCluster, master: Master) -> None:
    check_master(master)
    config = master.daemon.config.current
    assert [name for name in disk_files(cluster) if "/." not in name] == recorded_disks(config)
    assert set(running(cluster)) <= set(config.instance_names())


@pytest.mark.parametrize("what", OPS)
def test_f15_a_write_that_is_refused(make_cluster: Callable[..., SimCluster], what: str) -> None:
    async def scenario(master: Master, cluster: SimCluster, number: int) -> None:
        await master.run(create(1, on=1, disks=2, start=False))
        job_id = await master.submit(OPS[what]())
        cluster.disk.error = NO_SPACE
        cluster.disk.fail_at = len(cluster.disk.operations) + number
        await master.end_of(job_id)
        cluster.disk.repair()
        await asyncio.sleep(5.0)
        await master.caught_up()
        check_agreement(cluster, master)

    for number in range(10):
        cluster = make_cluster(number)
        cluster.live(lambda master, of=cluster, at=number: scenario(master, of, at))


@pytest.mark.parametrize("what", OPS)
def test_f10_a_job_that_is_killed(make_cluster: Callable[..., SimCluster], what: str) -> None:
    async def scenario(master: Master, cluster: SimCluster, moment: float) -> None:
        await master.run(create(1, on=1, disks=2, start=False))
        job_id = await master.submit(OPS[what]())
        await asyncio.sleep(moment)
        await master.call(m.cancel_job, job_id, True)
        await master.end_of(job_id)
        await asyncio.sleep(20.0)
        await master.caught_up()
        check_agreement(cluster, master)

    for number in range(40):
        cluster = make_cluster(number)
        cluster.live(lambda master, of=cluster, after=0.002 * number: scenario(master, of, after))


async def carried_out(cluster: SimCluster, number: int, call: str) -> None:
    """Wait until a node has carried out a call."""
    while call not in cluster.nodes[number - 1].carried_out:
        await asyncio.sleep(0.0005)


@pytest.mark.parametrize("state", State)
@pytest.mark.parametrize(("what", "begun"), [("create", "blockdev_create"), ("rename", "blockdev_rename")])
def test_f17_a_node_that_is_away_for_a_moment_has_nothing_left_of_what_failed(
    cluster: SimCluster, what: str, begun: str, state: State
) -> None:
    async def scenario(master: Master) -> None:
        await master.run(create(1, on=2, disks=1, start=False))
        job_id = await master.submit(OPS[what]())
        if what == "create":
            cluster.nodes[1].carried_out.clear()
        await carried_out(cluster, 2, begun)
        cluster.network.states[node(2)] = state
        cluster.nodes[1].restart()
        await asyncio.sleep(12.0)
        cluster.network.states.clear()
        assert (await master.end_of(job_id)).status == JobStatus.ERROR
        await asyncio.sleep(5.0)
        await master.caught_up()
        check_agreement(cluster, master)

    cluster.live(scenario)


def test_f17_undoing_on_a_node_that_stays_away_ends_and_says_what_is_left(cluster: SimCluster) -> None:
    async def scenario(master: Master) -> None:
        job_id = await master.submit(OPS["create"]())
        await carried_out(cluster, 2, "blockdev_create")
        cluster.network.states[node(2)] = State.NO_DAEMON
        begin = cluster.time.now
        job = await master.end_of(job_id)
        assert cluster.time.now - begin < 60.0
        assert any(
            f"cannot remove disk/0 on node {node(2)}" in line and "gnt-cluster verify" in line for line in log_of(job)
        )
        cluster.network.states.clear()
        (verify,) = await master.run(OpClusterVerifyGroup.from_wire({"group_name": "default"}))
        assert verify is False

    cluster.live(scenario)
