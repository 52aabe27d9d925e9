"""What a verification takes: `python -m test.bench.bench_verify [NODES...]` prints a line for each size.

`gnt-cluster verify` as it is typed, on virtual clusters of 20 nodes unless others are
named, each node with two instances.  CPU is that of all processes of the cluster and of
the command.  The reference of the same run is a program that imports nothing, started
once for each node, one after the other.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from typing import NamedTuple

from ganeti.luxi.client import Client
from ganeti.model.enums import CreateMode, DiskTemplate
from ganeti.model.opcodes.instance import OpInstanceCreate
from ganeti.model.scalars import NewInstanceName, NodeName, OsName
from ganeti.utils import process
from ganeti.vcluster import grow
from test.bench.bench_jobs import follow, submit
from test.support.cluster import Cluster, virtual_nodes

SIZES = (20,)
INSTANCES_PER_NODE = 2
ROUNDS = 5
_TICKS = os.sysconf("SC_CLK_TCK")


class Figures(NamedTuple):
    """Seconds: the best and the median run, CPU of one, and as many bare programs as there are nodes."""

    nodes: int
    best: float
    median: float
    cpu: float
    programs: float

    def line(self) -> str:
        """Return the figures as one line."""
        return (
            f"verify: {self.nodes} nodes, {self.nodes * INSTANCES_PER_NODE} instances: best {self.best:.2f} s,"
            f" median {self.median:.2f} s, {self.cpu:.2f} s CPU; {self.nodes} bare programs {self.programs:.2f} s,"
            f" {self.median / self.programs:.1f} x"
        )


def measure(cluster: Cluster) -> Figures:
    """Measure a running cluster."""
    spans = []
    before = cpu_of(cluster) + own_cpu()
    for _ in range(ROUNDS):
        begin = time.perf_counter()
        cluster.ok("gnt-cluster", "verify")
        spans.append(time.perf_counter() - begin)
    cpu = (cpu_of(cluster) + own_cpu() - before) / ROUNDS
    begin = time.perf_counter()
    for _ in cluster.nodes:
        process.run([sys.executable, "-I", "-S", "-c", "pass"])
    programs = time.perf_counter() - begin
    return Figures(len(cluster.nodes), min(spans), sorted(spans)[len(spans) // 2], cpu, programs)


def fill(client: Client, cluster: Cluster) -> None:
    """Create the instances."""
    ops = [
        OpInstanceCreate(
            instance_name=NewInstanceName(f"instance{number}"),
            mode=CreateMode.CREATE,
            disk_template=DiskTemplate.FILE,
            disks=[{"size": 1}],
            nics=[],
            os_type=OsName("noop"),
            beparams={"memory": 4, "vcpus": 1},
            pnode=NodeName(cluster.nodes[number % len(cluster.nodes)]),
        )
        for number in range(1, INSTANCES_PER_NODE * len(cluster.nodes) + 1)
    ]
    follow(client, submit(client, [[op.to_wire()] for op in ops]))


def cpu_of(cluster: Cluster) -> float:
    """Return the CPU seconds of all daemons of a cluster, and of what they started and ended."""
    total = 0
    for pid in cluster.processes():
        try:
            with open(f"/proc/{pid}/stat", "rb") as file:
                total += sum(map(int, file.read().rpartition(b")")[2].split()[11:15]))
        except OSError:
            continue
    return total / _TICKS


def own_cpu() -> float:
    """Return the CPU seconds of programs this one has started."""
    times = os.times()
    return times.children_user + times.children_system


def bench(nodes: int) -> Figures:
    """Make a cluster and measure it."""
    with tempfile.TemporaryDirectory(prefix="bench-verify-") as base, virtual_nodes(base, nodes) as cluster:
        started = cluster.run("start-all", "-q")
        assert not started.failed, started.output
        grow.initialise(cluster.directory, lambda line: None)
        grow.add_nodes(cluster.directory, [NodeName(name) for name in cluster.nodes], lambda done: None)
        with cluster.luxi() as client:
            fill(client, cluster)
        return measure(cluster)


if __name__ == "__main__":
    for size in [int(word) for word in sys.argv[1:]] or SIZES:
        print(bench(size).line(), flush=True)
