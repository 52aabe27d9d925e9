"""How long the master daemon takes to start on a long queue: `python -m test.bench.bench_start [LIVE [ARCHIVED]]`.

10,000 jobs in the queue, one of ten waiting and the others ended, and 100,000 in the
archive, unless told otherwise; three nodes, and at most 1,024 open files.  Prints one line.
"""

from __future__ import annotations

import os
import sys
import tempfile
import time
from typing import NamedTuple

from ganeti import _autoconf
from ganeti.bootstrap import daemons
from ganeti.luxi import methods
from test.support import long_queue
from test.support.cluster import Cluster, running_cluster
from test.support.polling import until

LIVE, ARCHIVED = 10_000, 100_000
DESCRIPTORS = 1024


class Figures(NamedTuple):
    """What a start took: seconds, the most descriptors seen, MiB of the daemon when all jobs had ended."""

    live: int
    archived: int
    start: float
    bare: float
    listed: float
    finished: float
    descriptors: int
    memory: float

    def line(self) -> str:
        """Return the figures as one line."""
        return (
            f"start: {self.live} jobs and {self.archived} archived: serves after {self.start:.2f} s (without any"
            f" {self.bare:.2f} s), lists all in {self.listed:.2f} s, the {self.live // 10} that waited ran in"
            f" {self.finished:.1f} s; at most {self.descriptors} descriptors, {self.memory:.0f} MiB"
        )


def start(cluster: Cluster) -> float:
    """Start the master daemon with few descriptors; return the seconds until it serves."""
    util = os.path.join(_autoconf.PKGLIBDIR, "daemon-util")
    begin = time.perf_counter()
    line = f'ulimit -n {DESCRIPTORS} && exec "$@"'
    cluster.ok("/bin/sh", "-c", line, "sh", util, "start", daemons.MASTERD, timeout=600)
    return time.perf_counter() - begin


def measure(cluster: Cluster, live: int, archived: int) -> Figures:
    """Measure a running cluster that had no job but those of its making."""
    cluster.kill_master()
    bare = start(cluster)
    with cluster.luxi() as client:
        newest = max(row[0] for row in client.call(methods.query_jobs, None, ["id"]))
    cluster.kill_master()
    long_queue.fill(cluster.paths(1), first=newest + 1, archived=archived, ended=live - live // 10, queued=live // 10)
    took = start(cluster)
    descriptors = f"/proc/{cluster.pid()}/fd"
    most = 0

    def all_ended() -> bool:
        nonlocal most
        most = max(most, len(os.listdir(descriptors)))
        return all(status in ("success", "error") for (status,) in client.call(methods.query_jobs, None, ["status"]))

    with cluster.luxi() as client:
        begin = time.perf_counter()
        assert len(client.call(methods.query_jobs, None, ["id", "status", "summary"])) >= live
        listed = time.perf_counter() - begin
        until(all_ended, "all jobs have ended", 600)
    finished = time.perf_counter() - begin
    return Figures(live, archived, took, bare, listed, finished, most, memory_of(cluster.pid()))


def memory_of(pid: int | None) -> float:
    """Return the resident memory of a process, in MiB."""
    with open(f"/proc/{pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS")) / 1024


def main(live: int = LIVE, archived: int = ARCHIVED) -> None:
    """Make a cluster and measure it."""
    with tempfile.TemporaryDirectory(prefix="bench-start-") as base, running_cluster(base, 3) as cluster:
        print(measure(cluster, live, archived).line())


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
