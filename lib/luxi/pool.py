"""The LUXI client of programs with an event loop: many calls at a time, over connections that are kept.

A connection carries one call at a time, so there are as many as there were calls at
once, up to a limit.  A daemon that lives on when the master daemon is restarted finds
its idle connections gone and makes new ones.
"""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Callable
from typing import ParamSpec, TypeVar, cast

from ganeti import errors
from ganeti.luxi import framing, methods
from ganeti.luxi.address import reachable
from ganeti.luxi.client import connect_error
from ganeti.procedure import Procedure

P = ParamSpec("P")
R = TypeVar("R")

CONNECT_TIMEOUT = 10.0
#: connections at a time; calls beyond wait for one
CONNECTIONS = 64
#: seconds between attempts while the master daemon has too many callers
_PAUSE = 0.05


class Pool:
    """Conversations with the master daemon at a socket path; connects when first called."""

    def __init__(
        self,
        path: str,
        *,
        connections: int = CONNECTIONS,
        connect_timeout: float = CONNECT_TIMEOUT,
        limit: int = framing.MESSAGE_LIMIT,
    ) -> None:
        self.path = path
        self._connect_timeout = connect_timeout
        self._limit = limit
        self._free = asyncio.Semaphore(connections)
        self._idle: list[_Connection] = []

    async def call(self, procedure: Procedure[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Make a call and return its answer.

        Raises the error the master daemon answers with, and of the connection:
        NoMasterError, PermissionError, TimeoutError, ConnectionClosedError,
        ProtocolError.
        """
        return procedure.decode_answer(framing.decode_answer(await self.ask(procedure, *args, **kwargs)))

    async def ask(self, procedure: Procedure[P, R], *args: P.args, **kwargs: P.kwargs) -> bytes:
        """Make a call and return the bytes of its answer, for `framing.decode_answer`.

        Raises errors of the connection; that of the answer is still in it.
        """
        message = framing.encode_request(procedure.name, procedure.encode_arguments(*args, **kwargs))
        limit = min(self._limit, framing.REQUEST_LIMIT)
        if len(message) > limit:
            raise errors.ProtocolError(
                f"cannot send {procedure.name}: the request has {len(message)} bytes, at most {limit} are taken"
            )
        async with self._free:
            kept = self._kept()
            if kept is not None:
                try:
                    return await self._exchange(kept, message, procedure)
                except errors.ConnectionClosedError:
                    # It may have been closed before the call: what changes nothing can be asked again.
                    if procedure.name not in methods.ABANDONABLE:
                        raise
            return await self._exchange(await self._connect(), message, procedure)

    def close(self) -> None:
        """Hang up; calls under way end with ConnectionClosedError or their answer."""
        for connection in self._idle:
            connection.close()
        self._idle.clear()

    def _kept(self) -> _Connection | None:
        while self._idle:
            connection = self._idle.pop()
            if connection.is_open:
                return connection
        return None

    async def _exchange(self, connection: _Connection, message: bytes, procedure: Procedure[P, R]) -> bytes:
        try:
            async with asyncio.timeout(procedure.timeout):
                answer = await connection.exchange(message)
        except TimeoutError as err:
            connection.close()
            raise errors.TimeoutError(
                f"no answer to {procedure.name} from the master daemon within {procedure.timeout:g} s"
            ) from err
        except errors.ConnectionClosedError:
            raise errors.ConnectionClosedError(
                f"the master daemon closed the connection during {procedure.name}"
            ) from None
        except BaseException:
            connection.close()  # the answer may still come: this connection is out of step
            raise
        self._idle.append(connection)
        return answer

    async def _connect(self) -> _Connection:
        """Connect, waiting while the daemon has too many callers.

        Raises NoMasterError, PermissionError, TimeoutError or ProtocolError.
        """
        try:
            async with asyncio.timeout(self._connect_timeout):
                while True:
                    try:
                        return await self._try_connect()
                    except OSError as err:
                        if err.errno != errno.EAGAIN:
                            raise connect_error(err, self.path) from err
                    await asyncio.sleep(_PAUSE)
        except TimeoutError as err:
            raise errors.TimeoutError(
                f"cannot connect to {self.path}: the master daemon took no call for {self._connect_timeout:g} s"
            ) from err

    async def _try_connect(self) -> _Connection:
        make: Callable[[], _Connection] = lambda: _Connection(self._limit)  # noqa: E731
        with reachable(self.path) as address:
            _, connection = await asyncio.get_running_loop().create_unix_connection(make, address)
        return connection


class _Connection(asyncio.Protocol):
    """One connection, on which one call is made at a time."""

    def __init__(self, limit: int) -> None:
        self._decoder = framing.Decoder(limit)
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[bytes] | None = None

    @property
    def is_open(self) -> bool:
        """Whether a call can be made."""
        return self._transport is not None and not self._transport.is_closing()

    async def exchange(self, message: bytes) -> bytes:
        """Send a message and return the one that answers it.

        Raises ConnectionClosedError, ProtocolError.
        """
        if self._transport is None or self._transport.is_closing():
            raise errors.ConnectionClosedError("the connection is closed")
        self._answer = asyncio.get_running_loop().create_future()
        self._transport.write(message)
        try:
            return await self._answer
        finally:
            self._answer = None

    def close(self) -> None:
        """Hang up."""
        if self._transport is not None:
            self._transport.abort()

    # --- called by the event loop ---

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        try:
            messages = self._decoder.feed(data)
        except errors.ProtocolError as err:
            self._fail(err)
            return
        if not messages:
            return
        if self._answer is None or self._answer.done() or len(messages) > 1 or self._decoder.pending:
            self._fail(errors.ProtocolError("the master daemon answered more than was asked"))
        else:
            self._answer.set_result(messages[0])

    def connection_lost(self, exc: Exception | None) -> None:
        self._transport = None
        self._fail(errors.ConnectionClosedError(str(exc or "the master daemon closed the connection")))

    def _fail(self, error: errors.ProtocolError) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error)
        self.close()
