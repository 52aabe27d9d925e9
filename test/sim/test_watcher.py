"""What the watcher asks for is looked at again under the locks: the cluster may have changed since it looked."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from ganeti import errors
from ganeti.model.enums import JobStatus
from test.support.sim import Master, SimCluster
from test.support.sim_check import check_at_rest, running
from test.support.sim_ops import create, failover, name_of, node, shutdown, startup

MakeCluster = Callable[..., SimCluster]
BY_WATCHER = {"reason": [["gnt:watcher", "found down", 1]]}


def test_f20_an_instance_stopped_after_the_watcher_looked_stays_down(cluster: SimCluster) -> None:
    async def scenario(master: Master) -> None:
        await master.run(create(1, on=2))
        stopping = await master.submit(shutdown(1))
        starting = await master.submit(startup(1, **BY_WATCHER))
        assert (await master.end_of(stopping)).status == JobStatus.SUCCESS
        assert (await master.end_of(starting)).status == JobStatus.ERROR
        assert running(cluster) == {}
        with pytest.raises(errors.OpPrereqError, match="stopped meanwhile"):
            await master.run(startup(1, **BY_WATCHER))
        check_at_rest(cluster, master)

    cluster.live(scenario)


def test_f20_an_instance_that_runs_again_is_not_stopped_by_cleaning_up(cluster: SimCluster) -> None:
    async def scenario(master: Master) -> None:
        await master.run(create(1, on=2))
        with pytest.raises(errors.OpPrereqError, match="not stopped from inside"):
            await master.run(shutdown(1, **BY_WATCHER))
        assert running(cluster) == {name_of(1): [node(2)]}

    cluster.live(scenario)


def test_an_instance_that_crashed_is_started_for_the_watcher(cluster: SimCluster) -> None:
    async def scenario(master: Master) -> None:
        await master.run(create(1, on=2), shutdown(1, no_remember=True))
        assert running(cluster) == {}
        await master.run(startup(1, **BY_WATCHER))
        assert running(cluster) == {name_of(1): [node(2)]}

    cluster.live(scenario)


def test_f20_an_instance_failed_over_after_the_watcher_looked_runs_once(cluster: SimCluster) -> None:
    async def scenario(master: Master) -> None:
        await master.run(create(1, on=2, disks=1, shared=True))
        moving = await master.submit(failover(1, to=3))
        starting = await master.submit(startup(1, **BY_WATCHER))
        assert (await master.end_of(moving)).status == JobStatus.SUCCESS
        assert (await master.end_of(starting)).status == JobStatus.SUCCESS
        assert running(cluster) == {name_of(1): [node(3)]}
        check_at_rest(cluster, master)

    cluster.live(scenario)
