"""A machine of the cluster."""

from __future__ import annotations

from collections.abc import Mapping, Set

from ganeti.model.enums import HypervisorName, StorageType
from ganeti.model.objects.base import Params, TrackedObject
from ganeti.model.objects.messages import NodeDiskState, NodeHvState
from ganeti.model.scalars import IPAddress, NodeName, Tag, Uuid
from ganeti.schema import param


class Node(TrackedObject):
    """A machine of the cluster."""

    name: NodeName = param(doc="Full name")
    primary_ip: IPAddress = param(doc="Address the daemons talk to")
    secondary_ip: IPAddress = param(doc="Address for disk replication")
    master_candidate: bool = param(default=False, doc="Holds a copy of configuration and jobs")
    offline: bool = param(default=False, doc="Not talked to")
    drained: bool = param(default=False, doc="Gets no new instances")
    group: Uuid = param(doc="Node group it belongs to, by uuid")
    master_capable: bool = param(default=True, doc="May become master candidate")
    vm_capable: bool = param(default=True, doc="May run instances")
    ndparams: Params = param(factory=dict, doc="Node parameters that differ from the group's")
    powered: bool = param(default=True, doc="Switched on, as far as known")
    hv_state: Mapping[HypervisorName, NodeHvState] | None = param(default=None, doc="Last state of hypervisors")
    hv_state_static: Mapping[HypervisorName, Params] | None = param(default=None, doc="State set by the user")
    disk_state: Mapping[StorageType, Mapping[str, NodeDiskState]] | None = param(
        default=None, doc="Last state of storage"
    )
    disk_state_static: Mapping[str, object] | None = param(default=None, doc="Storage state set by the user")
    tags: Set[Tag] = param(factory=frozenset, doc="Tags")
