"""Checks of a node for cluster verification.

A check is a key of `checkdict` (names of `spec/rpc.json`, node_verify_checks) with an
argument of its own; the table at the end tells which there are.  The answer holds the
result of each check under its key.  A check that could not be made answers a text,
saying why, in place of its result.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping, Sequence

from ganeti import _autoconf, clock, errors
from ganeti.model import versions
from ganeti.model.enums import HypervisorName
from ganeti.noded.backend import verify_files, verify_network
from ganeti.noded.backend.node import figures_of, missing_bridges
from ganeti.noded.backend.os_definitions import OsDefinitions
from ganeti.noded.context import NodeContext
from ganeti.rpc.answers import HvParams
from ganeti.schema_types import Type, type_of
from ganeti.storage.units import FileUnits, SharedFileUnits

log = logging.getLogger(__name__)

HvParamsByName = Mapping[str, HvParams]
Check = Callable[[NodeContext, object, HvParamsByName], object]


class Verification:
    """Calls that verify the node."""

    def __init__(self, node: NodeContext) -> None:
        self._node = node

    def node_verify(
        self, checkdict: Mapping[str, object], cluster_name: str, all_hvparams: Mapping[str, HvParams]
    ) -> Mapping[str, object]:
        """Run the checks that are keys of `checkdict`; return what each found, by key."""
        unknown = sorted(key for key in checkdict if key not in CHECKS and key != "nonvmnodes")
        if unknown:
            raise errors.ParameterError(f"cannot verify node {self._node.name}: unknown check {', '.join(unknown)}")
        without_instances = self._node.name in _names("nonvmnodes", checkdict.get("nonvmnodes", ()))
        found: dict[str, object] = {}
        for key, argument in checkdict.items():
            if key == "nonvmnodes" or (without_instances and key in _ONLY_WITH_INSTANCES):
                continue
            try:
                found[key] = CHECKS[key](self._node, argument, all_hvparams)
            except (errors.GenericError, OSError) as err:
                log.warning("cannot check %s: %s", key, err)
                found[key] = str(err)
        return found


# --- versions and time ---------------------------------------------------------------


def check_version(node: NodeContext, argument: object, hvparams: HvParamsByName) -> object:
    """Answer [protocol version, release]."""
    return [versions.PROTOCOL, _autoconf.VERSION]


def check_time(node: NodeContext, argument: object, hvparams: HvParamsByName) -> object:
    """Answer [seconds, microseconds] of the node's time of day."""
    return list(clock.split(node.clock.time()))


# --- hypervisors and instances ---------------------------------------------------------


def check_hypervisor(node: NodeContext, argument: object, hvparams: HvParamsByName) -> object:
    """Answer {hypervisor: null or what is wrong} for the hypervisors named."""
    found: dict[str, str | None] = {}
    for name in _hypervisors("hypervisor", argument):
        try:
            problems = node.hypervisor(name).verify(hvparams.get(name, {}))
        except errors.GenericError as err:
            problems = [str(err)]
        found[name.value] = "; ".join(problems) or None
    return found


def check_hvparms(node: NodeContext, argument: object, hvparams: HvParamsByName) -> object:
    """Answer [[source, hypervisor, what is wrong]] for the [[source, hypervisor, parameters]] that cannot work."""
    bad: list[list[str]] = []
    for source, name, params in _HV_SPECS.parse(argument, "hvparms"):
        try:
            node.hypervisor(name).check_params(params)
        except errors.GenericError as err:
            bad.append([source, name.value, str(err)])
    return bad


def check_hvinfo(node: NodeContext, argument: object, hvparams: HvParamsByName) -> object:
    """Answer the figures of the hypervisor named."""
    (name,) = _hypervisors("hvinfo", [argument])
    return figures_of(node.hypervisor(name).node_state(hvparams.get(name, {}))).to_wire()


def check_instancelist(node: NodeContext, argument: object, hvparams: HvParamsByName) -> object:
    """Answer the instances that run under the hypervisors named."""
    names = _hypervisors("instancelist", argument)
    return sorted({i.name for name in names for i in node.hypervisor(name).running(hvparams.get(name, {}))})


def check_oslist(node: NodeContext, argument: object, hvparams: HvParamsByName) -> object:
    """Answer the OS definitions, good and bad, as os_diagnose does."""
    return [found.to_wire() for found in OsDefinitions(node).os_diagnose()]


def check_bridges(node: NodeContext, argument: object, hvparams: HvParamsByName) -> object:
    """Answer which of the bridges named are missing."""
    return missing_bridges(_names("bridges", argument))


# --- storage ---------------------------------------------------------------------------


def check_storage_path(node: NodeContext, argument: object, hvparams: HvParamsByName) -> object:
    """Answer null when the directory can hold file disks, else what is wrong."""
    return _problem(FileUnits(node.storage), argument)


def check_shared_storage_path(node: NodeContext, argument: object, hvparams: HvParamsByName) -> object:
    """Answer null when the directory can hold shared file disks, else what is wrong."""
    return _problem(SharedFileUnits(node.storage), argument)


def check_file_disks(node: NodeContext, argument: object, hvparams: HvParamsByName) -> object:
    """Answer the disks in a directory for file storage, by their paths inside of it."""
    return FileUnits(node.storage).disks(_path(argument))


def check_shared_file_disks(node: NodeContext, argument: object, hvparams: HvParamsByName) -> object:
    """Answer the same for shared file storage."""
    return SharedFileUnits(node.storage).disks(_path(argument))


def check_oob_paths(node: NodeContext, argument: object, hvparams: HvParamsByName) -> object:
    """Answer null or what is wrong for each out-of-band program named, in order."""
    return [verify_files.program_problem(path) for path in _names("oob-paths", argument)]


def check_user_scripts(node: NodeContext, argument: object, hvparams: HvParamsByName) -> object:
    """Answer which of the scripts named are missing or not executable."""
    paths = _names("user-scripts", argument)
    return [path for path in paths if verify_files.program_problem(_local(node, path)) is not None]


def _problem(kind: FileUnits, argument: object) -> str | None:
    return kind.unit(_path(argument)).problem


def _path(argument: object) -> str:
    if not isinstance(argument, str):
        raise errors.ParameterError(f"cannot check a storage path: {argument!r} is no path")
    return argument


def _local(node: NodeContext, path: str) -> str:
    """Return the path on this node; one that is not virtual in a virtual cluster is outside of all nodes."""
    try:
        return node.paths.localize(path)
    except errors.ParameterError:
        return path


# --- adapters for checks that are made elsewhere -------------------------------------------


def check_filelist(node: NodeContext, argument: object, hvparams: HvParamsByName) -> object:
    """Answer {path as given: SHA-1 of the content} of those files that are there."""
    return verify_files.checksums(node.paths, _names("filelist", argument))


def check_nodesetup(node: NodeContext, argument: object, hvparams: HvParamsByName) -> object:
    """Answer what is wrong with directories and key files of this node."""
    return verify_files.setup_problems(node.paths)


def check_client_cert(node: NodeContext, argument: object, hvparams: HvParamsByName) -> object:
    """Answer [null, digest] of the client certificate, or ["ERROR", what is wrong]."""
    return list(verify_files.client_certificate(node.paths, node.clock.time()))


def check_cert_expiry(node: NodeContext, argument: object, hvparams: HvParamsByName) -> object:
    """Answer [["ERROR" or "WARNING", text]] for certificates that expire soon; `spec/` has no such check."""
    return [
        *verify_files.certificate_expiry(node.paths, node.clock.time()),
        *verify_files.unfinished_renewal(node.paths),
    ]


def check_allowed_paths(node: NodeContext, argument: object, hvparams: HvParamsByName) -> object:
    """Answer the directories that are allowed for file storage but must not be."""
    return verify_files.bad_storage_paths(node.paths, os.getuid())


def check_nodelist(node: NodeContext, argument: object, hvparams: HvParamsByName) -> object:
    """Answer {node: what is wrong} for the nodes, [name, address] each or a name, whose daemon cannot be reached."""
    return verify_network.unreachable_nodes(node, _NODE_LIST.parse(argument, "nodelist"))


def check_node_net(node: NodeContext, argument: object, hvparams: HvParamsByName) -> object:
    """Answer {node: what is wrong} for the [[name, primary ip, secondary ip]] not reached from the same network."""
    return verify_network.unreachable_networks(node, _NET_LIST.parse(argument, "node-net-test"))


def check_master_ip(node: NodeContext, argument: object, hvparams: HvParamsByName) -> object:
    """Answer whether the cluster's address is reached; the argument is [master name, address]."""
    master, address = _PAIR.parse(argument, "master-ip")
    return verify_network.master_ip_reached(node, master, address)


# --- arguments -----------------------------------------------------------------------------

_NAMES: Type = type_of(Sequence[str])
_HYPERVISORS: Type = type_of(Sequence[HypervisorName])
_HV_SPECS: Type = type_of(Sequence[tuple[str, HypervisorName, Mapping[str, object]]])
_NODE_LIST: Type = type_of(Sequence[str | tuple[str, str]])
_NET_LIST: Type = type_of(Sequence[tuple[str, str, str]])
_PAIR: Type = type_of(tuple[str, str])


def _names(check: str, argument: object) -> Sequence[str]:
    names: Sequence[str] = _NAMES.parse(argument, check)
    return names


def _hypervisors(check: str, argument: object) -> Sequence[HypervisorName]:
    names: Sequence[HypervisorName] = _HYPERVISORS.parse(argument, check)
    return names


CHECKS: Mapping[str, Check] = {
    "allowed-file-storage-paths": check_allowed_paths,
    "bridges": check_bridges,
    "cert-expiry": check_cert_expiry,
    "client-cert": check_client_cert,
    "file-disks": check_file_disks,
    "file-storage-path": check_storage_path,
    "file-storage-paths": check_allowed_paths,
    "filelist": check_filelist,
    "hvinfo": check_hvinfo,
    "hvparms": check_hvparms,
    "hypervisor": check_hypervisor,
    "instancelist": check_instancelist,
    "master-ip": check_master_ip,
    "node-net-test": check_node_net,
    "nodelist": check_nodelist,
    "nodesetup": check_nodesetup,
    "oob-paths": check_oob_paths,
    "oslist": check_oslist,
    "shared-file-disks": check_shared_file_disks,
    "shared-file-storage-path": check_shared_storage_path,
    "time": check_time,
    "user-scripts": check_user_scripts,
    "version": check_version,
}

_ONLY_WITH_INSTANCES = frozenset({"bridges", "hvinfo", "hvparms", "hypervisor", "instancelist", "oslist"})
