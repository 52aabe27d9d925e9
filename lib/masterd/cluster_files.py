"""The files that every node of a cluster has to hold alike (`spec/files.json`, cluster_verify_files).

One table for both who sends them and who verifies that they are the same everywhere.
"""

from __future__ import annotations

import enum
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from ganeti import errors
from ganeti.masterd.config.snapshot import Config
from ganeti.model.enums import HypervisorName
from ganeti.model.objects.base import Params
from ganeti.model.objects.node import Node
from ganeti.model.params.fill import fill_cluster_hvparams
from ganeti.model.params.hv import NAMING_FILES, hv_defaults
from ganeti.paths import Paths
from ganeti.utils.file_list import local_path, read_list


class Where(enum.Enum):
    """Which nodes hold a file."""

    ALL = "all nodes"
    CANDIDATES = "master candidates"
    VM_CAPABLE = "vm capable nodes"

    def includes(self, node: Node) -> bool:
        """Tell whether a node is one of them."""
        if self is Where.CANDIDATES:
            return node.master_candidate
        return node.vm_capable or self is Where.ALL


class ClusterFile(NamedTuple):
    """A file of the cluster: its path on this node, and where it belongs.

    `sent` ones are copied from the master when files are distributed; the others
    have ways of their own.  An `exclusive` one must not be on any other node.
    """

    path: str
    where: Where = Where.ALL
    optional: bool = False
    sent: bool = True
    exclusive: bool = False


class Wanted(NamedTuple):
    """Files nodes are to hold alike, and what is wrong with how some of them are named, in sentences."""

    files: Sequence[ClusterFile]
    problems: Sequence[str] = ()


def cluster_files(paths: Paths, config: Config, ssconf_keys: Iterable[str]) -> Wanted:
    """Return all files that are to be the same on the nodes they belong to; the list of some before what it lists."""
    cluster = config.cluster
    found = [
        ClusterFile(paths.known_hosts, optional=True),
        ClusterFile(paths.hmac_key),
        ClusterFile(paths.domain_secret),
        ClusterFile(paths.rapi_cert),
        ClusterFile(paths.spice_cert, optional=True),
        ClusterFile(paths.spice_ca, optional=True),
        ClusterFile(paths.rapi_users, optional=True),
        ClusterFile(paths.admin_list, optional=True),
        ClusterFile(paths.server_cert, sent=False),
        ClusterFile(paths.file_storage_paths_file, optional=True, sent=False),
        ClusterFile(paths.config_file, Where.CANDIDATES, sent=False, exclusive=True),
    ]
    if cluster.use_external_mip_script:
        found.append(ClusterFile(paths.master_ip_script))
    if cluster.modify_etc_hosts and not paths.is_virtual:  # virtual nodes share the one of the machine
        found.append(ClusterFile(paths.hosts_file))
    by_hypervisor: Mapping[HypervisorName, str] = {
        HypervisorName.KVM: paths.kvm_vif_script,
        HypervisorName.XEN_HVM: paths.vnc_password_file,
    }
    for hypervisor, path in by_hypervisor.items():
        if hypervisor in cluster.enabled_hypervisors:
            found.append(ClusterFile(path, Where.VM_CAPABLE, optional=True))
    named, listed = hypervisor_files(paths, config), _listed_files(paths)
    found += [ClusterFile(path, Where.VM_CAPABLE) for path in named.files]
    found += listed.files
    found += [ClusterFile(paths.ssconf_file(key), sent=False) for key in ssconf_keys]
    # Of two rows of one file the first counts: ours.
    once = {file.path: file for file in reversed(found)}
    return Wanted(list(once.values())[::-1], [*named.problems, *listed.problems])


class Named(NamedTuple):
    """Paths of files, and what is wrong with others, in sentences."""

    files: Sequence[str]
    problems: Sequence[str] = ()


def hypervisor_files(paths: Paths, config: Config) -> Named:
    """Return the files that parameters of enabled hypervisors name, besides the one there is without being named.

    Those of the cluster, of operating systems and of instances.  Whoever may change an
    instance is not to choose what of the master is written on all nodes: what an instance
    names has to lie beside what the cluster names.
    """
    cluster = config.cluster
    named: set[str] = set()
    by_instances: set[str] = set()
    places: set[str] = set()
    for hypervisor, parameters in NAMING_FILES.items():
        if hypervisor not in cluster.enabled_hypervisors:
            continue
        levels: list[Params] = [fill_cluster_hvparams(cluster, hypervisor)]
        levels += [of_os.get(hypervisor, {}) for of_os in cluster.os_hvp.values()]
        of_instances = [i.hvparams for i in config.instances.values() if i.hypervisor == hypervisor]
        for name in parameters:
            default = hv_defaults(hypervisor)[name]
            named |= _values(levels, name, default)
            by_instances |= _values(of_instances, name, default)
            places |= {os.path.dirname(path) for path in (*named, str(default or "")) if path}
    found, problems = set(), []
    for path in sorted(named | by_instances):
        try:
            local = local_path(paths, path)
        except errors.ParameterError as err:
            problems.append(str(err))
            continue
        if path in named or os.path.dirname(path) in places:
            found.add(local)
        else:
            problems.append(
                f"cannot send {path} to nodes: only an instance names it, and it is not in {', '.join(sorted(places))};"
                f" list it in {paths.admin_list} if all nodes are to have it"
            )
    return Named(sorted(found), problems)


def _values(levels: Iterable[Params], name: str, default: object) -> set[str]:
    return {str(level[name]) for level in levels if level.get(name) not in (None, "", default)}


def _listed_files(paths: Paths) -> Wanted:
    try:
        listed = read_list(paths, paths.admin_list)
    except errors.ConfigurationError as err:
        return Wanted([], [str(err)])
    return Wanted([ClusterFile(path, Where.CANDIDATES if some else Where.ALL) for path, some in listed])
