"""The LUXI server: many client connections on one event loop.

A connection costs a small object while it is idle.  Requests of one connection are
answered in order, one at a time; connections do not wait for each other.  What a
client can do wrong stays its own trouble:

* a message that is too long, no JSON or no request ends its connection;
* a message once begun has to be complete within a deadline;
* while a request is being answered no more than a few further ones are read;
* an answer that is not taken within a deadline ends the connection;
* when all that is kept for clients grows too big, those who have much of it are hung up on;
* a large request is refused while those that are being answered take much memory.

Knows no method: `handlers` does (`ganeti.luxi.methods` is their table).
"""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import socket
import stat
import struct
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple, cast

from ganeti import errors
from ganeti.luxi import framing, methods
from ganeti.luxi.address import reachable
from ganeti.utils.suggest import did_you_mean

log = logging.getLogger(__name__)

Handler = Callable[..., Awaitable[object]]

_SOCKET_MODE_MASK = 0o117  # leaves 0660
_BACKLOG = 1024
_READ_AHEAD = 4
"""Requests of one connection that wait while one is being answered."""
_RECEIVED_AT_ONCE = 256 * 1024
_CREDENTIALS = struct.Struct("3i")


class Limits(NamedTuple):
    """What one client may ask of the server; times in seconds, sizes in bytes."""

    request: int = framing.REQUEST_LIMIT
    message: int = framing.MESSAGE_LIMIT
    """An answer."""
    read_timeout: float = 60.0
    """From the first byte of a message to its last."""
    write_timeout: float = 60.0
    """For the client to take an answer."""
    write_buffer: int = 256 * 1024
    """An answer beyond this has to be taken before the next request is looked at."""
    connections: int = 4096
    kept: int = 192 * 1024 * 1024
    """Requests that are not begun and answers that are not taken, of all clients together."""
    kept_always: int = 64 * 1024
    """A client who has no more of them than this is never hung up on for it."""
    answered: int = 256 * 1024 * 1024
    """Memory that requests take while they are answered, of all clients together."""
    answered_always: int = 64 * 1024
    """A request that takes no more than this is never refused for it."""


class LuxiServer:
    """Serves LUXI on one or more sockets.

    `handlers` maps method names to coroutine functions whose parameters are those of
    the method; they return the JSON form of the answer, or `Encoded`.
    """

    def __init__(self, handlers: Mapping[str, Handler], limits: Limits | None = None) -> None:
        for name, handler in handlers.items():
            if name not in methods.METHODS:
                raise errors.ProgrammerError(f"there is no LUXI method {name}")
            methods.METHODS[name].check_handler(handler)
        self._handlers = handlers
        self.limits = limits or Limits()
        self.connections: set[Connection] = set()
        #: bytes of requests and answers that are kept for clients
        self.kept = 0
        #: memory of requests that are being answered
        self.answered = 0
        #: what a client sent; a new one for each message took longer than the rest of receiving it
        self.received = memoryview(bytearray(_RECEIVED_AT_ONCE))
        self._tasks: set[asyncio.Task[None]] = set()
        self._servers: list[asyncio.Server] = []

    async def start(self, paths: Sequence[str], gid: int = -1) -> None:
        """Listen at these socket paths, in place of whatever is left there.

        Sockets are open to their owner and the group `gid` alone from the start.
        Raises EnvironmentFailure when one cannot be made.
        """
        loop = asyncio.get_running_loop()
        for path in paths:
            listener = _listen(path, gid)
            self._servers.append(await loop.create_unix_server(lambda: Connection(self), sock=listener))
            log.info("listening for LUXI clients at %s", path)

    async def close(self, grace: float = 5.0) -> None:
        """Take no more calls, let those that change something end within `grace` seconds, hang up."""
        for server in self._servers:
            server.close()
        self._servers.clear()
        for connection in list(self.connections):
            connection.shut_down()
        if self._tasks:
            _, late = await asyncio.wait(self._tasks, timeout=grace)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    def abandon(self) -> None:
        """Hang up on everybody at once: what was not answered yet never will be."""
        for server in self._servers:
            server.close()
        self._servers.clear()
        for connection in list(self.connections):
            connection.abort()
        for task in self._tasks:
            task.cancel()

    def start_task(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run the answering of a connection, which tells when it ends; it may outlive the connection."""
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        return task

    def end_task(self, task: asyncio.Task[None] | None) -> None:
        """Forget a task that ends."""
        if task:
            self._tasks.discard(task)

    @contextmanager
    def room_for(self, request: bytes) -> Iterator[None]:
        """Count the memory of a request while it is answered.

        Raises LuxiError when there is none left for it.
        """
        taken = framing.memory_of(request)
        if taken > self.limits.answered_always and self.answered + taken > self.limits.answered:
            hint = "ask for less at a time" if taken > self.limits.answered else "try again later"
            raise errors.LuxiError(
                f"cannot answer a request of {len(request)} bytes: requests that are being answered would take"
                f" {self.answered + taken} bytes of memory, at most {self.limits.answered} can be had; {hint}"
            )
        self.answered += taken
        try:
            yield
        finally:
            self.answered -= taken

    async def answer(self, method: str, args: list[Any]) -> bytes:
        """Return the bytes that answer a call: its result, or the error it ended with."""
        try:
            handler = self._handlers.get(method)
            if handler is None:
                raise errors.LuxiError(f"unknown method {method!r}{did_you_mean(method, self._handlers)}")
            result = await handler(*methods.METHODS[method].decode_arguments(args))
            message = framing.encode_answer(result)
            if len(message) > self.limits.message:
                raise errors.LuxiError(
                    f"cannot answer {method}: the answer has {len(message)} bytes, at most {self.limits.message}"
                    " can be sent; ask for less at a time"
                )
            return message
        except errors.Bug as err:
            log.exception("LUXI method %s ended with a bug, please report it", method)
            return framing.encode_failure(err)
        except errors.GenericError as err:
            log.info("LUXI method %s refused: %s", method, err)
            return framing.encode_failure(err)
        except RecursionError:
            log.info("LUXI method %s refused: nested too deeply", method)
            return framing.encode_failure(errors.LuxiError(f"cannot answer {method}: it is nested too deeply"))
        except Exception as err:
            log.exception("LUXI method %s ended with a bug, please report it", method)
            return framing.encode_failure(err)


class Connection(asyncio.BufferedProtocol):
    """One client.  Has a task only while there is something to answer."""

    def __init__(self, server: LuxiServer) -> None:
        self._server = server
        self._limits = server.limits
        self._loop = asyncio.get_running_loop()
        self._decoder = framing.Decoder(server.limits.request)
        self._requests: deque[bytes] = deque()
        self._kept = 0
        self._transport: asyncio.Transport
        self._task: asyncio.Task[None] | None = None
        self._method: str | None = None
        self._deadline: asyncio.TimerHandle | None = None
        self._drained: asyncio.Future[None] | None = None
        self._ended = False
        self._peer = "?"

    # --- called by the event loop ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._transport.set_write_buffer_limits(high=self._limits.write_buffer)
        self._peer = _peer_of(self._transport)
        if len(self._server.connections) >= self._limits.connections:
            log.warning("refusing LUXI client %s: %d are connected", self._peer, self._limits.connections)
            self._transport.abort()
            return
        self._server.connections.add(self)
        log.debug("LUXI client %s connected", self._peer)

    def get_buffer(self, sizehint: int) -> memoryview:
        return self._server.received  # of all connections: what arrives is taken out at once

    def buffer_updated(self, nbytes: int) -> None:
        if self._ended:
            return
        try:
            self._requests += self._decoder.feed(bytes(self._server.received[:nbytes]))
        except errors.ProtocolError as err:
            self._hang_up(str(err))
            return
        self._keep()
        if self._requests and self._task is None:
            self._task = self._server.start_task(self._answer_all())
        if len(self._requests) > _READ_AHEAD:
            self._transport.pause_reading()
        self._watch_message()

    def eof_received(self) -> bool:
        # A client may close its sending side and still read its answers; but nobody waits like that.
        self._ended = True
        self._stop_deadline()
        if self._task is not None and self._method in methods.WAITING:
            self._task.cancel()
        return self._task is not None

    def pause_writing(self) -> None:
        self._drained = self._loop.create_future()

    def resume_writing(self) -> None:
        if self._drained is not None and not self._drained.done():
            self._drained.set_result(None)
        self._drained = None

    def connection_lost(self, exc: Exception | None) -> None:
        self._ended = True
        self._server.connections.discard(self)
        self._stop_deadline()
        self._decoder = framing.Decoder()
        self._requests.clear()
        self._keep()
        self.resume_writing()
        # What changes something is carried through: the client may only have been impatient.
        if self._task is not None and self._method in methods.ABANDONABLE:
            self._task.cancel()
        log.debug("LUXI client %s has gone", self._peer)

    # --- called by the server ---

    def shut_down(self) -> None:
        """Answer what is being answered, unless it changes nothing; then close."""
        self._ended = True
        self._stop_deadline()
        self._requests.clear()
        if self._task is None:
            self._transport.close()
        elif self._method in methods.ABANDONABLE:
            self._task.cancel()

    def abort(self) -> None:
        """Close without another word."""
        self._hang_up("the daemon ends")

    # --- answering ---

    async def _answer_all(self) -> None:
        in_step = False
        try:
            while self._requests and not self._transport.is_closing():
                # Nothing but its answer is left of a request while that is being taken.
                answer = await self._answer(self._next_request())
                if answer is not None:
                    await self._send(answer)
            in_step = True
        finally:
            self._server.end_task(self._task)  # by itself: a callback would have the loop turn once more
            self._task = None
            self._method = None
            if not in_step:
                self._transport.abort()  # a request stays without answer: the next one would get the wrong one
            elif self._ended:
                self._transport.close()

    def _next_request(self) -> bytes:
        request = self._requests.popleft()
        if len(self._requests) <= _READ_AHEAD and not self._ended and not self._transport.is_reading():
            self._transport.resume_reading()
            self._watch_message()
        self._keep()
        return request

    async def _answer(self, request: bytes) -> bytes | None:
        """Return the answer to a request, None when it gets none."""
        try:
            with self._server.room_for(request):
                call = framing.decode_request(request)  # not before: read it takes many times the memory
                if self._ended and call.method in methods.WAITING:
                    return None
                self._method = call.method
                if call.method not in methods.ABANDONABLE:
                    log.info("LUXI client %s calls %s", self._peer, call.method)
                return await self._server.answer(call.method, call.args)
        except errors.ProtocolError as err:
            self._hang_up(str(err))
            return None
        except errors.LuxiError as err:
            log.info("LUXI client %s refused: %s", self._peer, err)
            return framing.encode_failure(err)
        finally:
            self._method = None

    async def _send(self, answer: bytes) -> None:
        if self._transport.is_closing():
            return
        self._transport.write(answer)
        if self._drained is None:
            return
        self._keep()
        try:
            async with asyncio.timeout(self._limits.write_timeout):
                await self._drained
        except TimeoutError:
            self._hang_up(f"it took no answer for {self._limits.write_timeout:g} s")
        self._keep()

    def _keep(self) -> None:
        """Count what is kept for this client; hang up if it is what makes it too much for all."""
        unsent = self._transport.get_write_buffer_size()
        before, self._kept = self._kept, self._decoder.pending + sum(map(len, self._requests)) + unsent
        self._server.kept += self._kept - before
        if self._kept > max(before, self._limits.kept_always) and self._server.kept > self._limits.kept:
            self._hang_up(f"{self._kept} bytes of its messages are kept, {self._server.kept} of all clients")

    def _hang_up(self, reason: str) -> None:
        if not self._transport.is_closing():
            log.warning("hanging up on LUXI client %s: %s", self._peer, reason)
        self._ended = True
        self._transport.abort()

    # --- half messages ---

    def _watch_message(self) -> None:
        """Have a deadline exactly while a message is half here and we are reading."""
        begun = self._decoder.pending > 0 and self._transport.is_reading()
        if not begun:
            self._stop_deadline()
        elif self._deadline is None:
            self._deadline = self._loop.call_later(self._limits.read_timeout, self._give_up_message)

    def _stop_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _give_up_message(self) -> None:
        self._hang_up(f"half a message ({self._decoder.pending} bytes) for {self._limits.read_timeout:g} s")


def _listen(path: str, gid: int) -> socket.socket:
    """Return a listening socket at `path`, 0660 from birth, replacing a stale one."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    mask = os.umask(_SOCKET_MODE_MASK)
    try:
        with reachable(path) as address:
            _remove_stale(path)
            listener.bind(address)
        if gid != -1:
            os.chown(path, -1, gid)
        listener.listen(_BACKLOG)
        listener.setblocking(False)
    except OSError as err:
        listener.close()
        raise errors.EnvironmentFailure(f"cannot listen at {path}: {err.strerror or err}") from err
    finally:
        os.umask(mask)
    return listener


def _remove_stale(path: str) -> None:
    try:
        mode = os.lstat(path).st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise FileExistsError(errno.EEXIST, "something that is no socket lies there")
    os.unlink(path)


def _peer_of(transport: asyncio.BaseTransport) -> str:
    """Return who is at the other end, as the kernel knows it (socket(7), SO_PEERCRED)."""
    connection = transport.get_extra_info("socket")
    pid, uid, gid = _CREDENTIALS.unpack(connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size))
    return f"pid {pid} uid {uid} gid {gid}"
