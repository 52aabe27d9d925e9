import asyncio

import pytest

from ganeti import errors
from ganeti.masterd.jobqueue.queue import Limits
from ganeti.model.enums import FinalStatus, JobStatus
from ganeti.model.opcodes.test import OpTestDummy
from ganeti.model.scalars import JobId
from test.support.queue import Bench, dummy, settle, stuck
from test.support.virtual import run


@pytest.fixture
def bench(tmp_path):
    return Bench(tmp_path)


def depend(*dependencies: tuple[int, list[FinalStatus]]) -> OpTestDummy:
    return dummy(depends=dependencies)


def test_relative_dependency_waits_for_the_job_before(bench):
    order = []

    async def note(op, context):
        await context.running()
        order.append(context.job_id)
        await asyncio.sleep(1)

    async def scene():
        queue = await bench.start(note)
        ids = await queue.submit_all([[dummy()], [depend((-1, []))], [depend((-2, [FinalStatus.SUCCESS]))]])
        await bench.end_of(ids[2])
        await bench.end_of(ids[1])

        assert order == [1, 2, 3]
        assert queue.get(ids[1]).ops[0].input["depends"] == [[1, []]]

    run(scene())


def test_relative_dependency_on_nothing_is_refused_alone(bench):
    async def scene():
        queue = await bench.start()
        answers = await queue.submit_many([[depend((-1, []))], [dummy()]])

        assert answers[0][0] is False and "-1" in str(answers[0][1])
        assert answers[1] == (True, 1)

    run(scene())


@pytest.mark.parametrize("accepted", [[FinalStatus.SUCCESS], [FinalStatus.CANCELED]])
def test_failed_dependency_fails_the_job_naming_it(bench, accepted):
    async def fail(op, context):
        raise errors.OpExecError("broken")

    async def scene():
        queue = await bench.start(fail)
        first, second = await queue.submit_all([[dummy()], [depend((-1, accepted))]])
        job = await bench.end_of(second)

        assert job.status == JobStatus.ERROR
        assert f"job {first}" in str(job.ops[0].result)
        assert bench.executed == [first]

    run(scene())


def test_canceled_dependency_cancels_the_whole_chain(bench):
    async def scene():
        queue = await bench.start(stuck)
        ids = await queue.submit_all([[dummy()], [depend((-1, []))], [depend((-1, []))]])
        await settle()
        await queue.cancel(ids[0])

        assert (await bench.end_of(ids[2])).status == JobStatus.CANCELED

    run(scene())


def test_dependency_on_an_archived_job_is_looked_up(bench):
    async def scene():
        queue = await bench.start()
        await bench.end_of(await queue.submit([dummy()]))
        assert await queue.archive(JobId(1))

        job = await bench.end_of(await queue.submit([depend((1, []))]))

        assert job.status == JobStatus.SUCCESS

    run(scene())


def test_dependency_on_an_unknown_job_is_an_error(bench):
    async def scene():
        queue = await bench.start()
        job = await bench.end_of(await queue.submit([depend((99, []))]))

        assert job.status == JobStatus.ERROR
        assert "99" in str(job.ops[0].result)

    run(scene())


def test_dependency_of_a_later_opcode_is_waited_for_without_a_slot(bench):
    bench.limits = Limits(running=1)
    bench.make()

    async def scene():
        queue = await bench.start()
        # Job 1's second opcode depends on job 2, which can only run when job 1 steps aside.
        await queue.set_drain(False)
        first = asyncio.ensure_future(queue.submit([dummy(), depend((2, []))]))
        second = asyncio.ensure_future(queue.submit([dummy()]))
        await first
        job = await bench.end_of(JobId(1))

        assert job.status == JobStatus.SUCCESS
        assert bench.executed == [1, await second, 1]

    run(scene())
