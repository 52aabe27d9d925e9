"""gnt-job list, list-fields and info: what is known of jobs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ganeti import errors
from ganeti.cli import listing
from ganeti.cli.failures import ExitCode
from ganeti.cli.jobs import log_text
from ganeti.cli.parse import Values
from ganeti.cli.session import Session
from ganeti.cli.tree import tree_lines
from ganeti.cli.values import read_job_id
from ganeti.luxi import methods
from ganeti.model.scalars import JobId

_FORMATTERS: Mapping[str, listing.Formatter] = {
    "received_ts": listing.stamp_text,
    "start_ts": listing.stamp_text,
    "end_ts": listing.stamp_text,
}
_NANO = 1_000_000_000
_INFO_FIELDS = (
    "id", "status", "received_ts", "start_ts", "end_ts", "ops", "opstatus", "opresult", "opstart", "opend", "oplog",
)  # fmt: skip


def list_jobs(session: Session, options: Values, args: Sequence[str]) -> int:
    """List jobs."""
    tests: listing.Filter | None = None
    if options.status_filter:
        tests = ["|", *(["==", "status", status] for status in options.status_filter)]
    if options.archived:
        # Archived jobs are looked at only when this field is asked for.
        usual = listing.selected_fields(options.output, session.command.fields)
        options.output = ",".join(dict.fromkeys([*usual, "archived"]))
    return listing.list_things(
        session, options, args, what="job", name_field="id", numeric=True, also=tests, formatters=_FORMATTERS
    )


def list_job_fields(session: Session, options: Values, args: Sequence[str]) -> int:
    """Show the fields of jobs."""
    return listing.list_fields(session, options, args, what="job")


def info(session: Session, options: Values, args: Sequence[str]) -> int:
    """Show all about jobs."""
    ids = [JobId(read_job_id(arg)) for arg in args]
    rows = session.client.call(methods.query_jobs, ids, _INFO_FIELDS)
    code = ExitCode.SUCCESS
    for job_id, row in zip(ids, rows, strict=True):
        if row is None:
            session.console.say(f"unknown job {job_id}: it does not exist, or has been archived")
            code = ExitCode.FAILURE
            continue
        for line in tree_lines(job_tree(dict(zip(_INFO_FIELDS, row, strict=True)))):
            session.console.out(line)
    return code


def job_tree(job: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Return what `gnt-job info` shows of a job."""
    ops = zip(job["ops"], job["opstatus"], job["opresult"], job["opstart"], job["opend"], job["oplog"], strict=True)
    return [
        ("Job ID", job["id"]),
        ("Status", job["status"]),
        ("Received", listing.stamp_text(job["received_ts"])),
        ("Processing start", listing.stamp_text(job["start_ts"])),
        ("Processing end", listing.stamp_text(job["end_ts"])),
        ("Opcodes", [_op_tree(*op) for op in ops]),
    ]


def _reason_text(entry: Any) -> str:
    """Return an entry of a reason trail as a line; what is no entry as it is."""
    match entry:
        case [str(source), str(text), int(nanoseconds)]:
            when = listing.stamp_text([nanoseconds // _NANO, nanoseconds % _NANO // 1000])
            return f"{when} {source}{': ' if text else ''}{text}"
    return str(entry)


def _op_tree(op: Mapping[str, Any], status: str, result: Any, start: Any, end: Any, log: Any) -> list[tuple[str, Any]]:
    given = [(k, v) for k, v in op.items() if k not in ("OP_ID", "reason") and v not in (None, [], {})]
    error = errors.from_wire(result) if status == "error" else None
    return [
        (str(op.get("OP_ID", "?")), None),
        ("Status", status),
        ("Processing start", listing.stamp_text(start)),
        ("Execution end", listing.stamp_text(end)),
        ("Input fields", given),
        ("Reason trail", [_reason_text(entry) for entry in op.get("reason") or ()]),
        ("Result", f"{type(error).__name__}: {error}" if error else result),
        (
            "Execution log",
            [f"{listing.stamp_text(stamp)} {log_text(kind, message)}" for _, stamp, kind, message in log],
        ),
    ]
