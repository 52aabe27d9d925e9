"""What administrators do when something went wrong: end what was cut off, have every instance be as it is marked."""

from __future__ import annotations

import contextlib

from ganeti import errors
from ganeti.masterd.jobqueue.job import Job
from ganeti.model.enums import AdminState, DiskTemplate, JobStatus
from ganeti.model.scalars import InstanceName
from test.support.sim import Master
from test.support.sim_ops import migrate, name_of, number_of, remove, shutdown, startup


async def set_right(master: Master) -> None:
    """Repeat removals and clean up after moves that were cut off, then start or stop every instance."""
    for number in half_removed(master):
        await master.run(remove(number))
    for instance in list(master.daemon.config.current.instances.values()):
        number = number_of(instance.name)
        if master.daemon.config.current.template_of(instance) != DiskTemplate.FILE:
            with contextlib.suppress(errors.OpExecError):  # it runs nowhere
                await master.run(migrate(number, to=1, cleanup=True))
        await master.run(startup(number) if instance.admin_state == AdminState.UP else shutdown(number))
        assert master.daemon.config.current.instance_named(name_of(number)) is not None


def half_removed(master: Master) -> list[int]:
    """Return the instances whose removal began and did not end."""
    found: set[int] = set()
    for job in master.daemon.queue.jobs():
        match job.ops[0].input:
            case {"OP_ID": "OP_INSTANCE_REMOVE", "instance_name": str(name)}:
                if job.status == JobStatus.ERROR and not _was_refused(job):
                    found.add(number_of(InstanceName(name)))
                elif job.status == JobStatus.SUCCESS:
                    found.discard(number_of(InstanceName(name)))
    names = master.daemon.config.current.instance_names()
    return sorted(number for number in found if name_of(number) in names)


def _was_refused(job: Job) -> bool:
    return isinstance(errors.from_wire(job.ops[0].result), errors.OpPrereqError)
