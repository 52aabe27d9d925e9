"""Operations on nodes and their storage."""

from __future__ import annotations

from collections.abc import Sequence

from ganeti.model.enums import EvacMode, HookType, MigrationMode, StorageType
from ganeti.model.opcodes.base import NodeOpCode, OpCode, Params
from ganeti.model.opcodes.results import Changes, JobsAnswer, Rows
from ganeti.model.scalars import (
    AllocatorName,
    GroupName,
    IPAddress,
    NewNodeName,
    NodeName,
    NonEmptyStr,
    Uuid,
)
from ganeti.schema import param


class OpNodeAdd(OpCode):
    """Add a node to the cluster, or take one back that was there before."""

    SUMMARY_FIELD = "node_name"
    HOOKS_PATH = "node-add"
    HOOKS_TYPE = HookType.NODE

    node_name: NewNodeName = param(doc="Name of the new node; it must resolve")
    hv_state: Params | None = param(default=None, doc="What hypervisors take for themselves, by hypervisor")
    disk_state: Params | None = param(default=None, doc="What storage takes for itself, by storage type and name")
    primary_ip: IPAddress | None = param(default=None, doc="Primary address; null: what the name resolves to")
    secondary_ip: IPAddress | None = param(default=None, doc="Address for replication; null: the primary one")
    readd: bool = param(
        default=False, doc="Take back a node that the cluster still knows, say after it was reinstalled"
    )
    group: GroupName | None = param(default=None, doc="Group of the node; null: the only one there is")
    master_capable: bool | None = param(default=None, doc="Whether it may become master or master candidate; null: yes")
    vm_capable: bool | None = param(default=None, doc="Whether it may hold instances; null: yes")
    ndparams: Params | None = param(default=None, doc="Node parameters that differ from the group's")
    node_setup: bool = param(default=False, doc="Prepare SSH on the node as well")


class OpNodeRemove(NodeOpCode):
    """Remove a node that holds no instances; the master cannot be removed."""

    HOOKS_PATH = "node-remove"
    HOOKS_TYPE = HookType.NODE


class OpNodeSetParams(NodeOpCode):
    """Change the role and the parameters of a node."""

    RESULT = Changes
    HOOKS_PATH = "node-modify"
    HOOKS_TYPE = HookType.NODE

    force: bool = param(default=False, doc="Go on where the change is doubtful, such as with an unreachable node")
    hv_state: Params | None = param(default=None, doc="What hypervisors take for themselves, by hypervisor")
    disk_state: Params | None = param(default=None, doc="What storage takes for itself, by storage type and name")
    master_candidate: bool | None = param(default=None, doc="Whether it holds a copy of the configuration and the jobs")
    offline: bool | None = param(default=None, doc="Whether it is out of order: nothing is asked of it")
    drained: bool | None = param(default=None, doc="Whether it is being emptied: it gets nothing new")
    auto_promote: bool = param(default=False, doc="Make other nodes master candidates if there are then too few")
    master_capable: bool | None = param(default=None, doc="Whether it may become master or master candidate")
    vm_capable: bool | None = param(default=None, doc="Whether it may hold instances")
    secondary_ip: IPAddress | None = param(default=None, doc="New address for replication")
    ndparams: Params | None = param(default=None, doc="Node parameters to set; `default` as value removes one")
    powered: bool | None = param(default=None, doc="Whether it counts as switched on (needs an out-of-band helper)")


class OpNodePowercycle(NodeOpCode):
    """Restart a node the hard way; answers how it was done."""

    RESULT = NonEmptyStr | None

    force: bool = param(default=False, doc="Restart it even if it is the master")


class OpNodeEvacuate(NodeOpCode):
    """Move instances away from a node, with one job per step."""

    RESULT = JobsAnswer

    early_release: bool = param(default=False, doc="Release the locks of old nodes before disks are in sync")
    remote_node: NodeName | None = param(default=None, doc="Node that becomes the new secondary")
    remote_node_uuid: Uuid | None = param(default=None, doc="UUID of the new secondary")
    iallocator: AllocatorName | None = param(default=None, doc="Allocator that chooses the places; null: the default")
    mode: EvacMode = param(doc="Which instances leave: those with it as primary, as secondary, or all")
    ignore_soft_errors: bool | None = param(default=None, doc="Let the allocator pass over limits that are only advice")


class OpNodeMigrate(NodeOpCode):
    """Migrate all primary instances of a node, with one job for each."""

    RESULT = JobsAnswer
    HOOKS_PATH = "node-migrate"
    HOOKS_TYPE = HookType.NODE

    mode: MigrationMode | None = param(
        default=None, doc="Whether guests run on meanwhile; null: as the hypervisor says"
    )
    live: bool | None = param(default=None, doc="Old form of `mode`; only one of them may be given")
    target_node: NodeName | None = param(default=None, doc="Node to go to, for disks that every node can reach")
    target_node_uuid: Uuid | None = param(default=None, doc="UUID of the node to go to")
    allow_runtime_changes: bool = param(default=True, doc="Take memory from a guest if the target has too little")
    ignore_ipolicy: bool = param(default=False, doc="Pass over limits of the target's group")
    iallocator: AllocatorName | None = param(default=None, doc="Allocator that chooses the target; null: the default")


class OpNodeQuery(OpCode):
    """List nodes; the form old clients use."""

    RESULT = Rows

    output_fields: Sequence[NonEmptyStr] = param(doc="Fields to answer, in this order")
    use_locking: bool = param(default=False, doc="Wait for running operations on the nodes instead of looking at once")
    names: Sequence[NodeName] = param(default=(), doc="Nodes to list; none given means all")


class OpNodeQueryvols(OpCode):
    """List the logical volumes of nodes."""

    RESULT = Sequence[object]

    output_fields: Sequence[NonEmptyStr] = param(doc="Fields to answer, in this order")
    nodes: Sequence[NodeName] = param(default=(), doc="Nodes to look at; none given means all")


class OpNodeQueryStorage(OpCode):
    """List the storage units of nodes."""

    RESULT = Rows

    output_fields: Sequence[NonEmptyStr] = param(doc="Fields to answer, in this order")
    storage_type: StorageType | None = param(
        default=None, doc="Type of storage; null: that of the default disk template"
    )
    nodes: Sequence[NodeName] = param(default=(), doc="Nodes to look at; none given means all")
    name: NonEmptyStr | None = param(default=None, doc="Storage unit to look at; null: all")


class OpNodeModifyStorage(NodeOpCode):
    """Change a storage unit of a node."""

    storage_type: StorageType = param(doc="Type of storage")
    name: NonEmptyStr | None = param(default=None, doc="Storage unit to change")
    changes: Params = param(doc="What to set, by name; `allocatable` of a physical volume, for one")


class OpRepairNodeStorage(NodeOpCode):
    """Repair a storage unit of a node, such as a volume group that misses a disk."""

    storage_type: StorageType = param(doc="Type of storage")
    name: NonEmptyStr | None = param(default=None, doc="Storage unit to repair")
    ignore_consistency: bool = param(default=False, doc="Go on even if an instance then has no good copy of a disk")
