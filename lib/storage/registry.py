"""Which kinds of disks there are: the table of drivers."""

from __future__ import annotations

from collections.abc import Mapping

from ganeti import errors
from ganeti.model.enums import DiskTemplate
from ganeti.model.objects.disk import Disk
from ganeti.storage.base import BlockDevice, Host
from ganeti.storage.diskless import DisklessDisk
from ganeti.storage.file import FileDisk
from ganeti.storage.sharedfile import SharedFileDisk

DRIVERS: Mapping[DiskTemplate, type[BlockDevice]] = {
    driver.TEMPLATE: driver for driver in (FileDisk, SharedFileDisk, DisklessDisk)
}


def device_of(disk: Disk, host: Host) -> BlockDevice:
    """Return the driver of a disk on this node.

    Raises BlockDeviceError for a kind that this release has no driver for.
    """
    try:
        driver = DRIVERS[disk.dev_type]
    except KeyError:
        known = ", ".join(sorted(DRIVERS))
        raise errors.BlockDeviceError(
            f"cannot use disk {disk.iv_name or disk.uuid}: no driver for {disk.dev_type} (there are: {known})"
        ) from None
    return driver(disk, host)
