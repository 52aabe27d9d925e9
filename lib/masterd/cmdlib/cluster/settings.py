"""What a request makes of the cluster's settings, record in, record out.  Pure.

Parameters are kept complete in the cluster's record: "default" as a value puts back
the default.  Whatever is refused raises UserError naming the parameter.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import TypeVar

from ganeti import errors
from ganeti.errors import ECode
from ganeti.model.enums import DiskTemplate, HypervisorName, ListAction
from ganeti.model.objects.base import IPolicy, Params
from ganeti.model.objects.cluster import Cluster
from ganeti.model.opcodes.cluster import OpClusterSetParams
from ganeti.model.params import be, disk, hv, ipolicy, nd, nic
from ganeti.model.params.table import is_reset, merge
from ganeti.model.scalars import OsName, is_path
from ganeti.schema import replace

E = TypeVar("E", HypervisorName, DiskTemplate)

#: fields of the request that name settings of the same name and need no more than that
_PLAIN = (
    "automatic_failover",
    "candidate_pool_size",
    "compression_tools",
    "enabled_user_shutdown",
    "install_image",
    "maintain_node_health",
    "max_running_jobs",
    "max_tracked_jobs",
    "master_netdev",
    "prealloc_wipe_disks",
    "use_external_mip_script",
    "zeroing_image",
)

#: settings nothing looks at yet: only what switches them off is accepted
_OFF_ONLY: Mapping[str, object] = {
    "drbd_helper": "",
    "instance_communication_network": "",
    "modify_etc_hosts": False,
    "hv_state": {},
    "disk_state": {},
}


def changed_settings(cluster: Cluster, op: OpClusterSetParams) -> tuple[Cluster, list[str]]:
    """Return the cluster as the request makes it, and what the user should know about that.

    Raises OpPrereqError, ParameterError or TypeEnforcementError.
    """
    refuse_unsupported(op)
    notes: list[str] = []
    changes: dict[str, object] = {name: getattr(op, name) for name in _PLAIN if getattr(op, name) is not None}
    if op.automatic_failover is not None and op.automatic_failover == 1:
        raise errors.OpPrereqError(
            "cannot set automatic_failover to 1: the master has to miss at least 2 runs of the watcher (0: never)",
            ECode.INVAL,
        )
    if op.modify_etc_hosts is not None:
        changes["modify_etc_hosts"] = False
    if op.vg_name is not None:
        changes["volume_group_name"] = op.vg_name or None
    if op.mac_prefix is not None:
        changes["mac_prefix"] = mac_prefix(op.mac_prefix)
    if op.default_iallocator is not None:
        changes["default_iallocator"] = op.default_iallocator
    if op.default_iallocator_params is not None:
        changes["default_iallocator_params"] = merge(cluster.default_iallocator_params, op.default_iallocator_params)
    if op.reserved_lvs is not None:
        changes["reserved_lvs"] = patterns("reserved_lvs", op.reserved_lvs)
    if op.master_netmask is not None:
        changes["master_netmask"] = netmask(cluster, op.master_netmask)
    for name in ("hidden_os", "blacklisted_os"):
        wanted = getattr(op, name)
        if wanted is not None:
            changes[name] = os_list(name, getattr(cluster, name), wanted, notes)
    changes |= _parameters(cluster, op)
    changes |= _collectors(cluster, op)
    changes |= _uid_pool(cluster, op)
    changes |= _storage_dirs(op)
    if op.enabled_hypervisors is not None:
        changes["enabled_hypervisors"] = several("enabled_hypervisors", op.enabled_hypervisors)
    if op.enabled_disk_templates is not None:
        changes["enabled_disk_templates"] = several("enabled_disk_templates", op.enabled_disk_templates)
    new = replace(cluster, **changes)
    check_together(new)
    return new, notes


def refuse_unsupported(op: OpClusterSetParams) -> None:
    """Refuse what nothing would look at, instead of recording it.

    Raises OpPrereqError naming the parameters.
    """
    named = [name for name, off in _OFF_ONLY.items() if getattr(op, name) not in (None, off)]
    if named:
        raise errors.OpPrereqError(
            f"cannot change the cluster: {', '.join(named)} not supported by this version", ECode.INVAL
        )


# --- parameters -----------------------------------------------------------------------


def _parameters(cluster: Cluster, op: OpClusterSetParams) -> dict[str, object]:
    changes: dict[str, object] = {}
    if op.hvparams is not None:
        changes["hvparams"] = changed_hvparams(cluster.hvparams, op.hvparams)
    if op.beparams is not None:
        given = be.check_beparams(op.beparams, resets=True)
        merged = merged_with_defaults(cluster.beparams.get("default", {}), given, be.be_defaults())
        be.check_filled_beparams(merged)
        changes["beparams"] = {"default": merged}
    if op.nicparams is not None:
        given = nic.check_nicparams({str(name): value for name, value in op.nicparams.items()}, resets=True)
        merged = merged_with_defaults(cluster.nicparams.get("default", {}), given, nic.nic_defaults())
        nic.check_filled_nicparams(merged)
        changes["nicparams"] = {"default": merged}
    if op.ndparams is not None:
        given = nd.check_ndparams(op.ndparams, resets=True)
        changes["ndparams"] = merged_with_defaults(cluster.ndparams, given, nd.nd_defaults())
    if op.diskparams is not None:
        changes["diskparams"] = changed_diskparams(cluster.diskparams, op.diskparams)
    if op.ipolicy is not None:
        changes["ipolicy"] = changed_ipolicy(cluster.ipolicy, op.ipolicy)
    if op.os_hvp is not None:
        changes["os_hvp"] = changed_os_hvp(cluster.os_hvp, op.os_hvp)
    for name in ("osparams", "osparams_private_cluster"):
        wanted = getattr(op, name)
        if wanted is not None:
            changes[name] = changed_by_os(getattr(cluster, name), wanted)
    return changes


def merged_with_defaults(old: Params, given: Params, defaults: Params) -> dict[str, object]:
    """Return complete parameters after a request."""
    return {**defaults, **merge(old, given)}


def changed_hvparams(
    old: Mapping[HypervisorName, Params], given: Mapping[str, Params], path: str = "hvparams"
) -> dict[HypervisorName, Params]:
    """Return hypervisor parameters after a request, complete for every hypervisor named in it."""
    result = dict(old)
    for key, params in given.items():
        name = hypervisor_name(key, path)
        checked = hv.check_hvparams(name, params, f"{path}.{name}", resets=True)
        merged = merged_with_defaults(old.get(name, {}), checked, hv.hv_defaults(name))
        hv.check_filled_hvparams(name, merged, f"{path}.{name}")
        result[name] = merged
    return result


def changed_os_hvp(
    old: Mapping[OsName, Mapping[HypervisorName, Params]], given: Mapping[str, Params]
) -> dict[OsName, Mapping[HypervisorName, Params]]:
    """Return hypervisor parameters by OS after a request; what is left empty is forgotten."""
    result = dict(old)
    for os, by_hypervisor in given.items():
        mine = dict(old.get(OsName(os), {}))
        for key, params in by_hypervisor.items():
            name = hypervisor_name(key, f"os_hvp.{os}")
            if is_reset(params):
                mine.pop(name, None)
                continue
            if not isinstance(params, Mapping):
                raise errors.ParameterError(f"os_hvp.{os}.{name}: expected parameters, got {params!r}")
            checked = hv.check_hvparams(name, params, f"os_hvp.{os}.{name}", resets=True)
            mine[name] = merge(mine.get(name, {}), checked)
        result[OsName(os)] = {name: params for name, params in mine.items() if params}
    return {os: mine for os, mine in result.items() if mine}


def changed_by_os(old: Mapping[OsName, Params], given: Mapping[str, Params]) -> dict[OsName, Params]:
    """Return OS parameters after a request; an OS without any is forgotten."""
    result = dict(old) | {OsName(os): merge(old.get(OsName(os), {}), params) for os, params in given.items()}
    return {os: params for os, params in result.items() if params}


def changed_diskparams(
    old: Mapping[DiskTemplate, Params], given: Mapping[DiskTemplate, Params]
) -> dict[DiskTemplate, Params]:
    """Return disk parameters after a request."""
    checked = disk.check_diskparams(given, resets=True)
    defaults = disk.disk_defaults()
    changed = {name: merged_with_defaults(old.get(name, {}), own, defaults[name]) for name, own in checked.items()}
    return {**old, **changed}


def changed_ipolicy(old: IPolicy, given: IPolicy) -> dict[str, object]:
    """Return the cluster's policy after a request: keys are replaced, the standard instance merged."""
    defaults = ipolicy.ipolicy_defaults()
    result = {**defaults, **old}
    for key, value in given.items():
        if is_reset(value):
            result[key] = defaults.get(key)
        elif key == ipolicy.STD and isinstance(value, Mapping):
            result[key] = {**ipolicy.standard(result), **value}
        else:
            result[key] = value
    return ipolicy.check_ipolicy(result, complete=True)


# --- lists and single values ------------------------------------------------------------


def os_list(
    path: str, old: Sequence[str], wanted: Sequence[tuple[ListAction, OsName]], notes: list[str]
) -> tuple[str, ...]:
    """Return a list of OS names after entries were added and removed."""
    result = list(old)
    for action, os in wanted:
        if action not in (ListAction.ADD, ListAction.REMOVE):
            raise errors.OpPrereqError(f"{path}: cannot {action} OS {os}, only add or remove it", ECode.INVAL)
        if (action == ListAction.ADD) == (os in result):
            notes.append(f"OS {os} is {'already' if os in result else 'not'} in {path}")
        elif action == ListAction.ADD:
            result.append(os)
        else:
            result.remove(os)
    return tuple(result)


def mac_prefix(value: str) -> str:
    """Return the first three octets of hardware addresses, checked.

    Raises OpPrereqError; an odd first octet would be that of a group address (IEEE 802).
    """
    prefix = value.lower()
    if not re.fullmatch(r"[0-9a-f]{2}(:[0-9a-f]{2}){2}", prefix) or int(prefix[:2], 16) & 1:
        raise errors.OpPrereqError(f"mac_prefix: {value!r} is not like aa:00:00", ECode.INVAL)
    return prefix


def netmask(cluster: Cluster, value: int) -> int:
    """Return a prefix length that fits the family of the cluster's address.

    Raises OpPrereqError.
    """
    longest = 32 if cluster.primary_ip_family == 2 else 128
    if value > longest:
        raise errors.OpPrereqError(f"master_netmask: {value} is more than {longest}", ECode.INVAL)
    return value


def patterns(path: str, values: Sequence[str]) -> tuple[str, ...]:
    """Return regular expressions, checked.

    Raises OpPrereqError.
    """
    for value in values:
        try:
            re.compile(value)
        except re.error as err:
            raise errors.OpPrereqError(f"{path}: {value!r} is not a regular expression: {err}", ECode.INVAL) from err
    return tuple(values)


def several(path: str, values: Sequence[E]) -> tuple[E, ...]:
    """Return names, each once and at least one.

    Raises OpPrereqError.
    """
    if not values:
        raise errors.OpPrereqError(f"{path}: at least one is needed", ECode.INVAL)
    if len(set(values)) < len(values):
        raise errors.OpPrereqError(f"{path}: each may be named once", ECode.INVAL)
    return tuple(values)


def hypervisor_name(value: str, path: str) -> HypervisorName:
    """Return the hypervisor of this name.

    Raises OpPrereqError.
    """
    if value not in tuple(HypervisorName):
        raise errors.OpPrereqError(f"{path}: unknown hypervisor {value!r}", ECode.INVAL)
    return HypervisorName(value)


def _storage_dirs(op: OpClusterSetParams) -> dict[str, object]:
    changes: dict[str, object] = {}
    for name in ("file_storage_dir", "shared_file_storage_dir", "gluster_storage_dir"):
        value = getattr(op, name)
        if value is None:
            continue
        if value and not is_path(value):
            raise errors.OpPrereqError(f"{name}: {value!r} is not an absolute path without '..'", ECode.INVAL)
        changes[name] = posixpath.normpath(value) if value else ""
    return changes


def _collectors(cluster: Cluster, op: OpClusterSetParams) -> dict[str, object]:
    requests: Iterable[tuple[str, Mapping[str, object] | None]] = (
        ("active", op.enabled_data_collectors),
        ("interval", op.data_collector_interval),
    )
    collectors = {name: dict(own) for name, own in cluster.data_collectors.items()}
    asked = False
    for key, given in requests:
        for name, value in (given or {}).items():
            if name not in collectors:
                raise errors.OpPrereqError(
                    f"unknown data collector {name}, known are {', '.join(sorted(collectors)) or 'none'}", ECode.INVAL
                )
            collectors[name][key] = value
            asked = True
    return {"data_collectors": collectors} if asked else {}


def _uid_pool(cluster: Cluster, op: OpClusterSetParams) -> dict[str, object]:
    if op.uid_pool is None and op.add_uids is None and op.remove_uids is None:
        return {}
    pool = list(op.uid_pool if op.uid_pool is not None else cluster.uid_pool)
    pool += op.add_uids or ()
    for entry in op.remove_uids or ():
        if tuple(entry) not in [tuple(known) for known in pool]:
            raise errors.OpPrereqError(f"remove_uids: {entry[0]}-{entry[1]} is not in the user id pool", ECode.INVAL)
        pool.remove(entry)
    return {"uid_pool": checked_ranges(pool)}


def checked_ranges(pool: Iterable[Sequence[int]]) -> tuple[tuple[int, int], ...]:
    """Return ranges of user ids in order.

    Raises OpPrereqError for what is no range, and for ranges that overlap.
    """
    result = sorted((first, last) for first, last in pool)
    end = -1
    for first, last in result:
        if not 0 <= first <= last <= _LAST_UID:
            raise errors.OpPrereqError(f"uid_pool: {first}-{last} is not a range of user ids", ECode.INVAL)
        if first <= end:
            raise errors.OpPrereqError(f"uid_pool: {first}-{last} overlaps the range before it", ECode.INVAL)
        end = last
    return tuple(result)


_LAST_UID = 2**32 - 1


# --- what goes together -----------------------------------------------------------------

#: a template, the setting it needs, and where that may not be empty
_NEEDS: Mapping[DiskTemplate, str] = {
    DiskTemplate.FILE: "file_storage_dir",
    DiskTemplate.SHAREDFILE: "shared_file_storage_dir",
    DiskTemplate.PLAIN: "volume_group_name",
    DiskTemplate.DRBD: "volume_group_name",
}


def check_together(cluster: Cluster) -> None:
    """Check settings that depend on each other.

    Raises OpPrereqError.
    """
    for template in cluster.enabled_disk_templates:
        needed = _NEEDS.get(template)
        if needed and not getattr(cluster, needed):
            raise errors.OpPrereqError(f"{needed}: disk template {template} is enabled and needs it", ECode.INVAL)
    using_vg = {DiskTemplate.PLAIN, DiskTemplate.DRBD} & set(cluster.enabled_disk_templates)
    if cluster.volume_group_name and not using_vg:
        raise errors.OpPrereqError("vg_name: no enabled disk template uses a volume group", ECode.INVAL)
