"""gnt-debug delay and submit-job: jobs for tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ganeti import errors
from ganeti.cli.failures import ExitCode, UsageError
from ganeti.cli.jobs import Work, dressed, follow_all, run_many, run_op
from ganeti.cli.parse import Values
from ganeti.cli.session import Session
from ganeti.cli.values import read_float
from ganeti.luxi import methods
from ganeti.model.opcodes import registry
from ganeti.model.opcodes.base import OpCode
from ganeti.model.opcodes.test import OpTestDelay
from ganeti.utils import json


def delay(session: Session, options: Values, args: Sequence[str]) -> int:
    """Run a job that does nothing."""
    op = OpTestDelay.from_wire(
        {
            "duration": _seconds(args[0]),
            "on_master": options.on_master,
            "on_nodes": options.on_nodes,
            "repeat": options.repeat,
            "interruptible": options.interruptible,
            "no_locks": options.no_locks,
        }
    )
    run_op(session, options, op)
    return ExitCode.SUCCESS


def _seconds(text: str) -> float:
    try:
        return read_float(text)
    except UsageError as err:
        raise UsageError(f"cannot wait {text!r} seconds: {err}") from None


def submit_job(session: Session, options: Values, args: Sequence[str]) -> int:
    """Submit jobs from files."""
    works = [
        Work(f"job {number + 1} of {file}", [op for op in _read(file) for _ in range(options.rep_op)])
        for file in args
        for number in range(options.rep_job)
    ]
    begun = session.clock.monotonic()
    if options.each:
        jobs = [
            (work.about, session.client.call(methods.submit_job, [dressed(session, options, op) for op in work.ops]))
            for work in works
        ]
        submitted = session.clock.monotonic()
        code = follow_all(session, jobs)
    else:
        submitted = begun
        code = run_many(session, options, works)
    ended = session.clock.monotonic()
    if options.timing_stats:
        count = sum(len(work.ops) for work in works)
        if options.each:
            session.console.out(f"Submitting: {submitted - begun:.2f} s, {len(works) / (submitted - begun):.2f} jobs/s")
        session.console.out(f"All: {ended - begun:.2f} s, {len(works) / (ended - begun):.2f} jobs/s, {count} opcodes")
    return code


def _read(file: str) -> list[OpCode]:
    """Return the opcodes of a file.

    Raises UsageError naming the file and what is wrong in it.
    """
    try:
        with open(file, encoding="utf-8") as stream:
            data = json.loads(stream.read())
        if not isinstance(data, list) or not all(isinstance(op, Mapping) for op in data):
            raise UsageError("expected a list of objects with OP_ID")
        return [registry.load(op, f"[{index}]") for index, op in enumerate(data)]
    except (OSError, UnicodeDecodeError, errors.UserError) as err:
        raise UsageError(f"cannot read jobs from {file}: {err}") from err
