"""The files that every node of a cluster has to hold alike (`spec/files.json`, cluster_verify_files).

One table for both who sends them and who verifies that they are the same everywhere.
"""

from __future__ import annotations

import enum
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from ganeti.model.enums import HypervisorName
from ganeti.model.objects.cluster import Cluster
from ganeti.model.objects.node import Node
from ganeti.paths import Paths


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
    have ways of their own.
    """

    path: str
    where: Where = Where.ALL
    optional: bool = False
    sent: bool = True


def cluster_files(paths: Paths, cluster: Cluster, ssconf_keys: Iterable[str]) -> list[ClusterFile]:
    """Return all files that are to be the same on the nodes they belong to."""
    found = [
        ClusterFile(paths.known_hosts, optional=True),
        ClusterFile(paths.hmac_key),
        ClusterFile(paths.domain_secret),
        ClusterFile(paths.rapi_cert),
        ClusterFile(paths.spice_cert, optional=True),
        ClusterFile(paths.spice_ca, optional=True),
        ClusterFile(paths.rapi_users, optional=True),
        ClusterFile(paths.server_cert, sent=False),
        ClusterFile(paths.file_storage_paths_file, optional=True, sent=False),
        ClusterFile(paths.config_file, Where.CANDIDATES, sent=False),
    ]
    if cluster.use_external_mip_script:
        found.append(ClusterFile(paths.master_ip_script))
    by_hypervisor: Mapping[HypervisorName, str] = {
        HypervisorName.KVM: paths.kvm_vif_script,
        HypervisorName.XEN_HVM: paths.vnc_password_file,
    }
    for hypervisor, path in by_hypervisor.items():
        if hypervisor in cluster.enabled_hypervisors:
            found.append(ClusterFile(path, Where.VM_CAPABLE, optional=True))
    found += [ClusterFile(paths.ssconf_file(key), sent=False) for key in ssconf_keys]
    return found
