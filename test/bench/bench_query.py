"""What a question costs: `python -m test.bench.bench_query [INSTANCES...]` prints a line of figures for each size.

100, 1,000 and 5,000 diskless instances on a cluster of 5 nodes unless others are named.
CPU is of both ends, the node daemons left out.  The references of the same run: starting
a bare Python, and writing and reading the same answer as JSON.
"""

from __future__ import annotations

import os
import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from ganeti.bootstrap import daemons
from ganeti.luxi import methods
from ganeti.masterd.config.initial import config_text
from ganeti.masterd.config.load import read_config
from ganeti.model.enums import AdminState
from ganeti.model.scalars import NodeName
from ganeti.utils import files, json, process
from ganeti.vcluster import grow
from test.bench.bench_rpc import cpu_of
from test.support import config as build
from test.support.cluster import Cluster, virtual_nodes

SIZES = (100, 1000, 5000)
NODES = 5
ROUNDS = 15
SMALL = 5000
CONFIG_FIELDS = ["name", "hypervisor", "os", "pnode", "admin_state", "disk_template"]
LIVE_FIELDS = ["name", "status", "oper_ram", "oper_vcpus"]


class Cost(NamedTuple):
    """Milliseconds of each time something was done: the median by the clock, and CPU."""

    wall: float
    cpu: float

    def __str__(self) -> str:
        return f"{self.wall:.1f} ms ({self.cpu:.1f} ms CPU)"


class Figures(NamedTuple):
    """What each question costs."""

    instances: int
    config: Cost
    live: Cost
    json: Cost
    small: Cost
    listing: Cost
    python: Cost

    def line(self) -> str:
        """Return the figures as one line."""
        return (
            f"query: {self.instances} instances: config fields {self.config}, {self.config.cpu / self.json.cpu:.1f} x"
            f" JSON of the answer; live fields {self.live}; small queries {1000 / self.small.wall:.0f} /s"
            f" ({self.small.cpu * 1000:.0f} us CPU each); gnt-instance list {self.listing},"
            f" {self.listing.wall / self.python.wall:.1f} x bare python {self.python}"
        )


def measure(cluster: Cluster, instances: int) -> Figures:
    """Measure a running cluster."""
    master = cluster.pid() or 0
    with cluster.luxi() as client:

        def ask(fields: list[str]) -> Any:
            return client.call(methods.query, "instance", fields, None)

        answer = ask(CONFIG_FIELDS)
        assert len(answer["data"]) == instances
        return Figures(
            instances,
            _cost(master, lambda: ask(CONFIG_FIELDS)),
            _cost(master, lambda: ask(LIVE_FIELDS)),
            _cost(master, lambda: json.loads(json.dumps_bytes(answer))),
            _cost(master, lambda: client.call(methods.query_config_values, ["cluster_name"]), SMALL),
            _cost(master, lambda: cluster.ok("gnt-instance", "list")),
            _cost(master, lambda: process.run([sys.executable, "-I", "-c", ""])),
        )


def _cost(master: int, act: Callable[[], object], rounds: int = ROUNDS) -> Cost:
    act()
    times = []
    before = _own_cpu() + cpu_of([master])
    for _ in range(rounds):
        begin = time.perf_counter()
        act()
        times.append(time.perf_counter() - begin)
    cpu = _own_cpu() + cpu_of([master]) - before
    return Cost(statistics.median(times) * 1000, cpu / rounds * 1000)


def _own_cpu() -> float:
    children = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.process_time() + children.ru_utime + children.ru_stime


def fill(cluster: Cluster, instances: int) -> None:
    """Write instances into the configuration of a cluster; half of them are meant to be up."""
    path = cluster.paths(cluster.master).config_file
    cluster.kill_master(15)
    config = read_config(path).config
    nodes = list(config.nodes)
    made = [
        build.make_instance(
            number,
            primary_node=nodes[number % len(nodes)],
            nics=(),
            admin_state=AdminState.UP if number % 2 else AdminState.DOWN,
        )
        for number in range(instances)
    ]
    files.write_file(path, config_text(config.changed({"instances": {i.uuid: i for i in made}}, config.head)))
    cluster.start(daemons.MASTERD, cluster.master)


def bench(instances: int) -> Figures:
    """Make a cluster and measure it."""
    with tempfile.TemporaryDirectory(prefix="bench-query-") as base, virtual_nodes(base, NODES) as cluster:
        started = cluster.run("start-all", "-q")
        assert not started.failed, started.output
        grow.initialise(cluster.directory, lambda line: None)
        grow.add_nodes(cluster.directory, [NodeName(name) for name in cluster.nodes], lambda done: None)
        fill(cluster, instances)
        return measure(cluster, instances)


if __name__ == "__main__":
    os.environ.setdefault("LC_ALL", "C")
    for size in [int(word) for word in sys.argv[1:]] or SIZES:
        print(bench(size).line(), flush=True)
