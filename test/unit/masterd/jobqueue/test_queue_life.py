import asyncio
import os
import resource

import pytest

from ganeti import errors
from ganeti.masterd.jobqueue import job as jobs
from ganeti.masterd.jobqueue.queue import Limits
from ganeti.model.enums import JobStatus
from ganeti.model.scalars import JobId
from ganeti.utils import json
from ganeti.utils.files import read_text
from test.support.queue import Bench, dummy, forever, settle, status, stuck
from test.support.virtual import run


@pytest.fixture
def bench(tmp_path):
    return Bench(tmp_path)


def test_restart_follows_the_contract_of_statuses(bench):
    bench.limits = Limits(running=3)
    bench.make()

    async def by_number(op, context):
        return await (forever if context.job_id == 1 else stuck)(op, context)

    async def scene():
        queue = await bench.start(by_number)
        running, waiting, canceling, queued = await queue.submit_all([[dummy()] for _ in range(4)])
        await settle()
        await queue.change_priority(waiting, 3)  # writes it as it stands
        assert json.loads(bench.on_disk(waiting))["ops"][0]["status"] == "waiting"

        queue = await bench.restart()
        for job_id in (running, waiting, canceling, queued):
            await bench.end_of(job_id)

        assert [job.status for job in queue.jobs()] == ["error", "success", "success", "success"]
        assert "master daemon ended" in str(queue.get(running).ops[0].result)
        assert bench.executed.count(running) == 1

    run(scene())


@pytest.mark.parametrize("rubbish", ["", "x", "-5", "9" * 50, "\udcff"])
def test_ids_go_on_after_a_restart_even_without_serial_file_and_jobs(bench, rubbish):
    async def scene():
        queue = await bench.start()
        for job_id in await queue.submit_all([[dummy()], [dummy()]]):
            await bench.end_of(job_id)
        await queue.auto_archive(-1, 10)
        with open(bench.paths.queue_serial, "w", errors="surrogateescape") as file:
            file.write(rubbish)

        queue = await bench.restart()

        assert await queue.submit([dummy()]) == 3

    run(scene())


def test_corrupt_file_that_cannot_be_put_aside_keeps_nobody_from_starting(bench):
    async def scene():
        queue = await bench.start()
        for job_id in await queue.submit_all([[dummy()], [dummy()]]):
            await bench.end_of(job_id)
        os.unlink(bench.paths.job_file(1))
        os.mkdir(bench.paths.job_file(1))
        os.makedirs(os.path.dirname(bench.paths.archived_job_file(1)))
        with open(bench.paths.archived_job_file(1), "w"):
            pass

        queue = await bench.restart()

        assert [job.id for job in queue.jobs()] == [2]
        assert 1 in queue.lost

    run(scene())


def test_f14_corrupt_file_loses_that_job_alone(bench):
    async def scene():
        queue = await bench.start()
        for job_id in await queue.submit_all([[dummy()] for _ in range(3)]):
            await bench.end_of(job_id)
        with open(bench.paths.job_file(2), "w") as file:
            file.write('{"id": 2, "ops": [{"inp')

        queue = await bench.restart()

        assert [job.id for job in queue.jobs()] == [1, 3]
        assert "job 2" in queue.lost[JobId(2)]
        assert not os.path.exists(bench.paths.job_file(2))
        assert os.path.exists(bench.paths.archived_job_file(2))
        assert await queue.submit([dummy()]) == 4

    run(scene())


def test_job_with_an_opcode_of_another_version_ends_in_error(bench):
    async def scene():
        queue = await bench.start(stuck)
        job_id = await queue.submit([dummy()])
        wire = json.loads(bench.on_disk(job_id))
        wire["ops"][0]["input"] = {"OP_ID": "OP_OF_THE_FUTURE"}
        with open(bench.paths.job_file(job_id), "wb") as file:
            file.write(json.dumps_bytes(wire))

        queue = await bench.restart()

        assert status(queue, job_id) == JobStatus.ERROR
        assert queue.get(job_id).ops[0].result[0] == "OpCodeUnknown"

    run(scene())


@pytest.mark.parametrize(("written", "shown"), [("2\n", "2"), ("\udcff", "unknown")])
def test_queue_of_another_version_is_not_touched(bench, written, shown):
    os.makedirs(bench.paths.queue_dir)
    with open(bench.paths.queue_version, "w", errors="surrogateescape") as file:
        file.write(written)

    async def scene():
        with pytest.raises(errors.JobQueueError, match=f"version {shown}"):
            await bench.start()

    run(scene())


def test_new_queue_gets_version_file(bench):
    async def scene():
        await bench.start()
        assert read_text(bench.paths.queue_version) == "1\n"

    run(scene())


def test_shutdown_lets_running_jobs_end_and_keeps_the_others(bench):
    bench.limits = Limits(running=2)
    bench.make()

    async def by_number(op, context):
        if context.job_id == 1:
            await context.running()
            await asyncio.sleep(3)
            return "done"
        return await stuck(op, context)

    async def scene():
        queue = await bench.start(by_number)
        _, waiting, queued = await queue.submit_all([[dummy()] for _ in range(3)])
        await settle()

        await queue.shutdown(10)

        assert [job.status for job in queue.jobs()] == ["success", "queued", "queued"]
        with pytest.raises(errors.JobQueueError, match="shutting down"):
            await queue.submit([dummy()])
        queue = await bench.restart()
        assert (await bench.end_of(queued)).status == JobStatus.SUCCESS
        assert (await bench.end_of(waiting)).status == JobStatus.SUCCESS

    run(scene())


def test_shutdown_does_not_wait_for_ever(bench):
    async def scene():
        queue = await bench.start(forever)
        job_id = await queue.submit([dummy()])
        await settle()

        await queue.shutdown(10)

        assert "shut down" in str(queue.get(job_id).ops[0].result)
        assert json.loads(bench.on_disk(job_id))["ops"][0]["status"] == "error"

    run(scene())


def test_candidate_can_be_given_everything(bench):
    async def scene():
        queue = await bench.start()
        for job_id in await queue.submit_all([[dummy()], [dummy()]]):
            await bench.end_of(job_id)
        await queue.archive(JobId(1))
        sent = {}

        async def send(files):
            sent.update(files)

        await queue.send_all(send)

        assert set(sent) == {bench.paths.job_file(2), bench.paths.queue_serial}

    run(scene())


def test_what_is_sent_to_a_new_candidate_is_not_overtaken(bench):
    async def scene():
        queue = await bench.start()
        bench.candidate.calls.clear()
        order = bench.candidate.calls

        async def send(files):
            order.append("begin")
            await asyncio.sleep(5)
            order.append("end")

        sending = asyncio.ensure_future(queue.send_all(send))
        await asyncio.sleep(1)
        await queue.submit([dummy()])
        await sending

        assert order[:3] == ["begin", "end", "update"]

    run(scene())


def test_candidate_that_cannot_be_reached_is_no_error_of_the_job(bench):
    async def unreachable(files):
        raise ConnectionError("no route to host")

    bench.candidate.update = unreachable

    async def scene():
        queue = await bench.start()
        job_id = await queue.submit([dummy()])
        assert (await bench.end_of(job_id)).status == JobStatus.SUCCESS

    run(scene())


def test_many_ended_jobs_are_loaded_with_few_file_descriptors(bench):
    count = 2000
    os.makedirs(bench.paths.queue_dir)
    for number in range(1, count + 1):
        job = jobs.fail(jobs.new_job(JobId(number), [dummy()], 1e9), ValueError("x"), 1e9)
        with open(bench.paths.job_file(number), "wb") as file:
            file.write(jobs.to_file(job))
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)

    async def scene():
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, hard))
        try:
            queue = await bench.start()
            answers = await queue.submit_many([[dummy()] for _ in range(20)])
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        assert len(queue.jobs()) == count + 20
        assert answers[0] == (True, count + 1)

    run(scene())


def test_start_waits_for_no_other_node(bench):
    async def scene():
        queue = await bench.start(forever)
        job_id = await queue.submit([dummy()])
        await settle()
        bench.candidate.delay = 1e6  # it hangs

        queue = await bench.restart()

        assert asyncio.get_running_loop().time() < 10
        assert (status(queue, job_id), '"error"' in bench.on_disk(job_id)) == (JobStatus.ERROR, True)

    run(scene())
