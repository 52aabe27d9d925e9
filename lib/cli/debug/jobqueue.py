"""gnt-debug test-jobqueue: are jobs told about and ended as they should be?"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from ganeti import errors
from ganeti.cli.failures import ExitCode
from ganeti.cli.jobs import dressed, follow
from ganeti.cli.parse import Values
from ganeti.cli.session import Session
from ganeti.luxi import methods
from ganeti.model.opcodes.test import OpTestDelay, OpTestJqueue
from ganeti.model.scalars import JobId

_MESSAGES = ("first", "second", "third with spaces and ünïcode")
_PREFIX = "TESTMSG="


def test_jobqueue(session: Session, options: Values, args: Sequence[str]) -> int:
    """Run all checks and tell how each went."""
    code = ExitCode.SUCCESS
    for check in _CHECKS:
        title = (check.__doc__ or "").rstrip(".")
        try:
            check(session, options)
            session.console.show(f"good: {title}")
        except errors.GenericError as err:
            session.console.show(f"BAD: {title}: {err}")
            code = ExitCode.FAILURE
    return code


def _messages_arrive(session: Session, options: Values) -> None:
    """Messages of a job arrive, all and in order."""
    got: list[str] = []

    def take(kind: str, message: Any) -> bool:
        if kind == "jqueue-test" and isinstance(message, list) and message[0] == "logmsg":
            got.append(str(message[1]).removeprefix(_PREFIX))
        elif kind == "message":
            got.append(str(message).removeprefix(_PREFIX))
        return True

    job_id = _submit(session, options, OpTestJqueue(log_messages=_MESSAGES))
    follow(session, job_id, take).results()
    wanted = [m for m in got if m in _MESSAGES]
    _expect(wanted == list(_MESSAGES), f"expected {list(_MESSAGES)}, got {got}")


def _failure_ends_in_error(session: Session, options: Values) -> None:
    """An operation that fails ends its job in error."""
    ended = follow(session, _submit(session, options, OpTestJqueue(fail=True)), lambda kind, message: True)
    _expect(ended.status == "error", f"the job ended in {ended.status}")


def _later_operations_do_not_run(session: Session, options: Values) -> None:
    """What comes after a failed operation in its job is not run."""
    ops = [OpTestJqueue(), OpTestJqueue(fail=True), OpTestJqueue()]
    job_id = session.client.call(methods.submit_job, [dressed(session, options, op) for op in ops])
    ended = follow(session, job_id, lambda kind, message: True)
    _expect(list(ended.op_statuses) == ["success", "error", "error"], f"statuses are {list(ended.op_statuses)}")


def _waiting_job_can_be_canceled(session: Session, options: Values) -> None:
    """A job that waits for another can be canceled."""
    first = _submit(session, options, OpTestDelay(duration=1.0))
    waiting = OpTestDelay(duration=0.0, depends=[(JobId(first), ())])
    second = _submit(session, options, waiting)
    done, message = session.client.call(methods.cancel_job, JobId(second))
    _expect(done, message)
    ended = follow(session, second, lambda kind, message: True)
    _expect(ended.status == "canceled", f"the job ended in {ended.status}")
    follow(session, first, lambda kind, message: True).results()


def _several_jobs_are_answered_one_by_one(session: Session, options: Values) -> None:
    """Of several jobs submitted together each is answered, in order."""
    answers = session.client.call(methods.submit_many_jobs, [[OpTestJqueue()], [OpTestJqueue()]])
    _expect(len(answers) == 2 and all(accepted for accepted, _ in answers), f"answers are {answers}")
    for _, job_id in answers:
        follow(session, int(job_id), lambda kind, message: True).results()


def _submit(session: Session, options: Values, op: OpTestJqueue | OpTestDelay) -> int:
    return session.client.call(methods.submit_job, [dressed(session, options, op)])


def _expect(good: bool, otherwise: str) -> None:
    if not good:
        raise errors.OpResultError(otherwise)


_CHECKS: tuple[Callable[[Session, Values], None], ...] = (
    _messages_arrive,
    _failure_ends_in_error,
    _later_operations_do_not_run,
    _waiting_job_can_be_canceled,
    _several_jobs_are_answered_one_by_one,
)
