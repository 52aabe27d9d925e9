"""One function process: a forked child that carries out one call and answers over a pipe.

The child keeps nothing of the daemon: it closes every descriptor but its pipe, the
standard streams and the log, resets signals, works, writes its answer and is gone.
Whatever happens to it is the end of that call only.

What travels over the pipe: one byte (`A` answer, `Q` answer, and the daemon is to end),
the length in eight bytes, the answer's body.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import gc
import logging
import os
import signal
import struct
import sys
from collections.abc import Callable
from typing import Any, NamedTuple, NoReturn

from ganeti import errors
from ganeti.rpc.transport import failure
from ganeti.utils.process import close_fds

log = logging.getLogger(__name__)

_HEAD = struct.Struct("!cQ")
_CHUNK = 262144
_PR_SET_PDEATHSIG = 1
_ALL_SIGNALS = signal.valid_signals()
_libc = ctypes.CDLL(None)


class Answer(NamedTuple):
    """What a call brought: the body of its answer, and whether the daemon is to end now."""

    body: bytes
    quit: bool = False


class _Terminated(BaseException):
    """The function process was told to end; raised wherever it is, so that it ends what it started."""


class FunctionProcess:
    """A running child, seen from the daemon.

    `on_answer` is called once, with what it answered or, when it died, an answer that
    says how; `on_end` once after that, when the process is gone and reaped.
    """

    def __init__(
        self,
        name: str,
        work: Callable[[], Answer],
        *,
        answer_limit: int,
        on_answer: Callable[[Answer], None],
        on_end: Callable[[], None],
    ) -> None:
        self._name = name
        self._answer_limit = answer_limit
        self._on_answer = on_answer
        self._on_end = on_end
        self._loop = asyncio.get_running_loop()
        self._read = bytearray()
        self._answered = False
        self.pid, self._pipe = _fork(name, work, answer_limit)
        try:
            self._pid_fd = os.pidfd_open(self.pid)
        except OSError:
            # No descriptor left: the child must not run unseen.
            os.kill(self.pid, signal.SIGKILL)
            os.waitpid(self.pid, 0)
            os.close(self._pipe)
            raise
        os.set_blocking(self._pipe, False)
        self._loop.add_reader(self._pipe, self._take)
        self._loop.add_reader(self._pid_fd, self._ended)

    def send_signal(self, number: int) -> None:
        """Signal the child and what it started in its process group."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.pid, number)  # not reaped yet, so the number is still its own

    def _take(self) -> None:
        try:
            part = os.read(self._pipe, _CHUNK)
        except BlockingIOError:
            return
        if not part:
            self._loop.remove_reader(self._pipe)
            return
        self._read += part
        self._look()

    def _look(self) -> None:
        if self._answered or len(self._read) < _HEAD.size:
            return
        mark, length = _HEAD.unpack_from(self._read)
        if length > self._answer_limit:
            self.send_signal(signal.SIGKILL)
            self._answer(Answer(_too_large(self._name, self._answer_limit)))
        elif len(self._read) >= _HEAD.size + length:
            self._answer(Answer(bytes(self._read[_HEAD.size : _HEAD.size + length]), mark == b"Q"))

    def _answer(self, answer: Answer) -> None:
        self._answered = True
        self._read.clear()
        self._loop.remove_reader(self._pipe)
        self._on_answer(answer)

    def _ended(self) -> None:
        """Reap the child, and take what is left in its pipe."""
        self._loop.remove_reader(self._pid_fd)
        os.close(self._pid_fd)
        _, status = os.waitpid(self.pid, 0)
        while not self._answered:
            try:
                part = os.read(self._pipe, _CHUNK)
            except BlockingIOError:
                break
            if not part:
                break
            self._read += part
            self._look()
        self._loop.remove_reader(self._pipe)
        os.close(self._pipe)
        if not self._answered:
            self._answered = True
            how = _how(os.waitstatus_to_exitcode(status))
            log.error("function process %s of %s %s without an answer", self.pid, self._name, how)
            error = errors.OpExecError(f"the process that carried out {self._name} {how}; see the node daemon's log")
            self._on_answer(Answer(failure(error)))
        self._on_end()


def _how(code: int) -> str:
    if code >= 0:
        return f"ended with exit code {code}"
    try:
        return f"was ended by signal {signal.Signals(-code).name}"
    except ValueError:
        return f"was ended by signal {-code}"


def _too_large(name: str, limit: int) -> bytes:
    return failure(errors.OpExecError(f"cannot answer {name}: the answer is larger than {limit} bytes"))


def _fork(name: str, work: Callable[[], Answer], answer_limit: int) -> tuple[int, int]:
    """Return the child's id and the end of its pipe to read from."""
    reader, writer = os.pipe()
    parent = os.getpid()
    # Until the child has handlers of its own, a signal to it would wake the daemon's loop.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _ALL_SIGNALS)
    try:
        pid = os.fork()
        if pid == 0:
            _be_child(name, work, answer_limit, parent, writer)
    except BaseException:
        os.close(reader)
        raise
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        os.close(writer)
    # The child does so too: whoever comes first, nobody meets it outside its group.
    with contextlib.suppress(OSError):
        os.setpgid(pid, pid)
    return pid, reader


# --- in the child ----------------------------------------------------------------------


def _be_child(name: str, work: Callable[[], Answer], answer_limit: int, parent: int, pipe: int) -> NoReturn:
    code = 1
    try:
        try:
            _leave_the_daemon(parent, pipe)
            answer = work()
            if len(answer.body) > answer_limit:
                answer = Answer(_too_large(name, answer_limit), answer.quit)
            _write(pipe, _HEAD.pack(b"Q" if answer.quit else b"A", len(answer.body)) + answer.body)
            code = 0
        except _Terminated:
            _end_children()
            signal.signal(signal.SIGTERM, signal.SIG_DFL)
            os.kill(os.getpid(), signal.SIGTERM)
        except BrokenPipeError:
            log.warning("nobody takes the answer of %s any more", name)
        with contextlib.suppress(OSError, ValueError):
            sys.stdout.flush()
            sys.stderr.flush()
    except BaseException:
        log.exception("function process of %s", name)
    finally:
        os._exit(code)


def _leave_the_daemon(parent: int, pipe: int) -> None:
    os.setpgid(0, 0)
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGINT, signal.SIGCHLD, signal.SIGHUP):
        signal.signal(number, signal.SIG_DFL)
    signal.signal(signal.SIGTERM, _terminate)
    # The daemon may be killed: what it started then has nobody left to answer to.
    _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())
    if os.getppid() != parent:
        raise _Terminated
    # Everything older is of no interest to the collector, and touching it would copy its pages.
    gc.freeze()
    close_fds([pipe, *_log_descriptors()])
    nowhere = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nowhere, 0)
    os.close(nowhere)


def _log_descriptors() -> list[int]:
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
