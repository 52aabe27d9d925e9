"""The replica of the job queue that a master candidate keeps.

Nothing here touches a file that is not a job's or the serial's, whatever the names in
a call say.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence

from ganeti import errors
from ganeti.noded.context import NodeContext
from ganeti.paths import Paths
from ganeti.rpc.answers import QueueCopy
from ganeti.utils import files
from ganeti.utils.digest import short_digest
from ganeti.utils.numbers import Run, runs_of
from ganeti.utils.spares import QUEUE_SPARES, Spares, spares_in

_FILE_MODE = 0o640
_DIR_MODE = 0o750
#: characters in one answer that copies job files
_COPY_LIMIT = 16 * 1024 * 1024
_JOB = re.compile(r"(?:archive/\d{1,14}/)?job-\d{1,18}", re.ASCII)


class JobQueueReplica:
    """Calls that keep the replica equal to the master's queue."""

    def __init__(self, node: NodeContext) -> None:
        self._node = node
        self._spares = Spares(node.clock, node.paths.queue_dir, _FILE_MODE, QUEUE_SPARES)

    def jobqueue_update(self, files: Sequence[tuple[str, str]]) -> None:
        """Write files of the queue, each whole; all are durable when it returns."""
        pairs = [(_local_name(self._node.paths, name), content.encode()) for name, content in files]
        disk = self._node.disk
        for directory in sorted({os.path.dirname(path) for path, _ in pairs}):
            disk.ensure_dir(directory, _DIR_MODE)
        disk.write_files(pairs, _FILE_MODE, spares=self._spares)

    def jobqueue_rename(self, rename: Sequence[tuple[str, str]]) -> None:
        """Rename job files; a pair that was renamed by an earlier call is left alone."""
        paths = self._node.paths
        pairs = [(_local_name(paths, old), _local_name(paths, new)) for old, new in rename]
        for old, new in pairs:
            if os.path.basename(old) != os.path.basename(new):
                raise errors.ParameterError(f"cannot rename {old} to {new}: a job keeps its number")
        wanted = [(old, new) for old, new in pairs if os.path.lexists(old) or not os.path.lexists(new)]
        try:
            self._node.disk.rename_files(wanted, mode=_DIR_MODE)
        except FileNotFoundError as err:
            raise errors.JobQueueError(f"cannot rename {err.filename}: no such file in this replica") from err

    def jobqueue_digests(self) -> dict[str, str]:
        """Return a digest of each job file here; one that cannot be read has none."""
        directory = self._node.paths.queue_dir
        found = {}
        for name in _names(directory):
            if _JOB.fullmatch(name):
                try:
                    found[name] = short_digest(files.read_file(os.path.join(directory, name)))
                except OSError:
                    continue
        return found

    def jobqueue_archived(self) -> list[Run]:
        """Return which jobs are in the archive, as runs of numbers."""
        names = (name for directory in _subdirectories(self._node.paths.archive_dir) for name in _names(directory))
        return runs_of(int(name.removeprefix("job-")) for name in names if _JOB.fullmatch(name))

    def jobqueue_read(self, known: Mapping[str, str]) -> QueueCopy:
        """Return what is here and not among the job files of another candidate, given with their digests."""
        paths = self._node.paths
        names = sorted((name for name in _names(paths.queue_dir) if _JOB.fullmatch(name)), key=job_number)
        current: list[tuple[str, str]] = []
        archived: list[tuple[str, str]] = []
        room = _COPY_LIMIT
        for name in names:
            if room > 0 and (text := _text_of(os.path.join(paths.queue_dir, name))) is not None:
                if known.get(name) != short_digest(text.encode()):
                    current.append((name, text))
                    room -= len(text)
        for name in sorted(known.keys() - set(names), key=job_number):
            path = paths.archived_job_file(job_number(name))
            if room > 0 and (text := _text_of(path)) is not None:
                archived.append((os.path.relpath(path, paths.queue_dir), text))
                room -= len(text)
        return QueueCopy(
            files=current,
            archived=archived,
            names=names,
            serial=newest_job(paths),
            drained=os.path.exists(paths.queue_drain),
            more=room <= 0,
        )

    def jobqueue_purge(self) -> None:
        """Remove all job files, archived and spare ones too; serial and drain flag stay."""
        paths = self._node.paths
        for directory in (paths.queue_dir, *_subdirectories(paths.archive_dir)):
            for name in _names(directory):
                if _JOB.fullmatch(name):
                    files.remove_file(os.path.join(directory, name), missing_ok=True, durable=False)
        for path in spares_in(paths.queue_dir):
            files.remove_file(path, missing_ok=True, durable=False)

    def jobqueue_set_drain_flag(self, flag: bool) -> None:
        """Set or remove the drain flag."""
        paths, disk = self._node.paths, self._node.disk
        if flag:
            disk.ensure_dir(paths.queue_dir, _DIR_MODE)
            disk.write_file(paths.queue_drain, b"", mode=_FILE_MODE)
        else:
            disk.remove_file(paths.queue_drain, missing_ok=True)


def newest_job(paths: Paths) -> int:
    """Return the number of the newest job of which there is a sign here; 0 for none."""
    numbers = [job_number(name) for name in _names(paths.queue_dir) if _JOB.fullmatch(name)]
    text = _text_of(paths.queue_serial) or ""
    if text.strip().isdecimal():
        numbers.append(int(text))
    return max(numbers, default=0)


def job_number(name: str) -> int:
    """Return the number in the name of a job file."""
    return int(os.path.basename(name).removeprefix("job-"))


def _text_of(path: str) -> str | None:
    """Return what a file holds, None when there is none that can be read."""
    try:
        return files.read_file(path).decode()
    except (OSError, UnicodeDecodeError):
        return None


def _local_name(paths: Paths, name: str) -> str:
    """Return the path of a queue file on this node.

    Raises ParameterError for what is no job file and not the serial.
    """
    path = paths.localize(name)
    inside = path.removeprefix(f"{paths.queue_dir}/")
    if inside == path or not (_JOB.fullmatch(inside) or path == paths.queue_serial):
        raise errors.ParameterError(f"cannot touch {name!r}: not a file of the job queue")
    return path


def _subdirectories(directory: str) -> list[str]:
    return [os.path.join(directory, name) for name in _names(directory) if name.isdecimal()]


def _names(directory: str) -> list[str]:
    try:
        return os.listdir(directory)
    except FileNotFoundError:
        return []
