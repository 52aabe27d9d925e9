"""The record of what holds for all of the cluster."""

from __future__ import annotations

from collections.abc import Mapping, Sequence, Set

from ganeti.model.enums import DiskTemplate, HypervisorName
from ganeti.model.objects.base import IPolicy, Params, TrackedObject
from ganeti.model.scalars import HostName, IPAddress, OsName, Tag, Uuid
from ganeti.schema import param


class Cluster(TrackedObject):
    """What holds for all of the cluster."""

    cluster_name: HostName = param(doc="Name, resolves to the address of the master")
    master_node: Uuid = param(doc="Node that is master, by uuid")
    master_term: int | None = param(
        default=None, doc="Term of the master that wrote this (`ganeti.mastership`), none before the first failover"
    )
    master_ip: IPAddress = param(doc="Address that moves with the master")
    master_netdev: str = param(doc="Interface that carries it")
    master_netmask: int = param(default=32, doc="Prefix length of it")
    use_external_mip_script: bool = param(default=False, doc="Whether a script of the user sets up that address")
    primary_ip_family: int = param(default=2, doc="2 for IPv4, 10 for IPv6")
    rsahostkeypub: str = param(default="", doc="Public RSA host key of all nodes")
    dsahostkeypub: str | None = param(default=None, doc="Public DSA host key of all nodes")
    ssh_key_type: str = param(default="rsa", doc="Kind of SSH keys made for nodes")
    ssh_key_bits: int = param(default=2048, doc="Length of them")
    candidate_certs: Mapping[Uuid, str] = param(
        factory=dict, doc="Digest of the client certificate of each master candidate, by node uuid"
    )
    highest_used_port: int = param(default=10999, doc="Highest TCP port given out so far")
    tcpudp_port_pool: Set[int] = param(factory=frozenset, doc="Ports below it that are free again")
    mac_prefix: str = param(default="aa:00:00", doc="First three octets of hardware addresses")
    volume_group_name: str | None = param(default=None, doc="Volume group for disks; none without LVM")
    reserved_lvs: Sequence[str] = param(factory=tuple, doc="Patterns of volumes that are not ours")
    drbd_usermode_helper: str | None = param(default=None, doc="Program DRBD is to call")
    default_bridge: str | None = param(default=None, doc="Not used any more")
    default_hypervisor: str | None = param(default=None, doc="Not used any more")
    file_storage_dir: str = param(default="", doc="Where disks of template file are kept")
    shared_file_storage_dir: str = param(default="", doc="Where disks of template sharedfile are kept")
    gluster_storage_dir: str = param(default="", doc="Where disks of template gluster are mounted")
    enabled_hypervisors: Sequence[HypervisorName] = param(doc="Hypervisors in use, the default first")
    enabled_disk_templates: Sequence[DiskTemplate] = param(
        factory=tuple, doc="Disk templates in use, the default first"
    )
    hvparams: Mapping[HypervisorName, Params] = param(factory=dict, doc="Hypervisor parameters, by hypervisor")
    os_hvp: Mapping[OsName, Mapping[HypervisorName, Params]] = param(
        factory=dict, doc="Hypervisor parameters for an operating system"
    )
    beparams: Mapping[str, Params] = param(factory=dict, doc='Backend parameters, under "default"')
    nicparams: Mapping[str, Params] = param(factory=dict, doc='NIC parameters, under "default"')
    ndparams: Params = param(factory=dict, doc="Node parameters")
    diskparams: Mapping[DiskTemplate, Params] = param(factory=dict, doc="Disk parameters, by template")
    osparams: Mapping[OsName, Params] = param(factory=dict, doc="Parameters for operating systems")
    osparams_private_cluster: Mapping[OsName, Params] = param(
        factory=dict, secret=True, doc="The same, not to be shown"
    )
    ipolicy: IPolicy = param(factory=dict, doc="Limits and standard sizes of instances")
    candidate_pool_size: int = param(default=10, doc="How many master candidates there should be")
    modify_etc_hosts: bool = param(default=True, doc="Whether nodes are kept in /etc/hosts")
    modify_ssh_setup: bool = param(default=True, doc="Whether SSH is set up between nodes")
    maintain_node_health: bool = param(default=False, doc="Whether the watcher stops instances on offline nodes")
    automatic_failover: int | None = param(
        default=None, doc="Watcher runs the master may miss before a candidate takes its place, none or 0: for ever"
    )
    uid_pool: Sequence[tuple[int, int]] = param(factory=tuple, doc="User ids instances may run as: lowest, highest")
    default_iallocator: str = param(default="", doc="Allocator used when none is named")
    default_iallocator_params: Params = param(factory=dict, doc="Parameters for it")
    hidden_os: Sequence[str] = param(factory=tuple, doc="Operating systems not listed")
    blacklisted_os: Sequence[str] = param(factory=tuple, doc="Operating systems not to be used for new instances")
    prealloc_wipe_disks: bool = param(default=False, doc="Whether new disks are wiped")
    hv_state_static: Mapping[HypervisorName, Params] | None = param(
        default=None, doc="Hypervisor state set by the user"
    )
    disk_state_static: Mapping[str, object] | None = param(default=None, doc="Storage state set by the user")
    max_running_jobs: int = param(default=20, doc="How many jobs may run at a time")
    max_tracked_jobs: int = param(default=25, doc="How many job processes may be watched at a time")
    install_image: str = param(default="", doc="Image an installation starts from")
    instance_communication_network: str = param(default="", doc="Network between instances and their node")
    zeroing_image: str = param(default="", doc="Image that zeroes free space of disks")
    compression_tools: Sequence[str] = param(
        factory=lambda: ("gzip", "gzip-fast", "gzip-slow"), doc="Programs that may compress exports"
    )
    enabled_user_shutdown: bool = param(default=False, doc="Whether users may stop instances from inside")
    data_collectors: Mapping[str, Params] = param(
        factory=dict, doc="For each collector: active, and interval in microseconds"
    )
    tags: Set[Tag] = param(factory=frozenset, doc="Tags")
