"""What a node call costs: `python -m test.bench.bench_rpc [NODES...]` prints one line of figures.

Calls to all nodes at once go to 20 and to 200, unless others are named.

CPU milliseconds are of both ends together, children included, over kept connections;
the reference of the same run is a bare fork and a bare TLS echo, both ends too.
"""

from __future__ import annotations

import asyncio
import os
import resource
import socket
import ssl
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple

from ganeti.clock import SystemClock
from ganeti.model.scalars import NodeName
from ganeti.noded.options import PROGRAM
from ganeti.paths import Paths
from ganeti.rpc import procedures as p
from ganeti.rpc.client import Address, NodeRpc
from ganeti.rpc.curl import CredentialFiles
from ganeti.rpc.curl_engine import CurlEngine
from ganeti.utils import files, net, process
from ganeti.vcluster import run
from test.support.cluster_dir import make_cluster_dir
from test.support.node_daemon import cluster_certificate

SIZES = (20, 200)
ROUNDS = 300
ECHOES = 10_000
TICKS = os.sysconf("SC_CLK_TCK")


class FanOut(NamedTuple):
    """Milliseconds until all have answered, by the clock."""

    inline: float
    forked: float


class Figures(NamedTuple):
    """CPU milliseconds per call, rates per second, and how long calls to so many nodes take."""

    forked: float
    inline: float
    forked_rate: float
    inline_rate: float
    fan_out: dict[int, FanOut]
    reference_fork: float
    reference_echo: float

    def line(self) -> str:
        """Return the figures as one line."""
        reference = self.reference_fork + self.reference_echo
        many = ", ".join(
            f"to {nodes} {took.forked:.0f} and {took.inline:.0f} ms" for nodes, took in self.fan_out.items()
        )
        return (
            f"rpc: forked {self.forked:.2f} ms CPU ({self.forked / reference:.1f} x bare fork + TLS echo,"
            f" {self.reference_fork:.2f} + {self.reference_echo:.2f} ms), inline {self.inline:.2f} ms CPU;"
            f" one after the other {self.forked_rate:.0f} and {self.inline_rate:.0f} /s;"
            f" at once {many}"
        )


def cpu_of(pids: Sequence[int]) -> float:
    """Return the CPU seconds of processes and of their children that ended."""
    total = 0
    for pid in pids:
        with open(f"/proc/{pid}/stat", "rb") as file:
            total += sum(map(int, file.read().rpartition(b")")[2].split()[11:15]))
    return total / TICKS


def _own_cpu() -> float:
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def _processes_of(paths: Paths) -> list[int]:
    """Return the node daemon of a node and its function server: all that write to its log."""
    found = []
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            if os.readlink(f"/proc/{name}/fd/2") == paths.log_file(PROGRAM):
                found.append(int(name))
        except OSError:
            continue
    return found


async def _measure(nodes: Sequence[Paths], port: int, sizes: Sequence[int]) -> tuple[list[float], dict[int, FanOut]]:
    first = nodes[0]
    credentials = CredentialFiles(first.server_cert, first.client_cert)
    rpc = NodeRpc(CurlEngine(credentials), SystemClock(), "", port=port)
    targets = [Address(NodeName(paths.hostname), net.resolve(paths.hostname, paths)) for paths in nodes]
    pids = _processes_of(first)

    async def forked() -> None:
        (await rpc.call(targets[0], p.bridges_exist, [])).unwrap("look")

    async def inline() -> None:
        (await rpc.call(targets[0], p.version)).unwrap("ask")

    costs, rates = [], []
    for act in (forked, inline):
        await act()
        begin, before = time.monotonic(), cpu_of(pids) + _own_cpu()
        for _ in range(ROUNDS):
            await act()
        costs.append((cpu_of(pids) + _own_cpu() - before) / ROUNDS * 1000)
        rates.append(ROUNDS / (time.monotonic() - begin))
    many = {size: await _fan_out(rpc, targets[:size]) for size in sizes}
    await rpc.close()
    return [*costs, *rates], many


async def _fan_out(rpc: NodeRpc, targets: Sequence[Address]) -> FanOut:
    assert all(answer.ok for answer in (await rpc.call_many(targets, p.version)).values())  # makes the connections
    begin = time.monotonic()
    assert all(answer.ok for answer in (await rpc.call_many(targets, p.version)).values())
    middle = time.monotonic()
    assert all(answer.ok for answer in (await rpc.call_many(targets, p.bridges_exist, [])).values())
    return FanOut((middle - begin) * 1000, (time.monotonic() - middle) * 1000)


def cpu_per_round(act: Callable[[], None], rounds: int = ROUNDS) -> float:
    """Return the CPU milliseconds of each time something is done, children included."""
    before = sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    for _ in range(rounds):
        act()
    after = sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return (after - before) / rounds * 1000


def bare_fork() -> None:
    """Make a process and wait for its end."""
    pid = os.fork()
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)


def _tls_echo(certificate: str) -> float:
    """Return the CPU of a round trip of 100 bytes, both ends, blocking."""
    ours, theirs = socket.socketpair()
    pid = os.fork()
    if pid == 0:
        ours.close()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        with context.wrap_socket(theirs, server_side=True) as there:
            while data := there.recv(1000):
                there.sendall(data)
        os._exit(0)
    theirs.close()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.load_verify_locations(certificate)
    with context.wrap_socket(ours) as here:

        def echo() -> None:
            here.sendall(b"x" * 100)
            here.recv(1000)

        echo()
        other = cpu_of([pid])
        own = cpu_per_round(echo, ECHOES)
        other = (cpu_of([pid]) - other) / ECHOES * 1000
    os.kill(pid, 9)
    os.waitpid(pid, 0)
    return own + other


def measure(sizes: Sequence[int]) -> Figures:
    """Run it all on a virtual cluster of its own."""
    with tempfile.TemporaryDirectory() as base:
        nodes = make_cluster_dir(base, max(sizes))
        port = net.free_port(net.resolve(nodes[0].hostname, nodes[0]))
        for paths in nodes:
            files.write_file(paths.server_cert, cluster_certificate(1), durable=False)
            files.write_file(paths.etc_default, f'NODED_ARGS="-p {port}"\n', durable=False)
            files.ensure_dir(paths.ssconf_dir)
        problems: list[run.Outcome] = []
        try:
            run.start(nodes, problems.append)  # answering questions needs a key that these nodes don't have
            refused = [one for one in problems if one.problem and one.daemon == PROGRAM]
            assert not refused, refused
            figures, many = asyncio.run(_measure(nodes, port, sizes))
        finally:
            run.stop(nodes, problems.append)
            assert not any(process.is_alive(pid) for paths in nodes for pid in _processes_of(paths))
        reference = (cpu_per_round(bare_fork), _tls_echo(nodes[0].server_cert))
    return Figures(*figures, many, *reference)


if __name__ == "__main__":
    print(measure([int(word) for word in sys.argv[1:]] or SIZES).line())
