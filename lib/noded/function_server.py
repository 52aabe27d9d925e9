"""The function server: a small process beside the node daemon that forks one process per call.

A fork costs what is in memory of the process that forks, and the parent then pays for
every page it touches.  The daemon itself, with its connections and libraries, would
pay twice for both; the function server does nothing but fork and reap.

It is told what to do over a socket of packets, and tells over it what became of a call:

    daemon:  S number flags name-length name body   + pipe to answer to [+ body as a file]
             K number                               end this call
             E seconds                              end all calls, then yourself
             L                                      open the log files anew
    server:  F number errno                         there could be no process
             D number status                        the process is gone and reaped

When the socket closes, the daemon is gone: all calls are ended.
"""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import select
import signal
import socket
import struct
import time
from collections.abc import Mapping
from typing import Any, NamedTuple, NoReturn

from ganeti.noded.function_process import Handler, be_function_process, carry_out, log_descriptors
from ganeti.procedure import Procedure
from ganeti.utils import files
from ganeti.utils import log as logs
from ganeti.utils.process import close_fds

log = logging.getLogger(__name__)

SECONDS_TO_END = 5.0
SMALL_BODY = 32768
"""Larger bodies travel as a file in memory; a packet must fit into the socket's buffer."""

START = struct.Struct("!cQ?H")
END = struct.Struct("!cd")
END_CALL = struct.Struct("!cQ")
EVENT = struct.Struct("!cQq")
REOPEN = b"L"

_INT = struct.calcsize("i")
_TWO_DESCRIPTORS = socket.CMSG_SPACE(2 * _INT)
_PACKET = START.size + SMALL_BODY + 65536


_BLOCKED = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


class ServerProcess(NamedTuple):
    """A function server that runs, as its node daemon sees it."""

    control: socket.socket
    pid: int


def start(
    table: Mapping[str, Procedure[..., Any]], handlers: Mapping[str, Handler], *, answer_limit: int, body_limit: int
) -> ServerProcess:
    """Fork a function server off this process, which must have neither threads nor an event loop yet."""
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    pid = os.fork()
    if pid == 0:
        become(theirs, table, handlers, answer_limit=answer_limit, body_limit=body_limit)
    theirs.close()
    ours.setblocking(False)
    return ServerProcess(ours, pid)


def become(
    control: socket.socket,
    table: Mapping[str, Procedure[..., Any]],
    handlers: Mapping[str, Handler],
    *,
    answer_limit: int,
    body_limit: int,
) -> NoReturn:
    """Go on as the function server that is told over `control` what to do."""
    code = 1
    try:
        _FunctionServer(control, table, handlers, answer_limit, body_limit).run()
        code = 0
    except BaseException:
        log.exception("function server")
    finally:
        os._exit(code)


class _Child(NamedTuple):
    number: int
    pid: int


class _FunctionServer:
    def __init__(
        self,
        control: socket.socket,
        table: Mapping[str, Procedure[..., Any]],
        handlers: Mapping[str, Handler],
        answer_limit: int,
        body_limit: int,
    ) -> None:
        self._control = control
        self._table = table
        self._handlers = handlers
        self._answer_limit = answer_limit
        self._body_limit = body_limit
        self._poll = select.poll()
        self._children: dict[int, _Child] = {}
        self._kill_at: float | None = None
        self._ending = False

    def run(self) -> None:
        """Serve until told to end, and all calls have ended."""
        # Ctrl-C at a terminal and an init system signal everybody; it is the daemon who says when it is over.
        signal.set_wakeup_fd(-1)
        signal.pthread_sigmask(signal.SIG_SETMASK, _BLOCKED)
        for number in (*_BLOCKED, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        nowhere = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nowhere, 0)
        close_fds([self._control.fileno(), *log_descriptors()])
        # No collection: it would touch, and so copy, all memory shared with the daemon.
        gc.freeze()
        self._poll.register(self._control, select.POLLIN)
        try:
            self._loop()
        finally:
            self._signal_all(signal.SIGKILL)

    def _loop(self) -> None:
        while self._children or not self._ending:
            for fd, _ in self._poll.poll(self._patience()):
                if fd == self._control.fileno():
                    self._take()
                else:
                    self._reap(fd)
            if self._kill_at is not None and time.monotonic() >= self._kill_at:
                self._signal_all(signal.SIGKILL)
                self._kill_at = None

    def _patience(self) -> float | None:
        return None if self._kill_at is None else max(0.0, self._kill_at - time.monotonic()) * 1000 + 1

    def _take(self) -> None:
        try:
            packet, ancillary, _, _ = self._control.recvmsg(_PACKET, _TWO_DESCRIPTORS)
        except ConnectionResetError:  # the daemon was killed before it had read everything
            packet, ancillary = b"", []
        fds: tuple[int, ...] = ()
        for _level, _kind, data in ancillary:
            fds = struct.unpack(f"{len(data) // _INT}i", data)
        kind = packet[:1]
        if kind == b"S":
            self._begin(packet, fds)
        elif kind == REOPEN:
            logs.reopen()
        elif kind == b"K":
            self._end_call(END_CALL.unpack(packet)[1])
        elif kind == b"E":
            self._end(END.unpack(packet)[1])
        else:
            log.warning("the node daemon is gone")
            self._poll.unregister(self._control)
            self._end(SECONDS_TO_END)
        for fd in fds:
            os.close(fd)

    def _begin(self, packet: bytes, fds: tuple[int, ...]) -> None:
        _, number, by_file, length = START.unpack_from(packet)
        try:
            pid = os.fork()
        except OSError as err:
            self._tell(b"F", number, err.errno or 0)
            return
        if pid == 0:
            self._be_child(packet, length, fds, by_file)
        # The child does so too: whoever comes first, nobody meets it outside its group.
        with contextlib.suppress(OSError):  # it may have ended already
            os.setpgid(pid, pid)
        fd = os.pidfd_open(pid)
        self._children[fd] = _Child(number, pid)
        self._poll.register(fd, select.POLLIN)

    def _be_child(self, packet: bytes, length: int, fds: tuple[int, ...], by_file: bool) -> NoReturn:
        self._control.close()
        for fd in self._children:
            os.close(fd)
        name = packet[START.size : START.size + length].decode()
        body = packet[START.size + length :]
        if by_file:
            body = files.read_file(f"/proc/self/fd/{fds[1]}", self._body_limit)
            os.close(fds[1])
        procedure, handler = self._table[name], self._handlers[name]
        be_function_process(
            name, lambda: carry_out(procedure, handler, body), answer_limit=self._answer_limit, pipe=fds[0]
        )

    def _reap(self, fd: int) -> None:
        child = self._children.pop(fd)
        self._poll.unregister(fd)
        os.close(fd)
        _, status = os.waitpid(child.pid, 0)
        self._tell(b"D", child.number, status)

    def _end_call(self, number: int) -> None:
        for child in self._children.values():
            if child.number == number:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(child.pid, signal.SIGTERM)

    def _end(self, seconds: float) -> None:
        self._ending = True
        self._kill_at = time.monotonic() + seconds
        self._signal_all(signal.SIGTERM)

    def _signal_all(self, number: int) -> None:
        for child in self._children.values():
            with contextlib.suppress(ProcessLookupError):
                os.killpg(child.pid, number)  # not reaped yet, so the number is still its own

    def _tell(self, kind: bytes, number: int, value: int) -> None:
        # The end of the daemon shows when the socket is read.
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            self._control.send(EVENT.pack(kind, number, value))
