"""Files that were replaced, kept to be written anew.

To make a file, a file system without a journal looks at every one that was removed in the last
minutes (ext4: their places are not given away before the disk knows that they are free).  Where
files of jobs are replaced hundreds of times a second that took half of all processor time.  A file
that is written anew is neither made nor removed, and has its room on the disk already.

    about to be replaced    gets a second name, .spare-PID-...
    replaced durably        is a spare
    oldest spare            is written when it was replaced some time ago and is ours alone

Ours alone: it has no other name and nobody has it open, so no reader sees it change.
"""

from __future__ import annotations

import collections
import fcntl
import itertools
import os
import signal
import stat
from collections.abc import Iterable
from typing import NamedTuple

from ganeti.clock import Clock

SPARE_PREFIX = ".spare-"

#: files of jobs: as many as are replaced in a few batches
QUEUE_SPARES = 64
#: copies of the configuration
CONFIG_SPARES = 2
#: bytes
LARGEST = 256 * 1024
LARGEST_CONFIG = 64 * 1024 * 1024

#: seconds since a spare was replaced, more than a tick of the clock that files get their times of: those differ from
#: what they were (`files.signature`), and who was just about to open it has
SPARE_AGE = 0.012


class Kind(NamedTuple):
    """What spares have to have in common with the file they are written for; -1: of whoever writes it."""

    mode: int
    uid: int
    gid: int


class Spare(NamedTuple):
    """A file that may be written anew."""

    path: str
    inode: int


class Spares:
    """The spare files of one process in one directory: `limit` at most, each of `largest` bytes at most."""

    def __init__(self, clock: Clock, directory: str, limit: int, largest: int = LARGEST) -> None:
        self._clock = clock
        self.directory = directory
        self._limit = limit
        self._largest = largest
        self._numbers = itertools.count()
        self._spares: dict[Kind, collections.deque[tuple[float, Spare]]] = {}

    @property
    def room(self) -> int:
        """How many more there may be."""
        return self._limit - sum(map(len, self._spares.values()))

    def takes(self, old: os.stat_result, new: os.stat_result) -> bool:
        """Tell whether a file can stand for the one that replaces it: plain, with one name, owner and mode alike."""
        return (
            stat.S_ISREG(old.st_mode)
            and old.st_nlink == 1
            and old.st_size <= self._largest
            and (old.st_mode, old.st_uid, old.st_gid) == (new.st_mode, new.st_uid, new.st_gid)
        )

    def new_name(self) -> str:
        """Return a path that no other spare has."""
        return os.path.join(self.directory, f"{SPARE_PREFIX}{os.getpid()}-{next(self._numbers)}")

    def put(self, spares: Iterable[tuple[Kind, Spare]]) -> None:
        """Take in files that were replaced, durably."""
        for kind, spare in spares:
            self._spares.setdefault(kind, collections.deque()).append((self._clock.monotonic(), spare))

    def take(self, kind: Kind) -> Spare | None:
        """Give away the oldest of a kind, if it is old enough."""
        queue = self._spares.get(kind)
        if not queue or self._clock.monotonic() - queue[0][0] < SPARE_AGE:
            return None
        return queue.popleft()[1]


def is_ours_alone(fd: int, spare: Spare) -> bool:
    """Tell whether an open file is that spare, has no other name, and nobody else has it open."""
    status = os.fstat(fd)
    if not stat.S_ISREG(status.st_mode) or status.st_ino != spare.inode or status.st_nlink != 1:
        return False
    try:
        # A lease is given to who alone has a file open.  Who opens it now would end this process by SIGIO.
        fcntl.fcntl(fd, fcntl.F_SETSIG, signal.SIGURG)
        fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_WRLCK)
        fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except OSError:
        return False
    return True


def is_left(name: str) -> bool:
    """Tell whether a file is the spare of a process that has gone."""
    pid = name.removeprefix(SPARE_PREFIX).partition("-")[0] if name.startswith(SPARE_PREFIX) else ""
    if not pid.isdecimal():
        return False
    try:
        os.kill(int(pid), 0)
    except ProcessLookupError:
        return True
    except (OSError, OverflowError):  # somebody else's; no number of a process
        return False
    return False
