"""Masters of a running cluster that are lost, and those that take their place."""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Sequence

from ganeti.bootstrap import daemons
from ganeti.luxi import methods
from ganeti.utils import files, json
from test.support import invariants
from test.support.cluster import Cluster
from test.support.polling import until

#: what is there of a node when it has lost its power: nothing
_DAEMONS = ("ganeti-masterd", "ganeti-rapi", "ganeti-confd", "ganeti-noded")


def power_off(cluster: Cluster, *nodes: str) -> None:
    """End all daemons of nodes at once, as if they had lost their power."""
    for node in nodes:
        for daemon in _DAEMONS:
            if cluster.pid(daemon, node) is not None:
                cluster.kill(daemon, node)


def power_on(cluster: Cluster, *nodes: str) -> None:
    """Start what a node starts when it boots; what must not run there does not."""
    for node in nodes:
        cluster.cmd("daemon-util", "start-all", node=node)
        assert cluster.pid(daemons.NODED, node) is not None


def freeze(cluster: Cluster, *nodes: str) -> None:
    """Let nodes hang: their daemons neither answer nor end."""
    _signal(cluster, nodes, signal.SIGSTOP)


def thaw(cluster: Cluster, *nodes: str) -> None:
    """Let them go on."""
    _signal(cluster, nodes, signal.SIGCONT)


def _signal(cluster: Cluster, nodes: Sequence[str], number: signal.Signals) -> None:
    for node in nodes:
        for daemon in _DAEMONS:
            pid = cluster.pid(daemon, node)
            if pid is not None:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)


def masters(cluster: Cluster) -> list[str]:
    """Return the nodes whose master daemon answers."""
    return [node for node in cluster.nodes if not cluster.cmd("gnt-cluster", "master-ping", node=node).failed]


def version(cluster: Cluster, node: str) -> tuple[int, int]:
    """Return (term, serial number) of the configuration on a node."""
    data = json.loads(files.read_file(cluster.paths(node).config_file))
    return data["cluster"].get("master_term") or 0, data["serial_no"]


def settle(cluster: Cluster, master: str, acknowledged: Sequence[int] = ()) -> None:
    """Wait until all nodes follow a master, then check that all is as it must be."""
    followed(cluster, master)
    assert masters(cluster) == [master]
    invariants.check(cluster, acknowledged, leftovers=True)


def followed(cluster: Cluster, master: str) -> None:
    """Wait until all nodes follow a master."""
    until(
        lambda: (
            {files.read_text(cluster.paths(node).ssconf_file("master_node")).strip() for node in cluster.nodes}
            == {master}
        ),
        f"all nodes name {master}",
        60,
    )


def jobs_of(cluster: Cluster, node: str) -> dict[int, str]:
    """Return id and status of all jobs the master daemon of a node knows."""
    with cluster.luxi(node) as client:
        return dict(client.call(methods.query_jobs, None, ["id", "status"]))
