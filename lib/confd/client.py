"""The confd client that waits: asks several master candidates, the newest answer counts.

    with ConfdClient.of_node(paths) as client:
        print(client.ask(RequestType.CLUSTER_MASTER).reply.answer)

It needs the cluster's key and addresses of master candidates, nothing else of Ganeti.
For programs that use asyncio there is `ganeti.confd.async_client`.
"""

from __future__ import annotations

import contextlib
import random
import select
import socket
import time
import uuid
from collections.abc import Sequence
from typing import Self

from ganeti import errors, ssconf
from ganeti.confd.quorum import EXPIRE, TRIES, Ask, Result, choose, patience
from ganeti.confd.requests import DEFAULT_PORT
from ganeti.confd.wire import MAX_DATAGRAM, Key
from ganeti.paths import Paths
from ganeti.utils import files, net

_KEY_LIMIT = 65536
PEERS_KEY = "master_candidates_ips"


class ConfdClient:
    """Asks master candidates at their addresses. A context manager."""

    def __init__(self, key: bytes, peers: Sequence[str], *, port: int = DEFAULT_PORT) -> None:
        self._key = Key(key)
        self._peers = list(peers)
        self._port = port
        self._sockets: dict[socket.AddressFamily, socket.socket] = {}

    @classmethod
    def of_node(cls, paths: Paths, *, port: int = DEFAULT_PORT) -> Self:
        """Return a client with key and candidates as a node of the cluster knows them.

        Raises ConfigurationError when this node does not know them.
        """
        return cls(read_key(paths), read_peers(paths), port=port)

    def ask(
        self, kind: int, query: object = None, *, coverage: int = 0, timeout: float = EXPIRE, tries: int = TRIES
    ) -> Result:
        """Ask; wait until enough have answered or for `timeout` seconds.

        `coverage` is how many candidates are asked, 0 for the usual number, -1 for all.  Those that
        have not answered are asked again, `tries` times in all.

        Raises ConfdClientError when nobody answers.
        """
        ask = Ask(self._key, kind, query, str(uuid.uuid4()), choose(self._peers, coverage, random.sample))
        for number in range(tries):
            self._send(ask)
            self._collect(ask, time.monotonic() + patience(number, tries, timeout))
            if ask.is_done:
                break
        return ask.result()

    def close(self) -> None:
        """Close the sockets."""
        for sock in self._sockets.values():
            sock.close()
        self._sockets.clear()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def _send(self, ask: Ask) -> None:
        data = ask.datagram(time.time())
        for peer in ask.silent:
            with contextlib.suppress(OSError):  # who cannot be reached does not answer
                self._socket_for(peer).sendto(data, (peer, self._port))

    def _collect(self, ask: Ask, end: float) -> None:
        """Take answers until it is enough, or that time."""
        while not ask.is_done:
            left = end - time.monotonic()
            if left <= 0:
                return
            ready, _, _ = select.select(list(self._sockets.values()), [], [], left)
            for sock in ready:
                with contextlib.suppress(OSError):
                    data, server = sock.recvfrom(MAX_DATAGRAM + 1)
                    ask.take(data, server[0])

    def _socket_for(self, peer: str) -> socket.socket:
        family = net.ip_family(peer)
        if family is None:
            raise errors.ConfdClientError(f"cannot ask {peer}: not an address")
        if family not in self._sockets:
            self._sockets[family] = socket.socket(family, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        return self._sockets[family]


def read_key(paths: Paths) -> bytes:
    """Return the key questions are signed with.

    Raises ConfigurationError when this node has none that can be read.
    """
    try:
        return files.read_file(paths.hmac_key, _KEY_LIMIT)
    except OSError as err:
        raise errors.ConfigurationError(
            f"cannot read {paths.hmac_key}: {err.strerror}; it is on nodes of the cluster, for root"
        ) from err


def read_peers(paths: Paths) -> list[str]:
    """Return the addresses of the master candidates.

    Raises ConfigurationError when this node does not know them.
    """
    return ssconf.read_ssconf_lines(paths, PEERS_KEY)
