"""A call to very many nodes at once is no storm of handshakes; the number is that of the list of faults."""

from __future__ import annotations

import asyncio
import pathlib
from typing import Any

import psutil

from ganeti.clock import SystemClock
from ganeti.model.scalars import NodeName
from ganeti.rpc.client import Address, NodeRpc
from ganeti.rpc.curl_engine import CONNECTIONS_PER_NODE, HANDSHAKES, CurlEngine
from ganeti.rpc.result import NodeResult
from test.support import node_calls as p
from test.support.node_daemon import DaemonProcess, credentials, make_node
from test.support.polling import eventually

#: every address of the loopback network is this machine
NODES = [Address(NodeName(f"node{number}.example.com"), f"127.0.3.{number}") for number in range(1, 151)]
CLUSTER = "6c7c2f5e-3c5f-4f0a-9a66-1a2b3c4d5e6f"


async def call_all(daemon: DaemonProcess, port: int) -> dict[NodeName, NodeResult[Any]]:
    """Call all nodes at the same time; they are one daemon, or one listener, at this port."""
    rpc = NodeRpc(CurlEngine(credentials(daemon.paths)), SystemClock(), CLUSTER, port=port)
    try:
        return await rpc.call_many(NODES, p.echo_inline, 1)
    finally:
        await rpc.close()


def test_f18_all_of_150_nodes_answer_a_call_at_once(tmp_path: pathlib.Path) -> None:
    with DaemonProcess(make_node(str(tmp_path)), "0.0.0.0") as daemon:
        answers = asyncio.run(call_all(daemon, daemon.endpoint.port))

    assert {answer.value for answer in answers.values()} == {1}, [a.failure for a in answers.values() if a.failure]


def test_f18_only_so_many_connections_are_being_set_up_at_a_time(tmp_path: pathlib.Path) -> None:
    open_now: set[object] = set()
    most = 0

    async def hang_up_after_a_while(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal most
        open_now.add(writer)
        most = max(most, len(open_now))
        await reader.read(1)  # the greeting of TLS
        await asyncio.sleep(0.01)  # and others have time to come, if they may
        open_now.discard(writer)
        writer.close()

    async def scenario() -> dict[NodeName, NodeResult[Any]]:
        server = await asyncio.start_server(hang_up_after_a_while, "0.0.0.0", 0)
        async with server:
            return await call_all(daemon, server.sockets[0].getsockname()[1])

    daemon = DaemonProcess(make_node(str(tmp_path)))  # never started: its certificates are what counts
    answers = asyncio.run(scenario())

    assert len(answers) == len(NODES) and not any(answer.ok for answer in answers.values())
    assert 1 < most <= HANDSHAKES


def test_burst_of_calls_leaves_few_connections_open(tmp_path: pathlib.Path) -> None:
    with DaemonProcess(make_node(str(tmp_path)), "127.0.0.1") as daemon:
        address = Address(NodeName("node1.example.com"), "127.0.0.1")

        async def scenario() -> tuple[list[NodeResult[Any]], int]:
            engine = CurlEngine(credentials(daemon.paths), connections=3)
            rpc = NodeRpc(engine, SystemClock(), CLUSTER, port=daemon.endpoint.port)
            try:
                for _ in range(3):
                    answers = await asyncio.gather(*(rpc.call(address, p.echo_inline, n) for n in range(40)))
                await eventually(lambda: len(connections_to(daemon.endpoint.port)) <= 3)
                return answers, len(connections_to(daemon.endpoint.port))
            finally:
                await rpc.close()

        answers, left = asyncio.run(scenario())

    assert [answer.failure for answer in answers if answer.failure] == []
    assert [answer.value for answer in answers] == list(range(40))
    assert 1 <= left <= 3


def test_call_does_not_wait_for_others_that_take_long(tmp_path: pathlib.Path) -> None:
    with DaemonProcess(make_node(str(tmp_path)), "127.0.0.1") as daemon:
        address = Address(NodeName("node1.example.com"), "127.0.0.1")

        async def scenario() -> object:
            rpc = NodeRpc(CurlEngine(credentials(daemon.paths)), SystemClock(), CLUSTER, port=daemon.endpoint.port)
            end = tmp_path / "end"
            try:
                calls = (rpc.call(address, p.wait_for_file, str(end)) for _ in range(CONNECTIONS_PER_NODE + 1))
                long = [asyncio.create_task(call) for call in calls]
                await asyncio.sleep(0)
                quick = (await rpc.call(address, p.echo_inline, "quick")).value
                end.touch()  # only now the others can end
                await asyncio.gather(*long)
                return quick
            finally:
                await rpc.close()

        assert asyncio.run(scenario()) == "quick"


def connections_to(port: int) -> list[object]:
    """Return the connections of this process to a port."""
    return [
        found
        for found in psutil.Process().net_connections("tcp")
        if found.raddr and found.raddr.port == port and found.status == psutil.CONN_ESTABLISHED
    ]
