"""gnt-job watch, wait, cancel, change-priority, archive and autoarchive."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ganeti.cli.failures import ExitCode, UsageError
from ganeti.cli.jobs import follow
from ganeti.cli.parse import Values
from ganeti.cli.session import Session
from ganeti.cli.values import read_age, read_job_id
from ganeti.luxi import methods
from ganeti.luxi.client import Client
from ganeti.model.scalars import JobId

_ARCHIVE_TIMEOUT = methods.LONGEST_WAIT


def watch(session: Session, options: Values, args: Sequence[str]) -> int:
    """Show the messages of a job until it ends."""
    job_id = read_job_id(args[0])
    session.console.show(f"Messages of job {job_id}:")
    follow(session, job_id).results()
    return ExitCode.SUCCESS


def wait(session: Session, options: Values, args: Sequence[str]) -> int:
    """Wait until a job ends."""
    follow(session, read_job_id(args[0]), lambda kind, message: True).results()
    return ExitCode.SUCCESS


def cancel(session: Session, options: Values, args: Sequence[str]) -> int:
    """Cancel jobs."""
    if options.kill and not (options.force or options.yes_do_it):
        session.console.confirm(
            "Jobs that run will be ended where they are. Continue?",
            "what such a job has done so far stays done; instances and disks can be left half made",
        )

    def act(client: Client, job_id: JobId) -> tuple[bool, str]:
        return client.call(methods.cancel_job, job_id, bool(options.kill))

    return _on_each(session, options, args, "cancel", act)


def change_priority(session: Session, options: Values, args: Sequence[str]) -> int:
    """Change the priority of jobs."""
    if options.priority is None:
        raise UsageError("no priority given: add --priority low, normal or high")

    def act(client: Client, job_id: JobId) -> tuple[bool, str]:
        return client.call(methods.change_job_priority, job_id, options.priority)

    return _on_each(session, options, args, "change the priority of", act)


def archive(session: Session, options: Values, args: Sequence[str]) -> int:
    """Archive jobs."""
    code = ExitCode.SUCCESS
    for job_id in [JobId(read_job_id(arg)) for arg in args]:
        if not session.client.call(methods.archive_job, job_id):
            session.console.say(f"cannot archive job {job_id}: it does not exist, or has not ended")
            code = ExitCode.FAILURE
    return code


def auto_archive(session: Session, options: Values, args: Sequence[str]) -> int:
    """Archive all jobs that ended long enough ago."""
    archived, left = session.client.call(methods.auto_archive_jobs, read_age(args[0]), _ARCHIVE_TIMEOUT)
    session.console.out(f"Archived {archived} jobs, {left} unchecked left")
    return ExitCode.SUCCESS


def _on_each(
    session: Session,
    options: Values,
    args: Sequence[str],
    what: str,
    act: Callable[[Client, JobId], tuple[bool, str]],
) -> int:
    """Do something to each job the arguments or a state select."""
    code = ExitCode.SUCCESS
    for job_id in _selected(session, options, args, what):
        done, message = act(session.client, job_id)
        if done:
            session.console.out(message)
        else:
            session.console.say(message)
            code = ExitCode.FAILURE
    return code


def _selected(session: Session, options: Values, args: Sequence[str], what: str) -> list[JobId]:
    """Return the jobs that are named, or all in a state once the user agrees."""
    if bool(args) == bool(options.status_filter):
        raise UsageError("name jobs, or select them with one of --pending, --queued and --waiting; not both")
    if args:
        return [JobId(read_job_id(arg)) for arg in args]
    rows = session.client.call(methods.query_jobs, None, ["id", "status", "summary"])
    found = [row for row in rows if row is not None and row[1] in options.status_filter]
    if found and not options.force:
        for job_id, status, summary in found:
            session.console.say(f"  {job_id} {status} {','.join(summary)}")
        session.console.confirm(f"This will {what} {len(found)} jobs. Continue?")
    return [JobId(row[0]) for row in found]
