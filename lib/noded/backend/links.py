"""Stable links INSTANCE:INDEX to the disks of an instance: what its hypervisor is given."""

from __future__ import annotations

import os
from collections.abc import Sequence

from ganeti import errors
from ganeti.hypervisor.base import AttachedDisk
from ganeti.model.objects.instance import FilledInstance
from ganeti.model.scalars import InstanceName
from ganeti.noded.context import NodeContext
from ganeti.utils import files


def link_path(node: NodeContext, name: InstanceName, index: int) -> str:
    """Return the path of the link to a disk of an instance."""
    return os.path.join(node.paths.instance_disks_dir, f"{name}:{index}")


def make_link(node: NodeContext, name: InstanceName, index: int, target: str) -> str:
    """Make or correct the link to a disk; return its path."""
    link = link_path(node, name, index)
    if os.path.islink(link) and os.readlink(link) == target:
        return link
    files.ensure_dir(node.paths.instance_disks_dir, 0o755)
    temporary = os.path.join(node.paths.instance_disks_dir, f"{files.TEMPORARY_PREFIX}{name}:{index}")
    files.remove_file(temporary, missing_ok=True, durable=False)
    os.symlink(target, temporary)
    os.rename(temporary, link)
    return link


def attach_all(node: NodeContext, instance: FilledInstance, act: str) -> list[AttachedDisk]:
    """Return the assembled disks of an instance, linked, in order.

    Raises BlockDeviceError, with `act` as what cannot be done, for one that is not assembled.
    """
    attached = []
    for index, disk in enumerate(instance.disks_info):
        device = node.device(disk)
        if device.status() is None:
            raise errors.BlockDeviceError(f"cannot {act}: {device} is not assembled on {node.name}")
        link = make_link(node, instance.name, index, device.dev_path)
        attached.append(AttachedDisk(disk, link, disk.mode))
    return attached


def remove_links(node: NodeContext, name: InstanceName, indexes: Sequence[int] | None = None) -> None:
    """Remove links to the disks of an instance: all of them, or those of some disks."""
    directory = node.paths.instance_disks_dir
    if indexes is None:
        try:
            names = [entry for entry in os.listdir(directory) if entry.rpartition(":")[0] == name]
        except FileNotFoundError:
            return
    else:
        names = [f"{name}:{index}" for index in indexes]
    for entry in names:
        files.remove_file(os.path.join(directory, entry), missing_ok=True, durable=False)


def remove_links_to(node: NodeContext, target: str) -> None:
    """Remove the links that lead to a path, whosever they are."""
    directory = node.paths.instance_disks_dir
    try:
        entries = os.listdir(directory)
    except FileNotFoundError:
        return
    for entry in entries:
        link = os.path.join(directory, entry)
        if os.path.islink(link) and os.readlink(link) == target:
            files.remove_file(link, missing_ok=True, durable=False)
