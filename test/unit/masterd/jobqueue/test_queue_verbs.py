import asyncio
import contextlib
import os

import pytest

from ganeti import errors
from ganeti.masterd.jobqueue.queue import Limits
from ganeti.model.enums import JobStatus, LogType
from ganeti.model.scalars import JobId
from ganeti.utils import json
from test.support.queue import Bench, dummy, forever, settle, status, stuck, succeed
from test.support.virtual import run


@pytest.fixture
def bench(tmp_path):
    return Bench(tmp_path)


def test_f11_queued_job_is_canceled_at_once(bench):
    bench.limits = Limits(running=1)
    bench.make()

    async def scene():
        queue = await bench.start(forever)
        first, second = await queue.submit_all([[dummy()], [dummy()]])
        await settle()

        assert (await queue.cancel(second))[0]

        assert status(queue, second) == JobStatus.CANCELED
        assert json.loads(bench.on_disk(second))["ops"][0]["status"] == "canceled"
        assert bench.executed == [first]

    run(scene())


def test_queued_job_does_not_start_while_its_cancellation_is_written(bench, caplog):
    bench.limits = Limits(running=1)
    bench.make()

    async def scene():
        end = asyncio.Event()

        async def until_told(op, context):
            await context.running()
            await end.wait()

        queue = await bench.start(until_told)
        first, second = await queue.submit_all([[dummy()], [dummy()]])
        await settle()
        bench.candidate.delay = 10  # writing takes its time, and the slot gets free meanwhile
        cancel = asyncio.ensure_future(queue.cancel(second))
        await settle()
        end.set()
        await bench.end_of(first)
        assert (await cancel)[0]

        assert status(queue, second) == JobStatus.CANCELED
        assert bench.executed == [first]

    run(scene())

    assert [record for record in caplog.records if record.levelname == "ERROR"] == []


def test_f11_job_that_waits_for_locks_is_canceled_at_once(bench):
    cleaned = []

    async def wait_for_locks(op, context):
        try:
            await asyncio.sleep(1e9)
        finally:
            cleaned.append(context.job_id)

    async def scene():
        queue = await bench.start(wait_for_locks)
        job_id = await queue.submit([dummy()])
        await settle()
        before = asyncio.get_running_loop().time()

        assert (await queue.cancel(job_id))[0]
        await bench.end_of(job_id)

        assert status(queue, job_id) == JobStatus.CANCELED
        assert asyncio.get_running_loop().time() - before < 1
        assert cleaned == [job_id]

    run(scene())


def test_f11_job_canceled_at_the_moment_of_the_lock_grant_does_not_run(bench):
    async def scene():
        granted = asyncio.get_running_loop().create_future()
        ran = []

        async def wait(op, context):
            await granted
            await context.running()
            ran.append(context.job_id)

        queue = await bench.start(wait)
        job_id = await queue.submit([dummy()])
        await settle()
        granted.set_result(None)
        await queue.cancel(job_id)
        await bench.end_of(job_id)

        assert status(queue, job_id) == JobStatus.CANCELED
        assert ran == []

    run(scene())


def test_executor_that_ignores_the_interruption_is_still_not_let_through(bench):
    ran = []

    async def stubborn(op, context):
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(1e9)
        await context.running()
        ran.append(context.job_id)

    async def scene():
        queue = await bench.start(stubborn)
        job_id = await queue.submit([dummy()])
        await settle()
        await queue.cancel(job_id)
        assert (await bench.end_of(job_id)).status == JobStatus.CANCELED
        assert ran == []

    run(scene())


def test_job_that_is_canceled_before_it_is_scheduled_does_not_start(bench, caplog):
    async def scene():
        canceling = []

        def cancel(old, new):
            if old is None:
                canceling.append(asyncio.create_task(bench.queue.cancel(new.id)))

        bench.watch = cancel
        bench.make()
        queue = await bench.start()
        job_id = await queue.submit([dummy()])

        assert await canceling[0] == (True, f"job {job_id} is canceled")
        assert (await bench.end_of(job_id)).status == JobStatus.CANCELED
        await settle()
        assert status(queue, job_id) == JobStatus.CANCELED and queue.unfinished == 0
        assert bench.executed == [] and "broke" not in caplog.text

    run(scene())


def test_running_job_is_not_canceled(bench):
    async def scene():
        queue = await bench.start(forever)
        job_id = await queue.submit([dummy()])
        await settle()

        worked, message = await queue.cancel(job_id)

        assert not worked and "is running" in message
        assert status(queue, job_id) == JobStatus.RUNNING

    run(scene())


def test_running_job_can_be_killed(bench):
    async def scene():
        queue = await bench.start(forever)
        job_id = await queue.submit([dummy()])
        await settle()

        assert (await queue.cancel(job_id, kill=True))[0]

        job = await bench.end_of(job_id)
        assert job.status == JobStatus.ERROR and "killed" in str(job.ops[0].result)

    run(scene())


def test_what_a_killed_job_undoes_is_not_cut_off_by_killing_it_again(bench):
    undone: list[str] = []

    async def undoing(op, context):
        await context.running()
        try:
            await asyncio.sleep(1e9)
        finally:
            await settle()
            undone.append("all of it")

    async def scene():
        queue = await bench.start(undoing)
        job_id = await queue.submit([dummy()])
        await settle()

        assert (await queue.cancel(job_id, kill=True))[0]
        await asyncio.sleep(0)
        assert await queue.cancel(job_id, kill=True) == (True, f"job {job_id} is being killed")

        job = await bench.end_of(job_id)
        assert job.status == JobStatus.ERROR and "killed" in str(job.ops[0].result)
        assert undone == ["all of it"]

    run(scene())


def test_second_opcode_of_a_job_can_be_canceled_while_it_waits(bench):
    async def first_only(op, context):
        if context.op_index == 0:
            return await succeed(op, context)
        return await stuck(op, context)

    async def scene():
        queue = await bench.start(first_only)
        job_id = await queue.submit([dummy(), dummy()])
        await settle()
        await queue.cancel(job_id)
        job = await bench.end_of(job_id)

        assert [op.status for op in job.ops] == ["success", "canceled"]

    run(scene())


@pytest.mark.parametrize("verb", ["cancel", "change_priority", "archive"])
def test_unknown_job_is_a_plain_no(bench, verb):
    async def scene():
        queue = await bench.start()
        answer = await {
            "cancel": lambda: queue.cancel(JobId(5)),
            "change_priority": lambda: queue.change_priority(JobId(5), 0),
            "archive": lambda: queue.archive(JobId(5)),
        }[verb]()
        assert answer is False or answer[0] is False

    run(scene())


def test_more_urgent_job_overtakes(bench):
    bench.limits = Limits(running=1)
    bench.make()
    order = []

    async def note(op, context):
        await context.running()
        order.append(context.job_id)
        await asyncio.sleep(1)

    async def scene():
        queue = await bench.start(note)
        ids = await queue.submit_all([[dummy()] for _ in range(3)])
        assert (await queue.change_priority(ids[2], -15))[0]
        await bench.end_of(ids[1])

        assert order == [1, 3, 2]
        assert json.loads(bench.on_disk(ids[2]))["ops"][0]["priority"] == -15

    run(scene())


def test_priority_out_of_range_is_refused(bench):
    async def scene():
        queue = await bench.start(forever)
        job_id = await queue.submit([dummy()])
        for priority in (-21, 20):
            with pytest.raises(errors.OpPrereqError, match="-20"):
                await queue.change_priority(job_id, priority)

    run(scene())


def test_changed_priority_of_a_waiting_job_is_seen_by_the_executor(bench):
    seen = []

    async def look(op, context):
        await asyncio.sleep(1)
        seen.append(context.priority())
        await context.running()

    async def scene():
        queue = await bench.start(look)
        job_id = await queue.submit([dummy()])
        await queue.change_priority(job_id, 7)
        await bench.end_of(job_id)
        assert seen == [7]

    run(scene())


def test_archived_job_moves_here_and_on_the_candidate(bench):
    async def scene():
        queue = await bench.start()
        await bench.end_of(await queue.submit([dummy()]))

        assert await queue.archive(JobId(1))

        assert queue.get(JobId(1)) is None
        assert not os.path.exists(bench.paths.job_file(1))
        assert os.path.exists(bench.paths.archived_job_file(1))
        assert set(bench.candidate.files) == {bench.paths.archived_job_file(1), bench.paths.queue_serial}
        found = await queue.find(JobId(1))
        assert found.archived and found.status == JobStatus.SUCCESS

    run(scene())


def test_unfinished_job_is_not_archived(bench):
    async def scene():
        queue = await bench.start(forever)
        job_id = await queue.submit([dummy()])
        assert not await queue.archive(job_id)

    run(scene())


def test_f12_archive_that_races_with_the_end_leaves_no_file_behind(bench):
    async def talk(op, context):
        await context.running()
        context.log(LogType.MESSAGE, "about to end")

    async def scene():
        queue = await bench.start(talk)
        ids = await queue.submit_all([[dummy()] for _ in range(10)])
        pending = set(ids)
        while pending:
            for job_id in list(pending):
                if all(await asyncio.gather(queue.archive(job_id), queue.archive(job_id))):
                    pytest.fail("archived twice")
                if queue.get(job_id) is None:
                    pending.discard(job_id)
            await asyncio.sleep(0.0005)
        await asyncio.sleep(10)  # late writes would come now
        queue_dir = f"{bench.paths.queue_dir}/"

        left = [*os.listdir(bench.paths.queue_dir), *(name.removeprefix(queue_dir) for name in bench.candidate.files)]
        assert not [name for name in left if name.startswith("job-")]

    run(scene())


def test_auto_archive_takes_old_jobs_only(bench):
    async def scene():
        queue = await bench.start()
        await bench.end_of(await queue.submit([dummy()]))
        await asyncio.sleep(1000)
        await bench.end_of(await queue.submit([dummy()]))

        assert await queue.auto_archive(500, 10) == (1, 0)
        assert [job.id for job in queue.jobs()] == [2]
        assert await queue.auto_archive(-1, 10) == (1, 0)
        assert queue.jobs() == []

    run(scene())


def test_auto_archive_stops_when_its_time_is_over(bench):
    async def scene():
        queue = await bench.start()
        for job_id in await queue.submit_all([[dummy()] for _ in range(250)]):
            await bench.end_of(job_id)

        archived, left = await queue.auto_archive(-1, 0.0005)  # one step takes 1 ms

        assert (archived, left) == (100, 150)

    run(scene())
