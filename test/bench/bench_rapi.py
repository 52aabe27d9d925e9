"""What the remote API answers: `python -m test.bench.bench_rapi [INSTANCES]` prints a line for each question.

A virtual cluster of four nodes with a thousand instances; clients keep their
connection and ask one question after the other, each client a process of its own.  The
reference of the same run is an aiohttp server that says hello over TLS.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import socket
import ssl
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import NamedTuple

from aiohttp import web

from ganeti.bootstrap import daemons
from ganeti.luxi.client import Client
from ganeti.model.enums import CreateMode, DiskTemplate
from ganeti.model.opcodes.instance import OpInstanceCreate
from ganeti.model.scalars import NewInstanceName, NodeName, OsName
from ganeti.paths import Paths
from ganeti.rapi.client_http import PORT
from ganeti.rapi.server import tls_context
from ganeti.utils import net
from ganeti.utils.listen import bound_socket
from ganeti.vcluster import grow
from test.bench.bench_jobs import follow, submit
from test.support.cluster import Cluster, virtual_nodes

NODES = 4
INSTANCES = 1000
CLIENTS = (1, 8)
SECONDS = 4.0
_TICKS = os.sysconf("SC_CLK_TCK")

Address = tuple[str, int]


class Figures(NamedTuple):
    """Answers per second by number of clients; CPU of each daemon per answer, in milliseconds."""

    what: str
    rates: dict[int, float]
    cpu: dict[str, float]

    def line(self) -> str:
        """Return the figures as one line."""
        rates = ", ".join(f"{rate:.0f} /s with {text(clients)}" for clients, rate in self.rates.items())
        return f"rapi: {self.what}: {rates}; " + ", ".join(f"{name} {ms:.3f} ms CPU" for name, ms in self.cpu.items())


def text(clients: int) -> str:
    """Return a number of clients in words."""
    return "1 client" if clients == 1 else f"{clients} clients"


def measure(what: str, address: Address, path: str, pids: dict[str, int]) -> Figures:
    """Ask a question as fast as it is answered, by each number of clients."""
    rates: dict[int, float] = {}
    answers, before = 0, {name: cpu_of(pid) for name, pid in pids.items()}
    for clients in CLIENTS:
        counts = in_processes(clients, lambda: ask_for(address, path, SECONDS))
        rates[clients] = sum(count / taken for count, taken in counts)
        answers += sum(count for count, _ in counts)
    cpu = {name: 1000 * (cpu_of(pid) - before[name]) / answers for name, pid in pids.items()}
    return Figures(what, rates, cpu)


def in_processes(number: int, act: Callable[[], tuple[int, float]]) -> list[tuple[int, float]]:
    """Return what an act gives in each of so many processes that run at the same time."""
    context = multiprocessing.get_context("fork")
    started = []
    for _ in range(number):
        ours, theirs = context.Pipe(duplex=False)
        process = context.Process(target=_send_result, args=(theirs, act))
        process.start()
        started.append((process, ours))
    results = [ours.recv() for _, ours in started]
    for process, _ in started:
        process.join()
    return results


def _send_result(pipe: Connection, act: Callable[[], tuple[int, float]]) -> None:
    pipe.send(act())


def ask_for(address: Address, path: str, seconds: float) -> tuple[int, float]:
    """Ask again and again; return how often it was answered, in what time."""
    request = f"GET {path} HTTP/1.1\r\nHost: cluster\r\n\r\n".encode()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with context.wrap_socket(socket.create_connection(address)) as connection:
        connection.sendall(request)  # the first is not counted
        _read_answer(connection)
        count, begin = 0, time.perf_counter()
        while (taken := time.perf_counter() - begin) < seconds:
            connection.sendall(request)
            _read_answer(connection)
            count += 1
    return count, taken


def _read_answer(connection: ssl.SSLSocket) -> None:
    data = connection.recv(1 << 20)
    while b"\r\n\r\n" not in data:
        data += connection.recv(1 << 20)
    head, _, body = data.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200 "), data[:400]
    length = int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])
    left = length - len(body)
    while left > 0:
        left -= len(connection.recv(1 << 20))


def cpu_of(pid: int) -> float:
    """Return the CPU seconds a process has used."""
    with open(f"/proc/{pid}/stat", encoding="ascii") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


@contextmanager
def hello_served(paths: Paths) -> Iterator[tuple[Address, int]]:
    """Serve hello over TLS from a process of its own."""
    listening = bound_socket("127.0.0.1", 0)
    process = multiprocessing.get_context("fork").Process(target=_serve_hello, args=(listening, paths))
    process.start()
    try:
        assert process.pid is not None
        yield listening.getsockname(), process.pid
    finally:
        process.terminate()
        process.join()
        listening.close()


def _serve_hello(listening: socket.socket, paths: Paths) -> None:
    asyncio.run(_hello(listening, paths))


async def _hello(listening: socket.socket, paths: Paths) -> None:
    async def answer(request: web.BaseRequest) -> web.StreamResponse:
        return web.Response(text="hello")

    server = web.Server(answer, access_log=None)
    await asyncio.get_running_loop().create_server(server, sock=listening, ssl=tls_context(paths.rapi_cert))
    await asyncio.Event().wait()


def add_instances(cluster: Cluster, client: Client, count: int) -> None:
    """Add instances without disks."""
    ops = [
        OpInstanceCreate(
            instance_name=NewInstanceName(f"instance{number}"),
            mode=CreateMode.CREATE,
            disk_template=DiskTemplate.DISKLESS,
            disks=[],
            nics=[],
            os_type=OsName("noop"),
            beparams={"memory": 4, "vcpus": 1},
            pnode=NodeName(cluster.nodes[number % len(cluster.nodes)]),
        )
        for number in range(1, count + 1)
    ]
    follow(client, submit(client, [[op.to_wire()] for op in ops]))


def bench(instances: int) -> Iterator[Figures]:
    """Make a cluster and measure it."""
    with (
        tempfile.TemporaryDirectory(prefix="bench-rapi-") as base,
        virtual_nodes(base, NODES, instances) as cluster,
    ):
        started = cluster.run("start-all", "-q")
        assert not started.failed, started.output
        grow.initialise(cluster.directory, lambda line: None, grow.RUNNING_JOBS)
        grow.add_nodes(cluster.directory, [NodeName(name) for name in cluster.nodes], lambda done: None)
        paths = cluster.paths(1)
        with cluster.luxi() as client:
            add_instances(cluster, client, instances)
        address = (net.resolve(cluster.nodes[0], paths), PORT)
        running = {name: cluster.pid(name) for name in (daemons.RAPI, daemons.MASTERD)}
        pids = {name: pid for name, pid in running.items() if pid is not None}
        with hello_served(paths) as (place, pid):
            yield measure("reference, hello", place, "/", {"server": pid})
        yield measure("/version", address, "/version", pids)
        yield measure("/2/jobs/1", address, "/2/jobs/1", pids)
        yield measure(f"/2/instances?bulk=1 at {instances}", address, "/2/instances?bulk=1", pids)


if __name__ == "__main__":
    for figures in bench(int(sys.argv[1]) if len(sys.argv) > 1 else INSTANCES):
        print(figures.line(), flush=True)
