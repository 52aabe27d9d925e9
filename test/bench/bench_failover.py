"""How long a cluster is without a master: `python -m test.bench.bench_failover [NODES...]`, a line for each size.

5 and 20 nodes unless others are named, all of them master candidates up to the pool
size.  The whole first node is lost, with jobs in the queue; `gnt-cluster
master-failover` is typed on another candidate, and its LUXI socket asked until it answers.
The reference of the same run is the start of one bare Python.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from typing import NamedTuple

from ganeti import errors
from ganeti.luxi import methods
from ganeti.luxi.client import Client
from ganeti.vcluster import grow
from test.support.cluster import Cluster, virtual_nodes
from test.support.faults import delay, submit
from test.support.mastership import power_off, power_on

SIZES = (5, 20)
TURNS = 5
JOBS = 100
TIMEOUT = 300.0
_PAUSE = 0.002


class Figures(NamedTuple):
    """Seconds, of several failovers."""

    nodes: int
    answers: Sequence[float]
    ends: Sequence[float]
    reference: float

    def line(self) -> str:
        """Return the figures as one line."""
        return (
            f"failover: {self.nodes} nodes, master killed -> new master answers LUXI"
            f" {statistics.median(self.answers):.2f} s (best {min(self.answers):.2f}, worst {max(self.answers):.2f}),"
            f" command ended {statistics.median(self.ends):.2f} s; bare python {self.reference * 1000:.0f} ms"
        )


def bench(nodes: int) -> Figures:
    """Make a cluster and lose its master some times."""
    answers, ends = [], []
    with tempfile.TemporaryDirectory(prefix="bench-failover-") as base, virtual_nodes(base, nodes) as cluster:
        started = cluster.run("start-all", "-q", timeout=TIMEOUT)
        assert not started.failed, started.output
        grow.initialise(cluster.directory, lambda line: None, grow.RUNNING_JOBS)
        grow.add_nodes(cluster.directory, cluster.nodes, lambda done: None)
        master, other = "node1", another_candidate(cluster)
        for _ in range(TURNS):
            with cluster.luxi(master) as client:
                for _ in range(JOBS):
                    submit(client, delay(0.001))
            answered, ended = lose(cluster, master, other)
            answers.append(answered)
            ends.append(ended)
            power_on(cluster, master)
            master, other = other, master
    return Figures(nodes, answers, ends, reference())


def another_candidate(cluster: Cluster) -> str:
    """Return a master candidate that is not the master."""
    return cluster.ok("gnt-node", "list", "--no-headers", "-o", "name", "--filter", 'role == "C"').split()[0]


def lose(cluster: Cluster, master: str, other: str) -> tuple[float, float]:
    """Lose a master; return the seconds until the other one answers, and until the command has ended."""
    power_off(cluster, master)
    begin = time.perf_counter()
    command = threading.Thread(
        target=cluster.ok, args=("gnt-cluster", "master-failover"), kwargs={"node": other, "timeout": TIMEOUT}
    )
    command.start()
    answered = until_answered(cluster.paths(other).master_socket, begin)
    command.join()
    return answered, time.perf_counter() - begin


def until_answered(path: str, begin: float) -> float:
    """Return the seconds after `begin` when the master daemon at a socket answered first."""
    while True:
        try:
            with Client(path, connect_timeout=_PAUSE) as client:
                client.call(methods.query_config_values, ["master_node"])
                return time.perf_counter() - begin
        except errors.LuxiError:
            assert time.perf_counter() - begin < TIMEOUT
            time.sleep(_PAUSE)


def reference() -> float:
    """Return the seconds that the start of one bare Python takes."""
    begin = time.perf_counter()
    subprocess.run([sys.executable, "-IS", "-c", "pass"], check=True)
    return time.perf_counter() - begin


def main(argv: Sequence[str]) -> None:
    """Print a line for each size."""
    for size in [int(word) for word in argv] or SIZES:
        print(bench(size).line(), flush=True)


if __name__ == "__main__":
    os.environ.setdefault("LC_ALL", "C")
    main(sys.argv[1:])
