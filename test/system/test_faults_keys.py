"""Keys of a real cluster that expire, are changed, and whose change is cut off at every step."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Iterator

import pytest

from ganeti import errors
from ganeti.bootstrap import daemons, renewal
from ganeti.bootstrap.renew import Means, Wanted, renew
from ganeti.confd.client import ConfdClient, read_key, read_peers
from ganeti.confd.requests import RequestType
from ganeti.utils import files, x509
from test.support import invariants
from test.support.cluster import Cluster, running_cluster

RENEW = ("gnt-cluster", "renew-crypto")
NODES = 3


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with running_cluster(tmp_path_factory.mktemp("keys"), nodes=NODES) as found:
        yield found


def server_digest(cluster: Cluster, node: str) -> str:
    return x509.cert_digest(files.read_file(cluster.paths(node).server_cert))


def check_settled(cluster: Cluster) -> None:
    """All nodes have the same keys, trust no others, have certificates of the one authority, and work."""
    first = cluster.paths(1)
    for node in cluster.nodes:
        paths = cluster.paths(node)
        for path in (paths.server_cert, paths.hmac_key, paths.rapi_cert, paths.domain_secret):
            assert files.read_file(path) == files.read_file(os.path.join(first.data_dir, os.path.basename(path))), path
        assert not any(map(os.path.exists, (paths.hmac_key_new, paths.hmac_key_old, paths.renewal_file)))
        assert len(x509.load_certificates("server", files.read_file(paths.server_cert))) == 1
        signer = x509.load_certificate("server", files.read_file(paths.server_cert))
        x509.load_certificate("client", files.read_file(paths.client_cert)).verify_directly_issued_by(signer)
    with ConfdClient.of_node(first) as client:
        assert client.ask(RequestType.CLUSTER_MASTER, coverage=-1).replied == len(read_peers(first))
    assert "WARNING" not in cluster.ok("gnt-cluster", "verify")
    invariants.check(cluster, leftovers=True)


def test_f33_all_keys_are_changed_while_jobs_run(cluster: Cluster) -> None:
    paths = cluster.paths(1)
    before = {path: files.read_file(path) for path in (paths.server_cert, paths.rapi_cert, paths.hmac_key)}
    before[paths.domain_secret] = files.read_file(paths.domain_secret)
    clients = {files.read_file(cluster.paths(node).client_cert) for node in cluster.nodes}
    pids = {(name, node): cluster.pid(name, node) for name in invariants.DAEMONS for node in cluster.nodes}
    running = cluster.ok("gnt-debug", "delay", "--submit", "-n", "node2", "-n", "node3", "3").split()[-1]

    cluster.ok(
        *(*RENEW, "--new-cluster-certificate", "--new-rapi-certificate", "--new-confd-hmac-key"),
        "--new-cluster-domain-secret",
    )

    assert all(files.read_file(path) != content for path, content in before.items())
    assert not clients & {files.read_file(cluster.paths(node).client_cert) for node in cluster.nodes}
    cluster.ok("gnt-job", "watch", running)
    assert pids == {(name, node): cluster.pid(name, node) for name, node in pids}
    check_settled(cluster)
