"""What every storage driver promises.

A driver is one disk as seen from this node.  It is made from a Disk record, cheaply
and without looking; each method then looks or acts.  Drivers know nothing of RPC,
opcodes or the configuration, and take their limits from a `Host`.

Destructive methods (`remove`, `wipe`, `rename`) first make sure that what they find
is the disk they were told about: storage keeps the disk's uuid where it can.

`test/contract/storage` is the executable form of this page: each driver passes it.
"""

from __future__ import annotations

import abc
from collections.abc import Callable, Sequence
from typing import ClassVar, NamedTuple

from ganeti import errors
from ganeti.model.enums import DiskTemplate
from ganeti.model.objects.disk import Disk
from ganeti.model.objects.messages import BlockDevStatus
from ganeti.model.scalars import MiB

MIB = 1024 * 1024


class Host(NamedTuple):
    """What a driver is given: which directories may hold disks, and how much they may hold.

    `file_dirs` and `shared_dirs` return the allowed directories, `localize` the path
    on this node of a path in a disk's logical id; `disk_total` is the space of a
    virtual node (None: as much as the file system has), `space_lock` the file that is
    locked while space is counted and taken.
    """

    node_name: str
    file_dirs: Callable[[], Sequence[str]]
    shared_dirs: Callable[[], Sequence[str]]
    localize: Callable[[str, bool], str]
    disk_total: Callable[[], MiB | None]
    space_lock: str


class Dimensions(NamedTuple):
    """Size of a disk; `spindles` is None where storage does not count them."""

    size_bytes: int
    spindles: int | None


class BlockDevice(abc.ABC):
    """One disk on this node.  Methods raise BlockDeviceError with the disk and the reason named."""

    TEMPLATE: ClassVar[DiskTemplate]

    def __init__(self, disk: Disk, host: Host) -> None:
        self.disk = disk
        self.host = host

    def __str__(self) -> str:
        return f"disk {self.disk.iv_name or self.disk.uuid or list(self.disk.logical_id)}"

    # --- looking ---------------------------------------------------------------

    @property
    @abc.abstractmethod
    def dev_path(self) -> str:
        """Path of the device or file; it need not exist."""

    @abc.abstractmethod
    def exists(self) -> bool:
        """Tell whether the data are there."""

    @abc.abstractmethod
    def status(self) -> BlockDevStatus | None:
        """Return the state of the assembled disk, or None when it is not assembled."""

    @abc.abstractmethod
    def dimensions(self) -> Dimensions | None:
        """Return the real size, or None when the disk is not there."""

    def userspace_uri(self) -> str | None:
        """Return the address hypervisors use without a device; None when there is none."""
        return None

    # --- life ------------------------------------------------------------------

    @abc.abstractmethod
    def create(self, size: MiB, *, exclusive: bool) -> None:
        """Create the disk, not assembled; refuses one that exists.

        After a failure nothing is left behind.  New disks read as zeros only where
        the driver says so.
        """

    @abc.abstractmethod
    def remove(self) -> None:
        """Destroy the disk; one that is gone already is fine."""

    @abc.abstractmethod
    def assemble(self) -> None:
        """Make the disk usable on this node; harmless when it is."""

    @abc.abstractmethod
    def shutdown(self) -> None:
        """Undo `assemble`; data stay; harmless when there is nothing to undo."""

    def open(self, *, exclusive: bool) -> None:  # noqa: B027 (most drivers have no roles)
        """Make the assembled disk writable here; drivers without roles have nothing to do."""

    def close(self) -> None:  # noqa: B027
        """Make the assembled disk secondary; drivers without roles have nothing to do."""

    # --- changes ---------------------------------------------------------------

    @abc.abstractmethod
    def grow(self, amount: MiB, *, dry_run: bool, backing_store: bool) -> None:
        """Grow by `amount`, or with `dry_run` only make sure that it can be done.

        `backing_store` asks for what lies below the disk alone; drivers that have no
        such thing do it all then, and nothing in the other call.
        """

    @abc.abstractmethod
    def rename(self, logical_id: Sequence[object]) -> None:
        """Give the disk another logical id; the data move with it."""

    @abc.abstractmethod
    def wipe(self, offset: MiB, size: MiB) -> None:
        """Overwrite a part with zeros; refuses a part that is not inside the disk."""

    def set_info(self, text: str) -> None:  # noqa: B027
        """Store a text with the disk, where the storage can."""

    def snapshot(self, name: str, size: MiB) -> Sequence[object]:
        """Make a snapshot; return its logical id."""
        raise errors.BlockDeviceError(f"cannot snapshot {self}: not supported by {self.TEMPLATE}")
