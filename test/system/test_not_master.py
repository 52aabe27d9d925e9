"""The master daemon where it must not run, and the way in for those who know better."""

from __future__ import annotations

import signal
from collections.abc import Iterator

import pytest

from ganeti.bootstrap import daemons
from ganeti.utils import files, json
from test.support.cluster import Cluster, running_cluster
from test.support.polling import until


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster in which others want to be the master."""
    with running_cluster(tmp_path_factory.mktemp("master"), nodes=3) as found:
        yield found


@pytest.fixture
def pretender(cluster: Cluster) -> Iterator[str]:
    """A node whose copy of the configuration names it the master, as after a failover nobody else knows of."""
    path = cluster.paths("node2").config_file
    good = files.read_file(path)
    data = json.loads(good)
    data["cluster"]["master_node"] = next(node["uuid"] for node in data["nodes"].values() if node["name"] == "node2")
    files.write_file(path, json.dumps_bytes(data), durable=False)
    yield "node2"
    if cluster.pid(daemons.MASTERD, "node2") is not None:
        cluster.kill(daemons.MASTERD, "node2", signal.SIGTERM)
    files.write_file(path, good, durable=False)


def test_node_that_is_not_the_master_refuses_with_its_own_exit_code(cluster: Cluster) -> None:
    for more in ([], ["--no-voting", "--yes-do-it"]):
        done = cluster.cmd("ganeti-masterd", "-f", *more, node=2)

        assert done.exit_code == 11
        assert "the configuration names node1 as the master, this is node2" in done.stderr


def test_daemon_that_is_started_in_the_background_tells_the_same(cluster: Cluster) -> None:
    done = cluster.cmd("ganeti-masterd", node=2)

    assert done.exit_code == 11 and "names node1 as the master" in done.stderr
    assert cluster.pid(daemons.MASTERD, "node2") is None
    started = cluster.cmd("daemon-util", "start", daemons.MASTERD, node=2)
    assert started.exit_code != 0 and cluster.pid(daemons.MASTERD, "node2") is None


def test_node_without_configuration_refuses(cluster: Cluster) -> None:
    path = cluster.paths("node3").config_file
    cluster.ok("gnt-node", "modify", "-C", "no", "--auto-promote", "node3")

    done = cluster.cmd("ganeti-masterd", "-f", node=3)

    assert done.exit_code == 1 and f"{path}: no such file" in done.stderr
    cluster.ok("gnt-node", "modify", "-C", "yes", "node3")


def test_master_that_is_outvoted_refuses(cluster: Cluster, pretender: str) -> None:
    done = cluster.cmd("ganeti-masterd", "-f", node=pretender)

    assert done.exit_code == 11, done.output
    assert "2 of 3 nodes name node1 as the master" in done.stderr and "--no-voting --yes-do-it" in done.stderr
    cluster.ok("gnt-debug", "delay", "0.01")


def test_no_voting_is_asked_about(cluster: Cluster, pretender: str) -> None:
    done = cluster.cmd("ganeti-masterd", "-f", "--no-voting", node=pretender)

    assert done.exit_code == 1 and "Type YES to go on" in done.stdout
    assert cluster.pid(daemons.MASTERD, pretender) is None


def test_no_voting_starts_all_the_same(cluster: Cluster) -> None:
    cluster.restart_master()
    cluster.kill_master(signal.SIGTERM)
    for node in cluster.nodes[1:]:
        cluster.kill(daemons.NODED, node, signal.SIGTERM)

    cluster.ok("ganeti-masterd", "--no-voting", "--yes-do-it")

    cluster.ok("gnt-cluster", "info")
    for node in cluster.nodes[1:]:
        cluster.start(daemons.NODED, node)
    until(lambda: not cluster.cmd("gnt-cluster", "verify").failed, "the cluster is clean")


def test_master_with_the_votes_of_most_starts_while_one_node_is_down(cluster: Cluster) -> None:
    cluster.kill_master(signal.SIGTERM)
    cluster.kill(daemons.NODED, "node3")

    cluster.start(daemons.MASTERD, "node1")

    cluster.ok("gnt-debug", "delay", "0.01")
    cluster.start(daemons.NODED, "node3")


def test_commands_on_another_node_name_the_master(cluster: Cluster) -> None:
    done = cluster.cmd("gnt-instance", "list", node=3)

    assert done.exit_code == 11 and "run the command on node1" in done.stderr
