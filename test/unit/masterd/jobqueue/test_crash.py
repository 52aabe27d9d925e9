"""The master daemon dies at every step of the disk, in turn; a new one goes on.

Whatever the step: a job whose submission was answered is there, none runs again that
may have changed something, and what a client was told of an end stays so.
"""

import asyncio

import pytest

from ganeti.model.enums import JobStatus
from ganeti.model.scalars import JobId
from test.support.disk import DEATHS, Crash, FaultyDisk
from test.support.queue import Bench, dummy
from test.support.virtual import run


class Story:
    """What clients were told before the crash, and what was done outside."""

    def __init__(self) -> None:
        self.accepted: list[JobId] = []
        self.told: dict[JobId, JobStatus] = {}
        self.effects: dict[JobId, int] = {}
        self.archived: list[JobId] = []


async def live(bench: Bench, story: Story, crash_after: int) -> None:
    """Submit, run, cancel and archive jobs until the disk dies."""

    async def body(op, context):
        if context.job_id == 4:
            await asyncio.sleep(1e6)  # waits for a lock that nobody gives back
        await context.running()
        story.effects[context.job_id] = story.effects.get(context.job_id, 0) + 1
        await asyncio.sleep(0.01)

    async def client(job_id: JobId) -> None:
        await queue.wait_for_change(job_id, [], [], 1 << 60, 80)
        story.told[job_id] = queue.get(job_id).status

    queue = await bench.start(body)
    bench.disk.fail_at = len(bench.disk.operations) + crash_after
    story.accepted += await queue.submit_all([[dummy()], [dummy(), dummy()]])
    await asyncio.gather(*(client(job_id) for job_id in list(story.accepted)))
    story.accepted.append(await queue.submit([dummy(depends=[(1, [])])]))
    await client(JobId(3))
    if await queue.archive(JobId(3)):
        story.archived.append(JobId(3))
    story.accepted.append(await queue.submit([dummy()]))
    await asyncio.sleep(0.1)
    await queue.cancel(JobId(4))
    await client(JobId(4))


async def until_death(bench: Bench, story: Story, crash_after: int) -> None:
    """Play `live` until it ends or the disk is dead and nothing moves any more."""
    life = asyncio.ensure_future(live(bench, story, crash_after))
    while not life.done() and not bench.disk.crashed:
        await asyncio.sleep(0.001)
    if bench.disk.crashed:
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
    try:
        await life
    except (asyncio.CancelledError, Crash):
        assert bench.disk.crashed


@pytest.mark.parametrize("death", DEATHS)
def test_crash_at_every_step(tmp_path, death):
    async def afterwards() -> None:
        bench.disk = FaultyDisk()
        queue = await bench.restart()
        await asyncio.sleep(100)

        for job_id in story.accepted:
            job = await queue.find(job_id)
            assert job is not None, f"job {job_id} was accepted and is gone"
            assert job.is_final, f"job {job_id} is stuck"
            assert job.status == story.told.get(job_id, job.status), f"job {job_id} was told to be something else"
        for job in queue.jobs():
            opcodes = len(job.ops)
            runs = bench.executed.count(job.id) + story.effects.get(job.id, 0)
            assert job.status == JobStatus.ERROR or runs <= opcodes, f"job {job.id} ran twice"
        assert not queue.lost
        for job_id in story.archived:
            assert queue.get(job_id) is None

        new = await queue.submit([dummy()])
        assert new > max([0, *story.accepted]), "a number was given twice"
        assert (await bench.end_of(new)).status == JobStatus.SUCCESS

    step, crashed = 0, True
    while crashed:
        bench, story = Bench(tmp_path / str(step), disk=FaultyDisk(error=death)), Story()
        run(until_death(bench, story, step))
        crashed = bench.disk.crashed
        bench.executed.clear()
        run(afterwards())
        step += 1
    assert step > 60, "not every step was reached"
