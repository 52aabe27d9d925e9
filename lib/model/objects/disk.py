"""A disk of an instance, and the device tree below it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ganeti import errors
from ganeti.model.enums import DiskMode, DiskTemplate
from ganeti.model.objects.base import ConfigObject, Params
from ganeti.model.scalars import MiB, Timestamp, Uuid
from ganeti.schema import param

#: size of the metadata volume of a DRBD disk
DRBD_META_SIZE = MiB(128)


class Disk(ConfigObject):
    """A disk of an instance; DRBD disks have a data and a metadata volume as children."""

    uuid: Uuid | None = param(default=None, doc="Identity; the parts of a DRBD disk may have none")
    name: str | None = param(default=None, doc="Name given by the user")
    dev_type: DiskTemplate = param(doc="Kind of device")
    logical_id: Sequence[object] = param(factory=tuple, doc="Names the device; its items depend on the kind")
    children: Sequence[Disk] = param(factory=tuple, doc="Devices this one is made of")
    nodes: Sequence[Uuid] = param(factory=tuple, doc="Nodes that hold it, primary first")
    iv_name: str = param(default="", doc="Name in the instance: disk/0, disk/1, ...")
    size: MiB = param(doc="Size in MiB")
    mode: DiskMode = param(default=DiskMode.READ_WRITE, doc="Whether the instance may write")
    params: Params = param(factory=dict, doc="Logical disk parameters; filled in what nodes are sent")
    spindles: int | None = param(default=None, doc="Number of spindles it uses")
    forthcoming: bool | None = param(default=None, doc="Planned only: nothing exists yet")
    pci: int | str | None = param(default=None, doc="PCI slot; only in the runtime files of nodes")
    hvinfo: Params | None = param(default=None, doc="Where the hypervisor put it; only in the runtime files of nodes")
    dynamic_params: Params | None = param(default=None, doc="Addresses and minors; only in what nodes are sent")
    serial_no: int | None = param(default=None, doc="Starts at 1, grows with every change")
    ctime: Timestamp | None = param(default=None, doc="When it was created, seconds since the epoch")
    mtime: Timestamp | None = param(default=None, doc="When it was changed last, seconds since the epoch")


class DrbdId(NamedTuple):
    """The logical id of a DRBD disk."""

    node_a: Uuid
    node_b: Uuid
    port: int
    minor_a: int
    minor_b: int
    secret: str


def drbd_id(disk: Disk) -> DrbdId:
    """Return the logical id of a DRBD disk by its parts.

    Raises ConfigurationError if it has not the form of one.
    """
    match tuple(disk.logical_id):
        case (str(node_a), str(node_b), int(port), int(minor_a), int(minor_b), str(secret)):
            return DrbdId(Uuid(node_a), Uuid(node_b), port, minor_a, minor_b, secret)
    raise errors.ConfigurationError(
        f"cannot use disk {disk.uuid or disk.iv_name}: its logical id is not that of a DRBD disk"
    )


def disk_nodes(disk: Disk) -> tuple[Uuid, ...]:
    """Return the nodes that hold a disk; for DRBD those its logical id names."""
    if disk.dev_type == DiskTemplate.DRBD and len(disk.logical_id) >= 2:
        return Uuid(str(disk.logical_id[0])), Uuid(str(disk.logical_id[1]))
    return tuple(disk.nodes)
