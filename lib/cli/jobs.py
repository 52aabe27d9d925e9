"""Jobs on the command line: submit, follow with live progress, tell how they ended.

Options every command with a job has: --submit, --print-jobid, --dry-run, --priority,
--reason.  Following outlives a restart of the master daemon; Ctrl-C ends the
following, never the job.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from ganeti import errors
from ganeti.cli.failures import ExitCode, describe
from ganeti.cli.listing import time_text
from ganeti.cli.parse import Values
from ganeti.cli.session import Session
from ganeti.luxi import methods
from ganeti.model.opcodes.base import OpCode
from ganeti.model.scalars import JobId
from ganeti.schema import replace
from ganeti.utils import json

LogHandler = Callable[[str, Any], bool]
"""Takes kind and message of a log entry; true when it has dealt with it."""

_FINAL = frozenset({"canceled", "success", "error"})
_SPIN_EVERY = 0.5
_PATIENCE = (0.2, 0.5, *(1.0,) * 60)
"""Pauses, in seconds, between attempts to reach a master daemon that went away: trying is cheap, waiting is not."""


class Ended(NamedTuple):
    """How a job ended; statuses and results by opcode."""

    job_id: int
    status: str
    op_statuses: Sequence[str]
    op_results: Sequence[Any]

    def results(self) -> Sequence[Any]:
        """Return the results of the opcodes.

        Raises the error the job ended with.
        """
        if self.status == "success":
            return self.op_results
        if self.status == "canceled":
            raise errors.JobCanceled(f"job {self.job_id} was canceled")
        for index, (status, result) in enumerate(zip(self.op_statuses, self.op_results, strict=True)):
            if status == "error":
                error = errors.from_wire(result) or errors.OpExecError(str(result))
                if index:
                    error.add_note(f"{index} of {len(self.op_statuses)} operations of the job had been done")
                raise error
        raise errors.OpExecError(
            f"job {self.job_id} ended in error without telling why: see gnt-job info {self.job_id}"
        )


def run_op(session: Session, options: Values, op: OpCode, on_log: LogHandler | None = None) -> Any:
    """Run one opcode as a job of its own and return its result.

    With --submit the job's id is printed and JobSubmittedException ends the command;
    with --print-jobid it is the first line, a number and nothing else.
    Raises the error the job ends with.
    """
    return run_ops(session, options, [op], on_log)[0]


def run_ops(
    session: Session, options: Values, ops: Sequence[OpCode], on_log: LogHandler | None = None
) -> Sequence[Any]:
    """Run opcodes as one job and return their results; else as `run_op`."""
    job_id = session.client.call(methods.submit_job, [dressed(session, options, op) for op in ops])
    if options.get("print_jobid"):
        session.console.show(str(job_id))
    if options.get("submit_only"):
        session.console.out(f"JobID: {job_id}")
        raise errors.JobSubmittedException(job_id)
    results = follow(session, job_id, on_log).results()
    if options.get("dry_run"):
        session.console.say("dry run: all checks passed, nothing was changed")
    return results


class Work(NamedTuple):
    """A job of several: what it is about, for messages, and its opcodes."""

    about: str
    ops: Sequence[OpCode]


def run_many(session: Session, options: Values, works: Sequence[Work]) -> int:
    """Run several jobs side by side; tells how each ended and returns the exit code."""
    console = session.console
    answers = session.client.call(
        methods.submit_many_jobs, [[dressed(session, options, op) for op in work.ops] for work in works]
    )
    code = ExitCode.SUCCESS
    submitted: list[tuple[str, int]] = []
    for work, (accepted, answer) in zip(works, answers, strict=True):
        if accepted:
            submitted.append((work.about, int(answer)))
        else:
            console.say(f"{work.about}: {answer}")
            code = ExitCode.FAILURE
    if options.get("print_jobid"):
        for _, job_id in submitted:
            console.show(str(job_id))
    if options.get("submit_only"):
        for _, job_id in submitted:
            console.out(f"JobID: {job_id}")
        return code
    return follow_all(session, submitted) or code


def follow_all(session: Session, jobs: Sequence[tuple[str, int]]) -> int:
    """Follow jobs (what about, id), which run side by side, to their ends; returns the exit code."""
    code = ExitCode.SUCCESS
    for number, (about, job_id) in enumerate(jobs):
        try:
            follow(session, job_id).results()
        except KeyboardInterrupt:
            for _, other in jobs[number + 1 :]:
                session.console.say(f"job {other} goes on, too")
            raise
        except errors.LuxiError:
            raise
        except errors.GenericError as err:
            session.console.say(f"{about}: {describe(err, session.paths)[0]}")
            code = ExitCode.FAILURE
    return code


def follow_children(session: Session, result: Any) -> int:
    """Follow the jobs an opcode answered with ({"jobs": [[accepted, id or message], ...]})."""
    code = ExitCode.SUCCESS
    jobs: list[tuple[str, int]] = []
    for accepted, answer in (result or {}).get("jobs", []):
        if accepted:
            jobs.append((f"job {answer}", int(answer)))
        else:
            session.console.say(f"cannot submit a job: {answer}")
            code = ExitCode.FAILURE
    return follow_all(session, jobs) or code


def dressed(session: Session, options: Values, op: OpCode) -> OpCode:
    """Return an opcode with what the options say of every opcode."""
    changes: dict[str, Any] = {"reason": [*(op.reason or ()), *reason_trail(session, options)]}
    if options.get("dry_run"):
        changes["dry_run"] = True
    if options.get("priority") is not None:
        changes["priority"] = options.priority
    if options.get("debug"):
        changes["debug_level"] = options.debug
    return replace(op, **changes)


def reason_trail(session: Session, options: Values) -> list[list[Any]]:
    """Return why this is done, as [source, reason, time in nanoseconds] entries, oldest first."""
    now = int(session.clock.time() * 1_000_000_000)
    trail: list[list[Any]] = [["gnt:user", options.reason, now]] if options.get("reason") else []
    return [*trail, [f"gnt:client:{session.program.name}", session.command.name, now]]


# --- following ------------------------------------------------------------------------


def follow(session: Session, job_id: int, on_log: LogHandler | None = None) -> Ended:
    """Show the progress of a job until it ends.

    Raises JobLost when it is gone.
    """
    try:
        _show_progress(session, job_id, on_log)
        row = _outcome(session, job_id)
    except KeyboardInterrupt:
        session.console.say(_how_to_go_on(job_id, "goes on"))
        raise
    except errors.ProtocolError:
        session.console.say(_how_to_go_on(job_id, "may go on"))
        raise
    if row is None:
        raise _lost(job_id)
    return Ended(job_id, *row)


def _outcome(session: Session, job_id: int) -> Any:
    fields = ["status", "opstatus", "opresult"]
    return _patiently(session, job_id, lambda: session.client.call(methods.query_jobs, [JobId(job_id)], fields)[0])


def _show_progress(session: Session, job_id: int, on_log: LogHandler | None) -> None:
    info: Sequence[object] | None = None
    serial: int | None = None
    # Someone at a terminal wants to see that we are alive; anyone else only what changes.
    timeout = _SPIN_EVERY if session.console.is_terminal else methods.LONGEST_WAIT
    while True:
        answer = _patiently(session, job_id, _waiting(session, job_id, info, serial, timeout))
        if answer is None:
            raise _lost(job_id)
        if answer != "nochange":
            info, entries = answer
            for number, stamp, kind, message in entries:
                serial = number
                if on_log is None or not on_log(kind, message):
                    show_log_entry(session, stamp, kind, message)
        if info is None:
            continue
        if info[0] in _FINAL:
            return
        session.console.spin(f"job {job_id}: {info[0]}")


def show_log_entry(session: Session, stamp: Sequence[int], kind: str, message: Any) -> None:
    """Print an entry of a job's log: its time and text, further lines below it."""
    first, *more = log_text(kind, message).splitlines() or [""]
    session.console.show(f"{time_text(stamp[0])} {first}")
    for line in more:
        session.console.show(f"{'':19} {line}")


def log_text(kind: str, message: Any) -> str:
    """Return the text of a log entry; entries for programs show their kind."""
    match kind, message:
        case "message", str():
            return str(message)
        case "message-list", list():
            return "\n".join(str(m) for m in message)
    return f"{kind}: {json.dumps(message)}"


def _waiting(
    session: Session, job_id: int, info: Sequence[object] | None, serial: int | None, timeout: float
) -> Callable[[], Any]:
    return lambda: session.client.call(methods.wait_for_job_change, JobId(job_id), ["status"], info, serial, timeout)


def _patiently(session: Session, job_id: int, ask: Callable[[], Any]) -> Any:
    """Ask about a job, in spite of a master daemon that is being restarted."""
    pauses = iter(_PATIENCE)
    while True:
        try:
            return ask()
        except (errors.ConnectionClosedError, errors.NoMasterError, errors.TimeoutError):
            pause = next(pauses, None)
            if pause is None:
                raise
            session.console.spin(f"job {job_id}: waiting for the master daemon")
            session.clock.sleep(pause)


def _lost(job_id: int) -> errors.JobLost:
    return errors.JobLost(f"job {job_id} is gone: it does not exist, or has been archived")


def _how_to_go_on(job_id: int, does: str) -> str:
    return f"job {job_id} {does}: gnt-job watch {job_id} follows it, gnt-job cancel {job_id} ends it"
