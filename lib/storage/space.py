"""How much the directories of file-based disks hold, and may hold.

On a real node that is what the file system says.  A virtual node shares its file
system with all others, so it is given a total of its own, and what its disks could
grow to (their apparent size: the files are sparse) counts as used.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from ganeti import errors
from ganeti.model.scalars import MiB
from ganeti.storage.base import MIB, Host
from ganeti.utils import files

_LOCK_TIMEOUT = 60


class Space(NamedTuple):
    """Space of a directory of disks, in MiB."""

    size: MiB
    used: MiB
    free: MiB


def space_of(directory: str, counted: Sequence[str], total: MiB | None) -> Space:
    """Return the space of a directory: of its file system, or of `total` shared by all `counted` directories.

    Raises OSError when the directory cannot be looked at.
    """
    if total is not None:
        used = sum(used_bytes(path) for path in counted)
        mib = -(-used // MIB)
        return Space(total, MiB(mib), MiB(max(0, total - mib)))
    found = os.statvfs(directory)
    size, free = found.f_blocks * found.f_frsize // MIB, found.f_bavail * found.f_frsize // MIB
    return Space(MiB(size), MiB(size - free), MiB(free))


def used_bytes(directory: str) -> int:
    """Return the apparent size of the disks below a directory; links are not followed."""
    total = 0
    pending = [directory]
    while pending:
        try:
            entries = list(os.scandir(pending.pop()))
        except (FileNotFoundError, NotADirectoryError):
            continue
        for entry in entries:
            if entry.name.startswith("."):
                continue
            if entry.is_dir(follow_symlinks=False):
                pending.append(entry.path)
                continue
            try:
                status = entry.stat(follow_symlinks=False)
            except FileNotFoundError:
                continue
            if stat.S_ISREG(status.st_mode):
                total += status.st_size
    return total


@contextmanager
def taking(host: Host, act: str, needed: MiB) -> Iterator[None]:
    """Make sure that a node with a total of its own has room, until the space is taken.

    Raises BlockDeviceError.
    """
    total = host.disk_total()
    if total is None:
        yield
        return
    files.ensure_dir(os.path.dirname(host.space_lock), 0o755)
    with files.locked_file(host.space_lock, timeout=_LOCK_TIMEOUT):
        free = space_of("/", host.file_dirs(), total).free
        if needed > free:
            raise errors.BlockDeviceError(
                f"cannot {act}: needs {needed} MiB, node {host.node_name} has {free} MiB free"
            )
        yield
