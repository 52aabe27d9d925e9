"""What making an instance costs: `python -m test.bench.bench_create [NODES...]`, a line for each size.

200 diskless instances, through `gnt-instance batch-create` and then ten more one by one,
on 20 nodes unless others are named.  CPU is of all daemons together; the reference of the
same run is as many bare forks as an instance takes calls that need a process.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from typing import NamedTuple

from ganeti.luxi import methods
from ganeti.luxi.client import Client
from ganeti.model.scalars import JobId, NodeName
from ganeti.utils import files, json
from ganeti.vcluster import grow
from test.bench.bench_jobs import follow
from test.bench.bench_rpc import bare_fork, cpu_of, cpu_per_round
from test.support.cluster import Cluster, virtual_nodes

SIZES = (20,)
INSTANCES = 200
SINGLE = 10
#: looks at the OS, the hypervisor's parameters and the node's memory, and the start
FORKS = 4
TIMEOUT = 600.0


class Figures(NamedTuple):
    """Instances per second; milliseconds for each."""

    nodes: int
    rate: float
    bulk_cpu: float
    alone: float
    alone_cpu: float
    forks: float

    def line(self) -> str:
        """Return the figures as one line."""
        return (
            f"create: {self.nodes} nodes: {INSTANCES} by batch-create {self.rate:.1f} /s, {self.bulk_cpu:.0f} ms CPU"
            f" each; one by one {self.alone:.0f} ms, {self.alone_cpu:.0f} ms CPU; {self.bulk_cpu / self.forks:.1f} x"
            f" {FORKS} bare forks ({self.forks:.1f} ms)"
        )


def measure(cluster: Cluster) -> Figures:
    """Measure a running cluster."""
    pids = list(cluster.processes())
    batch = os.path.join(cluster.directory, "batch.json")
    files.write_file(batch, json.dumps([_definition(cluster, number) for number in range(INSTANCES)]))
    before, begin = cpu_of(pids), time.perf_counter()
    cluster.ok("gnt-instance", "batch-create", batch, timeout=TIMEOUT)
    bulk, bulk_cpu = time.perf_counter() - begin, cpu_of(pids) - before
    before, times = cpu_of(pids), []
    with cluster.luxi() as client:
        for number in range(SINGLE):
            begin = time.perf_counter()
            _create(client, f"single{number}", cluster.nodes[number % len(cluster.nodes)])
            times.append(time.perf_counter() - begin)
    alone_cpu = cpu_of(pids) - before
    return Figures(
        len(cluster.nodes),
        INSTANCES / bulk,
        bulk_cpu / INSTANCES * 1000,
        statistics.median(times) * 1000,
        alone_cpu / SINGLE * 1000,
        FORKS * cpu_per_round(bare_fork),
    )


def _definition(cluster: Cluster, number: int) -> dict[str, object]:
    return {
        "instance_name": f"batch{number}",
        "mode": "create",
        "disk_template": "diskless",
        "disks": [],
        "nics": [],
        "os_type": "noop",
        "pnode": cluster.nodes[number % len(cluster.nodes)],
        "beparams": {"memory": grow.MEMORY, "vcpus": 1},
        "ip_check": False,
        "name_check": False,
    }


def _create(client: Client, name: str, node: str) -> None:
    op = grow.instance_op(name, node, with_disk=False).to_wire()
    follow(client, [JobId(client.call(methods.submit_job, [op]))])


def bench(nodes: int) -> Figures:
    """Make a cluster and measure it."""
    instances = 2 * (INSTANCES + SINGLE)
    with (
        tempfile.TemporaryDirectory(prefix="bench-create-") as base,
        virtual_nodes(base, nodes, instances, grow.node_memory(nodes, instances, 4096)) as cluster,
    ):
        started = cluster.run("start-all", "-q")
        assert not started.failed, started.output
        grow.initialise(cluster.directory, lambda line: None)
        grow.add_nodes(cluster.directory, [NodeName(name) for name in cluster.nodes], lambda done: None)
        return measure(cluster)


if __name__ == "__main__":
    os.environ.setdefault("LC_ALL", "C")
    for size in [int(word) for word in sys.argv[1:]] or SIZES:
        print(bench(size).line(), flush=True)
