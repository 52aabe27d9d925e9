"""Disks that are plain files: raw, sparse, below an allowed directory.

The logical id is [driver, path].  Beside a disk `disk0` lies `.disk0.uuid` with the
disk's uuid, so that a destructive call with a wrong path is refused; disks made by
releases that did not write it are taken as they are.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import ClassVar

from ganeti import errors
from ganeti.model.enums import DiskTemplate, FileDriver, LocalDiskStatus
from ganeti.model.objects.disk import Disk
from ganeti.model.objects.messages import BlockDevStatus
from ganeti.model.scalars import MiB
from ganeti.storage import paths, space
from ganeti.storage.base import MIB, BlockDevice, Dimensions, Host
from ganeti.utils import files

_IDENTITY_LIMIT = 256


class FileDisk(BlockDevice):
    """See BlockDevice.  New disks read as zeros.  Also raises FileStoragePathError."""

    TEMPLATE: ClassVar[DiskTemplate] = DiskTemplate.FILE
    SHARED: ClassVar[bool] = False

    def __init__(self, disk: Disk, host: Host) -> None:
        super().__init__(disk, host)
        self._path = self._local_path(disk.logical_id)

    # --- looking ---------------------------------------------------------------

    @property
    def dev_path(self) -> str:
        return self._path

    def exists(self) -> bool:
        return self._size() is not None

    def status(self) -> BlockDevStatus | None:
        if not self.exists():
            return None
        return BlockDevStatus(dev_path=self._path, is_degraded=False, ldisk_status=LocalDiskStatus.OKAY)

    def dimensions(self) -> Dimensions | None:
        size = self._size()
        return None if size is None else Dimensions(size, None)

    # --- life ------------------------------------------------------------------

    def create(self, size: MiB, *, exclusive: bool) -> None:
        act = f"create {self}"
        self._check_allowed()
        if size <= 0:
            raise errors.BlockDeviceError(f"cannot {act}: {size} MiB is no size")
        with self._translated(act), self._taking(act, size):
            try:
                files.create_file(self._path, size * MIB)
            except FileExistsError:
                raise errors.BlockDeviceError(f"cannot {act}: {self._path} exists already") from None
            try:
                self._write_identity()
            except OSError:
                files.remove_file(self._path, missing_ok=True)
                raise

    def remove(self) -> None:
        act = f"remove {self}"
        self._check_allowed()
        with self._translated(act):
            if self._size() is not None:
                self._check_identity(act, self._path)
                files.remove_file(self._path, missing_ok=True)
            files.remove_file(_identity_file(self._path), missing_ok=True)

    def assemble(self) -> None:
        self._check_allowed()
        with self._translated(f"assemble {self}"):
            self._must_exist(f"assemble {self}")

    def shutdown(self) -> None:
        """See BlockDevice: a file needs nothing."""

    # --- changes ---------------------------------------------------------------

    def grow(self, amount: MiB, *, dry_run: bool, backing_store: bool) -> None:
        act = f"grow {self}"
        if not backing_store:
            return
        self._check_allowed()
        if amount < 0:
            raise errors.BlockDeviceError(f"cannot {act}: {amount} MiB would make it smaller")
        with self._translated(act), self._taking(act, amount):
            size = self._must_exist(act)
            if not dry_run:
                self._check_identity(act, self._path)
                files.resize_file(self._path, size + amount * MIB)

    def rename(self, logical_id: Sequence[object]) -> None:
        act = f"rename {self}"
        target = self._local_path(logical_id)
        self._check_allowed()
        paths.check_allowed(target, self._allowed())
        with self._translated(act):
            if self._size() is None and os.path.lexists(target):
                self._check_identity(act, target)  # renamed already, by a call whose answer was lost
                return
            self._must_exist(act)
            self._check_identity(act, self._path)
            if os.path.lexists(target):
                raise errors.BlockDeviceError(f"cannot {act}: {target} exists already")
            pairs = [(self._path, target)]
            if os.path.lexists(_identity_file(self._path)):
                pairs.append((_identity_file(self._path), _identity_file(target)))
            files.rename_files(pairs)

    def wipe(self, offset: MiB, size: MiB) -> None:
        act = f"wipe {self}"
        self._check_allowed()
        with self._translated(act):
            real = self._must_exist(act)
            self._check_identity(act, self._path)
            if offset < 0 or size < 0 or (offset + size) * MIB > real:
                raise errors.BlockDeviceError(
                    f"cannot {act}: {offset} MiB and {size} MiB from there are not inside its {real // MIB} MiB"
                )
            files.write_zeros(self._path, offset * MIB, (offset + size) * MIB)

    # --- paths and identity ------------------------------------------------------

    def _allowed(self) -> Sequence[str]:
        return self.host.shared_dirs() if self.SHARED else self.host.file_dirs()

    def _check_allowed(self) -> None:
        paths.check_allowed(self._path, self._allowed())

    def _local_path(self, logical_id: Sequence[object]) -> str:
        match tuple(logical_id):
            case (str(driver), str(path)) if driver in tuple(FileDriver):
                return self.host.localize(paths.check_path(path), self.SHARED)
        raise errors.BlockDeviceError(
            f"cannot use {self}: its logical id {list(logical_id)} is not [driver, path] of a {self.TEMPLATE} disk"
        )

    @contextmanager
    def _taking(self, act: str, needed: MiB) -> Iterator[None]:
        if self.SHARED:
            yield
            return
        with space.taking(self.host, act, needed):
            yield

    def _size(self) -> int | None:
        """Return the size in bytes, None when there is nothing; refuses what is no plain file."""
        try:
            status = os.lstat(self._path)
        except (FileNotFoundError, NotADirectoryError):
            return None
        if not stat.S_ISREG(status.st_mode):
            raise errors.BlockDeviceError(f"cannot use {self}: {self._path} is not a plain file")
        return status.st_size

    def _must_exist(self, act: str) -> int:
        size = self._size()
        if size is None:
            raise errors.BlockDeviceError(f"cannot {act}: {self._path} is not there")
        return size

    def _write_identity(self) -> None:
        if self.disk.uuid is not None:
            files.write_file(_identity_file(self._path), f"{self.disk.uuid}\n")

    def _check_identity(self, act: str, path: str) -> None:
        try:
            found = files.read_text(_identity_file(path), limit=_IDENTITY_LIMIT).strip()
        except FileNotFoundError:
            return
        if self.disk.uuid is not None and found != self.disk.uuid:
            raise errors.BlockDeviceError(f"cannot {act}: {path} holds disk {found}, not {self.disk.uuid}")

    @contextmanager
    def _translated(self, act: str) -> Iterator[None]:
        try:
            yield
        except OSError as err:
            reason = err.strerror or str(err)
            remedy = "; its directory must be made first" if err.errno == errno.ENOENT else ""
            raise errors.BlockDeviceError(f"cannot {act}: {self._path}: {reason.lower()}{remedy}") from err


def _identity_file(path: str) -> str:
    return os.path.join(os.path.dirname(path), f".{os.path.basename(path)}.uuid")
