"""What must hold of a cluster at every moment, in the middle of everything.

`Witness` stands for all clients: it remembers what they were told, over the deaths of
master daemons, and holds each daemon to it.  What holds only at rest is in `sim_check`.
"""

from __future__ import annotations

import os

from ganeti.masterd.config.verify import verify
from ganeti.masterd.jobqueue.job import Job
from ganeti.masterd.locking.table import ALL
from ganeti.model.enums import JobStatus, Level
from ganeti.model.scalars import InstanceName, JobId
from test.support.sim import Master, SimCluster
from test.support.sim_check import check_running_once


class Witness:
    """Remembers what clients were told."""

    def __init__(self, cluster: SimCluster) -> None:
        self._cluster = cluster
        #: acknowledged jobs
        self.acknowledged: set[JobId] = set()
        #: how jobs ended, as clients saw it
        self.ended: dict[JobId, Job] = {}
        self._serial = 0

    def check(self, master: Master) -> None:
        """Check all that can be told of this moment.

        Raises AssertionError naming what does not hold.
        """
        check_running_once(self._cluster)
        self.check_jobs(master)
        check_locks(master)
        check_reservations(master)
        self._check_config(master)

    def check_jobs(self, master: Master) -> None:
        """Check that no acknowledged job is lost, and that what has ended stays as it ended."""
        jobs = {job.id: job for job in master.daemon.queue.jobs()}
        paths = self._cluster.nodes[0].paths
        for job_id in self.acknowledged - jobs.keys():
            assert os.path.exists(paths.archived_job_file(job_id)), f"job {job_id} was acknowledged and is lost"
        for job_id in self.ended.keys() & jobs.keys():
            before, now = self.ended[job_id], jobs[job_id]
            told = before.status, [op.result for op in before.ops]
            assert told == (now.status, [op.result for op in now.ops]), f"job {job_id} was {before.status}: {now}"
        self.ended.update((job_id, job) for job_id, job in jobs.items() if job.is_final)

    def _check_config(self, master: Master) -> None:
        config = master.daemon.config.current
        assert config.serial_no >= self._serial, f"configuration {self._serial} was seen, now it is {config.serial_no}"
        if config.serial_no != self._serial:
            self._serial = config.serial_no
            assert verify(config) == []


def check_locks(master: Master) -> None:
    """Check that locks are held for jobs under way, and that what runs holds those of its instance."""
    daemon = master.daemon
    table = daemon.locks._table
    table.validate()
    records = daemon.queue._records
    owners: dict[JobId, str] = {}
    for owner, _, _ in table.holdings():
        job_id = JobId(int(owner.partition("/")[0]))
        assert not records.newest(job_id).is_final, f"{owner} holds locks, and has ended"
        owners[job_id] = owner
    for run in daemon.queue._runs.values():
        job = records.newest(run.job_id)
        if job.status != JobStatus.RUNNING:
            continue
        name = _instance_of(job)
        held = table.owned(owners[job.id], Level.INSTANCE) if job.id in owners else frozenset()
        assert job.id in owners, f"job {job.id} runs without any lock"
        assert name is None or held is ALL or name in held, f"job {job.id} works on {name} without its lock"


def check_reservations(master: Master) -> None:
    """Check that names, addresses and uuids are reserved for jobs under way only."""
    records, reservations = master.daemon.queue._records, master.daemon.config._reservations
    for job_id in {*reservations._holder.values(), *reservations._uuids.values()}:
        assert not records.newest(job_id).is_final, f"job {job_id} has ended and keeps what it reserved"


def _instance_of(job: Job) -> InstanceName | None:
    """Return the instance that the opcode of a running job changes."""
    data = job.ops[job.position].input
    if not str(data["OP_ID"]).startswith("OP_INSTANCE_"):
        return None
    return InstanceName(str(data["instance_name"]))
