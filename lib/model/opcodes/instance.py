"""Operations on instances and their disks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ganeti.model.enums import (
    AdminStateSource,
    CreateMode,
    DeviceAction,
    DiskTemplate,
    FileDriver,
    HookType,
    HypervisorName,
    ListAction,
    MigrationMode,
    NicParam,
    RebootType,
    ReplaceMode,
)
from ganeti.model.opcodes.base import DEFAULT_SHUTDOWN_TIMEOUT, InstanceOpCode, OpCode, Params
from ganeti.model.opcodes.results import Changes, JobsAnswer, MultiAllocAnswer, Rows
from ganeti.model.scalars import (
    AllocatorName,
    DiskIndex,
    GroupName,
    HostName,
    InstanceName,
    MiB,
    NewInstanceName,
    NodeName,
    NonEmptyStr,
    NonNegativeInt,
    OsName,
    PluginName,
    PositiveInt,
    Private,
    Secret,
    Tag,
    Uuid,
    WholeSeconds,
)
from ganeti.schema import param

DiskRequest = Mapping[NonEmptyStr, NonEmptyStr | int]
"""What a disk is to be: size in MiB, mode, vg and so on (see DiskParam)."""

NicRequest = Mapping[NicParam, str | None]
"""What a NIC is to be; values can be `none`, `auto`, `generate` or `pool` where that makes sense."""

DeviceIndex = int | str
"""A position (-1 is the last), a name or a UUID."""

# --- making and removing -----------------------------------------------------------


class OpInstanceCreate(OpCode):
    """Create an instance; answers the names of its nodes, the primary first."""

    SUMMARY_FIELD = "instance_name"
    RESULT = Sequence[NonEmptyStr]
    HOOKS_PATH = "instance-add"
    HOOKS_TYPE = HookType.INSTANCE

    instance_name: NewInstanceName = param(doc="Name of the new instance")
    force_variant: bool = param(default=False, doc="Accept an OS variant that the OS definition does not list")
    wait_for_sync: bool = param(default=True, doc="Wait until mirrored disks are in sync")
    name_check: bool = param(default=False, doc="Refuse a name that does not resolve, and take its full form")
    ignore_ipolicy: bool = param(default=False, doc="Pass over limits of the group")
    opportunistic_locking: bool = param(default=False, doc="Choose among the nodes that are free now")
    beparams: Params = param(factory=dict, doc="Backend parameters that differ from the cluster's: memory and so on")
    disks: Sequence[DiskRequest] = param(doc="Disks, each with its size in MiB and whatever differs from the default")
    disk_template: DiskTemplate | None = param(default=None, doc="How the disks are laid out; null: the default")
    group_name: GroupName | None = param(default=None, doc="Group that an allocator is to choose from; null: any")
    file_driver: FileDriver | None = param(default=None, doc="How files become disks; null: loop")
    file_storage_dir: NonEmptyStr | None = param(default=None, doc="Directory of disk files, below the cluster's")
    hvparams: Params = param(factory=dict, doc="Hypervisor parameters that differ from the cluster's")
    hypervisor: HypervisorName | None = param(default=None, doc="Hypervisor; null: the cluster's default")
    iallocator: AllocatorName | None = param(default=None, doc="Allocator that chooses nodes; null: the default")
    identify_defaults: bool = param(
        default=False, doc="Keep no parameter that equals the cluster's: follow its changes"
    )
    ip_check: bool = param(default=False, doc="Refuse a name whose address answers already; needs `name_check`")
    conflicts_check: bool = param(default=True, doc="Refuse an address that belongs to a network the NIC is not in")
    mode: CreateMode = param(doc="Install an OS, import an export, or receive an instance from another cluster")
    nics: Sequence[NicRequest] = param(doc="NICs, each with whatever differs from the default")
    no_install: bool | None = param(default=None, doc="Create the disks only: run no OS scripts")
    osparams: Params = param(factory=dict, doc="OS parameters that differ from the cluster's")
    osparams_private: Mapping[str, Private] | None = param(
        default=None, secret=True, doc="Private OS parameters, by name: kept, but shown nowhere"
    )
    osparams_secret: Mapping[str, Secret] | None = param(
        default=None, secret=True, doc="Secret OS parameters, by name: for this operation only"
    )
    os_type: OsName | None = param(default=None, doc="OS definition, with its variant: name+variant")
    pnode: NodeName | None = param(default=None, doc="Primary node; null: the allocator chooses")
    pnode_uuid: Uuid | None = param(default=None, doc="UUID of the primary node")
    snode: NodeName | None = param(default=None, doc="Secondary node, for disks that are mirrored to one")
    snode_uuid: Uuid | None = param(default=None, doc="UUID of the secondary node")
    source_handshake: Sequence[object] | None = param(default=None, doc="Signed greeting of the sending cluster")
    source_instance_name: HostName | None = param(default=None, doc="Name of the instance in the sending cluster")
    source_shutdown_timeout: WholeSeconds = param(
        default=DEFAULT_SHUTDOWN_TIMEOUT, doc="How long the sending cluster waits for the guest to stop, in seconds"
    )
    source_x509_ca: NonEmptyStr | None = param(default=None, doc="Signed certificate of the sending cluster")
    src_node: NodeName | None = param(default=None, doc="Node that holds the export; null: look for it")
    src_node_uuid: Uuid | None = param(default=None, doc="UUID of the node that holds the export")
    src_path: NonEmptyStr | None = param(default=None, doc="Directory of the export; null: named like the instance")
    compress: PluginName = param(default="none", doc="Tool that compresses what goes over the network, or `none`")
    start: bool = param(default=True, doc="Start the instance when it is ready")
    forthcoming: bool = param(default=False, doc="Only reserve what it needs; it is created later with `commit`")
    commit: bool = param(default=False, doc="Create an instance that was reserved before")
    tags: Sequence[Tag] = param(default=(), doc="Tags of the new instance")
    instance_communication: bool = param(default=False, doc="Give it a NIC to talk to its node by")
    helper_startup_timeout: int | None = param(
        default=None, doc="How long the helper instance that installs the OS may take to start, in seconds"
    )
    helper_shutdown_timeout: int | None = param(
        default=None, doc="How long the helper instance may take for its work, in seconds"
    )


class OpInstanceMultiAlloc(OpCode):
    """Find places for several new instances at once, and submit a job that creates each."""

    RESULT = MultiAllocAnswer

    opportunistic_locking: bool = param(default=False, doc="Choose among the nodes that are free now")
    iallocator: AllocatorName | None = param(default=None, doc="Allocator that chooses nodes; null: the default")
    instances: Sequence[OpInstanceCreate] = param(default=(), doc="Instances to create, without nodes")


class OpInstanceRemove(InstanceOpCode):
    """Stop an instance and remove it with its disks."""

    HOOKS_PATH = "instance-remove"
    HOOKS_TYPE = HookType.INSTANCE

    shutdown_timeout: WholeSeconds = param(
        default=DEFAULT_SHUTDOWN_TIMEOUT, doc="How long the guest may take to shut down, in seconds"
    )
    ignore_failures: bool = param(default=False, doc="Remove it from the cluster even if parts of it cannot be removed")


class OpInstanceRename(InstanceOpCode):
    """Rename an instance that is stopped; answers the new name."""

    SUMMARY_FIELD = None
    RESULT = NonEmptyStr
    HOOKS_PATH = "instance-rename"
    HOOKS_TYPE = HookType.INSTANCE

    new_name: NewInstanceName = param(doc="Its new name")
    name_check: bool = param(default=False, doc="Refuse a new name that does not resolve, and take its full form")
    ip_check: bool = param(default=False, doc="Refuse a new name whose address answers already; needs `name_check`")


class OpInstanceReinstall(InstanceOpCode):
    """Install the OS of a stopped instance again, or another one; what its disks hold is lost."""

    HOOKS_PATH = "instance-reinstall"
    HOOKS_TYPE = HookType.INSTANCE

    force_variant: bool = param(default=False, doc="Accept an OS variant that the OS definition does not list")
    os_type: OsName | None = param(default=None, doc="OS definition to install; null: the one it has")
    osparams: Params | None = param(default=None, doc="OS parameters for this installation only")
    osparams_private: Mapping[str, Private] | None = param(
        default=None, secret=True, doc="Private OS parameters for this installation only, by name"
    )
    osparams_secret: Mapping[str, Secret] | None = param(
        default=None, secret=True, doc="Secret OS parameters for this installation only, by name"
    )


# --- starting and stopping -----------------------------------------------------------


class OpInstanceStartup(InstanceOpCode):
    """Start an instance."""

    HOOKS_PATH = "instance-start"
    HOOKS_TYPE = HookType.INSTANCE

    force: bool = param(default=False, doc="Start it even if a copy of a disk is missing on the secondary node")
    ignore_offline_nodes: bool = param(default=False, doc="Record it as up even if its node is offline")
    hvparams: Params = param(factory=dict, doc="Hypervisor parameters for this run only")
    beparams: Params = param(factory=dict, doc="Backend parameters for this run only")
    no_remember: bool = param(default=False, doc="Do not record that it is up: after a restart it stays as recorded")
    startup_paused: bool = param(default=False, doc="Stop the guest before its first instruction, to look at it")
    shutdown_timeout: WholeSeconds = param(
        default=DEFAULT_SHUTDOWN_TIMEOUT, doc="How long a guest that has halted may take to go away, in seconds"
    )


class OpInstanceShutdown(InstanceOpCode):
    """Stop an instance."""

    HOOKS_PATH = "instance-stop"
    HOOKS_TYPE = HookType.INSTANCE

    force: bool = param(default=False, doc="Stop it even if it is marked offline")
    ignore_offline_nodes: bool = param(default=False, doc="Record it as down even if its node is offline")
    timeout: WholeSeconds = param(
        default=DEFAULT_SHUTDOWN_TIMEOUT, doc="How long the guest may take before it is stopped hard, in seconds"
    )
    no_remember: bool = param(default=False, doc="Do not record that it is down: the watcher starts it again")
    admin_state_source: AdminStateSource | None = param(default=None, doc="Who stopped it: the admin or its user")


class OpInstanceReboot(InstanceOpCode):
    """Restart an instance."""

    HOOKS_PATH = "instance-reboot"
    HOOKS_TYPE = HookType.INSTANCE

    shutdown_timeout: WholeSeconds = param(
        default=DEFAULT_SHUTDOWN_TIMEOUT, doc="How long the guest may take to shut down, in seconds"
    )
    ignore_secondaries: bool = param(default=False, doc="Go on even if disks cannot be assembled on secondary nodes")
    reboot_type: RebootType = param(
        doc="`soft`: by the guest; `hard`: start it anew; `full`: stop it, assemble its disks anew, start it"
    )


class OpInstanceConsole(InstanceOpCode):
    """Answer how the console of an instance is reached."""

    RESULT = Params


# --- changing ------------------------------------------------------------------------


class OpInstanceSetParams(InstanceOpCode):
    """Change an instance; most changes take effect at its next start."""

    RESULT = Changes
    HOOKS_PATH = "instance-modify"
    HOOKS_TYPE = HookType.INSTANCE

    force: bool = param(
        default=False, doc="Make the change even where it is doubtful, such as more memory than there is"
    )
    force_variant: bool = param(default=False, doc="Accept an OS variant that the OS definition does not list")
    ignore_ipolicy: bool = param(default=False, doc="Pass over limits of the group")
    nics: (
        Sequence[tuple[DeviceAction, DeviceIndex, NicRequest]]
        | Sequence[tuple[ListAction | NonNegativeInt, NicRequest]]
    ) = param(default=(), doc="Changes of NICs: action, index, parameters (or, in short, action or index, parameters)")
    disks: (
        Sequence[tuple[DeviceAction, DeviceIndex, DiskRequest]]
        | Sequence[tuple[ListAction | NonNegativeInt, DiskRequest]]
    ) = param(default=(), doc="Changes of disks: action, index, parameters (or, in short, action or index, parameters)")
    beparams: Params = param(factory=dict, doc="Backend parameters to set; `default` as value removes one")
    runtime_mem: PositiveInt | None = param(default=None, doc="Memory of the running guest, in MiB, by ballooning")
    hvparams: Params = param(factory=dict, doc="Hypervisor parameters to set; `default` as value removes one")
    disk_template: DiskTemplate | None = param(default=None, doc="Convert the disks to this layout")
    ext_params: Params = param(factory=dict, doc="Parameters of the provider, when converting to external storage")
    file_driver: FileDriver | None = param(default=None, doc="How files become disks, when converting to files")
    file_storage_dir: NonEmptyStr | None = param(default=None, doc="Directory of disk files, when converting to files")
    pnode: NodeName | None = param(default=None, doc="Record this as primary node; disks must be reachable from it")
    pnode_uuid: Uuid | None = param(default=None, doc="UUID of the new primary node")
    remote_node: NodeName | None = param(default=None, doc="Secondary node, when converting to mirrored disks")
    remote_node_uuid: Uuid | None = param(default=None, doc="UUID of the secondary node")
    iallocator: AllocatorName | None = param(default=None, doc="Allocator that chooses the secondary node")
    os_name: OsName | None = param(default=None, doc="Record this as its OS definition; nothing is installed")
    osparams: Params = param(factory=dict, doc="OS parameters to set; `default` as value removes one")
    osparams_private: Mapping[str, Private] | None = param(
        default=None, secret=True, doc="Private OS parameters to set, by name"
    )
    wait_for_sync: bool = param(default=True, doc="Wait until mirrored disks are in sync")
    offline: bool | None = param(default=None, doc="Mark it offline (it keeps no memory for itself) or stopped again")
    conflicts_check: bool = param(default=True, doc="Refuse an address that belongs to a network the NIC is not in")
    hotplug: bool = param(default=True, doc="Change the devices of the running guest too")
    hotplug_if_possible: bool = param(default=False, doc="As `hotplug`, but go on where the hypervisor cannot do it")
    instance_communication: bool | None = param(default=None, doc="Whether it has a NIC to talk to its node by")


# --- disks -----------------------------------------------------------------------------


class OpInstanceActivateDisks(InstanceOpCode):
    """Assemble the disks of an instance; answers node, name and device path of each."""

    RESULT = Sequence[tuple[NonEmptyStr, NonEmptyStr, NonEmptyStr | None]]

    ignore_size: bool = param(default=False, doc="Accept disks whose size is not the recorded one")
    wait_for_sync: bool = param(default=False, doc="Wait until mirrored disks are in sync")


class OpInstanceDeactivateDisks(InstanceOpCode):
    """Shut down the disks of an instance that is stopped."""

    force: bool = param(default=False, doc="Do not look whether the instance runs")


class OpInstanceGrowDisk(InstanceOpCode):
    """Grow a disk of an instance; the guest sees it at its next start."""

    HOOKS_PATH = "disk-grow"
    HOOKS_TYPE = HookType.INSTANCE

    wait_for_sync: bool = param(default=True, doc="Wait until mirrored disks are in sync")
    disk: DiskIndex = param(doc="Index of the disk, from 0")
    amount: MiB = param(doc="By how much it grows, in MiB")
    absolute: bool = param(default=False, doc="Take the amount as the new size")
    ignore_ipolicy: bool = param(default=False, doc="Pass over limits of the group")


class OpInstanceRecreateDisks(InstanceOpCode):
    """Create missing disks of a stopped instance again, empty."""

    HOOKS_PATH = "instance-recreate-disks"
    HOOKS_TYPE = HookType.INSTANCE

    disks: Sequence[NonNegativeInt] | Sequence[tuple[NonNegativeInt, DiskRequest]] = param(
        default=(), doc="Indices of the disks, each with changes if there are any; none given means all"
    )
    nodes: Sequence[NodeName] = param(
        default=(), doc="Nodes to create them on, the primary first; none given: as before"
    )
    node_uuids: Sequence[Uuid] | None = param(default=None, doc="UUIDs of the nodes to create them on")
    iallocator: AllocatorName | None = param(default=None, doc="Allocator that chooses the nodes")


class OpInstanceReplaceDisks(InstanceOpCode):
    """Replace one half of an instance's mirrored disks, where it is or on a new secondary node."""

    HOOKS_PATH = "mirrors-replace"
    HOOKS_TYPE = HookType.INSTANCE

    early_release: bool = param(default=False, doc="Release the locks of the old node before disks are in sync")
    ignore_ipolicy: bool = param(default=False, doc="Pass over limits of the new node's group")
    mode: ReplaceMode = param(doc="Which half is replaced, or whether to replace what is broken")
    disks: Sequence[DiskIndex] = param(default=(), doc="Indices of the disks; none given means all")
    remote_node: NodeName | None = param(default=None, doc="New secondary node")
    remote_node_uuid: Uuid | None = param(default=None, doc="UUID of the new secondary node")
    iallocator: AllocatorName | None = param(default=None, doc="Allocator that chooses the new secondary node")


# --- moving ------------------------------------------------------------------------------


class OpInstanceFailover(InstanceOpCode):
    """Stop an instance and start it on its other node, or on any if its disks can be reached from there."""

    HOOKS_PATH = "instance-failover"
    HOOKS_TYPE = HookType.INSTANCE

    shutdown_timeout: WholeSeconds = param(
        default=DEFAULT_SHUTDOWN_TIMEOUT, doc="How long the guest may take to shut down, in seconds"
    )
    ignore_consistency: bool = param(default=False, doc="Go on even if the disks there are not in sync")
    target_node: NodeName | None = param(default=None, doc="Node to go to, for disks that every node can reach")
    target_node_uuid: Uuid | None = param(default=None, doc="UUID of the node to go to")
    ignore_ipolicy: bool = param(default=False, doc="Pass over limits of the target's group")
    cleanup: bool = param(default=False, doc="Put in order what an interrupted failover left")
    iallocator: AllocatorName | None = param(default=None, doc="Allocator that chooses the target")


class OpInstanceMigrate(InstanceOpCode):
    """Move a running instance to its other node, or to any if its disks can be reached from there."""

    HOOKS_PATH = "instance-migrate"
    HOOKS_TYPE = HookType.INSTANCE

    mode: MigrationMode | None = param(default=None, doc="Whether the guest runs on meanwhile; null: as configured")
    live: bool | None = param(default=None, doc="Old form of `mode`; only one of them may be given")
    target_node: NodeName | None = param(default=None, doc="Node to go to, for disks that every node can reach")
    target_node_uuid: Uuid | None = param(default=None, doc="UUID of the node to go to")
    allow_runtime_changes: bool = param(default=True, doc="Take memory from the guest if the target has too little")
    ignore_ipolicy: bool = param(default=False, doc="Pass over limits of the target's group")
    cleanup: bool = param(default=False, doc="Put in order what an interrupted migration left")
    iallocator: AllocatorName | None = param(default=None, doc="Allocator that chooses the target")
    allow_failover: bool = param(default=False, doc="Fail it over if it cannot be migrated")
    ignore_hvversions: bool = param(default=False, doc="Go on even if the hypervisors' versions differ")


class OpInstanceMove(InstanceOpCode):
    """Stop an instance, copy its disks to another node and start it there."""

    HOOKS_PATH = "instance-move"
    HOOKS_TYPE = HookType.INSTANCE

    shutdown_timeout: WholeSeconds = param(
        default=DEFAULT_SHUTDOWN_TIMEOUT, doc="How long the guest may take to shut down, in seconds"
    )
    ignore_ipolicy: bool = param(default=False, doc="Pass over limits of the target's group")
    target_node: NodeName = param(doc="Node to move to")
    target_node_uuid: Uuid | None = param(default=None, doc="UUID of the node to move to")
    compress: PluginName = param(default="none", doc="Tool that compresses what goes over the network, or `none`")
    ignore_consistency: bool = param(
        default=False, doc="Go on even if nothing proves that it is down on its present node"
    )


class OpInstanceChangeGroup(InstanceOpCode):
    """Move an instance to another group, with one job per step."""

    RESULT = JobsAnswer
    HOOKS_PATH = "instance-change-group"
    HOOKS_TYPE = HookType.INSTANCE

    early_release: bool = param(default=False, doc="Release the locks of old nodes before disks are in sync")
    iallocator: AllocatorName | None = param(default=None, doc="Allocator that chooses the nodes; null: the default")
    target_groups: Sequence[GroupName] | None = param(default=None, doc="Groups to choose from; null: any other")


# --- looking -----------------------------------------------------------------------------


class OpInstanceQuery(OpCode):
    """List instances; the form old clients use."""

    RESULT = Rows

    output_fields: Sequence[NonEmptyStr] = param(doc="Fields to answer, in this order")
    use_locking: bool = param(default=False, doc="Wait for running operations on the instances")
    names: Sequence[InstanceName] = param(default=(), doc="Instances to list; none given means all")


class OpInstanceQueryData(OpCode):
    """Answer all there is to know of instances, by name, with the state of each disk."""

    RESULT = Mapping[str, Params]

    use_locking: bool = param(default=False, doc="Wait for running operations on the instances")
    instances: Sequence[InstanceName] = param(default=(), doc="Instances to look at; none given means all")
    static: bool = param(default=False, doc="Answer from the configuration alone: ask no node")
