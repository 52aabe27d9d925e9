import asyncio
import os

import pytest

from ganeti import errors
from ganeti.masterd.jobqueue.queue import Limits
from ganeti.masterd.jobqueue.submission import MAX_OPCODES
from ganeti.model.enums import JobStatus, LogType
from ganeti.model.scalars import JobId
from ganeti.utils import json
from test.support.queue import Bench, dummy, forever, settle, status, stuck
from test.support.virtual import run


@pytest.fixture
def bench(tmp_path):
    return Bench(tmp_path)


def test_submitted_job_is_on_disk_and_on_the_candidate_before_the_answer(bench):
    async def scene():
        queue = await bench.start(stuck)
        job_id = await queue.submit([dummy()])
        path = bench.paths.job_file(job_id)
        assert os.path.exists(path)
        assert bench.candidate.files[path] == bench.on_disk(job_id).encode()
        assert bench.candidate.files[bench.paths.queue_serial] == b"1\n"

    run(scene())


def test_job_runs_and_its_result_is_kept(bench):
    async def scene():
        queue = await bench.start()
        job = await bench.end_of(await queue.submit([dummy(result={"answer": 42})]))

        assert job.status == JobStatus.SUCCESS
        assert job.ops[0].result == {"answer": 42}
        assert json.loads(bench.on_disk(job.id))["ops"][0]["status"] == "success"

    run(scene())


def test_job_without_opcodes_is_refused(bench):
    async def scene():
        queue = await bench.start()
        with pytest.raises(errors.OpPrereqError, match="no opcodes"):
            await queue.submit([])

    run(scene())


def test_job_with_too_many_opcodes_is_refused_and_those_beside_it_are_not(bench):
    async def scene():
        queue = await bench.start(stuck)
        most = [dummy()] * MAX_OPCODES

        (taken, why), (beside, _) = await queue.submit_many([[*most, dummy()], most])

        assert not taken and "it has 1001 opcodes, a job can have 1000" in str(why)
        assert beside

    run(scene())


def test_lone_job_is_written_three_times(bench):
    async def scene():
        queue = await bench.start()
        await bench.end_of(await queue.submit([dummy()]))

        assert bench.candidate.calls == ["update"] * 3

    run(scene())


def test_job_without_effects_is_written_twice(bench):
    async def look(op, context):
        await context.running(effects=False)

    async def scene():
        queue = await bench.start(look)
        await bench.end_of(await queue.submit([dummy()]))

        assert bench.candidate.calls == ["update"] * 2

    run(scene())


def test_many_jobs_share_their_writes(bench):
    async def scene():
        queue = await bench.start()
        answers = await queue.submit_many([[dummy()] for _ in range(100)])
        for _, job_id in answers:
            await bench.end_of(job_id)

        assert len(bench.candidate.calls) < 40

    run(scene())


def test_failed_opcode_ends_the_job_with_its_error(bench):
    async def refuse(op, context):
        raise errors.OpPrereqError("cannot do it", errors.ECode.STATE)

    async def scene():
        queue = await bench.start(refuse)
        job = await bench.end_of(await queue.submit([dummy(), dummy()]))

        assert job.status == JobStatus.ERROR
        assert job.ops[0].result == ["OpPrereqError", ["cannot do it", "wrong_state"]]
        assert bench.executed == [job.id]

    run(scene())


@pytest.mark.parametrize("error", [ValueError("boom"), asyncio.CancelledError(), AssertionError()])
def test_unexpected_failure_ends_the_job_and_not_the_queue(bench, error):
    async def fail_first(op, context):
        await context.running()
        if context.job_id == 1:
            raise error

    async def scene():
        queue = await bench.start(fail_first)
        first, second = await queue.submit_all([[dummy()], [dummy()]])

        assert (await bench.end_of(first)).status == JobStatus.ERROR
        assert (await bench.end_of(second)).status == JobStatus.SUCCESS

    run(scene())


def test_result_that_cannot_be_written_is_an_error(bench):
    async def answer_nonsense(op, context):
        await context.running()
        return {"x": object()}

    async def scene():
        queue = await bench.start(answer_nonsense)
        job = await bench.end_of(await queue.submit([dummy()]))

        assert job.ops[0].result[0] == "ResultValidationError"

    run(scene())


def test_success_is_not_shown_before_it_is_durable(bench):
    async def scene():
        queue = await bench.start()
        job_id = await queue.submit([dummy()])
        while status(queue, job_id) != JobStatus.SUCCESS:
            await asyncio.sleep(0.0001)
        assert b'"success"' in bench.candidate.files[bench.paths.job_file(job_id)]

    run(scene())


def test_more_jobs_than_may_run_wait_in_the_queue(bench):
    bench.limits = Limits(running=2)
    bench.make()

    async def scene():
        queue = await bench.start(forever)
        ids = await queue.submit_all([[dummy()] for _ in range(4)])
        await settle()
        assert [status(queue, i) for i in ids] == ["running", "running", "queued", "queued"]

        queue.set_limits(Limits(running=3))
        await settle()
        assert status(queue, ids[2]) == JobStatus.RUNNING

    run(scene())


def test_queue_that_is_full_refuses_and_says_so(bench):
    bench.limits = Limits(unfinished=2)
    bench.make()

    async def scene():
        queue = await bench.start(forever)
        answers = await queue.submit_many([[dummy()] for _ in range(3)])
        assert [ok for ok, _ in answers] == [True, True, False]

        with pytest.raises(errors.JobQueueFull, match="2 jobs"):
            await queue.submit([dummy()])

    run(scene())


def test_drained_queue_refuses_and_survives_a_restart(bench):
    async def scene():
        queue = await bench.start()
        await queue.set_drain(True)
        with pytest.raises(errors.JobQueueDrainError):
            await queue.submit([dummy()])
        assert bench.candidate.drained
        assert await queue.submit([dummy()], even_drained=True) == 1

        queue = await bench.restart()
        assert queue.drained
        await queue.set_drain(False)
        assert await queue.submit([dummy()]) == 2

    run(scene())


def test_log_is_numbered_and_reaches_the_file_without_a_change_of_status(bench):
    async def talk(op, context):
        await context.running()
        context.log(LogType.MESSAGE, "one")
        context.log(LogType.MESSAGE, "two")
        await asyncio.sleep(1e9)

    async def scene():
        queue = await bench.start(talk)
        job_id = await queue.submit([dummy()])
        await asyncio.sleep(5)

        assert [entry[0] for entry in json.loads(bench.on_disk(job_id))["ops"][0]["log"]] == [1, 2]
        assert b"two" not in bench.candidate.files[bench.paths.job_file(job_id)], "log appends are not replicated"

    run(scene())


def test_client_that_goes_away_while_submitting_does_not_lose_the_job(bench):
    async def scene():
        queue = await bench.start()
        client = asyncio.ensure_future(queue.submit([dummy()]))
        await asyncio.sleep(0)
        client.cancel()
        await settle()

        assert status(queue, JobId(1)) == JobStatus.SUCCESS

    run(scene())


def test_job_that_no_file_can_hold_takes_no_place_in_the_queue(tmp_path):
    bench = Bench(tmp_path, limits=Limits(unfinished=1))

    async def scene():
        queue = await bench.start()
        with pytest.raises(ValueError, match="not JSON"):
            await queue.submit([dummy(result=float("inf"))])
        job = await bench.end_of(await queue.submit([dummy()]))

        assert job.status == JobStatus.SUCCESS

    run(scene())
