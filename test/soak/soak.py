"""A long mixed load on real daemons, which must not grow: memory, descriptors, processes, temporary files.

    PYTHONPATH=build:. build/venv/bin/python -m test.soak.soak --minutes 30 --nodes 50

Clients create, change, move, start, stop and remove instances, tag, query, cancel, archive
and follow jobs.  The first fifth of the time warms up: caches and allocators fill.  Then
samples are taken of every daemon.  At the end the medians of the first and of the last
quarter of the samples are compared by kind of daemon: growth beyond what is allowed for
the time, processes that are no daemons and temporary files fail the soak.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import random
import statistics
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

from ganeti import errors
from ganeti.bootstrap import daemons
from ganeti.luxi import methods
from ganeti.luxi.client import Client
from ganeti.model.scalars import JobId, NodeName
from ganeti.vcluster import grow
from test.support import invariants
from test.support.admin import remove_all
from test.support.cluster import Cluster, virtual_nodes
from test.support.faults import creation, delay

CLIENTS = 6
#: instances each client works on
INSTANCES = 4
SAMPLES = 40
WARM_UP = 0.2
#: jobs that ended so many seconds ago are archived
ARCHIVE_AGE = 20
#: what a daemon may grow by between the first and the last quarter: KiB, descriptors
MEMORY_ALLOWED = 6 * 1024
DESCRIPTORS_ALLOWED = 5


class Sample(NamedTuple):
    """The daemons of one kind: memory of each in KiB, without files (the mean), the most descriptors, how many run."""

    memory: float
    descriptors: int
    processes: int


class Worker:
    """One client with instances of its own: does something, waits for its end, does something else."""

    def __init__(self, cluster: Cluster, number: int, seed: object) -> None:
        self._cluster = cluster
        self._chance = random.Random(f"soak {seed} {number}")
        self._names = [f"instance{number}-{index}" for index in range(INSTANCES)]
        self._nodes = cluster.nodes
        self.jobs = 0
        self.failed = 0

    def work(self, stop: threading.Event) -> None:
        """Work until told to stop."""
        with Client(self._cluster.paths(1).master_socket) as client:
            while not stop.is_set():
                jobs = [self._submit(client) for _ in range(self._chance.randrange(1, 4))]
                if self._chance.random() < 0.1:
                    client.call(methods.cancel_job, self._chance.choice(jobs))
                self._look(client)
                for job in jobs:
                    self._follow(client, job)
                if self._chance.random() < 0.05:
                    client.call(methods.auto_archive_jobs, ARCHIVE_AGE, 5)

    def _submit(self, client: Client) -> JobId:
        self.jobs += 1
        return JobId(client.call(methods.submit_job, [self._some_opcode()]))

    def _follow(self, client: Client, job: JobId) -> None:
        status = None
        while status not in invariants.FINAL:
            known = None if status is None else [status]
            try:
                answer = client.call(methods.wait_for_job_change, job, ["status"], known, 1 << 30, 20.0)
            except errors.JobLost:  # archived meanwhile
                return
            if answer != "nochange":
                status = answer[0][0]
        self.failed += status == "error"

    def _look(self, client: Client) -> None:
        match self._chance.randrange(5):
            case 0:
                client.call(methods.query, "instance", ["name", "status", "oper_ram"], None)
            case 1:
                client.call(methods.query, "node", ["name", "mfree", "dfree", "pinst_cnt"], None)
            case 2:
                client.call(methods.query_jobs, None, ["id", "status", "summary"])
            case 3:
                client.call(methods.query, "lock", ["name", "mode", "owner", "pending"], None)
            case _:
                client.call(methods.query_cluster_info)

    def _some_opcode(self) -> dict[str, Any]:
        """Return an opcode; some make no sense when they run, and fail."""
        chance = self._chance
        name, node = chance.choice(self._names), chance.choice(self._nodes)
        tags = {"kind": "instance", "name": name, "tags": [f"tag{chance.randrange(5)}"]}
        return chance.choice(
            (
                creation(name, node, "file"),
                creation(name, node, "diskless"),
                creation(name, node, "sharedfile"),
                _of(name, "REMOVE", shutdown_timeout=0),
                _of(name, "STARTUP"),
                _of(name, "SHUTDOWN", timeout=0),
                _of(name, "REBOOT", reboot_type="hard", shutdown_timeout=0),
                _of(name, "MIGRATE", target_node=node),
                _of(name, "FAILOVER", target_node=node, shutdown_timeout=0),
                _of(name, "SET_PARAMS", beparams={"vcpus": chance.randrange(1, 4)}),
                _of(name, "REINSTALL"),
                {"OP_ID": "OP_TAGS_SET", **tags},
                {"OP_ID": "OP_TAGS_DEL", **tags},
                {"OP_ID": "OP_CLUSTER_VERIFY_CONFIG"},
                {"OP_ID": "OP_NODE_QUERY_STORAGE", "nodes": [node], "storage_type": "file", "output_fields": ["name"]},
                delay(chance.random() * 0.2, on_nodes=[node], no_locks=False),
            )
        )


def _of(instance: str, what: str, **more: Any) -> dict[str, Any]:
    return {"OP_ID": f"OP_INSTANCE_{what}", "instance_name": instance, **more}


# --- measuring ----------------------------------------------------------------------------


def sample(cluster: Cluster) -> dict[str, Sample]:
    """Return what the daemons of each kind use now."""
    pids: dict[str, list[int]] = {}
    for daemon in invariants.DAEMONS:
        running = [cluster.pid(daemon, node) for node in cluster.nodes]
        pids[daemon] = [pid for pid in running if pid is not None]
    pids["function server"] = [pid for pid, line in cluster.processes().items() if "noded.nursery" in line]
    return {kind: _sample_of(found) for kind, found in pids.items() if found}


def _sample_of(pids: Sequence[int]) -> Sample:
    memory, descriptors = [], [0]
    for pid in pids:
        with contextlib.suppress(OSError):  # a call that has just ended
            memory.append(_memory(pid))
            descriptors.append(len(os.listdir(f"/proc/{pid}/fd")))
    return Sample(statistics.mean(memory or [0]), max(descriptors), len(pids))


def _memory(pid: int) -> int:
    # Not what is private: daemons are forks of one process, and make pages of it their own as they touch them.
    with open(f"/proc/{pid}/smaps_rollup") as rollup:
        return next(int(line.split()[1]) for line in rollup if line.startswith("Anonymous:"))


def growth(samples: Sequence[Sample]) -> Sample:
    """Return by how much a kind of daemon grew from the first quarter of the samples to the last."""
    part = max(1, len(samples) // 4)
    first, last = _medians(samples[:part]), _medians(samples[-part:])
    return Sample(last[0] - first[0], round(last[1] - first[1]), round(last[2] - first[2]))


def _medians(samples: Sequence[Sample]) -> list[float]:
    return [statistics.median(column) for column in zip(*samples, strict=True)]


# --- the soak -----------------------------------------------------------------------------


def soak(cluster: Cluster, seconds: float, seed: object) -> list[str]:
    """Load a cluster for so long; print what it used, return what is wrong."""
    workers = [Worker(cluster, number, seed) for number in range(CLIENTS)]
    stop = threading.Event()
    taken: list[dict[str, Sample]] = []
    with ThreadPoolExecutor(CLIENTS) as clients:
        working = [clients.submit(worker.work, stop) for worker in workers]
        try:
            for pause in [seconds * WARM_UP] + [seconds * (1 - WARM_UP) / SAMPLES] * SAMPLES:
                stop.wait(pause)
                taken.append(sample(cluster))
                broken = [client for client in working if client.done()]
                if broken:
                    broken[0].result()
        finally:
            stop.set()
    for client in working:
        client.result()
    print(f"{sum(w.jobs for w in workers)} jobs, {sum(w.failed for w in workers)} of them made no sense and failed")
    return [*_findings(taken), *_left(cluster)]


def _findings(taken: Sequence[dict[str, Sample]]) -> Iterator[str]:
    for kind in taken[-1]:
        samples = [each[kind] for each in taken if kind in each]
        last, grown = samples[-1], growth(samples)
        print(
            f"{kind}: {last.processes} run, {last.memory / 1024:.1f} MiB each ({grown.memory / 1024:+.2f}),"
            f" {last.descriptors} descriptors at most ({grown.descriptors:+d})"
        )
        if grown.memory > MEMORY_ALLOWED:
            yield f"{kind} grew by {grown.memory / 1024:.1f} MiB"
        if grown.descriptors > DESCRIPTORS_ALLOWED:
            yield f"{kind} has {grown.descriptors} descriptors more"


def _left(cluster: Cluster) -> Iterator[str]:
    """Say what is left of the load once all is removed."""
    remove_all(cluster)
    try:
        invariants.check(cluster)
    except AssertionError as err:
        yield str(err)
    for daemon, node in ((daemons.MASTERD, cluster.master), *((daemons.NODED, node) for node in cluster.nodes)):
        if cluster.pid(daemon, node) is None:
            yield f"{daemon} of {node} has died"


def main(argv: list[str]) -> int:
    """Soak as the command line says; return the exit code."""
    parser = argparse.ArgumentParser(description="Load a virtual cluster for long, and see whether its daemons grow.")
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--nodes", type=int, default=50)
    parser.add_argument("--seed", default=str(random.SystemRandom().randrange(2**32)), help="what decides the load")
    options = parser.parse_args(argv)
    print(f"seed {options.seed}", flush=True)
    instances = CLIENTS * INSTANCES
    with (
        tempfile.TemporaryDirectory(prefix="soak-") as base,
        virtual_nodes(base, options.nodes, instances) as cluster,
    ):
        started = cluster.run("start-all", "-q", timeout=600)
        assert not started.failed, started.output
        grow.initialise(cluster.directory, lambda line: None)
        grow.add_nodes(cluster.directory, [NodeName(name) for name in cluster.nodes], lambda done: None)
        begun = time.monotonic()
        wrong = soak(cluster, options.minutes * 60, options.seed)
        print(f"{(time.monotonic() - begun) / 60:.1f} minutes on {options.nodes} nodes")
    for finding in wrong:
        print(f"does not hold: {finding}")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
