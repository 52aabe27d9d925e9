"""The master is lost, or handed over, and nothing that was acknowledged is."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from ganeti import mastership
from ganeti.bootstrap import daemons
from ganeti.utils import files, json
from test.support.cluster import Cluster, running_cluster
from test.support.polling import until


@pytest.fixture
def cluster(tmp_path: os.PathLike[str]) -> Iterator[Cluster]:
    """A cluster whose master may be lost."""
    with running_cluster(tmp_path, nodes=3) as found:
        yield found


def serves(cluster: Cluster, node: str) -> bool:
    return not cluster.cmd("gnt-cluster", "master-ping", node=node).failed


def masters(cluster: Cluster) -> list[str]:
    """Return the nodes whose master daemon answers."""
    return [node for node in cluster.nodes if serves(cluster, node)]


def serial(cluster: Cluster, node: str) -> tuple[int, int]:
    data = json.loads(files.read_file(cluster.paths(node).config_file))
    return data["cluster"].get("master_term") or 0, data["serial_no"]


def test_f04_old_master_that_returns_starts_no_daemon_and_its_commands_refuse(cluster: Cluster) -> None:
    cluster.kill_master()
    cluster.ok("gnt-cluster", "master-failover", node=2)

    assert masters(cluster) == ["node2"]
    refused = cluster.cmd("ganeti-masterd", "-f", node=1)
    assert refused.exit_code == 11, refused.output
    assert "follows node2, the master since term 1" in refused.stderr or "names node2" in refused.stderr
    for command in (("gnt-node", "list"), ("gnt-cluster", "info"), ("gnt-cluster", "add-tags", "x")):
        done = cluster.cmd(*command, node=1)
        assert done.exit_code == 11 and "run the command on node2" in done.stderr, done.output
    cluster.ok("gnt-cluster", "verify", node=2)
    assert mastership.read(cluster.paths("node3"))[:2] == (1, "node2")


def test_failover_from_a_master_that_works_is_a_handover(cluster: Cluster) -> None:
    cluster.ok("gnt-cluster", "add-tags", "before")

    said = cluster.ok("gnt-cluster", "master-failover", node=3)

    assert "node3 is the master now" in said
    assert masters(cluster) == ["node3"] and cluster.pid(daemons.MASTERD, "node1") is None
    assert "before" in cluster.ok("gnt-cluster", "list-tags", node=3)
    until(lambda: serial(cluster, "node1") == serial(cluster, "node3"), "the old master is a candidate like others")
    again = cluster.ok("gnt-cluster", "master-failover", node=3)
    assert "is the master already" in again and serial(cluster, "node3")[0] == 1


def test_stopped_master_that_goes_on_later_acknowledges_nothing(cluster: Cluster) -> None:
    pid = cluster.pid(daemons.MASTERD)
    assert pid is not None
    client = cluster.luxi()
    cluster.kill(daemons.NODED, "node1")  # so that nobody can stop the daemon there
    os.kill(pid, signal.SIGSTOP)
    cluster.ok("gnt-cluster", "master-failover", node=2)

    os.kill(pid, signal.SIGCONT)

    done = cluster.cmd("gnt-cluster", "add-tags", "lost", node=1)
    assert done.failed
    client.close()
    until(lambda: cluster.pid(daemons.MASTERD, "node1") is None, "the old master daemon ends")
    assert masters(cluster) == ["node2"]
    assert "lost" not in cluster.ok("gnt-cluster", "list-tags", node=2)
