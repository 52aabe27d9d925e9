"""What the watcher asks of the master daemon: facts, and jobs to be done."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence
from typing import NamedTuple

from ganeti import errors
from ganeti.luxi import methods
from ganeti.luxi.client import Client
from ganeti.model.enums import QueryStatus
from ganeti.model.opcodes.base import OpCode
from ganeti.model.scalars import InstanceName, JobId, NodeName
from ganeti.schema import replace
from ganeti.watcher.plan import InstanceFact, LockFact, NodeFact

log = logging.getLogger(__name__)

REASON = "gnt:watcher"
_FINAL = frozenset({"canceled", "success", "error"})
_NORMAL = int(QueryStatus.NORMAL)
#: seconds archiving may take in one run
_ARCHIVE_SECONDS = 60


class Facts(NamedTuple):
    """A node group as it was found, and the locks held meanwhile."""

    nodes: Sequence[NodeFact]
    instances: Sequence[InstanceFact]
    locks: Sequence[LockFact]


class Outcome(NamedTuple):
    """How a job ended: the result of its opcode, or why there is none."""

    result: object = None
    problem: str = ""


def group_of(client: Client, name: str) -> tuple[str, str]:
    """Return uuid and name of a node group given by either.

    Raises OpPrereqError when there is none.
    """
    rows = client.call(methods.query, "group", ["uuid", "name"], ["|", ["=", "name", name], ["=", "uuid", name]])
    for (_, uuid), (_, full) in rows["data"]:
        return uuid, full
    raise errors.OpPrereqError(f"node group {name} is not known", errors.ECode.NOENT)


def groups(client: Client) -> list[str]:
    """Return the uuids of the node groups that have nodes."""
    rows = client.call(methods.query, "group", ["uuid", "node_cnt"], None)
    return [uuid for (_, uuid), (_, count) in rows["data"] if count]


def facts(client: Client, group_uuid: str) -> Facts:
    """Look at a node group.

    The locks are those held before or after the look: a job that began or ended
    meanwhile is seen by at least one of the two.
    """
    before = locks(client)
    fields = ["name", "bootid"]
    nodes = client.call(methods.query, "node", fields, ["=", "group.uuid", group_uuid])
    fields = ["name", "status", "admin_up", "disks_active", "snodes"]
    # By group and not by names: so an instance that runs on a wrong node is seen to, and not started twice.
    instances = client.call(methods.query, "instance", fields, ["=", "pnode.group.uuid", group_uuid])
    return Facts(
        [NodeFact(NodeName(row[0][1]), row[1][1] if row[1][0] == _NORMAL else None) for row in nodes["data"]],
        [_instance([value for _, value in row]) for row in instances["data"]],
        [*before, *locks(client)],
    )


def locks(client: Client) -> list[LockFact]:
    """Return the locks somebody holds or waits for."""
    rows = client.call(methods.query, "lock", ["name", "mode", "pending"], None)
    return [
        LockFact(name, mode, [how for how, _ in pending or ()]) for (_, name), (_, mode), (_, pending) in rows["data"]
    ]


def run_jobs(client: Client, ops: Sequence[OpCode], why: str, patience: float) -> list[Outcome]:
    """Run each opcode as a job of its own, all at the same time; return how they ended, in order.

    Waits `patience` seconds for all of them; one that has not begun by then is
    canceled, so that a busy cluster is not asked for the same again and again.
    """
    trail = [[REASON, why, int(time.time() * 1_000_000_000)]]
    answers = client.call(methods.submit_many_jobs, [[replace(op, reason=trail).to_wire()] for op in ops])
    deadline = time.monotonic() + patience
    return [_outcome(client, accepted, answer, deadline) for accepted, answer in answers]


def archive_jobs(client: Client, age: int) -> None:
    """Archive the jobs that ended `age` seconds ago (-1: all)."""
    archived, left = client.call(methods.auto_archive_jobs, age, _ARCHIVE_SECONDS)
    log.log(logging.INFO if archived else logging.DEBUG, "archived %d jobs, %d left for the next run", archived, left)


def _instance(values: Sequence[object]) -> InstanceFact:
    name, status, wanted_up, disks_active, secondaries = values
    others = tuple(secondaries) if isinstance(secondaries, (list, tuple)) else ()
    return InstanceFact(InstanceName(str(name)), str(status), bool(wanted_up), bool(disks_active), others)


def _outcome(client: Client, accepted: bool, answer: int | str, deadline: float) -> Outcome:
    if not accepted:
        return Outcome(problem=str(answer))
    job_id = JobId(int(answer))
    info: list[object] | None = None
    while True:
        left = deadline - time.monotonic()
        if left <= 0:
            client.call(methods.cancel_job, job_id)
            return Outcome(problem=f"job {job_id} is {info[0] if info else 'still there'}: not waited for any longer")
        wait = min(left, methods.LONGEST_WAIT)
        told = client.call(methods.wait_for_job_change, job_id, ["status"], info, None, wait)
        if told is None:
            return Outcome(problem=f"job {job_id} is gone")
        if told != "nochange":
            info = told[0]
        if info and info[0] in _FINAL:
            return _ended(client, job_id)


def _ended(client: Client, job_id: JobId) -> Outcome:
    row = client.call(methods.query_jobs, [job_id], ["status", "opresult"])[0]
    if row is None:
        return Outcome(problem=f"job {job_id} is gone")
    status, results = row
    if status == "success":
        return Outcome(results[0])
    if status == "canceled":
        return Outcome(problem=f"job {job_id} was canceled")
    error = errors.from_wire(results[0])
    return Outcome(problem=f"job {job_id}: {error if error is not None else results[0]}")
