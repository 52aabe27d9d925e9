"""Servers and clients over real sockets of the loopback device."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
import socket
import threading
import time
from collections.abc import AsyncIterator, Sequence

import pytest

from ganeti import errors
from ganeti.clock import SystemClock
from ganeti.confd.async_client import AsyncConfdClient
from ganeti.confd.client import ConfdClient
from ganeti.confd.requests import RequestType
from ganeti.confd.responder import Responder
from ganeti.confd.server import LINGER, Server, drain, listen
from ganeti.confd.wire import Drop
from test.support.clock import ManualClock
from test.support.confd import SECRET, hostile_datagrams, opened, question, responder_of
from test.support.config import make_config

SECONDS = 30.0


def responder(serial: int) -> Responder:
    config = make_config()
    return responder_of(config.changed({}, config.head._replace(serial_no=serial)))


@contextlib.asynccontextmanager
async def serving(*responders: Responder | None) -> AsyncIterator[tuple[list[str], int]]:
    """Serve each at an address of its own, at one port; None stands for one that never answers."""
    peers: list[str] = []
    port = 0
    with contextlib.ExitStack() as stack:
        for number, one in enumerate(responders):
            sock = stack.enter_context(listen(f"127.0.0.{number + 1}", port))
            port = sock.getsockname()[1]
            peers.append(sock.getsockname()[0])
            if one is not None:
                stack.callback(Server(sock, one, SystemClock()).close)
        yield peers, port


async def ask_both(peers: Sequence[str], port: int, *, timeout: float = SECONDS) -> list[tuple[object, int]]:
    """Ask with both clients, which must agree; return answer and serial, and how many replied."""

    def wait() -> tuple[object, int]:
        with ConfdClient(SECRET, peers, port=port) as client:
            found = client.ask(RequestType.CLUSTER_MASTER, coverage=-1, timeout=timeout)
            return (found.reply.answer, found.reply.serial), found.replied

    waited = await asyncio.to_thread(wait)
    async with AsyncConfdClient(SECRET, peers, port=port) as client:
        found = await client.ask(RequestType.CLUSTER_MASTER, coverage=-1, timeout=timeout)
    assert (found.reply.answer, found.reply.serial) == waited[0]
    return [waited]


def test_both_clients_get_the_answer() -> None:
    async def main() -> None:
        async with serving(responder(5)) as (peers, port):
            assert await ask_both(peers, port) == [(("node0.example.com", 5), 1)]

    asyncio.run(main())


def test_f36_newest_of_several_candidates_counts_and_stale_ones_do_not() -> None:
    async def main() -> None:
        async with serving(responder(4), responder(6), None) as (peers, port):
            # Two answers of three are enough: the third never comes.
            assert await ask_both(peers, port) == [(("node0.example.com", 6), 2)]

    asyncio.run(main())


def test_f36_silent_candidates_are_waited_for_only_so_long() -> None:
    async def main() -> None:
        async with serving(responder(4), None, None) as (peers, port):
            assert await ask_both(peers, port, timeout=0.2) == [(("node0.example.com", 4), 1)]
        async with serving(None, None) as (peers, port):
            with pytest.raises(errors.ConfdClientError, match="cannot get an answer from 127"):
                await ask_both(peers, port, timeout=0.1)

    asyncio.run(main())


def test_f36_lost_question_is_asked_again() -> None:
    class Deaf(Responder):
        """Loses the first question of each client."""

        lost: set[bytes]

        def respond(self, data: bytes, now: float) -> bytes | Drop:
            inner = data[: data.index(b'"salt"')]
            if inner not in self.lost:
                self.lost.add(inner)
                return Drop.NOT_READY
            return super().respond(data, now)

    async def main() -> None:
        deaf, good = Deaf(), responder(5)
        deaf.lost, deaf.keys, deaf.cache = set(), good.keys, good.cache
        async with serving(deaf) as (peers, port):
            assert await ask_both(peers, port, timeout=3.0) == [(("node0.example.com", 5), 1)]
        assert len(deaf.lost) == 2

    asyncio.run(main())


def test_many_questions_at_a_time_get_their_own_answers() -> None:
    async def main() -> None:
        async with serving(responder(5)) as (peers, port), AsyncConfdClient(SECRET, peers, port=port) as client:
            names = ["node0.example.com", "node1.example.com", "nobody"] * 20
            found = await asyncio.gather(*(client.ask(RequestType.NODE_ROLE_BYNAME, name) for name in names))
            seen = [(result.reply.status, result.reply.answer) for result in found]
            assert seen == [(0, 0), (0, 4), (1, 0)] * 20

    asyncio.run(main())


def test_f36_flood_of_hostile_datagrams_keeps_no_client_from_its_answer(hypothesis_seed: int) -> None:
    one = responder(5)

    async def main() -> None:
        async with serving(one) as (peers, port), AsyncConfdClient(SECRET, peers, port=port) as client:
            rng = random.Random(hypothesis_seed)
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as flooder:
                flooder.bind(("127.0.0.1", 0))
                flooder.setblocking(False)
                for number, packet in enumerate(hostile_datagrams(rng, 3000)):
                    flooder.sendto(packet, (peers[0], port))
                    if number % 100 == 0:
                        assert (await client.ask(RequestType.PING, timeout=SECONDS, tries=6)).reply.answer == "ok"
                with pytest.raises(BlockingIOError):
                    flooder.recv(1)

    asyncio.run(main())
    assert one.answered >= 30
    assert sum(one.dropped.values()) > 500  # the system may lose some before they are seen


def test_f35_clock_that_is_off_is_named_once_a_minute(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        clock = ManualClock()
        one = responder(5)
        with listen("127.0.0.1", 0) as sock, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
            server = Server(sock, one, clock)
            asker.connect(sock.getsockname())
            for number, later in enumerate((0.0, 1.0, 60.0), start=1):
                await clock.sleep(later)
                for off in (-400, 400):
                    asker.send(question(now=clock.time() + off))
                async with asyncio.timeout(SECONDS):
                    while one.dropped[Drop.CLOCK] < 2 * number:
                        await asyncio.sleep(0)
            asker.send(question(now=clock.time()))
            async with asyncio.timeout(SECONDS):
                answer = await asyncio.to_thread(asker.recv, 65536)
            opened(answer)
            server.close()

    with caplog.at_level(logging.WARNING):
        asyncio.run(main())
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == 2
    assert told[0].startswith(
        "clock skew: a correctly signed question from 127.0.0.1 was dropped, it was sent 400 s ago"
    )
    assert "compare the clocks" in told[0]
    assert "4 such since the last message" in told[1]


def test_server_that_waits_for_more_leaves_the_rest_of_the_process_its_turns() -> None:
    async def main() -> None:
        with listen("127.0.0.1", 0) as sock, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
            server = Server(sock, responder(5), SystemClock(), linger=LINGER)
            asker.connect(sock.getsockname())
            asker.settimeout(SECONDS)
            stop = threading.Event()

            def flood() -> int:
                answers = 0
                while not stop.is_set():
                    asker.send(question(now=time.time()))
                    opened(asker.recv(65536))
                    answers += 1
                return answers

            flooding = asyncio.create_task(asyncio.to_thread(flood))
            try:
                async with asyncio.timeout(SECONDS):
                    for _ in range(20):
                        await asyncio.sleep(0.001)
            finally:
                stop.set()
            assert await flooding > 0
            server.close()

    asyncio.run(main())


def test_what_came_before_anybody_listened_is_thrown_away() -> None:
    with listen("127.0.0.1", 0) as sock, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
        asker.sendto(b"x" * 100, sock.getsockname())
        asker.sendto(b"", sock.getsockname())
        drain(sock)
        with pytest.raises(BlockingIOError):
            sock.recv(1)


def test_two_servers_cannot_have_one_address() -> None:
    with listen("127.0.0.1", 0) as sock:
        with pytest.raises(errors.EnvironmentFailure, match=r"cannot listen at 127\.0\.0\.1, UDP port .*in use"):
            listen("127.0.0.1", sock.getsockname()[1])
