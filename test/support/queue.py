"""A job queue on a real directory and virtual time, with an executor that does as the test says."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Sequence

from ganeti.masterd.jobqueue.job import Job
from ganeti.masterd.jobqueue.queue import JobQueue, Limits
from ganeti.masterd.jobqueue.records import Watch
from ganeti.masterd.jobqueue.run import OpContext
from ganeti.masterd.jobqueue.store import JobStore
from ganeti.model.enums import JobStatus
from ganeti.model.opcodes.base import OpCode
from ganeti.model.opcodes.test import OpTestDummy
from ganeti.model.scalars import JobId
from ganeti.paths import Paths
from ganeti.utils.files import Disk
from test.support.virtual import VirtualClock, directly

Body = Callable[[OpCode, OpContext], Awaitable[object]]


class QuickDisk(Disk):
    """A disk that nobody pulls the plug of."""

    def _sync(self, fd: int) -> None:
        pass

    def _sync_dir(self, path: str) -> None:
        pass


class Candidate:
    """Another master candidate: a dictionary of files."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.calls: list[str] = []
        self.drained = False
        self.delay = 0.001

    async def update(self, files: Sequence[tuple[str, bytes]]) -> None:
        await asyncio.sleep(self.delay)
        self.calls.append("update")
        self.files.update(files)

    async def rename(self, pairs: Sequence[tuple[str, str]]) -> None:
        await asyncio.sleep(self.delay)
        self.calls.append("rename")
        for old, new in pairs:
            self.files[new] = self.files.pop(old)

    async def purge(self) -> None:
        self.files.clear()

    async def drain(self, drained: bool) -> None:
        self.drained = drained


async def succeed(op: OpCode, context: OpContext) -> object:
    """Run an opcode that does nothing."""
    await context.running()
    return getattr(op, "result", None)


def values_of(job: Job, fields: Sequence[str]) -> list[object]:
    """Show the fields the tests ask for."""
    table: dict[str, object] = {"id": job.id, "status": job.status, "opstatus": [op.status for op in job.ops]}
    return [table[field] for field in fields]


class Bench:
    """A queue directory and what is needed to run queues on it, one after the other."""

    def __init__(self, directory: object, *, disk: Disk | None = None, limits: Limits | None = None) -> None:
        root = os.path.join(str(directory), "node1.example.com")
        self.paths = Paths(root, "node1.example.com")
        self.disk = disk or QuickDisk()
        self.clock = VirtualClock()
        self.limits = limits or Limits()
        self.candidate = Candidate()
        #: ids of jobs whose opcodes were executed, once per opcode
        self.executed: list[JobId] = []
        #: called by queues made from now on; see `Watch`
        self.watch: Watch = lambda old, new: None
        self.queue = self.make()

    def make(self) -> JobQueue:
        """Make a queue on the directory: what a new master daemon does."""
        store = JobStore(self.paths, self.disk, self.clock, self.candidate, directly)
        self.queue = JobQueue(store, self.clock, values_of, limits=self.limits, watch=self.watch)
        return self.queue

    async def start(self, body: Body = succeed) -> JobQueue:
        """Start a queue that executes opcodes by `body`."""

        async def execute(op: OpCode, context: OpContext) -> object:
            self.executed.append(context.job_id)
            return await body(op, context)

        await self.queue.start(execute)
        return self.queue

    async def restart(self, body: Body = succeed) -> JobQueue:
        """Start a new queue on the same directory; the old one is abandoned as by a crash."""
        self.make()
        return await self.start(body)

    async def end_of(self, job_id: JobId) -> Job:
        """Wait until a job has ended, as a client would."""
        await self.queue.wait_for_change(job_id, [], [], 1 << 60, 80)
        job = self.queue.get(job_id)
        assert job is not None and job.is_final, f"job {job_id} did not end: {job}"
        return job

    def on_disk(self, job_id: JobId) -> str:
        """Return what the file of a job says."""
        with open(self.paths.job_file(job_id), encoding="ascii") as file:
            return file.read()


def dummy(result: object = None, **fields: object) -> OpTestDummy:
    """An opcode that answers `result`."""
    return OpTestDummy(result=result, **fields)


async def forever(op: OpCode, context: OpContext) -> object:
    """Run until interrupted."""
    await context.running()
    await asyncio.sleep(1e9)
    return None


async def stuck(op: OpCode, context: OpContext) -> object:
    """Wait for locks until interrupted."""
    await asyncio.sleep(1e9)
    return None


def status(queue: JobQueue, job_id: JobId) -> JobStatus:
    """Return where a job stands."""
    job = queue.get(job_id)
    assert job is not None, f"job {job_id} is not in the queue"
    return job.status


async def settle() -> None:
    """Let everything happen that does not take long."""
    await asyncio.sleep(0.5)
