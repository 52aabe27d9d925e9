"""Files that nodes hold alike: sent by redist-conf, to new nodes and candidates, and looked at by verify."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator

import pytest

from ganeti.bootstrap import daemons
from ganeti.utils import files
from test.support import invariants
from test.support.admin import of_node, refused
from test.support.cluster import Cluster, running_cluster
from test.support.polling import until


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster with two master candidates and a node that is none."""
    with running_cluster(tmp_path_factory.mktemp("redistribute"), nodes=3) as found:
        found.ok("gnt-cluster", "modify", "--candidate-pool-size=2")
        found.ok("gnt-node", "modify", "--master-candidate=no", "node3")
        yield found


@pytest.fixture(autouse=True)
def healed(cluster: Cluster) -> Iterator[None]:
    """After each test all nodes hold the same, and the administrator has no wishes."""
    yield
    cluster.start(daemons.NODED, "node3")
    for node in cluster.nodes:
        files.remove_file(cluster.paths(node).admin_list, missing_ok=True)
    cluster.ok("gnt-cluster", "redist-conf")
    until(lambda: not cluster.cmd("gnt-cluster", "verify").failed, "the cluster is clean")
    invariants.check(cluster, leftovers=True)


def there(cluster: Cluster, node: str, path: str) -> str:
    """Return where a file is on a node."""
    return cluster.paths(node).root + path


def wish(cluster: Cluster, text: str) -> None:
    """Write the administrator's list on the master."""
    files.ensure_dir(cluster.paths(1).config_dir, 0o755)
    files.write_file(cluster.paths(1).admin_list, text, mode=0o644)


def write(cluster: Cluster, path: str, text: str, mode: int = 0o640) -> None:
    """Write a file on the master."""
    files.ensure_dir(os.path.dirname(there(cluster, "node1", path)), 0o755)
    files.write_file(there(cluster, "node1", path), text, mode=mode)


def holders(cluster: Cluster, path: str, text: str) -> list[str]:
    """Return the nodes that have a file with this text."""
    places = {node: there(cluster, node, path) for node in cluster.nodes}
    return [node for node, place in places.items() if os.path.exists(place) and files.read_text(place) == text]


def test_the_administrators_files_go_where_the_list_says_and_the_list_with_them(cluster: Cluster) -> None:
    write(cluster, "/etc/xen/xend.sxp", "for all\n", 0o600)
    write(cluster, "/etc/only/candidates", "for some\n")
    wish(cluster, "/etc/xen/xend.sxp\n/etc/only/candidates  candidates\n")
    assert "xend.sxp is missing on node2, node3" in cluster.cmd("gnt-cluster", "verify").output

    cluster.ok("gnt-cluster", "redist-conf")

    assert holders(cluster, "/etc/xen/xend.sxp", "for all\n") == ["node1", "node2", "node3"]
    assert stat.S_IMODE(os.stat(there(cluster, "node3", "/etc/xen/xend.sxp")).st_mode) == 0o600
    assert holders(cluster, "/etc/only/candidates", "for some\n") == ["node1", "node2"]
    assert files.read_file(cluster.paths(3).admin_list) == files.read_file(cluster.paths(1).admin_list)
    cluster.ok("gnt-cluster", "verify")


def test_a_node_that_becomes_candidate_gets_the_files_of_candidates(cluster: Cluster) -> None:
    write(cluster, "/etc/only/candidates", "for the new one\n")
    wish(cluster, "/etc/only/candidates candidates\n")
    cluster.ok("gnt-cluster", "redist-conf")
    assert holders(cluster, "/etc/only/candidates", "for the new one\n") == ["node1", "node2"]

    cluster.ok("gnt-cluster", "modify", "--candidate-pool-size=3")
    cluster.ok("gnt-node", "modify", "--master-candidate=yes", "node3")
    try:
        assert holders(cluster, "/etc/only/candidates", "for the new one\n") == ["node1", "node2", "node3"]
        cluster.ok("gnt-cluster", "verify")
    finally:
        cluster.ok("gnt-cluster", "modify", "--candidate-pool-size=2")
        cluster.ok("gnt-node", "modify", "--master-candidate=no", "node3")


def test_a_node_that_is_taken_back_gets_all_files(cluster: Cluster) -> None:
    write(cluster, "/etc/xen/xend.sxp", "newer\n")
    wish(cluster, "/etc/xen/xend.sxp\n")
    cluster.ok("gnt-node", "modify", "--offline=yes", "node3")

    cluster.ok("gnt-node", "add", "--readd", "node3")

    assert holders(cluster, "/etc/xen/xend.sxp", "newer\n") == ["node1", "node3"]


def test_a_list_that_cannot_be_used_is_told_by_redist_conf_and_verify(cluster: Cluster) -> None:
    wish(cluster, "/etc/xen/xend.sxp nowhere\n")

    assert "line 1: after the path may come" in refused(cluster, "gnt-cluster redist-conf")
    assert "line 1: after the path may come" in cluster.cmd("gnt-cluster", "verify").output


def test_f19_a_node_that_is_down_misses_changes_is_named_by_verify_and_caught_up_when_it_is_back(
    cluster: Cluster,
) -> None:
    write(cluster, "/etc/xen/xend.sxp", "while it was down\n")
    wish(cluster, "/etc/xen/xend.sxp\n")
    cluster.ok("daemon-util", "stop", daemons.NODED, node=3)

    cluster.ok("gnt-cluster", "modify", "--reserved-lvs=later")
    told = cluster.cmd("gnt-cluster", "redist-conf")

    assert not told.failed and "node node3 misses files and ssconf" in told.output
    assert holders(cluster, "/etc/xen/xend.sxp", "while it was down\n") == ["node1", "node2"]
    found = cluster.cmd("gnt-cluster", "verify")
    assert found.failed and "node3: is behind: it misses files and ssconf" in found.output
    cluster.start(daemons.NODED, "node3")
    until(lambda: len(holders(cluster, "/etc/xen/xend.sxp", "while it was down\n")) == 3, "it is caught up", 60)
    until(lambda: not cluster.cmd("gnt-cluster", "verify").failed, "verify has nothing to say", 60)
    cluster.ok("gnt-cluster", "modify", "--reserved-lvs=")


def test_f34_a_node_without_keys_is_named_by_verify_and_not_added(cluster: Cluster) -> None:
    paths = cluster.paths(3)
    keys = {key: files.read_file(key) for key in (paths.hmac_key, paths.domain_secret)}
    for key in keys:
        os.unlink(key)

    found = cluster.cmd("gnt-cluster", "verify").output
    assert all(f"{os.path.basename(key)} is missing on node3" in found for key in keys)
    cluster.ok("gnt-node", "modify", "--offline=yes", "node3")
    told = refused(cluster, "gnt-node add --readd --no-node-setup node3")
    assert all(os.path.basename(key) in told for key in keys)
    assert of_node(cluster, "node3", "role") == ["O"]

    cluster.ok("gnt-node", "add", "--readd", "node3")
    assert {key: files.read_file(key) for key in keys} == keys
    assert of_node(cluster, "node3", "role") == ["R"]
