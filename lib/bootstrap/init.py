"""`gnt-cluster init`: makes a cluster of this node alone, which becomes its master."""

from __future__ import annotations

import contextlib
import os
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple
from uuid import UUID

from ganeti import _autoconf, errors, ssconf
from ganeti.bootstrap import daemons, directories, keys, nodeadd
from ganeti.errors import ECode
from ganeti.masterd.cmdlib.cluster.settings import mac_prefix
from ganeti.masterd.config.initial import FirstNode, MasterAddress, config_text, initial_config
from ganeti.masterd.config.snapshot import Config
from ganeti.masterd.config.ssconf import ssconf_values
from ganeti.model import versions
from ganeti.model.enums import DiskTemplate, HypervisorName
from ganeti.model.opcodes.cluster import OpClusterSetParams
from ganeti.model.params import be, disk, hv, ipolicy, nd, nic
from ganeti.model.scalars import HostName, IPAddress, NodeName, Timestamp, Uuid
from ganeti.paths import Paths
from ganeti.rpc.client import Address
from ganeti.rpc.transport import DEFAULT_PORT
from ganeti.schema import fields_of, replace
from ganeti.schema_types import type_of
from ganeti.utils import files, neighbours, net, x509
from ganeti.utils.spares import spares_in

#: templates whose drivers exist
SUPPORTED_TEMPLATES = frozenset({DiskTemplate.DISKLESS, DiskTemplate.FILE, DiskTemplate.SHAREDFILE})
DEFAULT_HYPERVISORS = (HypervisorName.FAKE,)
DEFAULT_TEMPLATES = (DiskTemplate.FILE, DiskTemplate.DISKLESS)
SUPPORTED_HYPERVISORS = frozenset({HypervisorName.FAKE})
CONFIG_MODE = 0o600
QUEUE_MODE = 0o640
USERS_MODE = 0o640

_NO_USERS = """\
# Users of the remote API: USER PASSWORD [read,write]; see ganeti-rapi(8)
"""

Tell = Callable[[str], None]


class InitOptions(NamedTuple):
    """What the command line says; `settings` are fields of the cluster, None where nothing was said.

    Parameters in it (hvparams, beparams...) are those that differ from the defaults.
    """

    cluster_name: str
    enabled_hypervisors: Sequence[str] | None
    enabled_disk_templates: Sequence[str] | None
    master_netdev: str | None
    master_netmask: int | None
    secondary_ip: str | None
    primary_ip_version: int
    settings: Mapping[str, object]


def init_cluster(paths: Paths, options: InitOptions, tell: Tell) -> None:
    """Make the cluster and start its master daemon.

    All that can be wrong is looked for before the first file is written; what was
    written is removed again when a later step fails.

    Raises OpPrereqError naming what is wrong, EnvironmentFailure when a daemon does not start.
    """
    _refuse_existing(paths)
    host = net.look_up(paths.hostname, paths)
    node = NodeName(host.name)
    if node != paths.hostname:
        raise errors.OpPrereqError(
            f"this node calls itself {paths.hostname}, but resolves to {node}: make both the full name", ECode.ENVIRON
        )
    cluster = net.look_up(options.cluster_name, paths)
    _check_addresses(paths, options, host.ip, cluster)
    settings = _checked_settings(options)
    _check_storage(settings, options)
    _check_allocator(paths, settings)
    config = _configuration(paths, options, settings, node, IPAddress(host.ip), cluster)
    directories.ensure(paths)
    tell(f"making keys and configuration of cluster {cluster.name}")
    try:
        keys.create_cluster_keys(paths)
        _write_users(paths)
        _write(paths, _with_certificate(config, x509.cert_digest(files.read_file(paths.client_cert))))
        tell("starting daemons")
        daemons.restart_noded(paths)
        nodeadd.wait_until_answers(paths, Address(node, host.ip))
        daemons.start(paths, daemons.MASTERD, "--no-voting", "--yes-do-it")
        daemons.wait_for_socket(paths.query_socket)
        daemons.start(paths, daemons.RAPI)
        daemons.start_or_wake(paths, daemons.CONFD)
    except BaseException:
        _remove_traces(paths)
        raise


# --- checks -------------------------------------------------------------------------


def _refuse_existing(paths: Paths) -> None:
    if os.path.exists(paths.config_file):
        raise errors.OpPrereqError(
            f"this node is part of a cluster already: {paths.config_file} exists"
            " (gnt-cluster destroy removes a cluster)",
            ECode.STATE,
        )
    if os.path.exists(paths.server_cert):
        raise errors.OpPrereqError(
            f"this node belongs to a cluster already: {paths.server_cert} exists"
            " (gnt-node remove takes a node out of its cluster)",
            ECode.STATE,
        )
    for path in key_files(paths):
        if os.path.exists(path):
            raise errors.OpPrereqError(
                f"cannot make new keys: {path} is there, of another cluster or put there by hand; move it away first",
                ECode.STATE,
            )


def _check_addresses(paths: Paths, options: InitOptions, address: str, cluster: net.Host) -> None:
    if not net.is_own(address):
        raise errors.OpPrereqError(
            f"this node's name {paths.hostname} resolves to {address}, which is not an address of this machine",
            ECode.ENVIRON,
        )
    if net.is_loopback(address) and not paths.is_virtual:
        raise errors.OpPrereqError(
            f"this node's name {paths.hostname} resolves to {address}: other nodes could not reach it", ECode.ENVIRON
        )
    wanted = 6 if ":" in address else 4
    if options.primary_ip_version != wanted:
        raise errors.OpPrereqError(
            f"primary-ip-version: this node's address {address} is of version {wanted}", ECode.INVAL
        )
    netdev = _netdev(paths, options)
    if netdev not in net.own_interfaces():
        raise errors.OpPrereqError(f"master-netdev: this machine has no network interface {netdev}", ECode.ENVIRON)
    if net.is_own(cluster.ip):
        holder = "" if paths.is_virtual else "this machine"
    else:
        holder = neighbours.holder(cluster.ip, netdev, DEFAULT_PORT)
    if holder:
        raise errors.OpPrereqError(
            f"cluster name {cluster.name}: its address {cluster.ip} is in use already, {holder} has it", ECode.NOTUNIQUE
        )
    longest = 32 if wanted == 4 else 128
    if options.master_netmask is not None and not 0 < options.master_netmask <= longest:
        raise errors.OpPrereqError(
            f"master-netmask: {options.master_netmask} is not from 1 to {longest}, a length of prefix", ECode.INVAL
        )
    if options.secondary_ip and not net.is_own(options.secondary_ip):
        raise errors.OpPrereqError(
            f"secondary-ip: {options.secondary_ip} is not an address of this machine", ECode.INVAL
        )


def _checked_settings(options: InitOptions) -> dict[str, object]:
    """Return the given settings, checked with the names the command line knows.

    Raises ParameterError, TypeEnforcementError, OpPrereqError.
    """
    settings = {name: value for name, value in options.settings.items() if value is not None}
    for hypervisor, params in _mapping(settings.get("hvparams")).items():
        name = type_of(HypervisorName).parse(hypervisor, "hypervisor-parameters")
        hv.check_filled_hvparams(name, {**hv.hv_defaults(name), **hv.check_hvparams(name, _mapping(params))})
    checks: Mapping[str, Callable[[Mapping[str, object]], object]] = {
        "beparams": lambda given: be.check_filled_beparams({**be.be_defaults(), **be.check_beparams(given)}),
        "nicparams": lambda given: nic.check_filled_nicparams({**nic.nic_defaults(), **nic.check_nicparams(given)}),
        "ndparams": nd.check_ndparams,
        "ipolicy": lambda given: ipolicy.check_ipolicy(given, complete=False),
    }
    for name, check in checks.items():
        if name in settings:
            check(_mapping(settings[name]))
    if "diskparams" in settings:
        disk.check_diskparams({name: _mapping(given) for name, given in _mapping(settings["diskparams"]).items()})
    changeable = {field.name for field in fields_of(OpClusterSetParams)}
    OpClusterSetParams.from_wire({name: value for name, value in settings.items() if name in changeable})
    if "mac_prefix" in settings:
        settings["mac_prefix"] = mac_prefix(str(settings["mac_prefix"]))
    for name in ("beparams", "nicparams"):
        if name in settings:
            settings[name] = {"default": settings[name]}
    return settings


def _check_storage(settings: Mapping[str, object], options: InitOptions) -> None:
    for name in ("file_storage_dir", "shared_file_storage_dir"):
        path = settings.get(name)
        if path and not os.path.isabs(str(path)):
            raise errors.OpPrereqError(f"{name.replace('_', '-')}: {path} is not an absolute path", ECode.INVAL)
    templates = _templates(options)
    if settings.get("volume_group_name") and not {DiskTemplate.PLAIN, DiskTemplate.DRBD} & set(templates):
        raise errors.OpPrereqError("vg-name: no enabled disk template uses a volume group", ECode.INVAL)


def _check_allocator(paths: Paths, settings: Mapping[str, object]) -> None:
    name = str(settings.get("default_iallocator") or "")
    places = [f"{directory}/{name}" for directory in paths.iallocator_search_path]
    if name and ("/" in name or not any(os.path.isfile(place) and os.access(place, os.X_OK) for place in places)):
        raise errors.OpPrereqError(
            f"default-iallocator: no program {name} in {', '.join(paths.iallocator_search_path)}", ECode.NOENT
        )


def _hypervisors(options: InitOptions) -> list[HypervisorName]:
    given = DEFAULT_HYPERVISORS if options.enabled_hypervisors is None else options.enabled_hypervisors
    names = [type_of(HypervisorName).parse(name, "enabled-hypervisors") for name in given]
    if not names:
        raise errors.OpPrereqError("enabled-hypervisors: at least one is needed", ECode.INVAL)
    for name in names:
        if name not in SUPPORTED_HYPERVISORS:
            raise errors.OpPrereqError(f"enabled-hypervisors: {name} is not supported by this version", ECode.INVAL)
    return names


def _templates(options: InitOptions) -> list[DiskTemplate]:
    given = DEFAULT_TEMPLATES if options.enabled_disk_templates is None else options.enabled_disk_templates
    names = [type_of(DiskTemplate).parse(name, "enabled-disk-templates") for name in given]
    if not names:
        raise errors.OpPrereqError("enabled-disk-templates: at least one is needed", ECode.INVAL)
    for name in names:
        if name not in SUPPORTED_TEMPLATES:
            raise errors.OpPrereqError(f"enabled-disk-templates: {name} is not supported by this version", ECode.INVAL)
    return names


def _netdev(paths: Paths, options: InitOptions) -> str:
    return options.master_netdev or ("lo" if paths.is_virtual else "xen-br0")


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}


# --- files --------------------------------------------------------------------------


def _configuration(
    paths: Paths,
    options: InitOptions,
    settings: Mapping[str, object],
    node: NodeName,
    address: IPAddress,
    cluster: net.Host,
) -> Config:
    storage = {
        # as seen from inside a node: every virtual node puts its own root before them
        "file_storage_dir": _autoconf.FILE_STORAGE_DIR,
        "shared_file_storage_dir": _autoconf.SHARED_FILE_STORAGE_DIR,
    }
    return initial_config(
        HostName(cluster.name),
        FirstNode(
            node,
            address,
            IPAddress(options.secondary_ip) if options.secondary_ip else address,
        ),
        MasterAddress(
            IPAddress(cluster.ip),
            _netdev(paths, options),
            options.master_netmask or (128 if ":" in cluster.ip else 32),
        ),
        _hypervisors(options),
        _templates(options),
        lambda: Uuid(str(UUID(int=secrets.randbits(128), version=4))),
        Timestamp(time.time()),
        {**storage, **settings},
    )


def _with_certificate(config: Config, digest: str) -> Config:
    """Return the configuration with the digest of the master's client certificate, which is made late."""
    cluster = replace(config.cluster, candidate_certs={config.master.uuid: digest})
    return config.changed({}, config.head._replace(cluster=cluster))


def _write(paths: Paths, config: Config) -> None:
    for path in queue_files(paths):
        files.remove_file(path, missing_ok=True)  # jobs of another cluster
    files.write_file(paths.queue_version, f"{versions.JOB_QUEUE}\n", mode=QUEUE_MODE)
    files.write_file(paths.queue_serial, "0\n", mode=QUEUE_MODE)
    ssconf.write_ssconf(paths, ssconf_values(config))
    files.write_file(paths.config_file, config_text(config), mode=CONFIG_MODE)


def _write_users(paths: Paths) -> None:
    """Make the file of the remote API's users, unless the administrator has: nobody can log in yet."""
    if not os.path.exists(paths.rapi_users):
        files.write_file(paths.rapi_users, _NO_USERS, mode=USERS_MODE)


def _has_no_users(paths: Paths) -> bool:
    """Tell whether the users file is as it is made here."""
    try:
        return files.read_file(paths.rapi_users) == _NO_USERS.encode()
    except OSError:
        return False


def _remove_traces(paths: Paths) -> None:
    """Make the node as it was before, as far as possible."""
    for daemon in (daemons.RAPI, daemons.CONFD, daemons.MASTERD, daemons.NODED):
        daemons.stop_quietly(paths, daemon)
    users = [paths.rapi_users] if _has_no_users(paths) else []
    config = [paths.config_file, *spares_in(paths.data_dir)]
    for path in [*key_files(paths), *users, *config, *ssconf_files(paths), *queue_files(paths)]:
        with contextlib.suppress(OSError):  # the error that led here is the one to be told
            files.remove_file(path, missing_ok=True)


def key_files(paths: Paths) -> list[str]:
    """Return the files that make this node one of a cluster, the telling one first."""
    return [paths.server_cert, paths.client_cert, paths.rapi_cert, paths.hmac_key, paths.domain_secret]


def half_changed_key_files(paths: Paths) -> list[str]:
    """Return the files there are only while keys are changed."""
    return [paths.client_cert_new, paths.hmac_key_new, paths.hmac_key_old, paths.renewal_file]


def ssconf_files(paths: Paths) -> list[str]:
    """Return the ssconf files there are."""
    return [paths.ssconf_file(key) for key in ssconf.keys_here(paths)]


def queue_files(paths: Paths) -> list[str]:
    """Return the files of the job queue there are, spare ones too, without those of archived jobs."""
    if not os.path.isdir(paths.queue_dir):
        return []
    jobs = [name for name in os.listdir(paths.queue_dir) if name.startswith("job-")]
    own = [paths.queue_serial, paths.queue_version, paths.queue_drain]
    found = [*(os.path.join(paths.queue_dir, name) for name in sorted(jobs)), *spares_in(paths.queue_dir)]
    return [*found, *filter(os.path.exists, own)]
