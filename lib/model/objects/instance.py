"""An instance: a virtual machine as it is meant to be."""

from __future__ import annotations

from collections.abc import Sequence, Set
from typing import Literal

from ganeti.model.enums import AdminState, AdminStateSource, HypervisorName
from ganeti.model.objects.base import Params, TrackedObject
from ganeti.model.objects.disk import Disk
from ganeti.model.objects.nic import NIC
from ganeti.model.scalars import InstanceName, OsName, Tag, Uuid
from ganeti.schema import param


class Instance(TrackedObject):
    """A virtual machine as it is meant to be."""

    name: InstanceName = param(doc="Full name")
    primary_node: Uuid = param(doc="Node that runs it, by uuid")
    os: OsName | Literal[""] = param(doc="Operating system, name or name+variant; empty if none is installed")
    hypervisor: HypervisorName = param(doc="What runs it")
    hvparams: Params = param(factory=dict, doc="Hypervisor parameters that differ from the cluster's")
    beparams: Params = param(factory=dict, doc="Backend parameters that differ from the cluster's")
    osparams: Params = param(factory=dict, doc="Parameters for the scripts of the operating system")
    osparams_private: Params = param(factory=dict, secret=True, doc="The same, not to be shown")
    admin_state: AdminState = param(default=AdminState.DOWN, doc="What the administrator wants")
    admin_state_source: AdminStateSource = param(default=AdminStateSource.ADMIN, doc="Who wanted that")
    nics: Sequence[NIC] = param(factory=tuple, doc="Network interfaces")
    disks: Sequence[Uuid] = param(factory=tuple, doc="Disks, by uuid")
    disks_active: bool = param(default=False, doc="Whether its disks are assembled")
    network_port: int | None = param(default=None, doc="TCP port of its console")
    forthcoming: bool | None = param(default=None, doc="Planned only: nothing exists yet")
    tags: Set[Tag] = param(factory=frozenset, doc="Tags")
    moving: Sequence[Uuid] | None = param(
        default=None,
        doc="Nodes that may keep something of it while it moves, or after a move that was cut off, by uuid",
    )


class FilledInstance(Instance):
    """An instance as nodes are sent it: all parameters filled, disks and networks with it."""

    disks_info: Sequence[Disk] = param(factory=tuple, doc="Its disks, in order")
    secondary_nodes: Sequence[Uuid] = param(factory=tuple, doc="Other nodes that hold its disks, by uuid")
