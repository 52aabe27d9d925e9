"""Jobs on disk: one file each, read at the start, written in groups.

Formats and places: `spec/files.json` (job-N, serial, version, archive).  What is
written goes through `commit`, which knows nothing of jobs.
"""

from __future__ import annotations

import contextlib
import errno
import logging
import math
import os
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from ganeti import errors
from ganeti.clock import Clock
from ganeti.masterd.jobqueue import job as jobs
from ganeti.masterd.jobqueue.commit import DIR_MODE, FILE_MODE, Change, Committer, Offload, Replicator
from ganeti.masterd.jobqueue.job import Job
from ganeti.model.scalars import JobId
from ganeti.paths import Paths
from ganeti.schema import replace
from ganeti.utils import files
from ganeti.utils.spares import QUEUE_SPARES, Spares

log = logging.getLogger(__name__)

VERSION = "1"
MAX_FILE = 64 * 1024 * 1024

_NUMBER = r"0|[1-9][0-9]{0,17}"
_number = re.compile(_NUMBER).fullmatch
_job_file_name = re.compile(f"job-({_NUMBER})").fullmatch
#: reading fails because of the one file, not of the system
_OF_THE_FILE = frozenset({errno.EIO, errno.EFBIG, errno.EINVAL, errno.EISDIR, errno.EACCES, errno.ELOOP})


class Loaded(NamedTuple):
    """What the queue directory held.

    `lost` says of each job that could not be read why; its file is in the archive.
    """

    jobs: list[Job]
    lost: dict[JobId, str]
    serial: JobId
    drained: bool


class JobStore:
    """The queue directory of the master, and through `replicator` those of the candidates."""

    def __init__(self, paths: Paths, disk: files.Disk, clock: Clock, replicator: Replicator, offload: Offload) -> None:
        self._paths = paths
        self._disk = disk
        self._replicator = replicator
        self._offload = offload
        self._committer = Committer(disk, Spares(clock, paths.queue_dir, FILE_MODE, QUEUE_SPARES), replicator, offload)

    # --- reading -------------------------------------------------------------------

    async def load(self) -> Loaded:
        """Read the whole queue, making it if there is none; put unreadable job files aside.

        Raises JobQueueError when the queue is of another version.
        """
        return await self._offload(self._load)

    async def read_archived(self, job_id: JobId) -> Job | None:
        """Return an archived job, or None if there is none that can be read."""
        try:
            data = await self._offload(files.read_file, self._paths.archived_job_file(job_id), MAX_FILE)
            return replace(jobs.from_file(data, job_id), archived=True)
        except (OSError, errors.JobFileCorrupted):
            return None

    async def read_archive(self) -> list[Job]:
        """Return every archived job that can be read, oldest first: slow, and big."""
        return await self._offload(self._read_archive)

    async def archived(self) -> list[JobId]:
        """Return the numbers of the jobs in the archive."""
        return await self._offload(lambda: [job_id for job_id, _ in self._archived_files()])

    async def copy_archived(self, job_ids: Sequence[JobId]) -> list[tuple[JobId, bytes]]:
        """Return the files of archived jobs, of those that can be read."""
        return await self._offload(self._copy_archived, job_ids)

    def copy(self) -> list[tuple[str, bytes]]:
        """Return (path, content) of every file a candidate should have; blocks while it reads."""
        found = []
        for path in [*(path for _, path in self._job_files()), self._paths.queue_serial]:
            with contextlib.suppress(FileNotFoundError):  # archived meanwhile; no job yet
                found.append((path, files.read_file(path, MAX_FILE)))
        return found

    async def send_all(self, send: Callable[[Sequence[tuple[str, bytes]]], Awaitable[None]]) -> None:
        """Let `send` bring a candidate up to date; no change is sent to any meanwhile."""

        async def act() -> None:
            await send(await self._offload(self.copy))

        await self._committer.while_nothing_is_sent(act)

    # --- writing: returns when durable here and sent to the candidates; raises OSError ------

    def add(self, job: Job, on_written: Callable[[], None]) -> Awaitable[None]:
        """Write a new job, after those before it; if it cannot be written nothing of it remains.

        `on_written` is called when it is durable here.
        """
        path = self._paths.job_file(job.id)
        content = {path: jobs.to_file(job), self._paths.queue_serial: f"{job.id}\n".encode()}
        return self._committer.commit(Change(content, fresh=(path,)), on_written)

    async def save(self, job: Job, *, replicate: bool = True) -> None:
        """Write a job that is in the queue."""
        await self._committer.commit(Change({self._paths.job_file(job.id): jobs.to_file(job)}, replicate=replicate))

    async def archive(self, job_ids: Sequence[JobId]) -> None:
        """Move jobs into the archive."""
        pairs = [(self._paths.job_file(job_id), self._paths.archived_job_file(job_id)) for job_id in job_ids]
        await self._committer.commit(Change(renames=pairs))

    async def set_drain(self, drained: bool) -> None:
        """Set or remove the drain flag."""
        await self._offload(self._write_drain, drained)
        # Who is given the whole queue meanwhile gets the flag as it was, or as it is, but not in between.
        await self._committer.while_nothing_is_sent(lambda: self._replicator.drain(drained))

    async def settle(self) -> None:
        """Wait until nothing is being written or sent."""
        await self._committer.settle()

    # --- in a worker thread ----------------------------------------------------------

    def _load(self) -> Loaded:
        self._disk.ensure_dir(self._paths.queue_dir, DIR_MODE)
        self._disk.ensure_dir(self._paths.archive_dir, DIR_MODE)
        self._check_version()
        self._disk.remove_leftovers(self._paths.queue_dir, math.inf)
        found: list[Job] = []
        lost: dict[JobId, str] = {}
        newest = max(self._read_serial(), self._newest_archived())
        for job_id, path in self._job_files():
            newest = max(newest, job_id)
            try:
                found.append(jobs.from_file(_read(path, job_id), job_id))
            except errors.JobFileCorrupted as err:
                lost[job_id] = str(err)
        if lost:
            self._put_aside(lost)
        return Loaded(found, lost, JobId(newest), os.path.exists(self._paths.queue_drain))

    def _put_aside(self, lost: Mapping[JobId, str]) -> None:
        for job_id, reason in lost.items():
            place = self._paths.archived_job_file(job_id)
            try:
                self._disk.rename_files([(self._paths.job_file(job_id), place)], mode=DIR_MODE)
            except OSError as err:  # it stays where it is, as lost as before
                log.error("%s; cannot put it aside as %s: %s", reason, place, err)
            else:
                log.error("%s; put aside as %s", reason, place)

    def _write_drain(self, drained: bool) -> None:
        if drained:
            self._disk.write_file(self._paths.queue_drain, b"", mode=FILE_MODE)
        else:
            self._disk.remove_file(self._paths.queue_drain, missing_ok=True)

    def _check_version(self) -> None:
        path = self._paths.queue_version
        try:
            found = files.read_text(path, 64).strip()
        except FileNotFoundError:
            self._disk.write_file(path, f"{VERSION}\n", mode=FILE_MODE)
            return
        except ValueError:
            found = "unknown"
        if found != VERSION:
            raise errors.JobQueueError(f"cannot open job queue {path}: it is of version {found}, not {VERSION}")

    def _read_serial(self) -> int:
        try:
            found = _number(files.read_text(self._paths.queue_serial, 64).strip())
            if found:
                return int(found[0])
        except FileNotFoundError:
            return 0
        except ValueError:
            pass
        log.error("cannot read %s: going on from the newest job file", self._paths.queue_serial)
        return 0

    def _newest_archived(self) -> int:
        """Return the newest archived job: numbers are not given twice, even if the serial file is lost."""
        directories = [int(name) for name in os.listdir(self._paths.archive_dir) if name.isdecimal()]
        for directory in sorted(directories, reverse=True):
            names = os.listdir(f"{self._paths.archive_dir}/{directory}")
            if found := [int(match[1]) for match in map(_job_file_name, names) if match]:
                return max(found)
        return 0

    def _read_archive(self) -> list[Job]:
        found = []
        for job_id, path in self._archived_files():
            with contextlib.suppress(OSError, errors.JobFileCorrupted):  # cleaned away meanwhile; lost anyway
                found.append(replace(jobs.from_file(files.read_file(path, MAX_FILE), job_id), archived=True))
        return sorted(found, key=lambda job: job.id)

    def _copy_archived(self, job_ids: Sequence[JobId]) -> list[tuple[JobId, bytes]]:
        found = []
        for job_id in job_ids:
            with contextlib.suppress(OSError):  # cleaned away meanwhile
                found.append((job_id, files.read_file(self._paths.archived_job_file(job_id), MAX_FILE)))
        return found

    def _archived_files(self) -> Iterator[tuple[JobId, str]]:
        """Yield (id, path) of the jobs in the archive."""
        for directory in os.listdir(self._paths.archive_dir):
            names = os.listdir(f"{self._paths.archive_dir}/{directory}") if directory.isdecimal() else []
            for job_id in [JobId(int(match[1])) for match in map(_job_file_name, names) if match]:
                yield job_id, self._paths.archived_job_file(job_id)

    def _job_files(self) -> Iterator[tuple[JobId, str]]:
        """Yield (id, path) of the jobs in the queue, oldest first."""
        names = os.listdir(self._paths.queue_dir)
        for job_id in sorted(int(match[1]) for match in map(_job_file_name, names) if match):
            yield JobId(job_id), self._paths.job_file(job_id)


def _read(path: str, job_id: JobId) -> bytes:
    try:
        return files.read_file(path, MAX_FILE)
    except OSError as err:
        if err.errno in _OF_THE_FILE:
            raise errors.JobFileCorrupted(f"cannot read job {job_id}: {err}") from err
        raise
