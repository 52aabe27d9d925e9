"""Operations on node groups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ganeti.model.enums import AllocPolicy, DiskTemplate, HookType
from ganeti.model.opcodes.base import OpCode, Params
from ganeti.model.opcodes.results import Changes, JobsAnswer, Rows
from ganeti.model.scalars import AllocatorName, GroupName, NewGroupName, NodeName, NonEmptyStr, Uuid
from ganeti.schema import param


class OpGroupAdd(OpCode):
    """Add an empty node group."""

    SUMMARY_FIELD = "group_name"
    RESULT = JobsAnswer | None
    HOOKS_PATH = "group-add"
    HOOKS_TYPE = HookType.GROUP

    group_name: NewGroupName = param(doc="Name of the new group")
    alloc_policy: AllocPolicy | None = param(default=None, doc="Whether new instances may go there; null: preferred")
    ndparams: Params | None = param(default=None, doc="Node parameters that differ from the cluster's")
    diskparams: Mapping[DiskTemplate, Params] | None = param(
        default=None, doc="Disk parameters that differ from the cluster's, by disk template"
    )
    hv_state: Params | None = param(default=None, doc="What hypervisors take for themselves, by hypervisor")
    disk_state: Params | None = param(default=None, doc="What storage takes for itself, by storage type and name")
    ipolicy: Params | None = param(default=None, doc="Limits of instances that differ from the cluster's")


class OpGroupRemove(OpCode):
    """Remove a node group that has no nodes."""

    SUMMARY_FIELD = "group_name"
    HOOKS_PATH = "group-remove"
    HOOKS_TYPE = HookType.GROUP

    group_name: GroupName = param(doc="Name of the group")


class OpGroupRename(OpCode):
    """Rename a node group; answers the new name."""

    RESULT = NonEmptyStr
    HOOKS_PATH = "group-rename"
    HOOKS_TYPE = HookType.GROUP

    group_name: GroupName = param(doc="Name of the group")
    new_name: NewGroupName = param(doc="Its new name")


class OpGroupSetParams(OpCode):
    """Change the parameters of a node group."""

    SUMMARY_FIELD = "group_name"
    RESULT = Changes
    HOOKS_PATH = "group-modify"
    HOOKS_TYPE = HookType.GROUP

    group_name: GroupName = param(doc="Name of the group")
    alloc_policy: AllocPolicy | None = param(default=None, doc="Whether new instances may go there")
    ndparams: Params | None = param(default=None, doc="Node parameters to set; `default` as value removes one")
    diskparams: Mapping[DiskTemplate, Params] | None = param(
        default=None, doc="Disk parameters to set, by disk template; `default` as value removes one"
    )
    hv_state: Params | None = param(default=None, doc="What hypervisors take for themselves, by hypervisor")
    disk_state: Params | None = param(default=None, doc="What storage takes for itself, by storage type and name")
    ipolicy: Params | None = param(default=None, doc="Limits of instances to set; `default` as value removes one")


class OpGroupAssignNodes(OpCode):
    """Move nodes to a node group."""

    SUMMARY_FIELD = "group_name"

    group_name: GroupName = param(doc="Name of the group the nodes go to")
    force: bool = param(default=False, doc="Move them even if an instance is then spread over two groups")
    nodes: Sequence[NodeName] = param(doc="Nodes to move")
    node_uuids: Sequence[Uuid] | None = param(default=None, doc="UUIDs of the nodes to move")


class OpGroupEvacuate(OpCode):
    """Move all instances of a node group to other groups, with one job per step."""

    SUMMARY_FIELD = "group_name"
    RESULT = JobsAnswer
    HOOKS_PATH = "group-evacuate"
    HOOKS_TYPE = HookType.GROUP

    group_name: GroupName = param(doc="Name of the group to empty")
    early_release: bool = param(default=False, doc="Release the locks of old nodes before disks are in sync")
    iallocator: AllocatorName | None = param(default=None, doc="Allocator that chooses the places; null: the default")
    target_groups: Sequence[GroupName] | None = param(default=None, doc="Groups to move to; null: any other")
    sequential: bool = param(default=False, doc="Move one instance after the other")
    force_failover: bool = param(default=False, doc="Fail instances over where they could be migrated")


class OpGroupVerifyDisks(OpCode):
    """Check the disks of a group's instances.

    Answers what went wrong by node, the instances whose disks need activation, and the
    missing volumes by instance.
    """

    SUMMARY_FIELD = "group_name"
    RESULT = tuple[Mapping[str, str], Sequence[str], Mapping[str, Sequence[Sequence[str]]]]

    group_name: GroupName = param(doc="Name of the group")
    is_strict: bool = param(default=True, doc="Report a disk that cannot be checked as broken")


class OpGroupQuery(OpCode):
    """List node groups; the form old clients use."""

    RESULT = Rows

    output_fields: Sequence[NonEmptyStr] = param(doc="Fields to answer, in this order")
    names: Sequence[GroupName] = param(default=(), doc="Groups to list; none given means all")
