"""The LUXI client of command line programs: synchronous, one call at a time.

Must stay cheap to import: no asyncio, nothing that a listing does not need.
"""

from __future__ import annotations

import errno
import socket
import time
from collections.abc import Callable
from types import TracebackType
from typing import ParamSpec, Protocol, Self, TypeVar

from ganeti import errors
from ganeti.luxi import framing
from ganeti.luxi.address import reachable
from ganeti.procedure import Procedure

P = ParamSpec("P")
R = TypeVar("R")

CONNECT_TIMEOUT = 30.0
#: bytes taken at once: at first few, as the system takes long to give and take back room for many
_FIRST_CHUNK = 1 << 16
_CHUNK = 1 << 20


class SyncClock(Protocol):
    """Time for programs without an event loop; the `time` module is one."""

    def monotonic(self) -> float:
        """Return seconds that never go back."""

    def sleep(self, seconds: float, /) -> None:
        """Wait."""


class Client:
    """A conversation with the master daemon.

    Connects at the first call.  After an error of the connection the next call
    connects anew; a call is never repeated by itself, since it may have been heard.
    """

    def __init__(
        self,
        path: str,
        *,
        connect_timeout: float = CONNECT_TIMEOUT,
        limit: int = framing.MESSAGE_LIMIT,
        clock: SyncClock = time,
    ) -> None:
        self.path = path
        self._connect_timeout = connect_timeout
        self._limit = limit
        self._clock = clock
        self._socket: socket.socket | None = None
        self._decoder = framing.Decoder(limit)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Hang up; the next call connects anew."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def call(self, procedure: Procedure[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Make a call and return its answer.

        Raises the error the master daemon answers with, and of the connection:
        NoMasterError, PermissionError, TimeoutError, ConnectionClosedError,
        ProtocolError.
        """
        message = framing.encode_request(procedure.name, procedure.encode_arguments(*args, **kwargs))
        limit = min(self._limit, framing.REQUEST_LIMIT)
        if len(message) > limit:
            raise errors.ProtocolError(
                f"cannot send {procedure.name}: the request has {len(message)} bytes, at most {limit} are taken"
            )
        return procedure.decode_answer(
            framing.decode_answer(self._exchange(message, procedure.name, procedure.timeout))
        )

    def _exchange(self, message: bytes, name: str, timeout: float) -> bytes:
        connection = self._connected()
        try:
            if connection.gettimeout() != timeout:
                connection.settimeout(timeout)
            connection.sendall(message)
            return self._receive(connection, timeout)
        except TimeoutError as err:
            self.close()
            raise errors.TimeoutError(f"no answer to {name} from the master daemon within {timeout:g} s") from err
        except errors.ConnectionClosedError:
            self.close()
            raise errors.ConnectionClosedError(
                f"the master daemon closed the connection during {name}: gnt-job list shows whether it began a job"
            ) from None
        except (BrokenPipeError, ConnectionResetError) as err:
            self.close()
            raise errors.ConnectionClosedError(f"the master daemon closed the connection during {name}: {err}") from err
        except BaseException:
            self.close()  # the answer may still come: this connection is out of step
            raise

    def _receive(self, connection: socket.socket, timeout: float) -> bytes:
        # A long answer may take twice as long as its beginning (spec/luxi.json, read_total).
        deadline = self._clock.monotonic() + 2 * timeout
        chunk = _FIRST_CHUNK
        while True:
            data = connection.recv(chunk)
            chunk = _CHUNK
            if not data:
                raise errors.ConnectionClosedError
            messages = self._decoder.feed(data)
            if len(messages) > 1 or (messages and self._decoder.pending):
                raise errors.ProtocolError("the master daemon answered more than was asked")
            if messages:
                return messages[0]
            left = deadline - self._clock.monotonic()
            if left <= 0:
                raise TimeoutError
            connection.settimeout(min(timeout, left))

    def _connected(self) -> socket.socket:
        if self._socket is None:
            self._socket = _connect(self.path, self._connect_timeout, self._clock)
            self._decoder = framing.Decoder(self._limit)
        return self._socket


def _connect(path: str, timeout: float, clock: SyncClock) -> socket.socket:
    """Connect, waiting while the daemon has too many callers.

    Raises NoMasterError, PermissionError, TimeoutError or ProtocolError.
    """
    deadline = clock.monotonic() + timeout
    pause = 0.01
    while True:
        try:
            return _try_connect(path, timeout)
        except OSError as err:
            if err.errno not in (errno.EAGAIN, errno.EINTR):
                raise connect_error(err, path) from err
        if clock.monotonic() + pause > deadline:
            raise errors.TimeoutError(f"cannot connect to {path}: the master daemon took no call for {timeout:g} s")
        clock.sleep(pause)
        pause = min(2 * pause, 1.0)


def _try_connect(path: str, timeout: float) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        connection.settimeout(timeout)
        with reachable(path) as address:
            connection.connect(address)
    except BaseException:
        connection.close()
        raise
    return connection


def connect_error(err: OSError, path: str) -> errors.ProtocolError:
    """Return the error of a connection that could not be made."""
    classes: dict[int | None, tuple[Callable[[str], errors.ProtocolError], str]] = {
        errno.ENOENT: (errors.NoMasterError, "there is no such socket"),
        errno.ENOTDIR: (errors.NoMasterError, "there is no such socket"),
        errno.ECONNREFUSED: (errors.NoMasterError, "no daemon listens there"),
        errno.EACCES: (errors.PermissionError, "permission denied"),
        errno.EPERM: (errors.PermissionError, "permission denied"),
    }
    make, reason = classes.get(err.errno, (errors.ProtocolError, err.strerror or str(err)))
    return make(f"cannot connect to {path}: {reason}")
