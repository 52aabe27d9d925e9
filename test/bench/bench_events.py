"""How soon those who listen hear of a job: `python -m test.bench.bench_events [LISTENERS]` prints two lines.

A hundred listeners at `/2/events`, in processes of their own, while jobs run one after
another on a virtual cluster of three nodes: the time from a change of a job, as its event
has it, to its arrival.  The reference of the same run is a server that does nothing but
write such events to as many listeners over TLS.
"""

from __future__ import annotations

import asyncio
import json
import logging
import multiprocessing
import socket
import ssl
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from multiprocessing.connection import Connection
from typing import NamedTuple

from ganeti.model.opcodes.test import OpTestDelay
from ganeti.paths import Paths
from ganeti.rapi.server import tls_context
from ganeti.utils.listen import bound_socket
from test.bench.bench_jobs import MICROSECOND, follow, submit
from test.support.cluster import Cluster, running_cluster
from test.support.remote import login, remote_of

NODES = 3
LISTENERS = 100
PROCESSES = 4
JOBS = 100
PAUSE = 0.02  # seconds between two jobs
GOAL = 0.050
_FORK = multiprocessing.get_context("fork")

Address = tuple[str, int]


class Figures(NamedTuple):
    """Seconds from a change to its arrival at a listener."""

    what: str
    listeners: int
    delays: Sequence[float]

    def line(self) -> str:
        """Return the figures as one line."""
        delays = sorted(self.delays)
        half, most = delays[len(delays) // 2], delays[len(delays) * 99 // 100]
        return (
            f"events: {self.what}: {len(delays)} arrivals at {self.listeners} listeners: half within"
            f" {half * 1000:.1f} ms, 99% within {most * 1000:.1f} ms (goal {GOAL * 1000:.0f} ms)"
        )


# --- listeners ------------------------------------------------------------------------------


@contextmanager
def listening(address: Address, listeners: int) -> Iterator[list[Connection]]:
    """Listen in processes; each of the pipes gives True when all of its listeners hear, in the end their delays."""
    started = []
    for number in range(PROCESSES):
        share = len(range(number, listeners, PROCESSES))
        ours, theirs = _FORK.Pipe(duplex=False)
        process = _FORK.Process(target=_listen, args=(address, share, theirs))
        process.start()
        started.append((process, ours))
    try:
        yield [ours for _, ours in started]
    finally:
        for process, _ in started:
            process.terminate()
            process.join()


def _listen(address: Address, listeners: int, pipe: Connection) -> None:
    asyncio.run(_listen_all(address, listeners, pipe))


async def _listen_all(address: Address, listeners: int, pipe: Connection) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    request = f"GET /2/events?kind=job HTTP/1.1\r\nHost: cluster\r\nAuthorization: {login('jill')}\r\n\r\n".encode()
    streams = []
    for _ in range(listeners):
        reader, writer = await asyncio.open_connection(*address, ssl=context)
        writer.write(request)
        while not (await reader.readline()).startswith(b"id:"):
            pass
        streams.append((reader, writer))
    pipe.send(True)
    delays = await asyncio.gather(*(_hear(reader) for reader, _ in streams))
    pipe.send([delay for some in delays for delay in some])


async def _hear(reader: asyncio.StreamReader) -> list[float]:
    """Return the delays of all changes up to the end of the last job."""
    delays = []
    ends = 0
    while ends < JOBS:
        line = await reader.readline()
        if line.startswith(b"data: "):
            arrived, told = time.time(), json.loads(line[6:])
            delays.append(arrived - told["time"])
            ends += told["status"] == "success"
    return delays


def _heard(pipes: Sequence[Connection]) -> list[float]:
    return [delay for pipe in pipes for delay in pipe.recv()]


# --- what they listen to --------------------------------------------------------------------


@contextmanager
def reference_served(paths: Paths) -> Iterator[Address]:
    """Write events to all who connect, from a process of its own."""
    listening_socket = bound_socket("127.0.0.1", 0)
    listening_socket.listen(LISTENERS)
    process = _FORK.Process(target=_serve_reference, args=(listening_socket, paths.rapi_cert))
    process.start()
    try:
        yield listening_socket.getsockname()
    finally:
        process.terminate()
        process.join()
        listening_socket.close()


def _serve_reference(listening_socket: socket.socket, certificate: str) -> None:
    logging.disable(logging.WARNING)  # of listeners that have gone
    asyncio.run(_write_events(listening_socket, certificate))


async def _write_events(listening_socket: socket.socket, certificate: str) -> None:
    writers: set[asyncio.StreamWriter] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n\r\nid: 1\n\n")
        writers.add(writer)

    await asyncio.start_server(serve, sock=listening_socket, ssl=tls_context(certificate))
    while True:
        await asyncio.sleep(PAUSE)
        for status in ("queued", "waiting", "running", "success"):
            data = json.dumps({"id": 1, "status": status, "time": time.time()})
            for writer in writers:
                writer.write(f"id: 1\nevent: job\ndata: {data}\n\n".encode())


def run_jobs(cluster: Cluster) -> None:
    """Run jobs one after the other, with a pause between them."""
    op = OpTestDelay(duration=MICROSECOND, on_master=True).to_wire()
    with cluster.luxi() as client:
        for _ in range(JOBS):
            follow(client, submit(client, [[op]]))
            time.sleep(PAUSE)


def bench(listeners: int) -> Iterator[Figures]:
    """Make a cluster and measure it."""
    with ExitStack() as held:
        base = held.enter_context(tempfile.TemporaryDirectory(prefix="bench-events-"))
        cluster = held.enter_context(running_cluster(base, NODES))
        remote = held.enter_context(remote_of(cluster))
        with reference_served(cluster.paths(1)) as address, listening(address, listeners) as pipes:
            for pipe in pipes:
                pipe.recv()
            yield Figures("reference, written only", listeners, _heard(pipes))
        with listening(remote.address, listeners) as pipes:
            for pipe in pipes:
                pipe.recv()
            run_jobs(cluster)
            yield Figures("changes of jobs", listeners, _heard(pipes))


if __name__ == "__main__":
    for figures in bench(int(sys.argv[1]) if len(sys.argv) > 1 else LISTENERS):
        print(figures.line(), flush=True)
