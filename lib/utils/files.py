"""Files: the only module that writes them.

A file is replaced whole or not at all: the new content is written beside it, synced,
and renamed over it; then the directory is synced.  `write_files` does so for many
files at the price of few (fsyncs in parallel, one sync per directory), and can write
replaced files anew instead of making new ones (`ganeti.utils.spares`).

All system calls go through the underscored methods of `Disk`, so that tests can make
the n-th one fail.  Module level functions are those of the real disk.
Errors are OSError, as from the system.
"""

from __future__ import annotations

import collections
import contextlib
import errno
import fcntl
import itertools
import os
import stat
import time
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple, TextIO, TypeVar

from ganeti import errors
from ganeti.utils.parallel import in_parallel
from ganeti.utils.spares import Spare, Spares, is_left, is_same

T = TypeVar("T")

Content = bytes | str | Sequence[bytes | memoryview]
"""What is to be in a file: bytes, text, or bytes in parts."""

TEMPORARY_PREFIX = ".new-"
READ_LIMIT = 256 * 1024 * 1024

_ZEROS = bytes(1024 * 1024)
_LOCK_POLL_SECONDS = 0.02
_OPEN_TRIES = 20
#: bytes of a file, by the type of its size (off_t)
_LARGEST = 2**63 - 1
#: buffers the system takes in one call
_PARTS_AT_ONCE = os.sysconf("SC_IOV_MAX")

#: what tells one state of a file from another; None while there is no file
Signature = tuple[int, ...] | None


class _Opened(NamedTuple):
    """A new content beside the file it is for."""

    fd: int
    temporary: str
    path: str
    status: os.stat_result
    #: of what it replaces, where that may become a spare
    old: os.stat_result | None


class Disk:
    """Where files are: every change of one is a method here."""

    # --- system calls, the seam for tests ----------------------------------------------

    def _create(self, path: str, mode: int) -> int:
        return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, mode)

    def _open_existing(self, path: str) -> int:
        return os.open(path, os.O_WRONLY | os.O_CLOEXEC)

    def _open_spare(self, path: str) -> int:
        return os.open(path, os.O_WRONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)

    def _write(self, fd: int, parts: Sequence[bytes | memoryview]) -> None:
        left = collections.deque(memoryview(part) for part in parts if part)
        while left:
            written = os.writev(fd, list(itertools.islice(left, _PARTS_AT_ONCE)))
            while left and written >= len(left[0]):
                written -= len(left.popleft())
            if written:
                left[0] = left[0][written:]

    def _set_owner(self, fd: int, uid: int, gid: int) -> None:
        os.fchown(fd, uid, gid)

    def _set_mode(self, fd: int, mode: int) -> None:
        os.fchmod(fd, mode)

    def _set_size(self, fd: int, size: int, allocate: bool) -> None:
        if size > _LARGEST:
            raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))
        os.ftruncate(fd, size)
        if allocate and size:
            os.posix_fallocate(fd, 0, size)

    def _start_sync(self, fd: int) -> None:
        # Starts to write and does not wait: the first sync then finds all files on their way, and the journal is
        # committed once (posix_fadvise(2); of pages that are not written yet none is dropped).
        os.posix_fadvise(fd, 0, 0, os.POSIX_FADV_DONTNEED)

    def _sync(self, fd: int) -> None:
        os.fsync(fd)

    def _close(self, fd: int) -> None:
        os.close(fd)

    def _rename(self, source: str, target: str) -> None:
        os.rename(source, target)

    def _link(self, path: str, name: str) -> None:
        os.link(path, name, follow_symlinks=False)

    def _touch(self, path: str) -> None:
        os.utime(path, follow_symlinks=False)

    def _unlink(self, path: str) -> None:
        os.unlink(path)

    def _mkdir(self, path: str, mode: int) -> None:
        os.mkdir(path, mode)
        os.chmod(path, mode)  # daemons have a mask

    def _sync_dir(self, path: str) -> None:
        fd = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)

    def _each(self, act: Callable[[T], None], items: Sequence[T]) -> None:
        """Do `act` for all items, in parallel threads when there are many."""
        in_parallel(act, items)

    # --- writing -------------------------------------------------------------------------

    def _owner_of(self, path: str, uid: int, gid: int) -> tuple[int, int]:
        """Return whose a file is to be; -1: of whoever writes it."""
        return uid, gid

    def write_file(
        self,
        path: str,
        data: Content,
        *,
        mode: int = 0o600,
        uid: int = -1,
        gid: int = -1,
        durable: bool = True,
        spares: Spares | None = None,
    ) -> None:
        """Replace a file by `data`, whole or not at all; after a crash too if `durable`."""
        self.write_files([(path, data)], mode=mode, uid=uid, gid=gid, durable=durable, spares=spares)

    def write_files(
        self,
        files: Iterable[tuple[str, Content]],
        mode: int = 0o600,
        *,
        uid: int = -1,
        gid: int = -1,
        durable: bool = True,
        spares: Spares | None = None,
    ) -> None:
        """Replace many files by their data, each whole or not at all.

        After an error some may be replaced and others not, in the order given; when
        it returns all are (and stay so after a crash if `durable`).  Where a file is replaced
        one of the `spares` is written, and what is replaced durably becomes one.
        """
        opened: list[_Opened] = []
        kept: list[Spare] = []
        try:
            try:
                for path, data in files:
                    opened.append(self._write_beside(path, data, mode, *self._owner_of(path, uid, gid), spares))
                if durable:
                    for file in opened if len(opened) > 1 else ():
                        self._start_sync(file.fd)
                    self._each(self._sync, [file.fd for file in opened])
            finally:
                for file in opened:
                    self._close(file.fd)
            for file in opened:
                if spares and durable and len(kept) < spares.room and (spare := self._keep(file, spares)):
                    kept.append(spare)
                self._rename(file.temporary, file.path)
            if durable:
                self._sync_dirs(file.path for file in opened)
        except BaseException:
            for name in (*(file.temporary for file in opened), *(spare.path for spare in kept)):
                with contextlib.suppress(OSError):
                    self._unlink(name)
            raise
        if spares:  # not before: after a crash the old names could lead to them
            for spare in kept:
                self._give_spare(spare, spares)

    def _write_beside(self, path: str, data: Content, mode: int, uid: int, gid: int, spares: Spares | None) -> _Opened:
        directory, parts = os.path.dirname(path), _parts_of(data)
        old = _status_of(path) if spares and spares.serve(directory, mode) else None
        taken = self._take_spare(uid, gid, spares) if spares and old else None
        fd, temporary = taken or self._create_beside(directory, mode, uid, gid)
        try:
            self._write(fd, parts)
            status = os.fstat(fd)
            if status.st_size > (size := sum(map(len, parts))):  # a spare that was larger
                self._set_size(fd, size, False)
        except OSError:
            self._close(fd)
            self._unlink(temporary)
            raise
        return _Opened(fd, temporary, path, status, old)

    def _create_beside(self, directory: str, mode: int, uid: int, gid: int) -> tuple[int, str]:
        # Readable for the owner alone until it has its owner: a secret must not show meanwhile.
        birth = mode & 0o600
        temporary = _temporary_name(directory)
        fd = self._create(temporary, birth)
        try:
            if uid != -1 or gid != -1:
                self._set_owner(fd, uid, gid)
            if mode != birth:
                self._set_mode(fd, mode)
        except OSError:
            self._close(fd)
            self._unlink(temporary)
            raise
        return fd, temporary

    # --- spares --------------------------------------------------------------------------

    def _keep(self, file: _Opened, spares: Spares) -> Spare | None:
        """Give the file that is about to be replaced a second name, if it may be written anew later."""
        if not file.old or not spares.take_in(file.old, file.status):
            return None
        spare = Spare(spares.new_name(), file.old)
        try:
            self._link(file.path, spare.path)
        except OSError:
            return None
        return spare

    def _give_spare(self, spare: Spare, spares: Spares) -> None:
        """Take in what was replaced, or let go of it when somebody reads it."""
        with contextlib.suppress(OSError), self._opened_spare(spare.path) as fd:
            if is_same(fd, spare, -1, -1) and spares.is_unread(fd):
                size = spare.status.st_size  # it may have held secrets
                self._write(fd, [_ZEROS] * (size // len(_ZEROS)) + [_ZEROS[: size % len(_ZEROS)]])
                spares.put(spare)
                return
        with contextlib.suppress(OSError):
            self._unlink(spare.path)

    def _take_spare(self, uid: int, gid: int, spares: Spares) -> tuple[int, str] | None:
        """Open a spare to be written; one that is not what it was is let go of."""
        spare = spares.take()
        if not spare:
            return None
        temporary = _temporary_name(spares.directory)
        with contextlib.suppress(OSError):
            self._touch(spare.path)  # it is not left over from an interrupted write
            self._rename(spare.path, temporary)  # nor a spare any more, for whoever clears these away
            fd = self._open_spare(temporary)
            with contextlib.suppress(OSError):
                if is_same(fd, spare, uid, gid):
                    return fd, temporary
            self._close(fd)
        for path in (temporary, spare.path):
            with contextlib.suppress(OSError):
                self._unlink(path)
        return None

    @contextlib.contextmanager
    def _opened_spare(self, path: str) -> Iterator[int]:
        fd = self._open_spare(path)
        try:
            yield fd
        finally:
            self._close(fd)

    def _sync_dirs(self, paths: Iterable[str]) -> None:
        self._each(self._sync_dir, sorted({os.path.dirname(path) or "." for path in paths}))

    def rename_files(self, pairs: Sequence[tuple[str, str]], *, mode: int = 0o750, durable: bool = True) -> None:
        """Rename files (old, new), making the directories they go to with `mode`.

        Each rename happens or not; the directories are synced once.
        """
        for directory in sorted({os.path.dirname(new) for _, new in pairs}):
            self.ensure_dir(directory, mode)
        for old, new in pairs:
            self._rename(old, new)
        if durable:
            # Targets first: a file may be seen twice after a crash, never not at all.
            self._sync_dirs(new for _, new in pairs)
            self._sync_dirs(old for old, _ in pairs)

    def remove_file(self, path: str, missing_ok: bool = False, *, durable: bool = True) -> None:
        """Remove a file."""
        try:
            self._unlink(path)
        except FileNotFoundError:
            if not missing_ok:
                raise
            return
        if durable:
            self._sync_dirs([path])

    def ensure_dir(self, path: str, mode: int = 0o750) -> None:
        """Make a directory and its missing parents; one that is there keeps its mode."""
        if not path or os.path.isdir(path):
            return
        parent = os.path.dirname(path.rstrip("/"))
        self.ensure_dir(parent, mode)
        try:
            self._mkdir(path, mode)
        except FileExistsError:
            if not os.path.isdir(path):
                raise
            return
        self._sync_dirs([path])

    def create_file(self, path: str, size: int = 0, *, mode: int = 0o600, allocate: bool = False) -> None:
        """Make a new file of `size` bytes of zeros; `allocate` reserves its blocks.

        Raises FileExistsError; nothing is left behind by an error.
        """
        fd = self._create(path, mode & 0o600)
        try:
            try:
                if mode & ~0o600:
                    self._set_mode(fd, mode)
                self._set_size(fd, size, allocate)
                self._sync(fd)
            finally:
                self._close(fd)
        except OSError:
            self._unlink(path)
            raise
        self._sync_dirs([path])

    def resize_file(self, path: str, size: int, *, allocate: bool = False) -> None:
        """Set the size of a file; what is added reads as zeros."""
        fd = self._open_existing(path)
        try:
            self._set_size(fd, size, allocate)
            self._sync(fd)
        finally:
            self._close(fd)

    def remove_leftovers(self, directory: str, before: float) -> list[str]:
        """Remove what interrupted writes left in a directory before a time (epoch seconds), and old spares.

        Those are spares of processes that have gone.  Returns the paths removed.
        """
        removed = []
        for name in os.listdir(directory):
            path = os.path.join(directory, name)
            with contextlib.suppress(FileNotFoundError):
                if is_left(name) or (name.startswith(TEMPORARY_PREFIX) and os.lstat(path).st_mtime < before):
                    self._unlink(path)
                    removed.append(path)
        return removed


def _status_of(path: str) -> os.stat_result | None:
    try:
        return os.lstat(path)
    except FileNotFoundError:
        return None


def _temporary_name(directory: str) -> str:
    return os.path.join(directory, TEMPORARY_PREFIX + os.urandom(8).hex())


def _parts_of(data: Content) -> Sequence[bytes | memoryview]:
    if isinstance(data, str):
        return (data.encode(),)
    return (data,) if isinstance(data, bytes) else data


def write_zeros(path: str, start: int, end: int) -> None:
    """Overwrite the bytes of a file from `start` up to `end` with zeros; holes stay holes.

    Raises OSError for a link.
    """
    fd = os.open(path, os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        position = start
        while position < end:
            try:
                data = os.lseek(fd, position, os.SEEK_DATA)
            except OSError as err:
                if err.errno == errno.ENXIO:  # nothing but a hole up to the end
                    break
                raise
            hole = min(os.lseek(fd, data, os.SEEK_HOLE), end)
            position = data
            while position < hole:
                position += os.pwrite(fd, _ZEROS[: hole - position], position)
        os.fsync(fd)
    finally:
        os.close(fd)


_disk = Disk()

write_file = _disk.write_file
write_files = _disk.write_files
rename_files = _disk.rename_files
remove_file = _disk.remove_file
ensure_dir = _disk.ensure_dir
create_file = _disk.create_file
resize_file = _disk.resize_file
remove_leftovers = _disk.remove_leftovers


def _open_what_has_the_name(path: str) -> tuple[int, os.stat_result]:
    """Open a file, not one that was replaced meanwhile and may be written anew (`ganeti.utils.spares`)."""
    for tries in itertools.count(1):
        try:
            fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        except BlockingIOError:  # just being looked at whether anybody reads it
            if tries == _OPEN_TRIES:
                raise
            time.sleep(_LOCK_POLL_SECONDS)
            continue
        try:
            status = os.fstat(fd)
            # Files of /proc need not be the same one twice.
            if tries == _OPEN_TRIES or os.path.samestat(status, os.stat(path)):
                return fd, status
        except OSError:
            os.close(fd)
            raise
        os.close(fd)
    raise AssertionError  # not reached: counting has no end


def read_file(path: str, limit: int = READ_LIMIT) -> bytes:
    """Return what a file holds.

    Raises OSError(EFBIG) when that is more than `limit` bytes, and EINVAL for what
    is no plain file (a FIFO would block).
    """
    fd, status = _open_what_has_the_name(path)
    try:
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "not a plain file", path)
        parts: list[bytes] = []
        left = limit + 1
        # Not st_size alone: files of /proc say 0.
        while left and (part := os.read(fd, min(left, max(status.st_size + 1, 65536)))):
            parts.append(part)
            left -= len(part)
    finally:
        os.close(fd)
    if not left:
        raise OSError(errno.EFBIG, f"larger than {limit} bytes", path)
    return b"".join(parts)


def read_text(path: str, limit: int = READ_LIMIT) -> str:
    """Return what a text file holds (UTF-8).

    Raises UnicodeDecodeError besides the errors of `read_file`.
    """
    return read_file(path, limit).decode()


def signature(path: str) -> Signature:
    """Return what changes when a file is replaced or written to, or who may read it does."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_ino, status.st_mtime_ns, status.st_ctime_ns, status.st_size


def set_permissions(path: str, mode: int, *, uid: int = -1, gid: int = -1) -> bool:
    """Correct mode and owner of a file or directory that is there; tell whether that was needed.

    A link is an error: it could lead anywhere.
    """
    try:
        fd = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except FileNotFoundError:
        return False
    try:
        status = os.fstat(fd)
        owned = uid in (-1, status.st_uid) and gid in (-1, status.st_gid)
        if owned and stat.S_IMODE(status.st_mode) == mode:
            return False
        if not owned:
            os.fchown(fd, uid, gid)
        os.fchmod(fd, mode)
    finally:
        os.close(fd)
    return True


def open_append(path: str, mode: int = 0o600) -> int:
    """Return a descriptor that appends to a file, made with `mode` when missing.

    A link is an error: root appends to logs in a directory that is not root's alone.
    """
    return os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, mode)


def open_log(path: str) -> TextIO:
    """Open a log for appending, made 0600 when missing; each line is written at once."""
    return os.fdopen(open_append(path), "a", buffering=1, encoding="utf-8", errors="backslashreplace")


def open_lockable(path: str, mode: int = 0o600) -> int:
    """Return a read-write descriptor of a file to be locked, made with `mode` when missing."""
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, mode)


def try_lock(fd: int, shared: bool = False) -> bool:
    """Take the lock (flock) of an open file if it is free; tell whether that worked."""
    try:
        fcntl.flock(fd, (fcntl.LOCK_SH if shared else fcntl.LOCK_EX) | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


@contextlib.contextmanager
def temporary_file(data: bytes | str, prefix: str = "ganeti.", directory: str | None = None) -> Iterator[str]:
    """Give the path of a private file with some content, removed afterwards."""
    path = os.path.join(directory or os.environ.get("TMPDIR", "/tmp"), prefix + os.urandom(8).hex())
    write_file(path, data, durable=False)
    try:
        yield path
    finally:
        remove_file(path, missing_ok=True, durable=False)


@contextlib.contextmanager
def locked_file(path: str, shared: bool = False, timeout: float = 10.0, mode: int = 0o600) -> Iterator[int]:
    """Hold the lock (flock) of a file, made when missing; gives its descriptor.

    Waits up to `timeout` seconds, blocking: not for event loops.  Raises LockError.
    """
    fd = open_lockable(path, mode)
    try:
        _wait_for(lambda: try_lock(fd, shared), path, timeout)
        yield fd
    finally:
        os.close(fd)


@contextlib.contextmanager
def locked_name(path: str, name: str, timeout: float) -> Iterator[None]:
    """Hold the lock of a name, one of many that a file, made when missing, has; what is forked does not hold it.

    Waits up to `timeout` seconds, blocking.  A process holds one of them at a time: closing the
    file gives up all.  Raises LockError.
    """
    place = zlib.crc32(name.encode())
    fd = open_lockable(path)
    try:
        _wait_for(lambda: _try_lock_byte(fd, place), f"{name} in {path}", timeout)
        yield
    finally:
        os.close(fd)


def _try_lock_byte(fd: int, place: int) -> bool:
    try:
        fcntl.lockf(fd, fcntl.LOCK_EX | fcntl.LOCK_NB, 1, place)
    except (BlockingIOError, PermissionError):  # fcntl(2): either
        return False
    return True


def _wait_for(take: Callable[[], bool], what: str, timeout: float) -> None:
    deadline = time.monotonic() + timeout
    while not take():
        if time.monotonic() >= deadline:
            long = f" for {timeout:g} s" if timeout else ""
            raise errors.LockError(f"cannot lock {what}: held by another process{long}")
        time.sleep(_LOCK_POLL_SECONDS)
