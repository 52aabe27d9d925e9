"""Rounds in which the master daemon is killed under 200 jobs, and held to all it told its clients.

    PYTHONPATH=build:. build/venv/bin/python -m test.soak.kill_rounds --rounds 20

Clients write down what they were told: the jobs that were acknowledged, the cancels that
were confirmed, the ends they saw.  In the middle of it the daemon gets SIGKILL, is
started again as an admin would, and nothing else is done.  Then every acknowledged job
must be there and come to an end, what was told must still be so, what a job's success
promises must be there, and the configuration must be whole and never older than it was.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

from ganeti import errors
from ganeti.bootstrap import daemons
from ganeti.luxi import methods
from ganeti.luxi.client import Client
from ganeti.utils import files, json
from test.support import invariants
from test.support.admin import remove_all
from test.support.cluster import Cluster, running_cluster
from test.support.faults import creation, delay
from test.support.polling import until

CLIENTS = 4
#: jobs some clients submit in one go
TOGETHER = 20
CHAIN = 4
#: jobs that run at a time (spec/constants.json, job_queue): no more can have been cut off
RUNNING = 20
#: seconds the jobs of a round may take after the restart
PATIENCE = 120.0
_CONFIRMED = "canceled"


class Load(NamedTuple):
    """Jobs clients want to submit, how many of them have not ended when the daemon is killed, seconds each takes."""

    jobs: int = 320
    unfinished: int = 200
    shortest: float = 1.0
    longest: float = 3.0


class Round(NamedTuple):
    """What came of one round."""

    acknowledged: int
    unfinished: int
    ended: dict[str, int]
    start: float

    def __str__(self) -> str:
        ends = ", ".join(f"{count} {status}" for status, count in sorted(self.ended.items()))
        return (
            f"{self.acknowledged} acknowledged, {self.unfinished} of them not seen to end before the kill;"
            f" in the end {ends}; start {self.start:.2f} s"
        )


class Log:
    """What the clients of one round were told."""

    def __init__(self) -> None:
        #: acknowledged job -> its opcodes
        self.acknowledged: dict[int, list[dict[str, Any]]] = {}
        #: jobs that were seen to have ended, and how
        self.ended: dict[int, str] = {}
        #: jobs whose cancelation was confirmed
        self.canceled: set[int] = set()

    def unfinished(self) -> set[int]:
        """Return the acknowledged jobs that were not seen to end."""
        return set(self.acknowledged) - set(self.ended)


class Killer:
    """Plays rounds on a cluster whose nodes all run."""

    def __init__(self, cluster: Cluster, seed: object, load: Load | None = None) -> None:
        self._cluster = cluster
        self._load = load or Load()
        self._chance = random.Random(f"kill {seed}")
        self._serial = 0
        self._newest_job = 0
        self._number = 0

    def play(self) -> Round:
        """Play one round; raises AssertionError when something does not hold."""
        self._number += 1
        log = Log()
        self._load_and_kill(log)
        self._check_files()
        begun = time.monotonic()
        self._cluster.start(daemons.MASTERD, self._cluster.master)
        took = time.monotonic() - begun
        ended = self._ends(log)
        self._check_promises(log, ended)
        # What was cut off is left as it was; an instance half created is removed as any other.
        remove_all(self._cluster)
        invariants.check(self._cluster, list(log.acknowledged), leftovers=True)
        counts = {status: list(ended.values()).count(status) for status in set(ended.values())}
        return Round(len(log.acknowledged), len(log.unfinished()), counts, took)

    # --- the load ---------------------------------------------------------------------

    def _load_and_kill(self, log: Log) -> None:
        works = [self._some_jobs(client) for client in range(CLIENTS)]
        # Now and then in the stream of submissions, mostly when all are queued.
        most = self._load.unfinished
        kill_at = self._chance.choice((most, most, most, self._chance.randrange(most)))
        lull = self._chance.random()
        submit = (self._submit_together, self._submit_together, self._submit_together, self._submit_all)
        with ThreadPoolExecutor(CLIENTS + 1) as clients:
            submitting = [clients.submit(act, work, log) for act, work in zip(submit, works, strict=True)]
            watching = clients.submit(self._watch, log, random.Random(self._chance.random()))
            until(
                lambda: len(log.unfinished()) >= kill_at or all(client.done() for client in submitting),
                "the jobs are submitted",
                PATIENCE,
            )
            time.sleep(lull)  # somewhere in the middle of the work
            self._cluster.kill_master()
        for client in (*submitting, watching):
            client.result()

    def _submit_all(self, work: list[list[dict[str, Any]]], log: Log) -> None:
        """Submit one after the other until all are, or the daemon is dead; a job may depend on the one before."""
        before = 0
        with Client(self._cluster.paths(1).master_socket, connect_timeout=0.1) as client:
            for ops in work:
                depends = {"depends": [[before, sorted(invariants.FINAL)]]} if before and "depends" in ops[0] else {}
                asked = [{**ops[0], **depends}, *ops[1:]]
                try:
                    before = int(client.call(methods.submit_job, asked))
                except errors.LuxiError:
                    return
                log.acknowledged[before] = asked

    def _submit_together(self, work: list[list[dict[str, Any]]], log: Log) -> None:
        """Submit some at a time, in chains of which each waits for the end of the one before."""
        with Client(self._cluster.paths(1).master_socket, connect_timeout=0.1) as client:
            for first in range(0, len(work), TOGETHER):
                batch = [
                    [{**ops[0], "depends": [[-1, sorted(invariants.FINAL)]] if index % CHAIN else []}, *ops[1:]]
                    for index, ops in enumerate(work[first : first + TOGETHER])
                ]
                try:
                    answers = client.call(methods.submit_many_jobs, batch)
                except errors.LuxiError:
                    return
                for ops, (accepted, job) in zip(batch, answers, strict=True):
                    assert accepted, job
                    log.acknowledged[int(job)] = ops

    def _watch(self, log: Log, chance: random.Random) -> None:
        """See jobs end, and cancel some, until the daemon is dead."""
        with Client(self._cluster.paths(1).master_socket, connect_timeout=0.1) as client:
            try:
                while True:
                    time.sleep(0.02)
                    for job, status in client.call(methods.query_jobs, None, ["id", "status"]):
                        if status in invariants.FINAL:
                            log.ended.setdefault(job, status)
                        elif status == "queued" and chance.random() < 0.003 and client.call(methods.cancel_job, job)[0]:
                            log.canceled.add(job)
            except errors.LuxiError:
                return

    def _some_jobs(self, client: int) -> list[list[dict[str, Any]]]:
        return [self._some_job(f"{self._number}-{client}-{number}") for number in range(self._load.jobs // CLIENTS)]

    def _some_job(self, label: str) -> list[dict[str, Any]]:
        chance = self._chance
        pause = delay(chance.uniform(self._load.shortest, self._load.longest))
        match chance.randrange(8):
            case 0 | 1:
                return [pause]
            case 2:
                return [delay(0.1, on_nodes=[chance.choice(self._cluster.nodes)], no_locks=False), _tag(label)]
            case 3 | 4:
                return [pause, _tag(label)]
            case 5:
                return [_tag(f"{label}-a"), pause, _tag(f"{label}-b")]
            case 6:
                return [{**pause, "depends": None}, _tag(label)]
            case _:
                return [pause, creation(f"instance-{label}", chance.choice(self._cluster.nodes))]

    # --- the checks -------------------------------------------------------------------

    def _check_files(self) -> None:
        """What the dead daemon left is whole, and not older than what was seen before."""
        paths = self._cluster.paths(self._cluster.master)
        serial = json.loads(files.read_file(paths.config_file))["serial_no"]
        assert serial >= self._serial, f"configuration {self._serial} was seen, on disk is {serial}"
        self._serial = serial
        for name in os.listdir(paths.queue_dir):
            if name.startswith("job-") and not name.endswith(".new"):
                assert json.loads(files.read_file(os.path.join(paths.queue_dir, name)))["ops"], name

    def _ends(self, log: Log) -> dict[int, str]:
        """Wait until every acknowledged job has ended; return how."""
        jobs = list(log.acknowledged)
        assert len(set(jobs)) == len(jobs) and min(jobs) > self._newest_job, "an id was given twice"
        with self._cluster.luxi() as client:

            def found() -> dict[int, str] | None:
                rows = client.call(methods.query_jobs, jobs, ["status"])
                seen = {job: "lost" if row is None else row[0] for job, row in zip(jobs, rows, strict=True)}
                return seen if not set(seen.values()) & invariants.RUNNABLE else None

            ended = until(found, "all acknowledged jobs have ended", PATIENCE)
            self._newest_job = max(row[0] for row in client.call(methods.query_jobs, None, ["id"]))
        assert ended
        return ended

    def _check_promises(self, log: Log, ended: dict[int, str]) -> None:
        lost = sorted(job for job, status in ended.items() if status == "lost")
        assert not lost, f"acknowledged and lost: {lost}"
        for job, status in log.ended.items():
            assert ended.get(job, status) == status, f"job {job} was {status}, now it is {ended[job]}"
        for job in log.canceled & ended.keys():
            # Only confirmed for one that waited: it may have been taken up meanwhile, and run to its end.
            assert ended[job] in (_CONFIRMED, "success", "error"), job
        cut_off = [job for job, status in ended.items() if status == "error" and job not in log.ended]
        assert len(cut_off) <= RUNNING, f"more than were running ended with an error: {cut_off}"
        with self._cluster.luxi() as client:
            for job in cut_off:
                ((results,),) = client.call(methods.query_jobs, [job], ["opresult"])
                assert "master daemon" in str(results), f"job {job} ended with {results}"
            tags = set(client.call(methods.query_tags, "cluster", ""))
            answer = client.call(methods.query, "instance", ["name"], None)
            instances = {row[0][1] for row in answer["data"]}
        for job, ops in log.acknowledged.items():
            if ended[job] == "success":
                missing = [op for op in ops if not _is_done(op, tags, instances)]
                assert not missing, f"job {job} was a success, but there is nothing of {missing}"


def _tag(label: str) -> dict[str, Any]:
    return {"OP_ID": "OP_TAGS_SET", "kind": "cluster", "name": None, "tags": [f"tag-{label}"]}


def _is_done(op: dict[str, Any], tags: set[str], instances: set[str]) -> bool:
    match op["OP_ID"]:
        case "OP_TAGS_SET":
            return set(op["tags"]) <= tags
        case "OP_INSTANCE_CREATE":
            return op["instance_name"] in instances
    return True


def main(argv: list[str]) -> int:
    """Play as many rounds as the command line says; return the exit code."""
    parser = argparse.ArgumentParser(description="Kill the master daemon under load, again and again.")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--nodes", type=int, default=3)
    parser.add_argument("--seed", default=str(random.SystemRandom().randrange(2**32)), help="what decides the load")
    options = parser.parse_args(argv)
    print(f"seed {options.seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="kill-rounds-") as base, running_cluster(base, options.nodes) as cluster:
        killer = Killer(cluster, options.seed)
        for number in range(1, options.rounds + 1):
            print(f"round {number}: {killer.play()}", flush=True)
    print("all promises were kept")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
