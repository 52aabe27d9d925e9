"""What a virtual cluster costs: `python -m test.bench.bench_vcluster [NODES...]`, a line of figures for each size.

20, 100 and 200 nodes unless others are named.  Memory is proportional (PSS): what is
shared counts once, divided among those who share it.  The reference of the same run
is starting one bare Python per node, one after the other.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from typing import NamedTuple

import psutil

from ganeti.bootstrap import daemons
from ganeti.paths import Paths
from ganeti.utils import files
from ganeti.vcluster import grow
from test.support.cluster import Cluster, virtual_nodes

SIZES = (20, 100, 200)
TIMEOUT = 600.0


class Figures(NamedTuple):
    """Seconds, and MiB per plain node."""

    nodes: int
    set_up: float
    start: float
    init: float
    add: float
    add_last: float
    restart: float
    stop: float
    waiting: float
    working: float
    restarted: float
    master: float
    reference: float

    def line(self) -> str:
        """Return the figures as one line."""
        return (
            f"vcluster: {self.nodes} nodes: set up {self.set_up:.1f} s, start {self.start:.1f} s,"
            f" init {self.init:.1f} s, add the others {self.add:.1f} s (one more alone {self.add_last:.2f} s),"
            f" stop {self.stop:.1f} s, start again {self.restart:.1f} s ({self.nodes} x bare python"
            f" {self.reference:.1f} s);"
            f" MiB per node {self.waiting:.1f} waiting, {self.working:.1f} after the adds,"
            f" {self.restarted:.1f} started again, master {self.master:.0f}"
        )


class _Lap:
    def __init__(self) -> None:
        self._last = time.perf_counter()

    def __call__(self) -> float:
        before, self._last = self._last, time.perf_counter()
        return self._last - before


def bench(nodes: int) -> Figures:
    """Make a cluster and measure it; the last node is added alone."""
    lap = _Lap()
    with (
        tempfile.TemporaryDirectory(prefix="bench-vcluster-") as base,
        virtual_nodes(base, nodes) as cluster,
    ):
        set_up = lap()
        _run(cluster, "start-all")
        start = lap()
        waiting, _ = memory(cluster)
        lap()
        grow.initialise(cluster.directory, lambda line: None, grow.RUNNING_JOBS)
        init = lap()
        grow.add_nodes(cluster.directory, cluster.nodes[:-1], lambda done: None)
        add = lap()
        cluster.ok("gnt-node", "add", cluster.nodes[-1], timeout=TIMEOUT)
        add_last = lap()
        working, _ = memory(cluster)
        lap()
        _run(cluster, "stop-all")
        stop = lap()
        _run(cluster, "start-all")
        restart = lap()
        grow.settle(cluster.directory)
        cluster.ok("gnt-node", "list", timeout=TIMEOUT)
        restarted, master = memory(cluster)
    return Figures(
        nodes, set_up, start, init, add, add_last, restart, stop, waiting, working, restarted, master, reference(nodes)
    )


def memory(cluster: Cluster) -> tuple[float, float]:
    """Return the memory of a plain node, in MiB, and of the master daemon; one that keeps no configuration is plain."""
    master = cluster.pid(daemons.MASTERD) if cluster.has_master() else None
    plain = [paths for paths in map(cluster.paths, range(1, len(cluster.nodes) + 1)) if not _keeps_config(paths)]
    logs = {paths.log_file(daemon) for paths in plain for daemon in (daemons.NODED, daemons.CONFD)}
    found = [pss(pid) for pid in psutil.pids() if _standard_error(pid) in logs]
    return sum(found) / max(1, len(plain)), pss(master) if master else 0.0


def _keeps_config(paths: Paths) -> bool:
    return os.path.exists(paths.config_file)


def _standard_error(pid: int) -> str:
    with contextlib.suppress(OSError):
        return os.readlink(f"/proc/{pid}/fd/2")
    return ""


def pss(pid: int) -> float:
    """Return the proportional memory of a process in MiB; 0 when it has ended."""
    with contextlib.suppress(OSError):
        for line in files.read_text(f"/proc/{pid}/smaps_rollup").splitlines():
            name, _, value = line.partition(":")
            if name == "Pss":
                return int(value.split()[0]) / 1024
    return 0.0


def reference(count: int) -> float:
    """Return the seconds it takes to start so many bare Pythons, one after the other."""
    begin = time.perf_counter()
    for _ in range(count):
        subprocess.run([sys.executable, "-IS", "-c", "pass"], check=True)
    return time.perf_counter() - begin


def _run(cluster: Cluster, script: str) -> None:
    done = cluster.run(script, "-q", timeout=TIMEOUT)
    assert not done.failed, done.output


def main(argv: Sequence[str]) -> None:
    """Print a line for each size."""
    for size in [int(word) for word in argv] or SIZES:
        print(bench(size).line(), flush=True)


if __name__ == "__main__":
    os.environ.setdefault("LC_ALL", "C")
    main(sys.argv[1:])
