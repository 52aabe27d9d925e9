"""The storage of instances without disks: there is nothing to make, and nothing to find."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, NoReturn

from ganeti import errors
from ganeti.model.enums import DiskTemplate
from ganeti.model.objects.messages import BlockDevStatus
from ganeti.model.scalars import MiB
from ganeti.storage.base import BlockDevice, Dimensions


class DisklessDisk(BlockDevice):
    """A disk that cannot be: making or changing it is refused, looking for it finds nothing."""

    TEMPLATE: ClassVar[DiskTemplate] = DiskTemplate.DISKLESS

    @property
    def dev_path(self) -> str:
        self._refuse("find")

    def exists(self) -> bool:
        return False

    def status(self) -> BlockDevStatus | None:
        return None

    def dimensions(self) -> Dimensions | None:
        return None

    def create(self, size: MiB, *, exclusive: bool) -> None:
        self._refuse("create")

    def remove(self) -> None:
        """See BlockDevice: it is gone already."""

    def assemble(self) -> None:
        self._refuse("assemble")

    def shutdown(self) -> None:
        """See BlockDevice: there is nothing to undo."""

    def grow(self, amount: MiB, *, dry_run: bool, backing_store: bool) -> None:
        self._refuse("grow")

    def rename(self, logical_id: Sequence[object]) -> None:
        self._refuse("rename")

    def wipe(self, offset: MiB, size: MiB) -> None:
        self._refuse("wipe")

    def _refuse(self, verb: str) -> NoReturn:
        raise errors.BlockDeviceError(f"cannot {verb} {self}: a diskless instance has no disks")
