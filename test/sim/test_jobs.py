"""Jobs through the whole daemon: order, dependencies, cancellation, refusals."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable

import pytest

from ganeti import errors
from ganeti.luxi import methods as m
from ganeti.masterd.cmdlib.registry import UNITS
from ganeti.masterd.jobqueue.job import Job
from ganeti.model.enums import JobStatus, OpStatus
from ganeti.model.opcodes.registry import OPCODES
from ganeti.model.opcodes.test import OpTestDelay, OpTestDummy
from ganeti.model.scalars import JobId
from test.support.sim import Master, SimCluster, log_of, results_of
from test.support.sim_check import check_at_rest, running
from test.support.sim_net import State
from test.support.sim_ops import create, delay, name_of, node, shutdown, startup

MakeCluster = Callable[..., SimCluster]


def ended(job: Job) -> tuple[int, int]:
    assert job.end_timestamp is not None
    return job.end_timestamp


def test_everything_of_an_instance_s_life_succeeds(cluster: SimCluster) -> None:
    async def scenario(master: Master) -> None:
        assert await master.run(create(1, on=2, disks=1)) == [[node(2)]]
        assert running(cluster) == {name_of(1): [node(2)]}
        await master.run(shutdown(1), startup(1), shutdown(1))
        assert running(cluster) == {}
        await master.caught_up()
        check_at_rest(cluster, master)

    cluster.live(scenario)


def test_waiting_takes_no_time_of_the_clock_on_the_wall(cluster: SimCluster) -> None:
    cluster.live(lambda master: master.run(delay(86400.0)), limit=100_000)

    assert cluster.time.now >= 86400


def test_a_delay_on_nodes_takes_its_time_there(cluster: SimCluster) -> None:
    """Longer than one request may last: the call is waited for by its id."""

    async def scenario(master: Master) -> None:
        start = cluster.time.now
        await master.run(delay(30.0, 2, 3))
        assert 30 <= cluster.time.now - start < 31

    cluster.live(scenario)

    assert cluster.nodes[1].carried_out.count("test_delay") == 1
    assert any(sent.endswith("WaitForFunction") for sent in cluster.network.sent)


def test_jobs_that_need_nothing_of_each_other_run_at_the_same_time(cluster: SimCluster) -> None:
    async def scenario(master: Master) -> None:
        start = cluster.time.now
        jobs = [await master.submit(delay(60.0, number)) for number in (1, 2, 3)]
        for job_id in jobs:
            results_of(await master.end_of(job_id))
        assert cluster.time.now - start < 62

    cluster.live(scenario)


def test_jobs_that_need_the_same_lock_run_one_after_the_other(cluster: SimCluster) -> None:
    async def scenario(master: Master) -> None:
        start = cluster.time.now
        for job_id in [await master.submit(delay(60.0, 2)) for _ in range(3)]:
            results_of(await master.end_of(job_id))
        assert cluster.time.now - start >= 180

    cluster.live(scenario)


def test_the_more_urgent_job_gets_the_lock_first(cluster: SimCluster) -> None:
    async def scenario(master: Master) -> None:
        holder = await master.submit(delay(10.0, 2))
        await master.until(holder, JobStatus.RUNNING)
        waiting = [await master.submit(delay(1.0, 2, priority=priority)) for priority in (10, 0, -10)]
        for job_id in waiting:
            await master.until(job_id, JobStatus.WAITING)
        jobs = [await master.end_of(job_id) for job_id in waiting]
        assert sorted(jobs, key=ended) == jobs[::-1]

    cluster.live(scenario)


def test_a_changed_priority_counts_for_a_job_that_waits_for_locks(cluster: SimCluster) -> None:
    async def scenario(master: Master) -> None:
        holder = await master.submit(delay(10.0, 2))
        await master.until(holder, JobStatus.RUNNING)
        first, second = await master.submit(delay(1.0, 2)), await master.submit(delay(1.0, 2))
        await master.until(second, JobStatus.WAITING)
        assert (await master.call(m.change_job_priority, second, -20))[0]
        assert ended(await master.end_of(second)) < ended(await master.end_of(first))

    cluster.live(scenario)


def test_the_run_limit_keeps_the_rest_in_the_queue_and_the_urgent_come_first(make_cluster: MakeCluster) -> None:
    cluster = make_cluster(settings={"max_running_jobs": 1})

    async def scenario(master: Master) -> None:
        jobs = [await master.submit(delay(5.0, priority=priority)) for priority in (0, 10, 0, -10)]
        order = sorted([await master.end_of(job_id) for job_id in jobs], key=ended)
        assert [job.id for job in order] == [jobs[0], jobs[3], jobs[2], jobs[1]]

    cluster.live(scenario)


def test_a_job_waits_for_the_one_it_depends_on(cluster: SimCluster) -> None:
    async def scenario(master: Master) -> None:
        first = await master.submit(delay(20.0))
        second = await master.submit(delay(1.0, depends=[[first, ["success"]]]))
        done, after = await master.end_of(first), await master.end_of(second)
        assert after.start_timestamp is not None and after.start_timestamp >= ended(done)

    cluster.live(scenario)


def test_a_job_whose_dependency_failed_does_not_run(cluster: SimCluster) -> None:
    async def scenario(master: Master) -> None:
        first = await master.submit(startup(7))
        second = await master.submit(create(1, on=2, depends=[[first, ["success"]]]))
        job = await master.end_of(second)
        assert job.status in (JobStatus.ERROR, JobStatus.CANCELED)
        with pytest.raises(errors.GenericError, match=str(first)):
            results_of(job)
        assert running(cluster) == {}

    cluster.live(scenario)


def test_the_rest_of_a_job_is_not_run_after_a_failure(cluster: SimCluster) -> None:
    async def scenario(master: Master) -> None:
        job = await master.end_of(await master.submit(delay(1.0), startup(7), create(1, on=2)))
        assert [op.status for op in job.ops] == [OpStatus.SUCCESS, OpStatus.ERROR, OpStatus.ERROR]
        assert "instance_start" not in cluster.nodes[1].carried_out

    cluster.live(scenario)


def test_f11_a_queued_job_is_canceled_and_never_runs(make_cluster: MakeCluster) -> None:
    cluster = make_cluster(settings={"max_running_jobs": 1})

    async def scenario(master: Master) -> None:
        first = await master.submit(delay(10.0))
        second = await master.submit(create(1, on=2))
        assert (await master.call(m.cancel_job, second))[0]
        assert (await master.job(second)).status == JobStatus.CANCELED
        results_of(await master.end_of(first))
        assert running(cluster) == {}

    cluster.live(scenario)


def test_f11_a_job_that_waits_for_locks_is_canceled_within_a_second(cluster: SimCluster) -> None:
    async def scenario(master: Master) -> None:
        holder = await master.submit(delay(1000.0, 2))
        await master.until(holder, JobStatus.RUNNING)
        waiting = await master.submit(delay(1.0, 2))
        await master.until(waiting, JobStatus.WAITING)
        start = cluster.time.now
        assert (await master.call(m.cancel_job, waiting))[0]
        assert (await master.end_of(waiting)).status == JobStatus.CANCELED
        assert cluster.time.now - start < 1
        results_of(await master.end_of(holder))
        assert master.daemon.locks.dump() == []

    cluster.live(scenario)

    assert cluster.nodes[1].carried_out.count("test_delay") == 1


def test_f11_canceling_at_the_very_moment_the_lock_comes_ends_well(cluster: SimCluster) -> None:
    """Cancel at every moment around the grant: the job either ran, or was canceled and left nothing."""

    async def scenario(master: Master) -> None:
        for step in range(30):
            holder = await master.submit(delay(0.05, 2))
            waiting = await master.submit(delay(0.05, 2))
            await asyncio.sleep(0.04 + 0.002 * step)
            await master.call(m.cancel_job, waiting)
            job = await master.end_of(waiting)
            assert job.status in (JobStatus.CANCELED, JobStatus.SUCCESS)
            assert (await master.end_of(holder)).status == JobStatus.SUCCESS
            assert master.daemon.locks.dump() == []

    cluster.live(scenario)


def test_a_running_job_cannot_be_canceled(cluster: SimCluster) -> None:
    async def scenario(master: Master) -> None:
        job_id = await master.submit(delay(10.0))
        await master.until(job_id, JobStatus.RUNNING)
        done, reason = await master.call(m.cancel_job, job_id)
        assert not done and "running" in reason
        assert (await master.end_of(job_id)).status == JobStatus.SUCCESS

    cluster.live(scenario)


def test_f10_a_killed_job_frees_its_locks(cluster: SimCluster) -> None:
    async def scenario(master: Master) -> None:
        job_id = await master.submit(delay(1000.0, 2))
        await master.until(job_id, JobStatus.RUNNING)
        await master.call(m.cancel_job, job_id, True)
        job = await master.end_of(job_id)
        assert job.status == JobStatus.ERROR
        assert cluster.time.now < 100
        assert master.daemon.locks.dump() == []

    cluster.live(scenario)


def test_f10_a_job_killed_during_a_call_keeps_its_log_and_frees_its_locks_in_time(cluster: SimCluster) -> None:
    async def scenario(master: Master) -> None:
        await master.run(create(1, on=2, start=False))
        cluster.network.states[node(2)] = State.HANGING
        begun = OpTestDummy(result=None, messages="begun", fail=False)
        job_id = await master.submit(begun, startup(1))
        await master.until(job_id, JobStatus.RUNNING)
        await asyncio.sleep(1.0)
        start = cluster.time.now
        await master.call(m.cancel_job, job_id, True)
        job = await master.end_of(job_id)
        assert job.status == JobStatus.ERROR and job.ops[0].status == OpStatus.SUCCESS
        assert "begun" in log_of(job)
        assert cluster.time.now - start < 5 and master.daemon.locks.dump() == []
        cluster.network.states.clear()
        await asyncio.sleep(5.0)
        await master.caught_up()
        await master.run(startup(1))
        check_at_rest(cluster, master)

    cluster.live(scenario)


@pytest.mark.parametrize("number", range(6))
def test_f12_jobs_archived_as_they_end_stay_archived_everywhere(make_cluster: MakeCluster, number: int) -> None:
    cluster = make_cluster(number)
    for each in (2, 3):
        cluster.network.jitter[node(each)] = 0.05  # what is sent later may arrive earlier

    async def archive(master: Master, job_id: JobId) -> None:
        while not await master.call(m.archive_job, job_id):
            await asyncio.sleep(0.003)

    async def scenario(master: Master) -> None:
        jobs = [await master.submit(delay(0.01 * turn)) for turn in range(1, 21)]
        await asyncio.gather(*(archive(master, job_id) for job_id in jobs))
        await asyncio.sleep(10.0)
        for each in cluster.nodes:
            assert not [name for name in os.listdir(each.paths.queue_dir) if name.startswith("job-")]
        assert [(await master.job(job_id)).status for job_id in jobs] == [JobStatus.SUCCESS] * len(jobs)
        await master.caught_up()
        check_at_rest(cluster, master)

    cluster.live(scenario)


def test_a_dry_run_checks_and_changes_nothing(cluster: SimCluster) -> None:
    async def scenario(master: Master) -> None:
        serial = master.daemon.config.current.serial_no
        assert await master.run(create(1, on=3, dry_run=True)) == [[node(3)]]
        assert master.daemon.config.current.serial_no == serial
        with pytest.raises(errors.OpPrereqError, match="not known"):
            await master.run(startup(1, dry_run=True))
        check_at_rest(cluster, master)

    cluster.live(scenario)

    assert "hooks_runner" not in cluster.nodes[2].carried_out


def test_an_opcode_that_is_not_supported_is_refused_by_name(cluster: SimCluster) -> None:
    unsupported = next(op for op in OPCODES.values() if op not in UNITS and _can_be_empty(op))

    async def scenario(master: Master) -> None:
        with pytest.raises(errors.OpPrereqError, match=f"cannot execute {unsupported.OP_ID}: not supported"):
            await master.run(unsupported())
        check_at_rest(cluster, master)

    cluster.live(scenario)


def _can_be_empty(op: Callable[[], object]) -> bool:
    try:
        op()
    except (TypeError, errors.ParameterError):
        return False
    return True


def test_an_opcode_nobody_knows_is_refused_at_the_door(cluster: SimCluster) -> None:
    async def scenario(master: Master) -> None:
        with pytest.raises(errors.OpCodeUnknown, match="OP_INSTANCE_EXPLODE"):
            await master.call(m.submit_job, [{"OP_ID": "OP_INSTANCE_EXPLODE"}])
        with pytest.raises(errors.ParameterError, match="duration"):
            await master.call(m.submit_job, [{"OP_ID": "OP_TEST_DELAY", "duration": "long"}])
        assert master.daemon.queue.jobs() == []

    cluster.live(scenario)


def test_the_same_seed_gives_the_same_run(make_cluster: MakeCluster, directory: str, seed: str) -> None:
    async def scenario(master: Master) -> None:
        for op in (create(1, on=2, disks=1), create(2, on=3), delay(1.0, 2), delay(1.0, 2, 3), shutdown(1)):
            await master.submit(op)
        await master.all_ended()

    runs = []
    for number in (1, 2):
        cluster = SimCluster(f"{directory}/{number}", seed=seed)
        cluster.live(scenario)
        operations = [what for what, _ in cluster.disk.operations]
        runs.append((cluster.time.now, cluster.network.sent, operations))

    assert runs[0] == runs[1]


def test_the_daemon_stops_in_order_and_its_successor_goes_on(make_cluster: MakeCluster) -> None:
    cluster = make_cluster(settings={"max_running_jobs": 1})
    ids: list[JobId] = []

    async def submit(master: Master) -> None:
        ids.extend([await master.submit(OpTestDelay(duration=5.0)) for _ in range(4)])
        await master.until(ids[0], JobStatus.RUNNING)

    async def look(master: Master) -> None:
        assert [(await master.end_of(job_id)).status for job_id in ids] == [JobStatus.SUCCESS] * 4

    cluster.live(submit)
    cluster.live(look)
