"""The socket of confd: takes datagrams as fast as they come and sends what the responder says.

One address is bound, so that many nodes can live on one machine and answers come from
the address that was asked.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
import struct

from ganeti import errors
from ganeti.clock import Clock
from ganeti.confd.responder import Responder
from ganeti.confd.wire import MAX_DATAGRAM, Drop
from ganeti.utils import net

log = logging.getLogger(__name__)

#: datagrams taken, and seconds spent, before others of this process get their turn
_AT_ONCE = 64
_AT_MOST = 0.02
#: seconds to wait for one more where one came just now: a turn of the event loop costs as much as an answer
LINGER = 0.001
_RECEIVE_BUFFER = 4 * 1024 * 1024
#: seconds between log lines about clocks
_SAY_EVERY = 60.0


def listen(address: str, port: int) -> socket.socket:
    """Return a socket that is bound; "" for all IPv4 addresses.

    Raises EnvironmentFailure when the address is taken or not one of this machine.
    """
    sock = socket.socket(net.ip_family(address) or socket.AF_INET, socket.SOCK_DGRAM)
    try:
        sock.setblocking(False)
        # The system may allow less: then it is as much as it allows.
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _RECEIVE_BUFFER)
        sock.bind((address, port))
    except OSError as err:
        sock.close()
        where = f"{address or 'all addresses'}, UDP port {port}"
        raise errors.EnvironmentFailure(f"cannot listen at {where}: {(err.strerror or str(err)).lower()}") from err
    return sock


def drain(sock: socket.socket) -> None:
    """Throw away what came before anybody listened: whoever asked has given up."""
    with contextlib.suppress(BlockingIOError):
        while True:
            sock.recv(1)


class Server:
    """Serves a bound socket until it is closed.

    It may `linger` for so many seconds after each datagram, in which nothing else of the process goes on.
    """

    def __init__(self, sock: socket.socket, responder: Responder, clock: Clock, *, linger: float = 0) -> None:
        self._socket = sock
        if linger:
            sock.setblocking(True)
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, struct.pack("ll", 0, int(linger * 1_000_000)))
        self._responder = responder
        self._clock = clock
        self._said = -_SAY_EVERY
        self._unsaid = 0
        asyncio.get_running_loop().add_reader(sock, self._take)

    def close(self) -> None:
        """Stop serving; the socket stays open."""
        asyncio.get_running_loop().remove_reader(self._socket)

    def _take(self) -> None:
        receive, send = self._socket.recvfrom, self._socket.sendto
        respond, now, monotonic = self._responder.respond, self._clock.time(), self._clock.monotonic
        end = monotonic() + _AT_MOST
        for _ in range(_AT_ONCE):
            try:
                data, sender = receive(MAX_DATAGRAM + 1)
            except BlockingIOError:
                return
            except OSError as err:  # about a datagram sent earlier
                log.debug("cannot receive: %s", err)
                return
            answer = respond(data, now)
            if isinstance(answer, bytes):
                # An answer may get lost on its way as well: the client asks others, and again.
                with contextlib.suppress(OSError):
                    send(answer, socket.MSG_DONTWAIT, sender)
            elif answer is Drop.CLOCK:
                self._tell_of_clock(sender)
            if monotonic() > end:
                return

    def _tell_of_clock(self, sender: tuple[object, ...]) -> None:
        self._unsaid += 1
        now = self._clock.monotonic()
        if now - self._said >= _SAY_EVERY:
            log.warning(
                "clock skew: a correctly signed question from %s was dropped, it was sent %.0f s %s;"
                " compare the clocks of both nodes (%d such since the last message)",
                sender[0],
                abs(self._responder.last_skew),
                "in the future" if self._responder.last_skew > 0 else "ago",
                self._unsaid,
            )
            self._said, self._unsaid = now, 0
