"""Files that were replaced, kept to be written anew.

To make a file, a file system without a journal looks at every one that was removed in the last
minutes (ext4: their places are not given away before the disk knows that they are free).  Where
files of jobs are replaced hundreds of times a second that took half of all processor time.  A file
that is written anew is neither made nor removed, and needs no more room: what is there can be
replaced on a full disk too.

    about to be replaced    gets a second name, .spare-PID-BORN-NUMBER
    replaced durably        is a spare, if nobody reads it any more; what it held is erased
    taken, oldest first     is renamed to be written, if it is still the file it was

Nobody reads it: the system gives a lease of a file to who alone has it open or mapped into memory.
That is so on the file systems named here; elsewhere there are no spares.  Who had found a file by
its name and opens it only now is not seen, so `files.read_file` makes sure it read what has the name;
another program could find zeros instead of the old content, if it was held up just between the two.
"""

from __future__ import annotations

import collections
import errno
import fcntl
import functools
import itertools
import os
import signal
import stat
from typing import NamedTuple

from ganeti.clock import Clock

SPARE_PREFIX = ".spare-"

#: files of jobs: as many as are replaced in a few batches
QUEUE_SPARES = 64
#: copies of the configuration
CONFIG_SPARES = 2
#: seconds since a spare was replaced, more than a tick of the clock that files get their times of: those differ from
#: what they were (`files.signature`)
SPARE_AGE = 0.012
#: bytes
LARGEST = 256 * 1024
LARGEST_CONFIG = 64 * 1024 * 1024

_FILE_SYSTEMS = frozenset({"ext2", "ext3", "ext4", "xfs", "tmpfs"})
#: extended attributes that give rights
_RIGHTS = "system.posix_acl_access"


class Spare(NamedTuple):
    """A file that may be written anew."""

    path: str
    status: os.stat_result


class Spares:
    """The spare files of one process in one directory: `limit` at most, all of one mode.

    Each has `largest` bytes at most, all zero, and keeps its room on the disk.
    """

    def __init__(self, clock: Clock, directory: str, mode: int, limit: int, largest: int = LARGEST) -> None:
        self.directory = directory
        self._clock = clock
        self._mode = mode
        self._limit = limit
        self._largest = largest
        self._numbers = itertools.count()
        self._spares: collections.deque[tuple[float, Spare]] = collections.deque()
        self._fit: bool | None = None

    @property
    def room(self) -> int:
        """How many more there may be."""
        if self._fit is None:
            self._fit = file_system_of(self.directory) in _FILE_SYSTEMS
        return self._limit - len(self._spares) if self._fit else 0

    def serve(self, directory: str, mode: int) -> bool:
        """Tell whether these are for files of a directory and mode."""
        return (directory, mode) == (self.directory, self._mode)

    def take_in(self, old: os.stat_result, new: os.stat_result) -> bool:
        """Tell whether a file could stand for the one that replaces it: plain, with one name, mode and owner alike."""
        fits = stat.S_ISREG(old.st_mode) and old.st_nlink == 1 and _rights(old) == _rights(new)
        return fits and old.st_size <= self._largest

    def new_name(self) -> str:
        """Return a path that no other spare has."""
        pid = os.getpid()
        return os.path.join(self.directory, f"{SPARE_PREFIX}{pid}-{_born(pid)}-{next(self._numbers)}")

    def put(self, spare: Spare) -> None:
        """Add one."""
        self._spares.append((self._clock.monotonic(), spare))

    def take(self) -> Spare | None:
        """Give away the oldest, if it is old enough."""
        try:
            since, spare = self._spares.popleft()
        except IndexError:
            return None
        if self._clock.monotonic() - since < SPARE_AGE:
            self._spares.appendleft((since, spare))
            return None
        return spare

    def is_unread(self, fd: int) -> bool:
        """Tell whether nobody else has an open file open; where that cannot be told there are no spares from now on."""
        try:
            # Opened at this very moment it would have the system signal this process: by one that does not end it.
            fcntl.fcntl(fd, fcntl.F_SETSIG, signal.SIGURG)
            fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_WRLCK)
            fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_UNLCK)
        except OSError as err:
            self._fit = err.errno == errno.EAGAIN
            return False
        return True


def is_same(fd: int, spare: Spare, uid: int, gid: int) -> bool:
    """Tell whether an open file is a spare as it was, and of an owner; -1: of whoever writes it."""
    now = os.fstat(fd)
    return (
        (now.st_dev, now.st_ino) == (spare.status.st_dev, spare.status.st_ino)
        and now.st_nlink == 1
        and _rights(now) == _rights(spare.status)
        and uid in (-1, now.st_uid)
        and gid in (-1, now.st_gid)
        and _RIGHTS not in os.listxattr(fd)
    )


def is_left(name: str) -> bool:
    """Tell whether a file is the spare of a process that has gone."""
    if not name.startswith(SPARE_PREFIX):
        return False
    pid, _, rest = name.removeprefix(SPARE_PREFIX).partition("-")
    return pid.isdecimal() and rest.partition("-")[0] != _seen_born(int(pid))


def spares_in(directory: str) -> list[str]:
    """Return the spares in a directory, whoever uses them; none if there is no such directory."""
    try:
        return [os.path.join(directory, name) for name in os.listdir(directory) if name.startswith(SPARE_PREFIX)]
    except (FileNotFoundError, NotADirectoryError):
        return []


def file_system_of(directory: str) -> str:
    """Return the type of the file system a directory is on, "" when it cannot be told."""
    try:
        device = os.stat(directory).st_dev
        with open("/proc/self/mountinfo", encoding="utf-8", errors="replace") as lines:
            mounts = [line.split() for line in lines]
    except OSError:
        return ""
    number = f"{os.major(device)}:{os.minor(device)}"
    return next((words[words.index("-") + 1] for words in mounts if words[2] == number), "")


def _rights(status: os.stat_result) -> tuple[int, int, int]:
    return status.st_mode, status.st_uid, status.st_gid


def _seen_born(pid: int) -> str:
    """Return when a process began, in ticks since the system did; "" when there is none."""
    try:
        with open(f"/proc/{pid}/stat", "rb") as file:
            return file.read().rpartition(b")")[2].split()[19].decode()
    except OSError:
        return ""


_born = functools.cache(_seen_born)
