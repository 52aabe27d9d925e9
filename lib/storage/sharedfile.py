"""Disks that are files in a directory all nodes see; the directory is the administrator's business."""

from __future__ import annotations

from typing import ClassVar

from ganeti.model.enums import DiskTemplate
from ganeti.storage.file import FileDisk


class SharedFileDisk(FileDisk):
    """A file disk below the shared directory; space is what the file system says."""

    TEMPLATE: ClassVar[DiskTemplate] = DiskTemplate.SHAREDFILE
    SHARED: ClassVar[bool] = True
