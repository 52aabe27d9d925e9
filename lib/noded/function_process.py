"""One function process: a forked child that carries out one call and answers over a pipe.

The child keeps nothing of its parent: every descriptor but its pipe, the standard
streams and the log is closed, signals do what they do to any program; it works, writes
its answer and is gone.  Whatever happens to it is the end of that call only.

What travels over the pipe: `P` and the process id, then `A` (or `Q`: and the daemon is
to end) with the length of the answer's body, and the body.  Numbers take eight bytes.

Kept small on purpose, and free of the event loop: what is in memory is paid for with
every fork (see `ganeti.noded.function_server`).
"""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import signal
import struct
from collections.abc import Callable
from typing import Any, NamedTuple, NoReturn

from ganeti import errors
from ganeti.procedure import Procedure
from ganeti.rpc.envelope import failure, success
from ganeti.utils import json

log = logging.getLogger(__name__)

Handler = Callable[..., Any]

HEAD = struct.Struct("!cQ")


class Answer(NamedTuple):
    """What a call brought: the body of its answer, and whether the daemon is to end now."""

    body: bytes
    quit: bool = False


class _Terminated(BaseException):
    """The function process was told to end; raised wherever it is, so that it ends what it started."""


def carry_out(procedure: Procedure[..., Any], handler: Handler, body: bytes) -> Answer:
    """Call a handler with the arguments in `body`; whatever goes wrong is the answer."""
    try:
        value = handler(*procedure.decode_arguments(json.loads(body)))
        return Answer(success(procedure.encode_answer(value)))
    except errors.QuitGanetiException as err:
        done, message = (*err.args, "")[:2] if err.args else (True, "")
        return Answer(json.dumps_bytes([bool(done), message]), quit=True)
    except errors.GenericError as err:
        log.info("%s: %s", procedure.name, err)
        return Answer(failure(err))
    except Exception as err:
        log.exception("%s", procedure.name)
        return Answer(failure(err))


def too_large(name: str, limit: int) -> bytes:
    """Return the answer of a call whose answer is too large."""
    return failure(errors.OpExecError(f"cannot answer {name}: the answer is larger than {limit} bytes"))


def died(name: str, status: int) -> bytes:
    """Return the answer of a call whose process ended, with a wait status, before it answered."""
    code = os.waitstatus_to_exitcode(status)
    how = f"ended with exit code {code}"
    if code < 0:
        try:
            how = f"was ended by signal {signal.Signals(-code).name}"
        except ValueError:
            how = f"was ended by signal {-code}"
    log.error("the process of %s %s without an answer", name, how)
    return failure(errors.OpExecError(f"the process that carried out {name} {how}; see the node daemon's log"))


def be_function_process(name: str, work: Callable[[], Answer], *, answer_limit: int, pipe: int) -> NoReturn:
    """Go on as the function process of a call, just forked with SIGTERM, SIGINT and SIGHUP blocked.

    What is not needed is closed already.  Each line here is paid for with every call.
    """
    code = 1
    try:
        try:
            os.setpgid(0, 0)
            signal.signal(signal.SIGTERM, _terminate)
            signal.pthread_sigmask(signal.SIG_SETMASK, ())
            # Everything older is of no interest to the collector, and touching it would copy its pages.
            gc.freeze()
            # Before anything is done: either the daemon knows whom to end, or there is no daemon and this breaks.
            os.write(pipe, HEAD.pack(b"P", os.getpid()))
            answer = work()
            if len(answer.body) > answer_limit:
                answer = Answer(too_large(name, answer_limit), answer.quit)
            _write(pipe, HEAD.pack(b"Q" if answer.quit else b"A", len(answer.body)) + answer.body)
            code = 0
        except _Terminated:
            _end_children()
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            os.kill(os.getpid(), signal.SIGTERM)
        except BrokenPipeError:
            log.warning("nobody takes the answer of %s any more", name)
    except BaseException:
        log.exception("function process of %s", name)
    finally:
        os._exit(code)


def log_descriptors() -> list[int]:
    """Return the descriptors the log is written to."""
    found = []
    for handler in logging.getLogger().handlers:
        place: Any = getattr(handler, "stream", None) or getattr(handler, "socket", None)
        with contextlib.suppress(AttributeError, OSError, ValueError):
            found.append(place.fileno())
    return found


def _terminate(_number: int, _frame: object) -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    raise _Terminated


def _end_children() -> None:
    """Kill what the call started and could not end itself, with the groups it leads."""
    own = os.getpid()
    try:
        with open(f"/proc/{own}/task/{own}/children", encoding="ascii") as file:
            children = [int(pid) for pid in file.read().split()]
    except OSError:
        return
    for pid in children:
        with contextlib.suppress(ProcessLookupError):
            if os.getpgid(pid) == pid:
                os.killpg(pid, signal.SIGKILL)
            else:
                os.kill(pid, signal.SIGKILL)


def _write(pipe: int, data: bytes) -> None:
    left = memoryview(data)
    while left:
        left = left[os.write(pipe, left) :]
