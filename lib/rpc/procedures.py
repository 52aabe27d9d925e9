"""THE TABLE of node calls: name, arguments, answer and time limit of each.

Names and meaning are those of `spec/rpc.json`; where a value has a record here, the wire carries that instead of a
bare list.  A call that fails raises on the node and arrives as the failure of a `NodeResult`; None means done.

Time limits are upper bounds for the whole call: a node that hangs shows within seconds
(see `ganeti.rpc.transport`).  `inline` calls handle a few small files and need no process;
`abandonable` ones run scripts, which may hang, and end with the job that wanted them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ganeti.model.enums import HookPhase, HypervisorName, RebootType, StorageType
from ganeti.model.objects.disk import Disk
from ganeti.model.objects.instance import FilledInstance
from ganeti.model.objects.messages import BlockDevStatus, InstanceConsole, MasterNetworkParameters, MigrationStatus
from ganeti.model.scalars import InstanceName, MiB, NodeName
from ganeti.procedure import procedure
from ganeti.rpc.answers import (
    AssembledDisk,
    ConsoleRequest,
    FileInfo,
    HookResult,
    HvParams,
    InstanceFigures,
    JobFileName,
    MasterInfo,
    MasterTerm,
    MasterVote,
    NodeInfo,
    OsDiagnosis,
    QueueCopy,
    ReasonTrail,
    StorageRef,
)

URGENT = 60
FAST = 300
NORMAL = 900
SLOW = 3600
ONE_DAY = 86400

# --- the node ---------------------------------------------------------------------


@procedure(timeout=URGENT, inline=True, offline=True)
def version() -> int:
    """Return the protocol version the node speaks."""
    raise NotImplementedError


@procedure(timeout=URGENT, steady=True)
def node_info(storage_units: Sequence[StorageRef], hv_specs: Sequence[tuple[HypervisorName, HvParams]]) -> NodeInfo:
    """Return boot id, room in storage units and figures of hypervisors."""
    raise NotImplementedError


@procedure(timeout=NORMAL)
def node_verify(
    checkdict: Mapping[str, object], cluster_name: str, all_hvparams: Mapping[str, HvParams]
) -> Mapping[str, object]:
    """Run the checks that are keys of `checkdict` with their arguments; return what each found, by key."""
    raise NotImplementedError


@procedure(timeout=NORMAL)
def node_leave_cluster(modify_ssh_setup: bool) -> str:
    """Remove the cluster's files from the node; its daemon ends after answering."""
    raise NotImplementedError


@procedure(timeout=FAST)
def node_demote_from_mc() -> None:
    """Move away what only a master candidate may hold (configuration, job queue)."""
    raise NotImplementedError


@procedure(timeout=URGENT)
def node_ensure_daemon(daemon: str, run: bool) -> bool:
    """Start or stop a daemon; return whether it is now as asked."""
    raise NotImplementedError


@procedure(timeout=NORMAL, offline=True)
def node_powercycle(hypervisor: HypervisorName, hvparams: HvParams) -> str:
    """Reset the node in a few seconds, without a shutdown; return a text that says so."""
    raise NotImplementedError


@procedure(timeout=FAST)
def node_has_ip_address(address: str) -> bool:
    """Return whether the node has this address."""
    raise NotImplementedError


@procedure(timeout=URGENT)
def bridges_exist(bridges_list: Sequence[str]) -> None:
    """Fail, naming them, when bridges are missing."""
    raise NotImplementedError


@procedure(timeout=ONE_DAY, abandonable=True)
def test_delay(duration: float) -> None:
    """Wait for `duration` seconds."""
    raise NotImplementedError


# --- files of the cluster ---------------------------------------------------------


@procedure(timeout=NORMAL, inline=True)
def upload_file_single(
    file_name: str,
    content: str,
    mode: int,
    uid: str | None = None,
    gid: str | None = None,
    atime: float | None = None,
    mtime: float | None = None,
) -> None:
    """Write one of the allowed files, atomically.

    `file_name` may be a virtual path; `content` is UTF-8, other bytes as lone surrogates
    (`surrogateescape`); `uid` and `gid` are names, None for the daemon's own; times None
    for now.
    """
    raise NotImplementedError


@procedure(timeout=URGENT, inline=True)
def key_files_write(contents: Sequence[tuple[str, str | None]]) -> None:
    """Write key files, by name, in this order, for the node's daemons to use; None removes one."""
    raise NotImplementedError


@procedure(timeout=SLOW, inline=True)
def node_crypto_tokens(
    token_request: Sequence[tuple[str, str, Mapping[str, object]]],
) -> Sequence[tuple[str, str]]:
    """Answer digests of the client certificate: type `ssl`; `get`, or `create` one beside it, or `delete` that."""
    raise NotImplementedError


@procedure(timeout=URGENT, inline=True)
def client_cert_activate(digest: str) -> None:
    """Use the new client certificate that has this digest; may be repeated."""
    raise NotImplementedError


@procedure(timeout=NORMAL, inline=True)
def edit_file_single(file_name: str, pieces: Sequence[tuple[int, int, str]], checksum: int, mode: int) -> bool:
    """Write one of the allowed files, atomically, telling what differs from the one that is there.

    Each piece is (start, length, text): bytes kept of the file that is there, then new ones.
    `checksum` is the CRC-32 of the result; when that differs nothing is written and the
    answer is false: the file has to be sent whole.
    """
    raise NotImplementedError


@procedure(timeout=NORMAL, inline=True)
def write_ssconf_files(values: Mapping[str, str]) -> None:
    """Write ssconf files, by key; keys not named stay as they are."""
    raise NotImplementedError


@procedure(timeout=FAST)
def get_file_info(file_path: str) -> FileInfo:
    """Return whether a file exists, and its figures."""
    raise NotImplementedError


@procedure(timeout=URGENT)
def config_copy() -> str:
    """Return the node's copy of the configuration, whatever is in it."""
    raise NotImplementedError


# --- replicas of the job queue ----------------------------------------------------


@procedure(timeout=URGENT, inline=True)
def jobqueue_update(files: Sequence[tuple[str, str]]) -> None:
    """Write (file name, content) pairs into the queue directory: one call carries a whole batch.

    File names may be virtual paths.
    """
    raise NotImplementedError


@procedure(timeout=URGENT, inline=True)
def jobqueue_rename(rename: Sequence[tuple[str, str]]) -> None:
    """Rename (old, new) pairs of files inside the queue directory, making archive directories.

    File names may be virtual paths.
    """
    raise NotImplementedError


@procedure(timeout=URGENT)
def jobqueue_digests() -> Mapping[JobFileName, str]:
    """Return a digest of each job file in the queue directory, by its bare name (`ganeti.utils.digest`)."""
    raise NotImplementedError


@procedure(timeout=URGENT)
def jobqueue_archived() -> Sequence[tuple[int, int]]:
    """Return which jobs are in the archive: (first, last) of each run of numbers (`ganeti.utils.numbers`)."""
    raise NotImplementedError


@procedure(timeout=NORMAL)
def jobqueue_read(known: Mapping[str, str]) -> QueueCopy:
    """Return what the queue here has that a candidate with these job files (digests by bare name) has not."""
    raise NotImplementedError


@procedure(timeout=NORMAL)
def jobqueue_purge() -> None:
    """Remove all job files and archived jobs."""
    raise NotImplementedError


@procedure(timeout=URGENT, inline=True)
def jobqueue_set_drain_flag(flag: bool) -> None:
    """Set or remove the drain flag of the queue."""
    raise NotImplementedError


# --- the master -------------------------------------------------------------------


@procedure(timeout=URGENT, inline=True)
def master_node_name() -> NodeName:
    """Return the name of the node this one takes for the master."""
    raise NotImplementedError


@procedure(timeout=URGENT)
def master_vote() -> MasterVote:
    """Return whom this node takes for the master, and how new its own copies are."""
    raise NotImplementedError


@procedure(timeout=URGENT, inline=True)
def master_promise(term: int, master: NodeName, held_by: Sequence[NodeName]) -> MasterTerm:
    """Follow a new master from now on, if the one before is in `held_by`; return whom this node follows then."""
    raise NotImplementedError


@procedure(timeout=URGENT, inline=True)
def master_release(promise: MasterTerm, before: MasterTerm) -> None:
    """Take back a promise whose master did not get enough of them, if the node still holds it."""
    raise NotImplementedError


@procedure(timeout=URGENT, inline=True)
def master_behind(names: Sequence[NodeName]) -> None:
    """Remember which master candidates miss changes that the master has acknowledged."""
    raise NotImplementedError


@procedure(timeout=URGENT)
def master_info() -> MasterInfo:
    """Return who this node takes for the master, and the cluster address."""
    raise NotImplementedError


@procedure(timeout=FAST)
def node_activate_master_ip(master_params: MasterNetworkParameters, use_external_mip_script: bool) -> None:
    """Configure the cluster address on this node."""
    raise NotImplementedError


@procedure(timeout=FAST)
def node_deactivate_master_ip(master_params: MasterNetworkParameters, use_external_mip_script: bool) -> None:
    """Remove the cluster address from this node."""
    raise NotImplementedError


@procedure(timeout=FAST)
def node_change_master_netmask(old_netmask: int, netmask: int, master_ip: str, master_netdev: str) -> None:
    """Change the prefix length of the cluster address."""
    raise NotImplementedError


@procedure(timeout=FAST)
def node_start_master_daemons(no_voting: bool) -> None:
    """Start the master daemons on this node."""
    raise NotImplementedError


@procedure(timeout=FAST)
def node_stop_master() -> None:
    """Stop the master daemons on this node."""
    raise NotImplementedError


@procedure(timeout=URGENT, inline=True)
def set_watcher_pause(until: float | None) -> None:
    """Pause the watcher until a time of day; None lets it go on."""
    raise NotImplementedError


@procedure(timeout=URGENT, inline=True)
def get_watcher_pause() -> float | None:
    """Return until when the watcher pauses; None when it does not."""
    raise NotImplementedError


# --- instances --------------------------------------------------------------------


@procedure(timeout=NORMAL)
def instance_start(instance: FilledInstance, startup_paused: bool, reason: ReasonTrail) -> None:
    """Start an instance whose disks are assembled; one that runs already is left alone."""
    raise NotImplementedError


@procedure(timeout=NORMAL)
def instance_shutdown(instance: FilledInstance, timeout: int, reason: ReasonTrail) -> None:
    """Stop an instance, by force after `timeout` seconds; one that is down already is fine."""
    raise NotImplementedError


@procedure(timeout=NORMAL)
def instance_reboot(
    instance: FilledInstance, reboot_type: RebootType, shutdown_timeout: int, reason: ReasonTrail
) -> None:
    """Reboot a running instance, soft or hard."""
    raise NotImplementedError


@procedure(timeout=URGENT)
def instance_list(
    hypervisor_list: Sequence[HypervisorName], hvparams: Mapping[str, HvParams]
) -> Sequence[InstanceName]:
    """Return the names of the instances that run under these hypervisors."""
    raise NotImplementedError


@procedure(timeout=URGENT)
def instance_info(instance: InstanceName, hname: HypervisorName, hvparams: HvParams) -> InstanceFigures | None:
    """Return the figures of an instance; None when it does not run here."""
    raise NotImplementedError


@procedure(timeout=URGENT, steady=True)
def all_instances_info(
    hypervisor_list: Sequence[HypervisorName], all_hvparams: Mapping[str, HvParams]
) -> Mapping[InstanceName, InstanceFigures]:
    """Return the figures of all instances that run here."""
    raise NotImplementedError


@procedure(timeout=URGENT)
def instance_console_info(
    instances: Mapping[InstanceName, ConsoleRequest],
) -> Mapping[InstanceName, InstanceConsole]:
    """Return how to reach the console of each instance."""
    raise NotImplementedError


@procedure(timeout=NORMAL)
def instance_balloon_memory(instance: FilledInstance, memory: MiB) -> None:
    """Change the memory of a running instance."""
    raise NotImplementedError


@procedure(timeout=NORMAL)
def instance_migratable(instance: FilledInstance) -> None:
    """Fail, saying why, when the instance cannot be migrated from here."""
    raise NotImplementedError


@procedure(timeout=NORMAL)
def migration_info(instance: FilledInstance) -> str:
    """Return what the target node needs to know to take the instance; opaque."""
    raise NotImplementedError


@procedure(timeout=NORMAL)
def accept_instance(instance: FilledInstance, info: str, target: str) -> None:
    """Prepare to receive an instance; `target` is this node's address for it."""
    raise NotImplementedError


@procedure(timeout=SLOW)
def instance_migrate(cluster_name: str, instance: FilledInstance, target: str, live: bool) -> None:
    """Begin to move a running instance to the address `target`; ends when the move has begun or is over."""
    raise NotImplementedError


@procedure(timeout=SLOW)
def instance_get_migration_status(instance: FilledInstance) -> MigrationStatus:
    """Return how far the move of an instance is, asked at its source."""
    raise NotImplementedError


@procedure(timeout=SLOW)
def instance_finalize_migration_src(instance: FilledInstance, success: bool, live: bool) -> None:
    """Clean up the source of a move."""
    raise NotImplementedError


@procedure(timeout=NORMAL)
def instance_finalize_migration_dst(instance: FilledInstance, info: str, success: bool) -> None:
    """Clean up the target of a move, keeping the instance only after success."""
    raise NotImplementedError


@procedure(timeout=ONE_DAY, abandonable=True)
def instance_os_add(instance: FilledInstance, reinstall: bool, debug: int) -> None:
    """Run the create script of the instance's OS; its disks are assembled."""
    raise NotImplementedError


@procedure(timeout=SLOW, abandonable=True)
def instance_run_rename(instance: FilledInstance, old_name: InstanceName, debug: int) -> None:
    """Run the rename script of the instance's OS; the instance carries its new name."""
    raise NotImplementedError


# --- disks ------------------------------------------------------------------------


@procedure(timeout=NORMAL)
def blockdev_create(
    disk: Disk, size: MiB, owner: InstanceName, on_primary: bool, info: str, exclusive_storage: bool
) -> None:
    """Create a disk; `info` is a text stored with it where the storage can."""
    raise NotImplementedError


@procedure(timeout=NORMAL)
def blockdev_remove(disk: Disk) -> None:
    """Remove a disk; one that is gone already is fine."""
    raise NotImplementedError


@procedure(timeout=NORMAL)
def blockdev_assemble(disk: Disk, instance: FilledInstance, on_primary: bool, idx: int) -> AssembledDisk:
    """Make a disk usable; on the primary node also link it as disk `idx` of the instance."""
    raise NotImplementedError


@procedure(timeout=NORMAL)
def blockdev_shutdown(disk: Disk) -> None:
    """Undo blockdev_assemble; data stay."""
    raise NotImplementedError


@procedure(timeout=NORMAL)
def blockdev_open(instance_name: InstanceName, disks: Sequence[Disk], exclusive: bool) -> None:
    """Make assembled disks writable here, for this node alone when `exclusive`."""
    raise NotImplementedError


@procedure(timeout=NORMAL)
def blockdev_close(instance_name: InstanceName, disks: Sequence[Disk]) -> None:
    """Make disks secondary here."""
    raise NotImplementedError


@procedure(timeout=NORMAL)
def blockdev_find(disk: Disk) -> BlockDevStatus | None:
    """Return the status of an assembled disk; None when it is not assembled."""
    raise NotImplementedError


@procedure(timeout=NORMAL)
def blockdev_getdimensions(disks: Sequence[Disk]) -> Sequence[tuple[int, int | None] | None]:
    """Return (bytes, spindles) of each disk, in order; None for one that is not found."""
    raise NotImplementedError


@procedure(timeout=NORMAL)
def blockdev_grow(disk: Disk, amount: MiB, dryrun: bool, backingstore: bool, es_flag: bool) -> None:
    """Grow a disk, or only check that it could be; `backingstore` grows what lies below it alone."""
    raise NotImplementedError


@procedure(timeout=NORMAL)
def blockdev_rename(devlist: Sequence[tuple[Disk, Sequence[object]]]) -> None:
    """Give disks new unique ids."""
    raise NotImplementedError


@procedure(timeout=SLOW)
def blockdev_wipe(disk: Disk, offset: MiB, size: MiB) -> None:
    """Overwrite a part of a disk."""
    raise NotImplementedError


@procedure(timeout=NORMAL)
def blockdev_setinfo(disk: Disk, info: str) -> None:
    """Store a text with a disk, where the storage can."""
    raise NotImplementedError


@procedure(timeout=FAST)
def file_storage_dir_create(file_storage_dir: str) -> None:
    """Create a directory for file-based disks, inside an allowed one."""
    raise NotImplementedError


@procedure(timeout=FAST)
def file_storage_dir_remove(file_storage_dir: str) -> None:
    """Remove an empty directory of file-based disks."""
    raise NotImplementedError


@procedure(timeout=FAST)
def file_storage_dir_rename(old_file_storage_dir: str, new_file_storage_dir: str) -> None:
    """Rename a directory of file-based disks."""
    raise NotImplementedError


# --- storage units ----------------------------------------------------------------


@procedure(timeout=NORMAL)
def storage_list(
    su_name: StorageType, su_args: Sequence[object], name: str | None, fields: Sequence[str]
) -> Sequence[Sequence[object]]:
    """Return a row per storage unit of a type, values in the order of `fields`; None for `name` means all."""
    raise NotImplementedError


@procedure(timeout=NORMAL)
def storage_modify(su_name: StorageType, su_args: Sequence[object], name: str, changes: Mapping[str, object]) -> None:
    """Change attributes of a storage unit."""
    raise NotImplementedError


@procedure(timeout=NORMAL)
def storage_execute(su_name: StorageType, su_args: Sequence[object], name: str, op: str) -> None:
    """Run an operation of a storage unit, such as fixing its consistency."""
    raise NotImplementedError


# --- programs of the administrator ------------------------------------------------


@procedure(timeout=FAST)
def os_diagnose() -> Sequence[OsDiagnosis]:
    """Return all OS definitions of the search path, good and bad."""
    raise NotImplementedError


@procedure(timeout=FAST)
def os_get(name: str) -> OsDiagnosis:
    """Return one OS definition, by name with or without variant; fail when it cannot be used."""
    raise NotImplementedError


@procedure(timeout=FAST, abandonable=True)
def os_validate(
    required: bool, name: str | None, checks: Sequence[str], params: Mapping[str, str], force_variant: bool
) -> bool:
    """Check OS parameters with the definition's verify script; false when it is not there and not `required`."""
    raise NotImplementedError


@procedure(timeout=FAST)
def export_list() -> Sequence[str]:
    """Return the names of the exports the node holds."""
    raise NotImplementedError


@procedure(timeout=NORMAL, abandonable=True)
def hooks_runner(hpath: str, phase: HookPhase, env: Mapping[str, str]) -> Sequence[HookResult]:
    """Run the hook scripts of a path and phase."""
    raise NotImplementedError


@procedure(timeout=NORMAL, abandonable=True)
def iallocator_runner(name: str, idata: str, default_iallocator_params: Mapping[str, object]) -> str:
    """Run an allocator program on `idata`; return what it printed."""
    raise NotImplementedError


@procedure(timeout=NORMAL)
def hypervisor_validate_params(hvname: HypervisorName, hvfull: HvParams) -> None:
    """Fail, saying why, when filled hypervisor parameters cannot work on this node."""
    raise NotImplementedError


@procedure(timeout=NORMAL, abandonable=True)
def run_oob(oob_program: str, command: str, remote_node: NodeName, timeout: int) -> str:
    """Run an out-of-band program for another node; return what it printed."""
    raise NotImplementedError


@procedure(timeout=SLOW, abandonable=True)
def restricted_command(cmd: str) -> str:
    """Run one of the node's restricted commands; return what it printed."""
    raise NotImplementedError
