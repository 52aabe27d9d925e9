"""The node daemon's end of its function server: starts calls, takes their answers, learns of their ends."""

from __future__ import annotations

import asyncio
import collections
import contextlib
import logging
import os
import signal
import socket
from collections.abc import Callable

from ganeti import errors
from ganeti.noded.function_process import HEAD, Answer, died, too_large
from ganeti.noded.function_server import (
    END,
    END_CALL,
    EVENT,
    REOPEN,
    SECONDS_TO_END,
    SMALL_BODY,
    START,
    ServerProcess,
)
from ganeti.rpc.envelope import failure

log = logging.getLogger(__name__)

_CHUNK = 262144
_GRACE = 5.0


class Running:
    """A call that has, or is about to get, a process.

    `on_answer` is called once, with what it answered or, when it died, an answer that
    says how; `on_end` once after that, when the process is gone and reaped.
    """

    def __init__(
        self,
        name: str,
        pipe: int,
        answer_limit: int,
        on_answer: Callable[[Answer], None],
        on_end: Callable[[], None],
    ) -> None:
        self.pid = 0
        #: what the function server knows it by
        self.number = 0
        self._name = name
        self._pipe = pipe
        self._answer_limit = answer_limit
        self._on_answer = on_answer
        self._on_end = on_end
        self._read = bytearray()
        self._answered = False
        self._loop = asyncio.get_running_loop()
        os.set_blocking(pipe, False)
        self._loop.add_reader(pipe, self._take)

    def ended(self, answer: Callable[[], bytes]) -> None:
        """Take what is left in the pipe; the process is gone. `answer` is made when it left none."""
        while not self._answered and self._take():
            pass
        self._loop.remove_reader(self._pipe)
        os.close(self._pipe)
        if not self._answered:
            self._answer(Answer(answer()))
        self._on_end()

    def died(self, status: int) -> None:
        """As `ended`, for a process with a wait status."""
        self.ended(lambda: died(self._name, status))

    def _take(self) -> bool:
        """Read some of the answer; False when there is nothing (more) to be read."""
        try:
            part = os.read(self._pipe, _CHUNK)
        except BlockingIOError:
            return False
        if not part:
            self._loop.remove_reader(self._pipe)
            return False
        self._read += part
        if not self.pid and len(self._read) >= HEAD.size:
            self.pid = HEAD.unpack_from(self._read)[1]
            del self._read[: HEAD.size]
        if self.pid and len(self._read) >= HEAD.size:
            mark, length = HEAD.unpack_from(self._read)
            if length > self._answer_limit:
                self._answer(Answer(too_large(self._name, self._answer_limit)))
            elif len(self._read) >= HEAD.size + length:
                self._answer(Answer(bytes(self._read[HEAD.size : HEAD.size + length]), mark == b"Q"))
        return True

    def _answer(self, answer: Answer) -> None:
        self._answered = True
        self._read.clear()
        self._loop.remove_reader(self._pipe)
        self._on_answer(answer)


class FunctionLink:
    """Talks to the function server; `on_lost` is called when it ends without having been told to."""

    def __init__(self, server: ServerProcess, answer_limit: int, on_lost: Callable[[], None]) -> None:
        self._server = server
        self._control = server.control
        self._answer_limit = answer_limit
        self._on_lost = on_lost
        self._loop = asyncio.get_running_loop()
        self._calls: dict[int, Running] = {}
        self._last = 0
        self._unsent: collections.deque[tuple[bytes, list[int]]] = collections.deque()
        self._gone: asyncio.Future[None] = self._loop.create_future()
        self._ending = False
        self._loop.add_reader(self._control, self._take)

    def begin(self, name: str, body: bytes, on_answer: Callable[[Answer], None], on_end: Callable[[], None]) -> Running:
        """Have a call carried out.

        Raises OSError when there are no descriptors left.
        """
        reader, writer = os.pipe()
        fds = [writer]
        try:
            by_file = len(body) > SMALL_BODY
            if by_file:
                fds.append(_memory_file(body))
            running = Running(name, reader, self._answer_limit, on_answer, on_end)
        except OSError:
            os.close(reader)
            os.close(writer)
            raise
        self._last += 1
        running.number = self._last
        self._calls[self._last] = running
        encoded = name.encode()
        head = START.pack(b"S", self._last, by_file, len(encoded))
        self._send(head + encoded + (b"" if by_file else body), fds)
        return running

    def end_call(self, running: Running) -> None:
        """Have one call ended, with all it started."""
        self._send(END_CALL.pack(b"K", running.number), [])

    def reopen_logs(self) -> None:
        """Have the function server open its log files anew."""
        self._send(REOPEN, [])

    async def end(self, seconds: float = SECONDS_TO_END) -> None:
        """End all calls, by force after some seconds, and the function server."""
        self._ending = True
        if not self._gone.done():
            self._send(END.pack(b"E", seconds), [])
            alarm = self._loop.call_later(seconds + _GRACE, self._kill_server)
            try:
                await self._gone
            finally:
                alarm.cancel()

    def _kill_server(self) -> None:
        log.error("function server %s does not end, killing it", self._server.pid)
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._server.pid, signal.SIGKILL)

    def _send(self, packet: bytes, fds: list[int]) -> None:
        self._unsent.append((packet, fds))
        if len(self._unsent) == 1:
            self._send_more()

    def _send_more(self) -> None:
        while self._unsent:
            packet, fds = self._unsent[0]
            try:
                socket.send_fds(self._control, [packet], fds)
            except BlockingIOError:
                self._loop.add_writer(self._control, self._send_more)
                return
            except OSError as err:
                log.error("cannot reach the function server: %s", err.strerror)
            self._unsent.popleft()
            for fd in fds:
                os.close(fd)
        self._loop.remove_writer(self._control)

    def _take(self) -> None:
        while True:
            try:
                packet = self._control.recv(EVENT.size)
            except BlockingIOError:
                return
            except ConnectionResetError:
                packet = b""
            if not packet:
                self._lost()
                return
            kind, number, value = EVENT.unpack(packet)
            if kind == b"D":
                self._calls.pop(number).died(value)
            else:
                reason = os.strerror(value)
                error = errors.OpExecError(f"cannot start a process for the call: {reason}")
                self._calls.pop(number).ended(lambda error=error: failure(error))  # type: ignore[misc]  # a bound value

    def _lost(self) -> None:
        self._loop.remove_reader(self._control)
        self._loop.remove_writer(self._control)
        self._control.close()
        while self._unsent:
            for fd in self._unsent.popleft()[1]:
                os.close(fd)
        with contextlib.suppress(ChildProcessError):
            os.waitpid(self._server.pid, 0)
        error = errors.OpExecError("the function server of the node daemon ended; see the node daemon's log")
        for running in list(self._calls.values()):
            running.ended(lambda: failure(error))
            if running.pid:
                # Nobody else is left to end what the function server had started.
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(running.pid, signal.SIGTERM)
        self._calls.clear()
        self._gone.set_result(None)
        if not self._ending:
            log.error("the function server ended by itself, so the node daemon does too")
            self._on_lost()


def _memory_file(content: bytes) -> int:
    fd = os.memfd_create("call")
    left = memoryview(content)
    while left:
        left = left[os.write(fd, left) :]
    return fd
