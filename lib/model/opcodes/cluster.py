"""Operations on the cluster as a whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set

from ganeti.model.enums import (
    DiskTemplate,
    HookType,
    HypervisorName,
    ListAction,
    NicParam,
    SshKeyType,
    VerifyCheck,
    VerifyCode,
)
from ganeti.model.opcodes.base import OpCode, Params
from ganeti.model.opcodes.results import JobsAnswer
from ganeti.model.scalars import (
    GroupName,
    HostName,
    InstanceName,
    NonEmptyStr,
    NonNegativeInt,
    OsName,
    PluginName,
    PositiveInt,
    Private,
)
from ganeti.schema import param

UidRange = tuple[int, int]
"""First and last user id, both included."""


class OpClusterPostInit(OpCode):
    """Run the hooks of a cluster that was just made."""

    RESULT = bool
    HOOKS_PATH = "cluster-init"
    HOOKS_TYPE = HookType.CLUSTER


class OpClusterDestroy(OpCode):
    """Take an empty cluster apart; answers the name of its last master."""

    RESULT = NonEmptyStr
    HOOKS_PATH = "cluster-destroy"
    HOOKS_TYPE = HookType.CLUSTER


class OpClusterQuery(OpCode):
    """Answer the configuration of the cluster."""

    RESULT = Params


class OpClusterConfigQuery(OpCode):
    """Answer single values of the configuration."""

    RESULT = Sequence[object]

    output_fields: Sequence[NonEmptyStr] = param(doc="Values to answer, in this order")


class OpClusterRename(OpCode):
    """Rename the cluster and move its address to that of the new name; answers the full name."""

    SUMMARY_FIELD = "name"
    RESULT = NonEmptyStr
    HOOKS_PATH = "cluster-rename"
    HOOKS_TYPE = HookType.CLUSTER

    name: HostName = param(doc="New name of the cluster; it must resolve")


class OpClusterActivateMasterIp(OpCode):
    """Put the cluster's address on the master node."""


class OpClusterDeactivateMasterIp(OpCode):
    """Take the cluster's address off the master node."""


class OpClusterRedistConf(OpCode):
    """Send all files of the configuration to all nodes again."""


class OpClusterRenewCrypto(OpCode):
    """Make new certificates or SSH keys for the nodes."""

    node_certificates: bool = param(default=False, doc="Make new client certificates of the nodes")
    renew_ssh_keys: bool = param(default=False, doc="Make new SSH keys of the nodes")
    ssh_key_type: SshKeyType | None = param(default=None, doc="Type of the new SSH keys; null: as before")
    ssh_key_bits: PositiveInt | None = param(default=None, doc="Length of the new SSH keys; null: as before")
    verbose: bool = param(default=False, doc="Tell more of what is done")
    debug: bool = param(default=False, doc="Tell everything that is done")


class OpClusterRepairDiskSizes(OpCode):
    """Record the sizes disks really have.

    Answers the corrections: instance, disk index, what was corrected, new value in MiB.
    """

    RESULT = Sequence[tuple[NonEmptyStr, NonNegativeInt, NonEmptyStr, NonNegativeInt]]

    instances: Sequence[InstanceName] = param(default=(), doc="Instances to look at; none given means all")


class OpClusterSetParams(OpCode):
    """Change the cluster's parameters; a field that is null stays as it is."""

    RESULT = JobsAnswer | None
    HOOKS_PATH = "cluster-modify"
    HOOKS_TYPE = HookType.CLUSTER

    force: bool = param(default=False, doc="Make the change even where it leaves something inconsistent")
    hv_state: Params | None = param(default=None, doc="What hypervisors take for themselves, by hypervisor")
    disk_state: Params | None = param(default=None, doc="What storage takes for itself, by storage type and name")
    vg_name: str | None = param(default=None, doc="Volume group for disks; empty switches LVM off")
    enabled_hypervisors: Sequence[HypervisorName] | None = param(
        default=None, doc="Hypervisors that may be used; the first is the default"
    )
    hvparams: Mapping[str, Params] | None = param(default=None, doc="Hypervisor parameters to set, by hypervisor")
    beparams: Params | None = param(default=None, doc="Backend parameters to set: memory, processors and so on")
    os_hvp: Mapping[str, Params] | None = param(
        default=None, doc="Hypervisor parameters to set for instances of an OS, by OS and hypervisor"
    )
    osparams: Mapping[str, Params] | None = param(default=None, doc="OS parameters to set, by OS")
    osparams_private_cluster: Mapping[str, Mapping[str, Private]] | None = param(
        default=None, secret=True, doc="Private OS parameters to set, by OS"
    )
    diskparams: Mapping[DiskTemplate, Params] | None = param(
        default=None, doc="Disk parameters to set, by disk template"
    )
    candidate_pool_size: PositiveInt | None = param(default=None, doc="How many master candidates there should be")
    max_running_jobs: PositiveInt | None = param(default=None, doc="How many jobs may run at the same time")
    max_tracked_jobs: PositiveInt | None = param(default=None, doc="How many jobs are watched closely")
    uid_pool: Sequence[UidRange] | None = param(default=None, doc="User ids that instances may run under, as ranges")
    add_uids: Sequence[UidRange] | None = param(default=None, doc="Ranges to add to these user ids")
    remove_uids: Sequence[UidRange] | None = param(default=None, doc="Ranges to remove from these user ids")
    maintain_node_health: bool | None = param(
        default=None, doc="Whether the watcher shuts down instances on nodes that are offline"
    )
    automatic_failover: NonNegativeInt | None = param(
        default=None,
        doc="After how many watcher runs without an answer of the master a candidate takes its place; 0: never",
    )
    prealloc_wipe_disks: bool | None = param(default=None, doc="Whether new disks are overwritten before use")
    nicparams: Mapping[NicParam, str | None] | None = param(default=None, doc="Default NIC parameters to set")
    ndparams: Params | None = param(default=None, doc="Default node parameters to set")
    ipolicy: Params | None = param(default=None, doc="Limits of instances to set")
    drbd_helper: str | None = param(default=None, doc="Helper program of DRBD; empty switches DRBD off")
    default_iallocator: str | None = param(default=None, doc="Allocator used where none is named; empty: none")
    default_iallocator_params: Params | None = param(default=None, doc="Options of the default allocator")
    mac_prefix: NonEmptyStr | None = param(default=None, doc="First three bytes of new MACs, as in aa:00:00")
    master_netdev: str | None = param(default=None, doc="Network device that carries the cluster's address")
    master_netmask: NonNegativeInt | None = param(default=None, doc="Prefix length of the cluster's address")
    reserved_lvs: Sequence[NonEmptyStr] | None = param(
        default=None, doc="Logical volumes to leave alone, as regular expressions"
    )
    hidden_os: Sequence[tuple[ListAction, OsName]] | None = param(
        default=None, doc="OS definitions to hide from lists (add) or to show again (remove)"
    )
    blacklisted_os: Sequence[tuple[ListAction, OsName]] | None = param(
        default=None, doc="OS definitions to refuse for new instances (add) or to accept again (remove)"
    )
    use_external_mip_script: bool | None = param(
        default=None, doc="Whether a script of the admin's sets up the cluster's address"
    )
    enabled_disk_templates: Sequence[DiskTemplate] | None = param(
        default=None, doc="Disk templates that may be used; the first is the default"
    )
    modify_etc_hosts: bool | None = param(default=None, doc="Whether nodes are entered in /etc/hosts")
    file_storage_dir: str | None = param(default=None, doc="Where disk files lie; empty switches them off")
    shared_file_storage_dir: str | None = param(
        default=None, doc="Where shared disk files lie; empty switches them off"
    )
    gluster_storage_dir: str | None = param(default=None, doc="Where Gluster volumes are mounted")
    install_image: str | None = param(default=None, doc="Image of the helper instance that installs OSes")
    instance_communication_network: str | None = param(
        default=None, doc="Network by which instances talk to their node; empty: none"
    )
    zeroing_image: str | None = param(default=None, doc="Image of the helper instance that overwrites free space")
    compression_tools: Sequence[PluginName] | None = param(default=None, doc="Tools that may compress transfers")
    enabled_user_shutdown: bool | None = param(
        default=None, doc="Whether an instance that its user shut down is left off"
    )
    enabled_data_collectors: Mapping[str, bool] | None = param(default=None, doc="Which data collectors run, by name")
    data_collector_interval: Mapping[str, int] | None = param(
        default=None, doc="How often data collectors run, in microseconds, by name"
    )


class OpClusterVerify(OpCode):
    """Verify the cluster: submits a job for the configuration and one for each group."""

    RESULT = JobsAnswer

    debug_simulate_errors: bool = param(default=False, doc="Report every check as failed")
    error_codes: bool = param(default=False, doc="Report in a form for programs")
    skip_checks: Set[VerifyCheck] = param(default=frozenset(), doc="Checks to leave out")
    ignore_errors: Set[VerifyCode] = param(default=frozenset(), doc="Findings to report as warnings only")
    verbose: bool = param(default=False, doc="Tell more of what is done")
    group_name: GroupName | None = param(default=None, doc="Group to verify; null: all, and the configuration")
    verify_clutter: bool = param(default=False, doc="Report files on nodes that should not be there")


class OpClusterVerifyConfig(OpCode):
    """Verify the configuration and the certificates; answers whether all is well."""

    RESULT = bool

    debug_simulate_errors: bool = param(default=False, doc="Report every check as failed")
    error_codes: bool = param(default=False, doc="Report in a form for programs")
    ignore_errors: Set[VerifyCode] = param(default=frozenset(), doc="Findings to report as warnings only")
    verbose: bool = param(default=False, doc="Tell more of what is done")


class OpClusterVerifyGroup(OpCode):
    """Verify the nodes and instances of a group; answers whether all is well."""

    SUMMARY_FIELD = "group_name"
    RESULT = bool
    HOOKS_PATH = "cluster-verify"
    HOOKS_TYPE = HookType.CLUSTER

    group_name: GroupName = param(doc="Group to verify")
    debug_simulate_errors: bool = param(default=False, doc="Report every check as failed")
    error_codes: bool = param(default=False, doc="Report in a form for programs")
    skip_checks: Set[VerifyCheck] = param(default=frozenset(), doc="Checks to leave out")
    ignore_errors: Set[VerifyCode] = param(default=frozenset(), doc="Findings to report as warnings only")
    verbose: bool = param(default=False, doc="Tell more of what is done")
    verify_clutter: bool = param(default=False, doc="Report files on nodes that should not be there")


class OpClusterVerifyDisks(OpCode):
    """Verify that the disks of instances are active: submits a job for each group."""

    RESULT = JobsAnswer

    group_name: GroupName | None = param(default=None, doc="Group to verify; null: all")
    is_strict: bool = param(default=True, doc="Report a disk that cannot be checked as broken")
