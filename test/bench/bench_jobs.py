"""What a job costs: `python -m test.bench.bench_jobs [NODES...]` prints a line of figures for each size.

No-op jobs (OP_TEST_DELAY of a microsecond on the master, no locks) through LUXI on
clusters of 1, 5 and 20 nodes unless others are named.  Every job is durable on the
master and all candidates; the reference of the same run is writing and syncing as
many files of its size one after the other on the same disk.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

from ganeti.luxi import methods
from ganeti.luxi.client import Client
from ganeti.model.opcodes.test import OpTestDelay
from ganeti.model.scalars import JobId, NodeName
from ganeti.utils import files
from ganeti.vcluster import grow
from test.support.cluster import Cluster, virtual_nodes

SIZES = (1, 5, 20)
JOBS = 1000
SINGLE_JOBS = 200
MICROSECOND = 1e-6
_FINAL = frozenset({"success", "error", "canceled"})


class Figures(NamedTuple):
    """Rates per second, times in seconds."""

    nodes: int
    submit: float
    bulk: float
    one_by_one: float
    latency: float
    latency_99: float
    files: float

    def line(self) -> str:
        """Return the figures as one line."""
        return (
            f"jobs: {self.nodes} nodes: {JOBS} in bulk {self.bulk:.0f} /s (submitted in {self.submit:.2f} s),"
            f" submitted one by one {self.one_by_one:.0f} /s,"
            f" submit to success {self.latency * 1000:.1f} ms (99%: {self.latency_99 * 1000:.1f} ms);"
            f" files written and synced here {self.files:.0f} /s, {self.files / self.bulk:.1f} x bulk"
        )


def measure(cluster: Cluster) -> Figures:
    """Measure a running cluster."""
    op = OpTestDelay(duration=MICROSECOND, on_master=True).to_wire()
    with cluster.luxi() as client:
        follow(client, submit(client, [[op]] * 20))  # connections to the candidates stand from here on
        begin = time.perf_counter()
        jobs = submit(client, [[op]] * JOBS)
        submitted = time.perf_counter() - begin
        follow(client, jobs)
        bulk = JOBS / (time.perf_counter() - begin)

        begin = time.perf_counter()
        jobs = [JobId(client.call(methods.submit_job, [op])) for _ in range(JOBS)]
        follow(client, jobs)
        one_by_one = JOBS / (time.perf_counter() - begin)

        times = []
        for _ in range(SINGLE_JOBS):
            begin = time.perf_counter()
            follow(client, [JobId(client.call(methods.submit_job, [op]))])
            times.append(time.perf_counter() - begin)
    size = os.path.getsize(cluster.paths(1).job_file(int(jobs[-1])))
    return Figures(
        len(cluster.nodes),
        submitted,
        bulk,
        one_by_one,
        statistics.median(times),
        statistics.quantiles(times, n=100)[-1],
        file_rate(cluster.directory, size),
    )


def submit(client: Client, jobs: Sequence[Sequence[Any]]) -> list[JobId]:
    """Submit jobs in one call."""
    answers = client.call(methods.submit_many_jobs, jobs)
    assert all(taken for taken, _ in answers), answers
    return [JobId(int(number)) for _, number in answers]


def follow(client: Client, jobs: Sequence[JobId]) -> None:
    """Wait until all have succeeded."""
    for job in jobs:
        seen = None
        while seen is None or seen[0] not in _FINAL:
            answer = client.call(methods.wait_for_job_change, job, ["status"], seen, 0, 60.0)
            if answer != "nochange":
                seen = list(answer[0])
        assert seen == ["success"], (job, seen)


def file_rate(directory: str, size: int) -> float:
    """Return how many files of a size can be written and synced one after the other, per second."""
    place, data = os.path.join(directory, "reference"), b"x" * size
    files.ensure_dir(place)
    begin = time.perf_counter()
    for number in range(JOBS):
        files.write_file(os.path.join(place, f"file-{number}"), data)
    return JOBS / (time.perf_counter() - begin)


def bench(nodes: int) -> Figures:
    """Make a cluster and measure it."""
    with tempfile.TemporaryDirectory(prefix="bench-jobs-") as base, virtual_nodes(base, nodes) as cluster:
        started = cluster.run("start-all", "-q")
        assert not started.failed, started.output
        grow.initialise(cluster.directory, lambda line: None)
        grow.add_nodes(cluster.directory, [NodeName(name) for name in cluster.nodes], lambda done: None)
        return measure(cluster)


if __name__ == "__main__":
    for size in [int(word) for word in sys.argv[1:]] or SIZES:
        print(bench(size).line(), flush=True)
