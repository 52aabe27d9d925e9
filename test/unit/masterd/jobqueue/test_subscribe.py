import asyncio

import pytest

from ganeti import errors
from ganeti.masterd.jobqueue.subscribe import LOG_INTERVAL, MAX_WAIT
from ganeti.model.enums import LogType
from ganeti.model.scalars import JobId
from test.support.queue import Bench, dummy, forever, settle, stuck
from test.support.virtual import run


@pytest.fixture
def bench(tmp_path):
    return Bench(tmp_path)


def now() -> float:
    return asyncio.get_running_loop().time()


async def chatter(op, context):
    """Say something every 10 ms for 3 seconds."""
    await context.running()
    for number in range(300):
        context.log(LogType.MESSAGE, number)
        await asyncio.sleep(0.01)


def test_client_that_knows_nothing_is_answered_at_once(bench):
    async def scene():
        queue = await bench.start(stuck)
        job_id = await queue.submit([dummy()])
        await settle()

        assert await queue.wait_for_change(job_id, ["id", "status"], None, None, 10) == ([1, "waiting"], [])

    run(scene())


def test_client_that_knows_another_status_is_answered_at_once(bench):
    async def scene():
        queue = await bench.start(stuck)
        job_id = await queue.submit([dummy()])
        await settle()

        assert await queue.wait_for_change(job_id, ["status"], ["queued"], None, 10) == (["waiting"], [])

    run(scene())


def test_change_of_status_is_pushed_without_delay(bench):
    async def scene():
        queue = await bench.start(stuck)
        job_id = await queue.submit([dummy()])
        await settle()
        client = asyncio.ensure_future(queue.wait_for_change(job_id, ["status"], ["waiting"], None, 10))
        await settle()
        before = now()

        await queue.cancel(job_id)

        assert (await client)[0] in (["canceling"], ["canceled"])
        assert now() - before < LOG_INTERVAL

    run(scene())


def test_nothing_new_is_said_before_the_client_gives_up(bench):
    async def scene():
        queue = await bench.start(forever)
        job_id = await queue.submit([dummy()])
        await settle()
        before = now()

        assert await queue.wait_for_change(job_id, ["status"], ["running"], 0, 10) == "nochange"

        assert now() - before == pytest.approx(10)

    run(scene())


def test_nobody_waits_longer_than_the_longest_wait(bench):
    async def scene():
        queue = await bench.start(forever)
        job_id = await queue.submit([dummy()])
        await settle()
        before = now()

        assert await queue.wait_for_change(job_id, ["status"], ["running"], 0, 100_000) == "nochange"

        assert now() - before == pytest.approx(MAX_WAIT)

    run(scene())


def test_job_that_has_ended_is_answered_at_once_whatever_is_known(bench):
    async def scene():
        queue = await bench.start()
        job_id = await queue.submit([dummy()])
        await settle()
        before = now()

        assert await queue.wait_for_change(job_id, ["status"], ["success"], 99, 10) == (["success"], [])
        assert now() == before

    run(scene())


def test_every_log_entry_arrives_once_and_in_order_at_a_limited_rate(bench):
    async def scene():
        queue = await bench.start(chatter)
        job_id = await queue.submit([dummy()])
        known, serial, heard, answers, before = None, None, [], 0, now()
        while known != ["success"]:
            known, entries = await queue.wait_for_change(job_id, ["status"], known, serial, 10)
            heard += [message for _, _, _, message in entries]
            serial = entries[-1][0] if entries else serial
            answers += 1

        assert heard == list(range(300))
        assert answers <= 3 + (now() - before) / LOG_INTERVAL

    run(scene())


def test_end_is_told_at_once_even_if_the_job_has_just_talked(bench):
    async def talk_and_end(op, context):
        await context.running()
        await asyncio.sleep(1)
        context.log(LogType.MESSAGE, "bye")

    async def scene():
        queue = await bench.start(talk_and_end)
        job_id = await queue.submit([dummy()])
        await settle()
        values, entries = await queue.wait_for_change(job_id, ["status"], ["running"], 0, 10)

        assert values == ["success"]
        assert [entry[3] for entry in entries] == ["bye"]
        assert now() < 1 + LOG_INTERVAL

    run(scene())


def test_many_clients_of_one_job_are_all_told(bench):
    async def scene():
        queue = await bench.start(stuck)
        job_id = await queue.submit([dummy()])
        await settle()
        clients = [queue.wait_for_change(job_id, ["status"], ["waiting"], None, 60) for _ in range(50)]
        waiting = asyncio.gather(*clients)
        await settle()
        await queue.cancel(job_id)

        assert all(answer != "nochange" for answer in await waiting)

    run(scene())


def test_unknown_job_is_lost(bench):
    async def scene():
        queue = await bench.start()
        with pytest.raises(errors.JobLost):
            await queue.wait_for_change(JobId(77), ["status"], None, None, 10)

    run(scene())


def test_archived_job_is_still_answered(bench):
    async def scene():
        queue = await bench.start()
        job_id = await queue.submit([dummy()])
        await settle()
        await queue.archive(job_id)

        assert await queue.wait_for_change(job_id, ["status"], None, None, 10) == (["success"], [])

    run(scene())


def test_clients_are_let_go_when_the_queue_closes(bench):
    async def scene():
        queue = await bench.start()
        await queue.submit([dummy()])
        queue = await bench.restart(stuck)
        job_id = await queue.submit([dummy()])
        await settle()
        client = asyncio.ensure_future(queue.wait_for_change(job_id, ["id"], [job_id], 0, 80))
        await settle()

        await queue.shutdown(1)

        assert await client == "nochange"
        assert now() < 5

    run(scene())
