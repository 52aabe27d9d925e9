"""The disk of the master is full (or fails): nothing is half-done, everything recovers."""

import errno

import pytest

from ganeti import errors
from ganeti.model.enums import JobStatus
from ganeti.utils import json
from test.support.disk import FaultyDisk
from test.support.queue import Bench, dummy, settle, status
from test.support.virtual import run


class FillingDisk(FaultyDisk):
    """Full while `full`; `too_large` alone refuses files with more bytes than that."""

    full = False
    too_large = 1 << 30

    def _write(self, fd, parts):
        if self.full or sum(map(len, parts)) > self.too_large:
            raise OSError(errno.ENOSPC, "No space left on device")
        super()._write(fd, parts)


@pytest.fixture
def bench(tmp_path):
    return Bench(tmp_path, disk=FillingDisk())


def test_submission_is_refused_with_the_reason_and_nothing_remains(bench):
    async def scene():
        queue = await bench.start()
        bench.disk.full = True
        with pytest.raises(errors.JobQueueError, match="No space left"):
            await queue.submit([dummy()])
        assert queue.jobs() == []

        bench.disk.full = False
        job_id = await queue.submit([dummy()])
        assert (await bench.end_of(job_id)).status == JobStatus.SUCCESS
        assert list(bench.candidate.files) == [bench.paths.job_file(job_id), bench.paths.queue_serial]

    run(scene())


def test_refused_job_does_not_come_back_with_the_next_master_daemon(bench):
    class LateDisk(FillingDisk):
        def _sync_dir(self, path):
            if self.full:
                raise OSError(errno.EIO, "Input/output error")

    bench.disk = LateDisk()
    bench.make()

    async def scene():
        queue = await bench.start()
        bench.disk.full, bench.disk._write = True, super(FillingDisk, bench.disk)._write
        with pytest.raises(errors.JobQueueError, match="Input/output error"):
            await queue.submit([dummy()])

        bench.disk.full = False
        queue = await bench.restart()
        await settle()

        assert queue.jobs() == [] and bench.executed == []

    run(scene())


def test_one_job_that_does_not_fit_does_not_spoil_the_others(bench):
    async def scene():
        queue = await bench.start()
        bench.disk.too_large = 10_000

        answers = await queue.submit_many([[dummy()], [dummy(comment="x" * 20_000)], [dummy()]])

        assert [ok for ok, _ in answers] == [True, False, True]
        for ok, job_id in answers:
            if ok:
                assert (await bench.end_of(job_id)).status == JobStatus.SUCCESS

    run(scene())


def test_job_that_cannot_be_recorded_as_running_does_not_run(bench):
    ran = []

    async def body(op, context):
        bench.disk.full = True
        await context.running()
        ran.append(context.job_id)

    async def scene():
        queue = await bench.start(body)
        job_id = await queue.submit([dummy()])
        job = await bench.end_of(job_id)

        assert job.status == JobStatus.ERROR and "No space left" in str(job.ops[0].result)
        assert ran == []

    run(scene())


def test_end_on_a_full_disk_is_shown_and_written_when_there_is_space(bench):
    async def body(op, context):
        await context.running()
        bench.disk.full = True
        return "done"

    async def scene():
        queue = await bench.start(body)
        job_id = await queue.submit([dummy()])
        assert (await bench.end_of(job_id)).ops[0].result == "done"
        assert json.loads(bench.on_disk(job_id))["ops"][0]["status"] == "running"

        bench.disk.full = False
        for _ in range(20):
            await settle()

        assert json.loads(bench.on_disk(job_id))["ops"][0]["status"] == "success"
        assert b'"success"' in bench.candidate.files[bench.paths.job_file(job_id)]

    run(scene())


def test_job_is_not_archived_before_its_end_is_written(bench):
    async def body(op, context):
        await context.running()
        bench.disk.full = True

    async def scene():
        queue = await bench.start(body)
        job_id = await queue.submit([dummy()])
        await bench.end_of(job_id)
        with pytest.raises(errors.JobQueueError, match="No space left"):
            await queue.archive(job_id)
        assert status(queue, job_id) == JobStatus.SUCCESS

        bench.disk.full = False
        assert await queue.archive(job_id)
        found = await queue.find(job_id)
        assert found.status == JobStatus.SUCCESS

    run(scene())


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EIO])
def test_any_single_disk_failure_leaves_every_job_with_one_end(tmp_path, error):
    """Fail each disk operation in turn: what was accepted ends, what was refused is nowhere."""

    async def scene(bench):
        queue = await bench.start()
        first = len(bench.disk.operations)
        bench.disk.fail_at = first + number
        answers = await queue.submit_many([[dummy()], [dummy()]])
        accepted = [job_id for ok, job_id in answers if ok]
        for job_id in accepted:
            await bench.end_of(job_id)
        for _ in range(10):
            await settle()
        assert [job.id for job in queue.jobs()] == accepted
        for job in queue.jobs():
            assert json.loads(bench.on_disk(job.id))["ops"][0]["status"] == job.status

        bench.disk.repair()
        queue = await bench.restart()
        assert [job.id for job in queue.jobs()] == accepted
        return bench.disk.failed

    steps = range(40)
    failures = 0
    for number in steps:
        bench = Bench(tmp_path / str(number), disk=FaultyDisk(error=error))
        failures += run(scene(bench))
    assert failures > len(steps) / 2
