"""A group of nodes that share network and storage."""

from __future__ import annotations

from collections.abc import Mapping, Set

from ganeti.model.enums import AllocPolicy, DiskTemplate
from ganeti.model.objects.base import IPolicy, Params, TrackedObject
from ganeti.model.scalars import GroupName, Tag, Uuid
from ganeti.schema import param


class NodeGroup(TrackedObject):
    """A group of nodes; which nodes are in it is said by the nodes."""

    name: GroupName = param(doc="Name, unique in the cluster")
    ndparams: Params = param(factory=dict, doc="Node parameters that differ from the cluster's")
    diskparams: Mapping[DiskTemplate, Params] = param(
        factory=dict, doc="Disk parameters, by template, that differ from the cluster's"
    )
    ipolicy: IPolicy = param(factory=dict, doc="Instance policy where it differs from the cluster's")
    hv_state_static: Mapping[str, object] | None = param(default=None, doc="Hypervisor state set by the user")
    disk_state_static: Mapping[str, object] | None = param(default=None, doc="Storage state set by the user")
    alloc_policy: AllocPolicy = param(default=AllocPolicy.PREFERRED, doc="Whether new instances are put here")
    networks: Mapping[Uuid, Params] = param(factory=dict, doc="Connected networks, by uuid, and NIC parameters there")
    tags: Set[Tag] = param(factory=frozenset, doc="Tags")
