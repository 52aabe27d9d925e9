"""What makes a machine a node of a cluster: its key files and the first ssconf values.

The same `NodeSetup` is applied in the three ways a node can be reached: locally
(cluster init), through the shared directory of a virtual cluster, and over SSH,
where it travels as JSON to `tools/node-setup` on the other side.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from ganeti import errors, ssconf
from ganeti.bootstrap import daemons, directories
from ganeti.model.scalars import HostName, NodeName, Uuid
from ganeti.paths import Paths
from ganeti.schema import Record, param
from ganeti.utils import files

KEY_MODE = 0o400


class NodeSetup(Record):
    """All a machine is given to become a node."""

    node_name: NodeName = param(doc="Name of the node")
    cluster_name: HostName = param(doc="Name of the cluster it joins")
    cluster_uuid: Uuid = param(doc="Identity of that cluster")
    force_join: bool = param(default=False, doc="Join even if the node belongs to another cluster")
    server_cert: str = param(secret=True, doc="Cluster key and certificate, PEM")
    client_cert: str = param(secret=True, doc="Key and certificate of the node's own calls, PEM")
    rapi_cert: str = param(secret=True, doc="Key and certificate of the remote API, PEM")
    hmac_key: str = param(secret=True, doc="Key of confd")
    domain_secret: str = param(secret=True, doc="Secret between clusters")
    ssconf: Mapping[str, str] = param(factory=dict, doc="First ssconf values")


def apply(paths: Paths, setup: NodeSetup) -> None:
    """Make the machine with these paths a node, and start its daemons.

    May be repeated: files are replaced whole, the certificate that says that the
    node is one comes last.  Raises StateError when it belongs to another cluster.
    """
    if setup.node_name != paths.hostname:
        raise errors.StateError(f"cannot set up node {setup.node_name}: this machine is {paths.hostname}")
    _refuse_other_cluster(paths, setup)
    directories.ensure(paths)
    joined_before = os.path.exists(paths.server_cert)
    ssconf.write_ssconf(paths, {**setup.ssconf, "cluster_name": setup.cluster_name, "cluster_uuid": setup.cluster_uuid})
    files.write_file(paths.hmac_key, setup.hmac_key, mode=KEY_MODE)
    files.write_file(paths.domain_secret, setup.domain_secret, mode=KEY_MODE)
    files.write_file(paths.rapi_cert, setup.rapi_cert, mode=KEY_MODE)
    files.write_file(paths.client_cert, setup.client_cert, mode=KEY_MODE)
    files.write_file(paths.server_cert, setup.server_cert, mode=KEY_MODE)
    daemons.restart_noded(paths, joined_before=joined_before)
    daemons.start_or_wake(paths, daemons.CONFD)


def write_new(path: str, data: bytes) -> None:
    """Write a key file that must not exist yet.

    Raises StateError when it does.
    """
    if os.path.exists(path):
        raise errors.StateError(f"cannot create {path}: it exists; is there a cluster on this node already?")
    files.write_file(path, data, mode=KEY_MODE)


def _refuse_other_cluster(paths: Paths, setup: NodeSetup) -> None:
    try:
        uuid = ssconf.read_ssconf(paths, "cluster_uuid")
        name = ssconf.read_ssconf(paths, "cluster_name")
    except errors.ConfigurationError:
        return
    if uuid and uuid != setup.cluster_uuid and not setup.force_join and os.path.exists(paths.server_cert):
        raise errors.StateError(
            f"cannot make {setup.node_name} a node of {setup.cluster_name}: it belongs to cluster {name};"
            " remove it there first, or use --force-join"
        )
