"""What confd answers: `python -m test.bench.bench_confd` prints a line for confd, and one for the reference.

A virtual cluster of one node.  The daemon has a core of its own; each client is a
process on the other cores which asks one question after the other, signed beforehand,
each question one that has an answer of its own.  Latency is measured at half of the
rate that eight clients get.  The reference of the same run is a loop that sends every
datagram back, on the same core.
"""

from __future__ import annotations

import multiprocessing
import os
import select
import socket
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from typing import NamedTuple

from ganeti.bootstrap import daemons
from ganeti.confd.client import ConfdClient, read_key, read_peers
from ganeti.confd.requests import DEFAULT_PORT, PROTOCOL, RequestType
from ganeti.confd.wire import Key, seal
from ganeti.utils import json
from test.support.cluster import running_cluster

CLIENTS = (1, 8)
SECONDS = 4.0
QUESTIONS = 2000
_TICKS = os.sysconf("SC_CLK_TCK")
_LOST = 1.0
#: as large as that of confd
_BUFFER = 4 * 1024 * 1024

Address = tuple[str, int]


class Figures(NamedTuple):
    """Answers per second by number of clients, CPU per answer, and latency at half of the best rate."""

    what: str
    rates: dict[int, float]
    cpu_microseconds: float
    half: float
    p50_ms: float
    p99_ms: float

    def line(self) -> str:
        """Return the figures as one line."""
        rates = ", ".join(f"{rate:.0f} /s with {n} client{'s' * (n > 1)}" for n, rate in self.rates.items())
        return (
            f"{self.what}: {rates}; {self.cpu_microseconds:.1f} us CPU;"
            f" at {self.half:.0f} /s p50 {self.p50_ms:.2f} ms, p99 {self.p99_ms:.2f} ms"
        )


def questions(key: bytes) -> list[bytes]:
    """Return signed questions of several kinds, no two alike."""
    kinds = [(RequestType.NODE_ROLE_BYNAME, "node1"), (RequestType.CLUSTER_MASTER, None), (RequestType.PING, None)]
    signer, now, made = Key(key), str(int(time.time())), []
    for number in range(QUESTIONS):
        kind, query = kinds[number % len(kinds)]
        text = {"protocol": PROTOCOL, "type": kind.value, "query": query, "rsalt": str(uuid.uuid4())}
        made.append(seal(signer, json.dumps(text), now))
    return made


def ask_in_turn(address: Address, asked: Sequence[bytes], seconds: float) -> list[float]:
    """Ask one question after the other; return [number of answers, seconds]."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.connect(address)
        sock.settimeout(_LOST)
        count, begin = 0, time.monotonic()
        while True:
            for question in asked:
                sock.send(question)
                sock.recv(65536)
            count += len(asked)
            taken = time.monotonic() - begin
            if taken > seconds:
                return [count, taken]


def ask_at_rate(address: Address, asked: Sequence[bytes], seconds: float, rate: float) -> list[float]:
    """Ask at a rate whether or not answers have come; return the seconds each took, those lost as endless."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.connect(address)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
        sock.setblocking(False)
        sent: list[float] = []
        took: list[float] = []
        begin = time.monotonic()
        number = int(seconds * rate)
        while len(took) < number:
            now = time.monotonic()
            # In small groups: nobody else wakes up more precisely either.
            while len(sent) < number and begin + len(sent) / rate <= now:
                sent.append(now)
                sock.send(asked[len(sent) % len(asked)])
            left = begin + len(sent) / rate - time.monotonic() if len(sent) < number else _LOST
            if not select.select([sock], [], [], max(left, 0))[0]:
                if len(sent) == number:
                    return took + [float("inf")] * (number - len(took))
                continue
            try:
                while True:
                    sock.recv(65536)
                    took.append(time.monotonic() - sent[len(took)])  # answers come in the order of questions
            except BlockingIOError:
                pass
        return took


def measure(what: str, address: Address, asked: Sequence[bytes], pid: int) -> Figures:
    """Measure a server that runs in a process."""
    rates: dict[int, float] = {}
    answers, before = 0.0, cpu_of(pid)
    for clients in CLIENTS:
        found = in_processes(clients, lambda: ask_in_turn(address, asked, SECONDS))
        rates[clients] = sum(count / taken for count, taken in found)
        answers += sum(count for count, _ in found)
    cpu = (cpu_of(pid) - before) / answers * 1e6
    half = max(rates.values()) / 2
    latencies = sorted(in_processes(1, lambda: ask_at_rate(address, asked, SECONDS, half))[0])
    p50, p99 = (latencies[int(len(latencies) * part)] * 1000 for part in (0.5, 0.99))
    return Figures(what, rates, cpu, half, p50, p99)


def in_processes(number: int, act: Callable[[], list[float]]) -> list[list[float]]:
    """Return what an act gives in each of so many processes that run at the same time."""
    context = multiprocessing.get_context("fork")
    ends = [context.Pipe(duplex=False) for _ in range(number)]

    def run(end: Connection) -> None:
        end.send(act())

    workers = [context.Process(target=run, args=(sender,)) for _, sender in ends]
    for worker in workers:
        worker.start()
    found = [receiver.recv() for receiver, _ in ends]
    for worker in workers:
        worker.join()
    return found


def cpu_of(pid: int) -> float:
    """Return the CPU seconds of a process."""
    with open(f"/proc/{pid}/stat", "rb") as file:
        return sum(map(int, file.read().rpartition(b")")[2].split()[11:13])) / _TICKS


def echo(sock: socket.socket) -> None:
    """Send every datagram back, for ever."""
    while True:
        data, sender = sock.recvfrom(61441)
        sock.sendto(data, sender)


def main() -> int:
    """Measure; return the exit code."""
    cores = sorted(os.sched_getaffinity(0))
    ours, others = {cores[0]}, set(cores[1:]) or {cores[0]}
    with tempfile.TemporaryDirectory() as directory, running_cluster(directory, nodes=1) as cluster:
        paths = cluster.paths(1)
        key, (peer,) = read_key(paths), read_peers(paths)
        with ConfdClient(key, [peer]) as client:
            client.ask(RequestType.PING)
        pid = cluster.pid(daemons.CONFD, 1)
        assert pid is not None
        asked = questions(key)
        os.sched_setaffinity(pid, ours)
        os.sched_setaffinity(0, others)
        print(measure("confd", (peer, DEFAULT_PORT), asked, pid).line(), flush=True)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
            sock.bind(("127.0.0.1", 0))
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _BUFFER)
            server = multiprocessing.get_context("fork").Process(target=echo, args=(sock,))
            server.start()
            assert server.pid is not None
            os.sched_setaffinity(server.pid, ours)
            print(measure("reference, bare echo", sock.getsockname(), asked, server.pid).line(), flush=True)
            server.kill()
            server.join()
    return 0


if __name__ == "__main__":
    sys.exit(main())
