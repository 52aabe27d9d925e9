"""A real node daemon in a process of its own, with the calls of `test.support.node_calls`.

Run as a program it is that daemon: `python -m test.support.node_daemon ROOT PORT [key=value ...]`.
"""

from __future__ import annotations

import asyncio
import functools
import os
import select
import signal
import subprocess
import sys
from typing import Self

from ganeti.clock import SystemClock
from ganeti.noded import function_server
from ganeti.noded.options import Options
from ganeti.noded.server import Limits
from ganeti.noded.service import NodeDaemon
from ganeti.paths import Paths
from ganeti.procedure import table_of
from ganeti.rpc.curl import CredentialFiles
from ganeti.rpc.transport import ANSWER_LIMIT, Endpoint
from ganeti.utils import files, log, net, x509
from test.support import node_calls

HOSTNAME = "node1.example.com"


@functools.cache
def cluster_certificate(number: int) -> bytes:
    """Return the certificate of a cluster; made once, for that takes a while."""
    return x509.create_self_signed(f"cluster{number}.example.com", 10)


@functools.cache
def client_certificate(number: int, serial: int) -> bytes:
    """Return the certificate of a node of that cluster."""
    return x509.create_signed(f"node{serial}.example.com", cluster_certificate(number), 10, serial)


def make_node(base: str, cluster: int = 1, client: int | None = None) -> Paths:
    """Make the directories and certificates of a node."""
    paths = Paths(os.path.join(base, HOSTNAME), HOSTNAME)
    for directory in (paths.ssconf_dir, paths.run_dir, paths.log_dir, paths.data_dir):
        os.makedirs(directory, exist_ok=True)
    files.write_file(paths.server_cert, cluster_certificate(cluster), durable=False)
    if client is not None:
        files.write_file(paths.client_cert, client_certificate(cluster, client), durable=False)
    return paths


def credentials(paths: Paths) -> CredentialFiles:
    """Return what a client on this node shows."""
    return CredentialFiles(paths.server_cert, paths.client_cert)


class DaemonProcess:
    """A daemon that runs; a context manager that leaves nothing behind."""

    def __init__(self, paths: Paths, address: str = "127.0.0.1", **settings: float) -> None:
        self.paths = paths
        self.endpoint = Endpoint(address, net.free_port(address))
        self._settings = settings
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> Self:
        argv = [sys.executable, "-m", __name__, self.paths.root, *self.endpoint[:1], str(self.endpoint.port)]
        argv += [f"{name}={value}" for name, value in self._settings.items()]
        environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
        self._process = subprocess.Popen(argv, stdout=subprocess.PIPE, env=environ)
        assert self._process.stdout is not None
        ready, _, _ = select.select([self._process.stdout], [], [], 30)
        assert ready and self._process.stdout.readline() == b"ready\n", "daemon did not start"
        self._process.stdout.close()
        return self

    def signal(self, number: int) -> None:
        os.kill(self.pid, number)

    def wait(self, seconds: float = 20) -> int:
        """Return the exit code of the daemon, which ends by itself."""
        assert self._process is not None
        return self._process.wait(seconds)

    def stop(self) -> int:
        self.signal(signal.SIGTERM)
        return self.wait()

    def kill(self) -> None:
        self.signal(signal.SIGKILL)
        self.wait()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *exc: object) -> None:
        if self._process is not None and self._process.returncode is None:
            self.signal(signal.SIGCONT)
            self.stop()


def children_of(pid: int) -> list[int]:
    """Return the processes started by another, those already ended but not reaped too."""
    with open(f"/proc/{pid}/task/{pid}/children") as file:
        return [int(word) for word in file.read().split()]


def _main(root: str, address: str, port: str, *given: str) -> None:
    settings = dict(text.split("=", 1) for text in given)
    paths = Paths(root, os.path.basename(root))
    log.setup("ganeti-noded", paths.log_file("ganeti-noded"), debug=True)
    limits = Limits(
        body=int(float(settings.get("body", Limits().body))),
        body_seconds=float(settings.get("body_seconds", Limits().body_seconds)),
        idle_seconds=float(settings.get("idle_seconds", Limits().idle_seconds)),
    )
    options = Options(bind=address, port=int(port), max_clients=int(float(settings.get("max_clients", 20))))

    table, handlers = table_of(node_calls.this_module()), node_calls.handlers()
    server = function_server.start(table, handlers, answer_limit=ANSWER_LIMIT, body_limit=limits.body)

    async def run() -> None:
        daemon = NodeDaemon(paths, table, handlers, server, options, SystemClock(), limits)
        await daemon.run(lambda: print("ready", flush=True))

    asyncio.run(run())


if __name__ == "__main__":
    _main(*sys.argv[1:])
