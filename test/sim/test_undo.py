"""Operations that are cut off half way, by a full disk or by force, leave disks and records that agree."""

from __future__ import annotations

import asyncio
import posixpath
from collections.abc import Callable

import pytest

from ganeti.luxi import methods as m
from ganeti.masterd.config.snapshot import Config
from ganeti.model.opcodes.base import OpCode
from ganeti.model.opcodes.instance import OpInstanceRename
from test.support.disk import NO_SPACE
from test.support.sim import Master, SimCluster
from test.support.sim_check import check_master, disk_files, running
from test.support.sim_ops import create, name_of

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
