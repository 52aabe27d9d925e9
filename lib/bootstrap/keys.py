"""Keys, certificates and secrets of a cluster: made once, by `gnt-cluster init`.

Every node holds the same server certificate, which is also the authority that signs
one client certificate per node.  Forms and modes are those of `spec/files.json`.
"""

from __future__ import annotations

import secrets

from ganeti.bootstrap.nodesetup import KEY_MODE, write_new
from ganeti.paths import Paths
from ganeti.utils import x509

COMMON_NAME = "ganeti.example.com"
SECRET_BYTES = 20


def create_cluster_keys(paths: Paths) -> None:
    """Make and write what a new cluster needs, on its first node.

    The server certificate is written last: it is what says that a node belongs to a
    cluster.  Raises EnvironmentFailure when a file cannot be written.
    """
    server = new_certificate()
    write_new(paths.hmac_key, new_secret())
    write_new(paths.domain_secret, new_secret())
    write_new(paths.rapi_cert, new_certificate(ca=False))
    write_new(paths.client_cert, new_client_certificate(server, paths.hostname))
    write_new(paths.server_cert, server)


def new_certificate(*, ca: bool = True) -> bytes:
    """Return a new key with a certificate it signed itself; `ca` lets it sign others."""
    return x509.create_self_signed(COMMON_NAME, x509.DAYS, ca=ca)


def new_secret() -> bytes:
    """Return a new shared secret: 40 hex digits and a newline."""
    return secrets.token_hex(SECRET_BYTES).encode() + b"\n"


def new_client_certificate(server_pem: bytes, node: str) -> bytes:
    """Return key and certificate for a node's calls to other nodes, signed by the cluster's."""
    return x509.create_signed(node, server_pem, x509.DAYS, serial=secrets.randbits(63))


__all__ = ["KEY_MODE", "create_cluster_keys", "new_client_certificate", "new_secret"]
