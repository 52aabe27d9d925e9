"""Disks of instances on this node.

Parts of a disk (children) are made usable before it, and shut down or removed after it.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

from ganeti import errors
from ganeti.model.objects.disk import Disk
from ganeti.model.objects.instance import FilledInstance
from ganeti.model.objects.messages import BlockDevStatus
from ganeti.model.scalars import InstanceName, MiB
from ganeti.noded.backend import links
from ganeti.noded.context import NodeContext
from ganeti.rpc.answers import AssembledDisk
from ganeti.utils import files


class BlockDevices:
    """Calls about disks."""

    def __init__(self, node: NodeContext) -> None:
        self._node = node

    # --- looking ---------------------------------------------------------------

    def blockdev_find(self, disk: Disk) -> BlockDevStatus | None:
        """Return the status of an assembled disk; None when it is not assembled."""
        return self._node.device(disk).status()

    def blockdev_getdimensions(self, disks: Sequence[Disk]) -> Sequence[tuple[int, int | None] | None]:
        """Return (bytes, spindles) of each disk, in order; None for one that is not found."""
        found: list[tuple[int, int | None] | None] = []
        for disk in disks:
            size = self._node.device(disk).dimensions()
            found.append(None if size is None else (size.size_bytes, size.spindles))
        return found

    # --- life ------------------------------------------------------------------

    def blockdev_create(
        self, disk: Disk, size: MiB, owner: InstanceName, on_primary: bool, info: str, exclusive_storage: bool
    ) -> None:
        """Create a disk; `info` is a text stored with it where the storage can."""
        for child in disk.children:
            self._assemble(child)
        device = self._node.device(disk)
        device.create(size, exclusive=exclusive_storage)
        device.set_info(info)

    def blockdev_remove(self, disk: Disk) -> None:
        """Remove a disk and its parts; what is gone already is fine."""
        device = self._node.device(disk)
        device.remove()
        self._forget(device.dev_path)
        for child in disk.children:
            self.blockdev_remove(child)

    def blockdev_assemble(self, disk: Disk, instance: FilledInstance, on_primary: bool, idx: int) -> AssembledDisk:
        """Make a disk usable; on the primary node also link it as disk `idx` of the instance."""
        self._assemble(disk)
        device = self._node.device(disk)
        self._remember(device.dev_path, instance.name, disk.iv_name, on_primary)
        if not on_primary:
            return AssembledDisk()
        device.open(exclusive=False)
        link = links.make_link(self._node, instance.name, idx, device.dev_path)
        return AssembledDisk(dev_path=device.dev_path, link_name=link, uri=device.userspace_uri())

    def blockdev_shutdown(self, disk: Disk) -> None:
        """Undo blockdev_assemble; data stay."""
        device = self._node.device(disk)
        links.remove_links_to(self._node, device.dev_path)
        device.shutdown()
        self._forget(device.dev_path)
        for child in disk.children:
            self.blockdev_shutdown(child)

    def blockdev_open(self, instance_name: InstanceName, disks: Sequence[Disk], exclusive: bool) -> None:
        """Make assembled disks writable here, for this node alone when `exclusive`."""
        for disk in disks:
            device = self._node.device(disk)
            if device.status() is None:
                raise errors.BlockDeviceError(
                    f"cannot open {device} of instance {instance_name}: it is not assembled on {self._node.name}"
                )
            device.open(exclusive=exclusive)

    def blockdev_close(self, instance_name: InstanceName, disks: Sequence[Disk]) -> None:
        """Make disks secondary here; their links go."""
        for disk in disks:
            device = self._node.device(disk)
            if device.status() is not None:
                device.close()
            links.remove_links_to(self._node, device.dev_path)

    # --- changes ---------------------------------------------------------------

    def blockdev_grow(self, disk: Disk, amount: MiB, dryrun: bool, backingstore: bool, es_flag: bool) -> None:
        """Grow a disk, or only check that it could be."""
        self._node.device(disk).grow(amount, dry_run=dryrun, backing_store=backingstore)

    def blockdev_rename(self, devlist: Sequence[tuple[Disk, Sequence[object]]]) -> None:
        """Give disks new unique ids."""
        for disk, logical_id in devlist:
            device = self._node.device(disk)
            old_path = device.dev_path
            device.rename(logical_id)
            self._forget(old_path)

    def blockdev_wipe(self, disk: Disk, offset: MiB, size: MiB) -> None:
        """Overwrite a part of a disk with zeros."""
        self._node.device(disk).wipe(offset, size)

    def blockdev_setinfo(self, disk: Disk, info: str) -> None:
        """Store a text with a disk, where the storage can."""
        self._node.device(disk).set_info(info)

    # --- steps -----------------------------------------------------------------

    def _assemble(self, disk: Disk) -> None:
        for child in disk.children:
            self._assemble(child)
        self._node.device(disk).assemble()

    def _remember(self, path: str, owner: InstanceName, iv_name: str, on_primary: bool) -> None:
        """Note whose an assembled device is: OWNER STATE IVNAME, a file per device."""
        state = "primary" if on_primary else "secondary"
        files.ensure_dir(self._node.paths.bdev_cache_dir, 0o755)
        files.write_file(self._cache_file(path), f"{owner} {state} {iv_name}\n", durable=False)

    def _forget(self, path: str) -> None:
        files.remove_file(self._cache_file(path), missing_ok=True, durable=False)

    def _cache_file(self, path: str) -> str:
        name = path.removeprefix("/dev/").strip("/").replace("/", "_")
        return os.path.join(self._node.paths.bdev_cache_dir, f"bdev_{name}"[-255:])


def forget_all(node: NodeContext) -> None:
    """Drop what is known of assembled disks, and the links to them: a boot empties the run directory."""
    for directory in (node.paths.bdev_cache_dir, node.paths.instance_disks_dir):
        if os.path.isdir(directory):
            for name in os.listdir(directory):
                files.remove_file(os.path.join(directory, name), missing_ok=True, durable=False)
