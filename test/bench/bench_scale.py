"""How large a cluster can be: `python -m test.bench.bench_scale NODES INSTANCES` prints a line of figures.

Made with `tools/quickstart`, then listed and verified; takes minutes and gigabytes.
The reference of the same run is starting a bare Python.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time

from ganeti.bootstrap import daemons
from ganeti.utils import process
from test.bench.bench_vcluster import memory, pss, reference
from test.support.cluster import Cluster

TIMEOUT = 3600.0
_TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def bench(nodes: int, instances: int) -> str:
    """Make a cluster, look at it, and return the figures as one line."""
    with tempfile.TemporaryDirectory(prefix="bench-scale-") as base:
        directory = os.path.join(base, "cluster")
        begin = time.perf_counter()
        argv = ["--nodes", str(nodes), "--instances", str(instances), "--dir", directory, "--keep"]
        made = process.run([sys.executable, os.path.join(_TOP, "tools", "quickstart"), *argv], timeout=TIMEOUT)
        took = time.perf_counter() - begin
        cluster = Cluster(directory, nodes)
        try:
            assert not made.failed, made.output
            times = {
                " ".join(words): _seconds(cluster, *words)
                for words in (("gnt-node", "list"), ("gnt-instance", "list"), ("gnt-cluster", "verify"))
            }
            plain, master = memory(cluster)
            other = ", ".join(f"{name} {pss(cluster.pid(name) or 0):.0f}" for name in (daemons.RAPI, daemons.CONFD))
        finally:
            cluster.run("stop-all", "-q", timeout=TIMEOUT)
    asked = ", ".join(f"{words} {seconds:.2f} s" for words, seconds in times.items())
    return (
        f"scale: {nodes} nodes, {instances} instances: made in {took:.1f} s; {asked}"
        f" (bare python {reference(1):.2f} s); MiB per plain node {plain:.1f},"
        f" master: {daemons.MASTERD} {master:.0f}, {other}"
    )


def _seconds(cluster: Cluster, *words: str) -> float:
    begin = time.perf_counter()
    cluster.ok(*words, timeout=TIMEOUT)
    return time.perf_counter() - begin


if __name__ == "__main__":
    print(bench(int(sys.argv[1]), int(sys.argv[2])))
