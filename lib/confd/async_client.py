"""The confd client for programs that use asyncio; see `ganeti.confd.client`."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import time
import uuid
from collections.abc import Sequence
from typing import Self

from ganeti import errors
from ganeti.confd.client import read_key, read_peers
from ganeti.confd.quorum import EXPIRE, TRIES, Ask, Result, choose, patience
from ganeti.confd.requests import DEFAULT_PORT
from ganeti.confd.wire import MAX_DATAGRAM, Key, Message, unseal
from ganeti.paths import Paths
from ganeti.utils import net


class AsyncConfdClient:
    """Asks master candidates at their addresses, many questions at a time. An async context manager."""

    def __init__(self, key: bytes, peers: Sequence[str], *, port: int = DEFAULT_PORT) -> None:
        self._key = Key(key)
        self._peers = list(peers)
        self._port = port
        self._sockets: dict[socket.AddressFamily, socket.socket] = {}
        #: questions under way, by the salt of their answers
        self._asking: dict[str, tuple[Ask, asyncio.Event]] = {}

    @classmethod
    def of_node(cls, paths: Paths, *, port: int = DEFAULT_PORT) -> Self:
        """Return a client with key and candidates as a node of the cluster knows them.

        Raises ConfigurationError when this node does not know them.
        """
        return cls(read_key(paths), read_peers(paths), port=port)

    async def ask(
        self, kind: int, query: object = None, *, coverage: int = 0, timeout: float = EXPIRE, tries: int = TRIES
    ) -> Result:
        """Ask; wait until enough have answered or for `timeout` seconds. See ConfdClient.ask.

        Raises ConfdClientError when nobody answers.
        """
        ask = Ask(self._key, kind, query, str(uuid.uuid4()), choose(self._peers, coverage, random.sample))
        done = asyncio.Event()
        self._asking[ask.rsalt] = ask, done
        try:
            for number in range(tries):
                self._send(ask)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(patience(number, tries, timeout)):
                        await done.wait()
                        break
        finally:
            del self._asking[ask.rsalt]
        return ask.result()

    async def close(self) -> None:
        """Close the sockets."""
        loop = asyncio.get_running_loop()
        for sock in self._sockets.values():
            loop.remove_reader(sock)
            sock.close()
        self._sockets.clear()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.close()

    def _send(self, ask: Ask) -> None:
        data = ask.datagram(time.time())
        for peer in ask.silent:
            with contextlib.suppress(OSError):  # who cannot be reached does not answer
                self._socket_for(peer).sendto(data, (peer, self._port))

    def _socket_for(self, peer: str) -> socket.socket:
        family = net.ip_family(peer)
        if family is None:
            raise errors.ConfdClientError(f"cannot ask {peer}: not an address")
        if family not in self._sockets:
            sock = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
            asyncio.get_running_loop().add_reader(sock, self._take, sock)
            self._sockets[family] = sock
        return self._sockets[family]

    def _take(self, sock: socket.socket) -> None:
        with contextlib.suppress(OSError):
            data, server = sock.recvfrom(MAX_DATAGRAM + 1)
            message = unseal(data, [self._key])
            if isinstance(message, Message) and message.salt in self._asking:
                ask, done = self._asking[message.salt]
                ask.take_message(message, server[0])
                if ask.is_done:
                    done.set()
