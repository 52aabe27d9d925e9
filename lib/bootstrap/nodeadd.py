"""Prepares a machine to be added to the cluster: keys there, node daemon running.

In a virtual cluster the other node's files lie in the shared cluster directory and
are written there; otherwise they go over SSH to `tools/node-setup` on the machine.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence

from ganeti import errors, ssconf
from ganeti.bootstrap import keys, nodesetup, ssh
from ganeti.model.scalars import HostName, IPAddress, NodeName, Uuid
from ganeti.paths import Paths
from ganeti.rpc import procedures as p
from ganeti.rpc import sync
from ganeti.rpc.client import Address
from ganeti.rpc.curl import CredentialFiles
from ganeti.schema import Record, param
from ganeti.utils import files, net

#: seconds to wait for the node daemon of a node that was just set up
ANSWER_TIMEOUT = 30.0
BETWEEN_TRIES = 0.02


class JoinOptions(Record):
    """How a node is to be reached and what is overridden."""

    node_name: str = param(doc="Name of the node, short or full")
    ssh_key_check: bool = param(default=True, doc="Ask about unknown SSH host keys")
    force_join: bool = param(default=False, doc="Join even if the node belongs to another cluster")
    node_setup: bool = param(default=True, doc="Set up keys and daemons on the node")
    ssh_port: int = param(default=22, doc="Port of the SSH server on the node")


def prepare_node(paths: Paths, options: JoinOptions) -> tuple[NodeName, IPAddress]:
    """Set up the machine and wait until its node daemon answers; return its full name and address.

    Raises UserError when the name is wrong, EnvironmentFailure when it cannot be reached.
    """
    return prepare_nodes(paths, [options])[0]


def prepare_nodes(paths: Paths, joining: Sequence[JoinOptions]) -> list[tuple[NodeName, IPAddress]]:
    """Set up several machines, and wait until the node daemons of all answer; return names and addresses.

    Raises as `prepare_node`, of the first that fails; those before it are set up.
    """
    if os.path.exists(paths.renewal_file):
        raise errors.StateError(
            "cannot add nodes while keys of the cluster are changed; if that was cut off, gnt-cluster renew-crypto"
            " goes on with it"
        )
    nodes: list[Address] = []
    for options in joining:
        host = net.look_up(options.node_name, paths)
        node = Address(NodeName(host.name), host.ip)
        if options.node_setup:
            _set_up(paths, node.name, options)
        nodes.append(node)
    # Later, so that all of them start at the same time.
    for node in nodes:
        wait_until_answers(paths, node)
    return [(node.name, IPAddress(node.primary_ip)) for node in nodes]


def wait_until_answers(paths: Paths, node: Address, timeout: float = ANSWER_TIMEOUT) -> None:
    """Wait until a node daemon answers with this cluster's certificate.

    Raises EnvironmentFailure naming what was seen last.
    """
    end = time.monotonic() + timeout
    credentials = CredentialFiles(paths.server_cert, paths.client_cert)
    uuid = ssconf.read_ssconf(paths, "cluster_uuid")
    while True:
        answer = sync.call_sync(node.name, node.primary_ip, credentials, uuid, p.version)
        if answer.ok:
            return
        if time.monotonic() > end:
            answer.unwrap("talk to the node daemon")
        time.sleep(BETWEEN_TRIES)


def _set_up(paths: Paths, name: NodeName, options: JoinOptions) -> None:
    setup = setup_for(paths, name, options.force_join)
    if paths.is_virtual:
        _apply_virtual(paths, setup)
    else:
        ssh.run_node_setup(name, setup, options.ssh_key_check, options.ssh_port)


def setup_for(paths: Paths, name: NodeName, force_join: bool) -> nodesetup.NodeSetup:
    """Return all that a machine is given to become a node of this cluster."""
    server = files.read_file(paths.server_cert)
    return nodesetup.NodeSetup(
        node_name=name,
        cluster_name=HostName(ssconf.read_ssconf(paths, "cluster_name")),
        cluster_uuid=Uuid(ssconf.read_ssconf(paths, "cluster_uuid")),
        force_join=force_join,
        server_cert=server.decode(),
        client_cert=keys.new_client_certificate(server, name).decode(),
        rapi_cert=files.read_text(paths.rapi_cert),
        hmac_key=files.read_text(paths.hmac_key),
        domain_secret=files.read_text(paths.domain_secret),
        ssconf=ssconf.read_all(paths),
    )


def _apply_virtual(paths: Paths, setup: nodesetup.NodeSetup) -> None:
    other = paths.for_node(setup.node_name)
    if not os.path.isdir(other.root):
        raise errors.UserError(
            f"cannot add node {setup.node_name}: {other.root} does not exist; make it with tools/vcluster-setup"
        )
    nodesetup.apply(other, setup)
