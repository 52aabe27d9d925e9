"""What meets a creation on its way: hooks that refuse it, other jobs that want the same."""

from __future__ import annotations

import asyncio

import pytest

from ganeti import errors
from ganeti.luxi import methods as m
from ganeti.model.enums import JobStatus
from ganeti.utils import files
from test.support.sim import Master, SimCluster, log_of, results_of
from test.support.sim_check import check_at_rest, running
from test.support.sim_ops import create, name_of, node, remove, shutdown, startup

# --- hooks ----------------------------------------------------------------------------------


def write_hook(cluster: SimCluster, number: int, subdirectory: str, text: str) -> str:
    """Put a hook script on a node."""
    paths = cluster.nodes[number - 1].paths
    directory = f"{paths.hooks_dir}/{subdirectory}"
    files.ensure_dir(directory, 0o755)
    files.write_file(f"{directory}/check", f"#!/bin/sh\n{text}\n", mode=0o755, durable=False)
    return directory


def test_f42_a_failing_hook_before_the_work_stops_it(cluster: SimCluster) -> None:
    write_hook(cluster, 2, "instance-add-pre.d", "echo not on a friday; exit 1")

    async def scenario(master: Master) -> None:
        with pytest.raises(errors.HooksAbort, match="not on a friday"):
            await master.run(create(1, on=2))
        assert master.daemon.config.current.instance_named(name_of(1)) is None
        check_at_rest(cluster, master)

    cluster.live(scenario)

    assert running(cluster) == {}


def test_f42_a_failing_hook_after_the_work_is_a_warning(cluster: SimCluster) -> None:
    write_hook(cluster, 2, "instance-add-post.d", "echo tell the billing people; exit 1")

    async def scenario(master: Master) -> None:
        job = await master.end_of(await master.submit(create(1, on=2)))
        results_of(job)
        assert any("tell the billing people" in line for line in log_of(job))

    cluster.live(scenario)

    assert running(cluster) == {name_of(1): [node(2)]}


def test_hooks_are_told_what_happens_to_whom(cluster: SimCluster) -> None:
    told = f"{cluster.nodes[1].paths.hooks_dir}/told"
    write_hook(cluster, 2, "instance-add-pre.d", f"env > {told}")

    cluster.live(lambda master: master.run(create(1, on=2)))

    lines = files.read_text(told).splitlines()
    assert f"GANETI_OP_TARGET={name_of(1)}" in lines
    assert f"GANETI_INSTANCE_PRIMARY={node(2)}" in lines


# --- concurrent creations -------------------------------------------------------------------

MAC = "aa:00:00:00:00:42"


def test_f29_of_two_creations_with_one_mac_one_wins_and_the_other_names_the_job(cluster: SimCluster) -> None:
    async def scenario(master: Master) -> None:
        ids = [
            await master.submit(create(number, on=number, nics=[{"mac": MAC, "ip": f"198.51.100.{number}"}]))
            for number in (2, 3)
        ]
        jobs = [await master.end_of(job_id) for job_id in ids]
        winner, loser = sorted(jobs, key=lambda job: job.status != JobStatus.SUCCESS)
        results_of(winner)
        with pytest.raises(
            errors.GenericError, match=rf"{MAC}.*(job {winner.id}\b|{name_of(ids.index(winner.id) + 2)})"
        ):
            results_of(loser)
        assert len(running(cluster)) == 1
        check_at_rest(cluster, master)

    cluster.live(scenario)


def test_f29_a_mac_that_a_running_job_has_reserved_is_refused_with_the_job_s_number(cluster: SimCluster) -> None:
    async def scenario(master: Master) -> None:
        cluster.network.slow[node(2)] = 1.0
        first = await master.submit(create(2, on=2, nics=[{"mac": MAC, "ip": "198.51.100.2"}]))
        await master.until(first, JobStatus.RUNNING)
        await asyncio.sleep(2.5)  # its checks are done when it takes what it wants
        with pytest.raises(errors.GenericError, match=rf"{MAC} is reserved by job {first}\b"):
            await master.run(create(3, on=3, nics=[{"mac": MAC, "ip": "198.51.100.3"}]))
        cluster.network.slow.clear()
        results_of(await master.end_of(first))

    cluster.live(scenario)


def test_f29_of_two_creations_with_one_name_one_wins(cluster: SimCluster) -> None:
    async def scenario(master: Master) -> None:
        jobs = [await master.end_of(j) for j in [await master.submit(create(1, on=number)) for number in (2, 3)]]
        winner, loser = sorted(jobs, key=lambda job: job.status != JobStatus.SUCCESS)
        results_of(winner)
        with pytest.raises(errors.GenericError, match=rf"{name_of(1)}.* job {winner.id}\b"):
            results_of(loser)
        with pytest.raises(errors.OpPrereqError, match=rf"exists already since job {winner.id}\b"):
            await master.run(create(1, on=2))
        assert len(running(cluster)[name_of(1)]) == 1
        check_at_rest(cluster, master)

    cluster.live(scenario)


def test_f29_of_two_creations_with_one_address_one_wins_and_the_other_names_the_job(cluster: SimCluster) -> None:
    async def scenario(master: Master) -> None:
        ids = [await master.submit(create(number, on=number, nics=[{"ip": "198.51.100.9"}])) for number in (2, 3)]
        jobs = [await master.end_of(job_id) for job_id in ids]
        winner, loser = sorted(jobs, key=lambda job: job.status != JobStatus.SUCCESS)
        results_of(winner)
        with pytest.raises(errors.GenericError, match=rf"198.51.100.9.* job {winner.id}\b"):
            results_of(loser)
        assert len(running(cluster)) == 1
        check_at_rest(cluster, master)

    cluster.live(scenario)


def test_f30_an_instance_removed_and_added_again_has_the_locks_of_one(cluster: SimCluster) -> None:
    """Jobs on both of that name are submitted at once: each finds one or none, and no lock stays."""

    async def scenario(master: Master) -> None:
        await master.run(create(1, on=2))
        jobs = []
        for number in (3, 1, 2):
            for op in (shutdown(1), remove(1), create(1, on=number), startup(1)):
                jobs.append(await master.submit(op))
        for job_id in jobs:
            assert (await master.end_of(job_id)).is_final
        assert len(running(cluster).get(name_of(1), [])) <= 1
        check_at_rest(cluster, master)
        if master.daemon.config.current.instance_named(name_of(1)):
            await master.run(remove(1))
        await master.run(create(1, on=3))
        holder = await master.submit(shutdown(1))
        await master.end_of(holder)
        check_at_rest(cluster, master)

    cluster.live(scenario)


def test_f29_ten_creations_at_once_all_get_their_own_mac(cluster: SimCluster) -> None:
    async def scenario(master: Master) -> None:
        jobs = [[create(n, on=1 + n % 3, nics=[{"ip": f"198.51.100.{n}"}]).to_wire()] for n in range(1, 11)]
        answers = await master.call(m.submit_many_jobs, jobs)
        for done, job_id in answers:
            assert done
            results_of(await master.end_of(job_id))
        macs = {i.nics[0].mac for i in master.daemon.config.current.instances.values()}
        assert len(macs) == 10
        check_at_rest(cluster, master)

    cluster.live(scenario)
