"""A disk that fails when told to.

    disk = FaultyDisk(fail_at=3)                      # third change: no space left
    disk = FaultyDisk(fail_at=3, error=CRASH)         # the process dies there (kill -9)
    disk = FaultyDisk(fail_at=3, error=POWER_CUT)     # ... and what was not synced is lost

A sweep runs the act with `fail_at` 0, 1, 2... until the act ends before that change,
and looks at the files after each.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, TypeVar

from ganeti.utils.files import Disk

T = TypeVar("T")

NO_SPACE = errno.ENOSPC
IO_ERROR = errno.EIO


class Crash(BaseException):
    """The process died here; no handler of errors may see it as one."""


class _Death(NamedTuple):
    content_lost: bool
    names_lost: bool


CRASH = _Death(content_lost=False, names_lost=False)
POWER_CUT = _Death(content_lost=True, names_lost=True)
#: new names reached the disk, what is in the files did not
POWER_CUT_NAMES_KEPT = _Death(content_lost=True, names_lost=False)
DEATHS = (CRASH, POWER_CUT, POWER_CUT_NAMES_KEPT)


class _Change(NamedTuple):
    """A change of a directory that is not synced yet, and how to take it back."""

    directory: str
    undo: Callable[[], None]


class FaultyDisk(Disk):
    """The real disk, whose change number `fail_at` (from 0) fails; None: none does.

    With `lasting` every later change fails too, until `repair()`.  After a crash all do.
    `operations` lists what was asked for: (what, path).
    """

    def __init__(self, fail_at: int | None = None, error: int | _Death = NO_SPACE, *, lasting: bool = False) -> None:
        self.fail_at = fail_at
        self.error = error
        self.lasting = lasting
        self.operations: list[tuple[str, str]] = []
        self.failed = False
        self.crashed = False
        self._open: dict[int, str] = {}
        self._unsynced: dict[int, str] = {}  # inode -> path of files with unsynced content
        self._changes: list[_Change] = []

    def repair(self) -> None:
        """Let everything work from now on."""
        self.fail_at = None

    def _step(self, what: str, path: str) -> None:
        if self.crashed:
            raise Crash
        number = len(self.operations)
        self.operations.append((what, path))
        if self.fail_at is None or number < self.fail_at or (number > self.fail_at and not self.lasting):
            return
        if what in ("close", "unlink") and not isinstance(self.error, _Death):
            return  # these need no space
        self.failed = True
        if isinstance(self.error, _Death):
            self._crash(self.error)
            raise Crash
        raise OSError(self.error, os.strerror(self.error), path)

    def _crash(self, death: _Death) -> None:
        self.crashed = True
        for fd in self._open:
            os.close(fd)
        if death.content_lost:
            for path in self._unsynced.values():
                if os.path.exists(path):
                    os.truncate(path, os.path.getsize(path) // 2)
        if death.names_lost:
            for change in reversed(self._changes):
                change.undo()

    # --- the seam -----------------------------------------------------------------------

    def _create(self, path: str, mode: int) -> int:
        self._step("create", path)
        fd = super()._create(path, mode)
        self._open[fd] = path
        self._changes.append(_Change(os.path.dirname(path), lambda: _remove(path)))
        return fd

    def _open_existing(self, path: str) -> int:
        self._step("open", path)
        fd = super()._open_existing(path)
        self._open[fd] = path
        return fd

    def _open_spare(self, path: str) -> int:
        self._step("open", path)
        fd = super()._open_spare(path)
        self._open[fd] = path
        return fd

    def _write(self, fd: int, parts: Sequence[bytes | memoryview]) -> None:
        path = self._open.get(fd, "")
        self._unsynced[os.fstat(fd).st_ino] = path
        try:
            self._step("write", path)
        except OSError:
            data = b"".join(parts)
            super()._write(fd, [data[: len(data) // 2]])
            raise
        super()._write(fd, parts)

    def _set_size(self, fd: int, size: int, allocate: bool) -> None:
        self._step("size", self._open.get(fd, ""))
        super()._set_size(fd, size, allocate)

    def _set_owner(self, fd: int, uid: int, gid: int) -> None:
        self._step("owner", self._open.get(fd, ""))
        super()._set_owner(fd, uid, gid)

    def _set_mode(self, fd: int, mode: int) -> None:
        self._step("mode", self._open.get(fd, ""))
        super()._set_mode(fd, mode)

    def _sync(self, fd: int) -> None:
        self._step("sync", self._open.get(fd, ""))
        self._unsynced.pop(os.fstat(fd).st_ino, None)

    def _close(self, fd: int) -> None:
        self._step("close", self._open.get(fd, ""))
        del self._open[fd]
        super()._close(fd)

    def _rename(self, source: str, target: str) -> None:
        self._step("rename", target)
        before = _keep(target)
        other_name = _other_name(target)
        inode = os.stat(source).st_ino
        super()._rename(source, target)
        if inode in self._unsynced:
            self._unsynced[inode] = target

        def undo() -> None:
            if os.path.lexists(target):
                os.rename(target, source)
            # By another name what was replaced may have been written to since.
            _restore(target, _keep(other_name) if other_name else before)

        for directory in {os.path.dirname(source), os.path.dirname(target)}:
            self._changes.append(_Change(directory, undo))
            undo = _nothing

    def _link(self, path: str, name: str) -> None:
        self._step("link", name)
        super()._link(path, name)
        self._changes.append(_Change(os.path.dirname(name), lambda: _remove(name)))

    def _unlink(self, path: str) -> None:
        self._step("unlink", path)
        before = _keep(path)
        super()._unlink(path)
        self._changes.append(_Change(os.path.dirname(path), lambda: _restore(path, before)))

    def _mkdir(self, path: str, mode: int) -> None:
        self._step("mkdir", path)
        super()._mkdir(path, mode)
        self._changes.append(_Change(os.path.dirname(path), lambda: os.rmdir(path)))

    def _sync_dir(self, path: str) -> None:
        self._step("sync_dir", path)
        self._changes = [change for change in self._changes if change.directory != path]

    def _each(self, act: Callable[[T], None], items: Sequence[T]) -> None:
        for item in items:  # one after the other: the n-th change is the same in every run
            act(item)


def sweep(error: int | _Death = NO_SPACE, *, lasting: bool = False) -> Iterator[FaultyDisk]:
    """Yield a disk failing at change 0, 1, 2...; ends after the first whose change was not reached.

    On some disks before it nothing fails: closing and unlinking need no space.
    """
    number = 0
    while True:
        disk = FaultyDisk(number, error, lasting=lasting)
        yield disk
        if len(disk.operations) <= number:
            return
        number += 1


def _nothing() -> None:
    pass


def _remove(path: str) -> None:
    if os.path.lexists(path):
        os.unlink(path)


def _other_name(path: str) -> str:
    """Return another name of a file in its directory, "" if it has none."""
    if not os.path.lexists(path) or os.lstat(path).st_nlink == 1:
        return ""
    entries = [entry for entry in os.scandir(os.path.dirname(path)) if entry.inode() == os.lstat(path).st_ino]
    return next((entry.path for entry in entries if entry.path != path), "")


def _keep(path: str) -> tuple[bytes, int] | None:
    try:
        with open(path, "rb") as file:
            return file.read(), stat.S_IMODE(os.fstat(file.fileno()).st_mode)
    except FileNotFoundError:
        return None


def _restore(path: str, kept: tuple[bytes, int] | None) -> None:
    if kept is not None:
        content, mode = kept
        with open(path, "wb") as file:
            file.write(content)
        os.chmod(path, mode)
