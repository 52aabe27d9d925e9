"""A connection to a running master daemon over which anything can be sent."""

from __future__ import annotations

import contextlib
import json
import resource
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from ganeti.luxi import framing
from ganeti.luxi.address import reachable
from test.support.cluster import Cluster

END = framing.END


class Raw:
    """A connection to the master daemon that sends what it likes."""

    def __init__(self, cluster: Cluster) -> None:
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        with reachable(cluster.paths(1).master_socket) as address:
            self._socket.connect(address)  # waits while the queue of the listening socket is full
        self._socket.settimeout(20)

    def send(self, data: bytes) -> None:
        self._socket.sendall(data)

    def ask(self, method: str, *args: Any, **more: Any) -> Any:
        """Make a call; return the whole answer."""
        self.send(json.dumps({"method": method, "args": args, **more}).encode() + END)
        return self.answer()

    def answer(self) -> Any:
        """Return the next answer."""
        data = b""
        while not data.endswith(END):
            more = self._socket.recv(1 << 20)
            assert more, f"hung up after {data!r}"
            data += more
        return json.loads(data[:-1])

    def hung_up(self) -> bool:
        """Wait for the daemon to hang up without an answer."""
        with contextlib.suppress(ConnectionResetError, BrokenPipeError):
            return self._socket.recv(1) == b""
        return True

    def finish(self) -> None:
        """Say that nothing more is sent."""
        self._socket.shutdown(socket.SHUT_WR)

    def rest(self) -> bytes:
        """Return all that comes until the daemon hangs up."""
        data = b""
        with contextlib.suppress(ConnectionResetError):
            while more := self._socket.recv(1 << 20):
                data += more
        return data

    def close(self) -> None:
        self._socket.close()


@contextmanager
def many_descriptors(number: int) -> Iterator[None]:
    """Allow this process so many open files."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, number), max(hard, number)))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
