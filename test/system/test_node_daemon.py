"""A real node daemon and real clients: what holds when one of them is frozen, killed or rude."""

from __future__ import annotations

import asyncio
import contextlib
import os
import pathlib
import signal
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterator

import pytest

from ganeti.clock import SystemClock
from ganeti.model.scalars import NodeName
from ganeti.rpc.client import Address, NodeRpc
from ganeti.rpc.curl_engine import CurlEngine
from ganeti.rpc.result import Phase
from ganeti.rpc.transport import WAIT_FUNCTION, Call, Endpoint, Loss, Request, Response, Times, start_request
from ganeti.utils import process
from ganeti.utils.spares import SPARE_PREFIX
from test.support import node_calls as p
from test.support.node_daemon import DaemonProcess, children_of, credentials, make_node
from test.support.polling import eventually
from test.support.processes import gone_process

NODE = NodeName("node1.example.com")
QUICK = Times(connect=2, first=0.5, again=1, grace=2, patience=0.5, pause=0.05)


class Engine(CurlEngine):
    """An engine that remembers what it was asked to send."""

    def __init__(self, daemon: DaemonProcess, times: Times) -> None:
        super().__init__(credentials(daemon.paths), times)
        self.sent: list[str] = []

    async def send(self, endpoint: Endpoint, request: Request) -> Response | Loss:
        self.sent.append(request.path)
        return await super().send(endpoint, request)


class Master:
    """A client of one or more daemons."""

    def __init__(self, daemon: DaemonProcess, times: Times) -> None:
        self.engine = Engine(daemon, times)
        self.rpc = NodeRpc(self.engine, SystemClock(), "", port=daemon.endpoint.port, times=times)
        self.node = Address(NODE, daemon.endpoint.host)


def run(daemon: DaemonProcess, test: Callable[[Master], Awaitable[None]], times: Times = QUICK) -> None:
    """Run a test with a client that leaves no descriptor behind."""

    async def guarded() -> None:
        before = len(os.listdir("/proc/self/fd"))
        master = Master(daemon, times)
        try:
            await test(master)
        finally:
            await master.rpc.close()
        assert len(os.listdir("/proc/self/fd")) == before

    asyncio.run(guarded())


@pytest.fixture
def daemon(tmp_path: pathlib.Path) -> Iterator[DaemonProcess]:
    with DaemonProcess(make_node(str(tmp_path)), body=1_000_000, body_seconds=0.5, idle_seconds=1) as found:
        yield found


def function_processes(daemon: DaemonProcess) -> list[int]:
    (server,) = children_of(daemon.pid)
    return children_of(server)


def sockets_of(pid: int) -> int:
    found = 0
    for name in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(FileNotFoundError):
            found += os.readlink(f"/proc/{pid}/fd/{name}").startswith("socket:")
    return found


def connect(daemon: DaemonProcess) -> ssl.SSLSocket:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.load_verify_locations(daemon.paths.server_cert)
    context.load_cert_chain(daemon.paths.server_cert)
    plain = socket.create_connection(daemon.endpoint, timeout=20)
    return context.wrap_socket(plain)


def test_connection_is_kept(daemon: DaemonProcess) -> None:
    async def test(master: Master) -> None:
        await master.rpc.call(master.node, p.echo, 1)
        before = sockets_of(daemon.pid)

        for number in range(20):
            await master.rpc.call(master.node, p.echo, number)

        assert sockets_of(daemon.pid) == before

    run(daemon, test)


def test_many_calls_at_once_are_all_answered_and_bounded(daemon: DaemonProcess) -> None:
    async def test(master: Master) -> None:
        before = sockets_of(daemon.pid)

        results = await asyncio.gather(*[master.rpc.call(master.node, p.echo, n) for n in range(200)])

        assert [result.unwrap("echo") for result in results] == list(range(200))
        # The daemon has to see first which ones were closed.
        await eventually(lambda: sockets_of(daemon.pid) - before <= 16)

    run(daemon, test)


def test_daemon_leaks_neither_descriptors_nor_processes(daemon: DaemonProcess) -> None:
    async def test(master: Master) -> None:
        await master.rpc.call(master.node, p.echo, 0)
        await eventually(lambda: function_processes(daemon) == [])
        before = len(os.listdir(f"/proc/{daemon.pid}/fd"))

        for _ in range(30):
            await master.rpc.call(master.node, p.echo, 0)
            await master.rpc.call(master.node, p.die, int(signal.SIGKILL))

        await eventually(lambda: function_processes(daemon) == [])
        # The pipe of the last call may have been there when they were counted.
        await eventually(lambda: len(os.listdir(f"/proc/{daemon.pid}/fd")) <= before)

    run(daemon, test)


def test_f16_frozen_daemon_does_not_hold_up_calls_to_others(daemon: DaemonProcess, tmp_path: pathlib.Path) -> None:
    other = DaemonProcess(make_node(str(tmp_path / "other")), "127.0.2.9")
    other.endpoint = Endpoint("127.0.2.9", daemon.endpoint.port)

    async def test(master: Master) -> None:
        nodes = [master.node, Address(NodeName("node2"), "127.0.2.9")]
        assert all(result.ok for result in (await master.rpc.call_many(nodes, p.echo, 1)).values())
        daemon.signal(signal.SIGSTOP)

        results = await master.rpc.call_many(nodes, p.echo, 2)

        failure = results[NODE].failure
        assert failure is not None and failure.phase is Phase.TIMEOUT and failure.uncertain
        assert "did not answer within" in str(failure)
        assert results[NodeName("node2")].value == 2

    with other:
        run(daemon, test)


def test_f16_frozen_daemon_is_used_again_when_it_goes_on(daemon: DaemonProcess) -> None:
    async def test(master: Master) -> None:
        daemon.signal(signal.SIGSTOP)
        assert not (await master.rpc.call(master.node, p.echo, 1)).ok
        daemon.signal(signal.SIGCONT)

        assert (await master.rpc.call(master.node, p.echo, 2)).value == 2

    run(daemon, test)


def test_f16_call_of_a_daemon_that_is_frozen_meanwhile_is_given_up_and_may_have_been_done(
    daemon: DaemonProcess, tmp_path: pathlib.Path
) -> None:
    async def test(master: Master) -> None:
        log, go = tmp_path / "log", tmp_path / "go"
        call = asyncio.create_task(master.rpc.call(master.node, p.append_and_wait, str(log), str(go)))
        await eventually(lambda: log.exists() and log.read_text().endswith("\n"))
        await eventually(lambda: f"/{WAIT_FUNCTION}" in master.engine.sent)

        daemon.signal(signal.SIGSTOP)
        async with asyncio.timeout(30):  # two waits of three seconds, and half a second of patience
            result = await call

        assert result.failure is not None and result.failure.phase is Phase.TIMEOUT and result.failure.uncertain
        assert "did not" in str(result.failure) and "while append_and_wait ran" in str(result.failure)
        go.touch()
        daemon.signal(signal.SIGCONT)
        assert (await master.rpc.call(master.node, p.echo, 2)).value == 2
        await eventually(lambda: function_processes(daemon) == [])

    run(daemon, test)


def test_f17_id_of_a_call_is_unknown_to_the_daemon_that_comes_after(
    daemon: DaemonProcess, tmp_path: pathlib.Path
) -> None:
    async def test(master: Master) -> None:
        log = tmp_path / "log"
        call = asyncio.create_task(master.rpc.call(master.node, p.append_and_wait, str(log), str(tmp_path / "never")))
        await eventually(lambda: log.exists() and log.read_text().endswith("\n"))
        await eventually(lambda: f"/{WAIT_FUNCTION}" in master.engine.sent)
        daemon.kill()
        daemon.start()

        result = await call

        assert result.failure is not None and result.failure.phase is Phase.FAILED and result.failure.uncertain
        assert "the node daemon ended while append_and_wait ran: it knows nothing of function" in str(result.failure)
        assert len(log.read_text().splitlines()) == 1

    run(daemon, test, QUICK._replace(patience=60))


def test_call_that_takes_too_long_is_given_up_and_ended_on_the_node(
    daemon: DaemonProcess, tmp_path: pathlib.Path
) -> None:
    async def test(master: Master) -> None:
        started = tmp_path / "pid"
        script = f"echo $$ > {started}.new; mv {started}.new {started}; sleep 600"

        result = await master.rpc.call(master.node, p.run_brief_script, script)

        assert result.failure is not None and result.failure.phase is Phase.TIMEOUT
        assert "run_brief_script still runs after 1 s (function call " in str(result.failure)
        await eventually(started.exists)
        await eventually(lambda: not process.is_alive(int(started.read_text())) and function_processes(daemon) == [])

    run(daemon, test)


def test_call_that_nobody_wants_any_more_is_ended_on_the_node(daemon: DaemonProcess, tmp_path: pathlib.Path) -> None:
    async def test(master: Master) -> None:
        started = tmp_path / "pid"
        script = f"echo $$ > {started}.new; mv {started}.new {started}; sleep 600"
        call = asyncio.create_task(master.rpc.call(master.node, p.run_wanted_script, script))
        await eventually(started.exists)

        call.cancel()

        with pytest.raises(asyncio.CancelledError):
            await call
        await eventually(lambda: not process.is_alive(int(started.read_text())) and function_processes(daemon) == [])

    run(daemon, test)


def test_call_whose_end_nobody_waits_for_is_carried_out(daemon: DaemonProcess, tmp_path: pathlib.Path) -> None:
    async def test(master: Master) -> None:
        log = tmp_path / "log"

        assert (await master.rpc.start(master.node, p.append, str(log))).ok

        await eventually(log.exists)

    run(daemon, test)


def test_f48_repeated_request_runs_once(daemon: DaemonProcess, tmp_path: pathlib.Path) -> None:
    async def test(master: Master) -> None:
        log, go = tmp_path / "log", tmp_path / "go"
        body = f'["{log}","{go}"]'.encode()
        request = start_request(Call("append_and_wait", body, 60, ""), "key1", 20, 20)
        sent = [asyncio.create_task(master.engine.send(daemon.endpoint, request)) for _ in range(3)]
        await eventually(log.exists)
        sent[0].cancel()
        go.touch()

        answers = await asyncio.gather(*sent[1:])
        later = await master.engine.send(daemon.endpoint, request)

        assert all(isinstance(answer, Response) and answer.status == 200 for answer in (*answers, later))
        assert len({answer.body for answer in (*answers, later) if isinstance(answer, Response)}) == 1
        assert len(log.read_text().splitlines()) == 1

    run(daemon, test)


def test_f48_restarted_daemon_does_not_run_a_repeated_request(daemon: DaemonProcess, tmp_path: pathlib.Path) -> None:
    async def test(master: Master) -> None:
        log = tmp_path / "log"
        first = await master.engine.send(daemon.endpoint, Request("/echo", (), b"[1]", 10))
        assert isinstance(first, Response)
        daemon.kill()
        daemon.start()
        call = Call("append", f'["{log}"]'.encode(), 60, "")

        answer = await master.engine.send(daemon.endpoint, start_request(call, "key1", 5, 10, first.daemon))

        assert isinstance(answer, Response) and answer.status == 409
        assert b"restarted" in answer.body and not log.exists()

    run(daemon, test)


def test_daemon_restarted_between_calls_is_called_anew(daemon: DaemonProcess) -> None:
    async def test(master: Master) -> None:
        await asyncio.gather(*[master.rpc.call(master.node, p.echo, n) for n in range(5)])
        daemon.kill()
        daemon.start()

        results = await asyncio.gather(*[master.rpc.call(master.node, p.echo, n) for n in range(20)])

        assert [result.unwrap("echo") for result in results] == list(range(20))

    run(daemon, test)


def test_f17_daemon_killed_during_a_call_takes_its_function_process_along(
    daemon: DaemonProcess, tmp_path: pathlib.Path
) -> None:
    async def test(master: Master) -> None:
        log = tmp_path / "log"
        call = asyncio.create_task(master.rpc.call(master.node, p.append_and_wait, str(log), str(tmp_path / "never")))
        await eventually(lambda: log.exists() and log.read_text().endswith("\n"))
        daemon.kill()

        result = await call

        assert result.failure is not None and result.failure.uncertain
        assert result.failure.phase is Phase.UNREACHABLE
        await eventually(lambda: not process.is_alive(int(log.read_text())))

    run(daemon, test)


def test_daemon_clears_what_interrupted_writes_left(tmp_path: pathlib.Path) -> None:
    paths = make_node(str(tmp_path))
    os.makedirs(paths.queue_dir)
    places = [os.path.join(paths.data_dir, ".new-1"), os.path.join(paths.queue_dir, ".new-2")]
    spare = os.path.join(paths.queue_dir, f"{SPARE_PREFIX}{gone_process()}-1")
    fresh = os.path.join(paths.queue_dir, ".new-3")  # the master daemon may be writing it
    for path in (*places, spare, fresh):
        pathlib.Path(path).touch()
    for path in places:
        os.utime(path, (1, 1))

    with DaemonProcess(paths):
        assert [path for path in (*places, spare, fresh) if os.path.exists(path)] == [fresh]


def test_end_of_the_daemon_answers_calls_and_leaves_no_process(daemon: DaemonProcess, tmp_path: pathlib.Path) -> None:
    async def test(master: Master) -> None:
        started = tmp_path / "pid"
        script = f"echo $$ > {started}.new; mv {started}.new {started}; exec sleep 600"
        call = asyncio.create_task(master.rpc.call(master.node, p.run_script, script))
        await eventually(started.exists)
        (server,) = children_of(daemon.pid)
        daemon.signal(signal.SIGTERM)

        result = await call

        assert "signal SIGTERM" in str(result.failure)
        assert daemon.wait() == 0
        assert not process.is_alive(server)
        await eventually(lambda: not process.is_alive(int(started.read_text())))

    run(daemon, test)


def test_call_that_ends_the_daemon_is_answered_first(daemon: DaemonProcess) -> None:
    async def test(master: Master) -> None:
        result = await master.rpc.call(master.node, p.leave, "Shutdown scheduled")

        assert result.value == "Shutdown scheduled"
        assert daemon.wait() == 0

    run(daemon, test)


def test_call_given_up_does_not_disturb_the_next(daemon: DaemonProcess, tmp_path: pathlib.Path) -> None:
    async def test(master: Master) -> None:
        file = tmp_path / "go"
        call = asyncio.create_task(master.rpc.call(master.node, p.wait_for_file, str(file)))
        await eventually(lambda: function_processes(daemon) != [])
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call

        assert (await master.rpc.call(master.node, p.echo, 1)).value == 1
        file.touch()

    run(daemon, test)


def test_offline_node_is_not_called_unless_the_call_is_meant_to(daemon: DaemonProcess) -> None:
    async def test(master: Master) -> None:
        node = master.node._replace(offline=True)

        refused = await master.rpc.call(node, p.echo, 1)

        assert refused.failure is not None and refused.failure.phase is Phase.OFFLINE
        assert (await master.rpc.call(node, p.greet, "you")).value == "hello you"

    run(daemon, test)


def test_each_node_gets_its_own_arguments(daemon: DaemonProcess) -> None:
    async def test(master: Master) -> None:
        second = Address(NodeName("node2"), "127.0.0.1")

        results = await master.rpc.call_each(p.greet, [(master.node, ["one"]), (second, ["two"])])

        assert [result.value for result in results.values()] == ["hello one", "hello two"]

    run(daemon, test)


def test_half_a_body_is_not_waited_for(daemon: DaemonProcess) -> None:
    with connect(daemon) as rude:
        rude.sendall(b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n[1")

        answer = rude.recv(1000)

        assert answer.startswith(b"HTTP/1.1 408 ")
        while rude.recv(1000):
            pass


def test_half_a_head_is_not_waited_for(daemon: DaemonProcess) -> None:
    with connect(daemon) as rude:
        rude.sendall(b"POST /echo HTTP/1.1\r\nHost:")

        assert rude.recv(1000) == b""


def test_huge_body_is_refused_before_it_is_sent(daemon: DaemonProcess) -> None:
    with connect(daemon) as rude:
        rude.sendall(b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 100000000000\r\n\r\n[")

        assert rude.recv(1000).startswith(b"HTTP/1.1 413 ")


def test_endless_body_is_cut_off(daemon: DaemonProcess) -> None:
    chunk = b"%x\r\n%s\r\n" % (400_000, b"x" * 400_000)
    with connect(daemon) as rude:
        rude.sendall(b"POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + 3 * chunk)

        assert rude.recv(1000).startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize(
    ("request_head", "status"),
    [
        (b"GET /echo HTTP/1.1\r\nHost: x\r\n\r\n", b"405"),
        (b"POST /WaitForFunction HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n[]", b"400"),
        (b'POST /WaitForFunction HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n["1:2", 1]', b"404"),
        (b"POST /EndFunction HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n[]", b"400"),
        (b"POST /EndEarlierFunctions HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n[1]", b"400"),
        (b'POST /EndFunction HTTP/1.1\r\nHost: x\r\nContent-Length: 6\r\n\r\n["no"]', b"200"),
        (b"POST /echo HTTP/1.1\r\nHost: x\r\nX-Ganeti-Wait: nan\r\nContent-Length: 3\r\n\r\n[1]", b"400"),
        (b"POST /echo HTTP/1.1\r\nHost: x\r\nX-Ganeti-Call: %s\r\nContent-Length: 3\r\n\r\n[1]" % (b"k" * 300), b"400"),
        (b"\x00\x01\x02\r\n\r\n", b"400"),
        (b"POST /" + b"a" * 20_000 + b" HTTP/1.1\r\n\r\n", b"400"),
    ],
)
def test_rubbish_is_answered_with_a_status(daemon: DaemonProcess, request_head: bytes, status: bytes) -> None:
    with connect(daemon) as rude:
        rude.sendall(request_head)

        assert rude.recv(1000).split(b" ")[1] == status


def test_client_without_certificate_is_not_served(daemon: DaemonProcess) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.load_verify_locations(daemon.paths.server_cert)

    answer = b""
    # With TLS 1.3 the client learns only when it reads that it is not wanted.
    with socket.create_connection(daemon.endpoint, timeout=20) as plain, contextlib.suppress(OSError):
        with context.wrap_socket(plain) as rude:
            rude.sendall(b"POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\n\r\n[1]")
            answer = rude.recv(1000)

    assert answer == b""


def test_old_tls_is_not_spoken(daemon: DaemonProcess) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.load_verify_locations(daemon.paths.server_cert)
    context.load_cert_chain(daemon.paths.server_cert)
    context.set_ciphers("ALL:@SECLEVEL=0")
    with pytest.warns(DeprecationWarning):
        context.maximum_version = ssl.TLSVersion.TLSv1_1
        context.minimum_version = ssl.TLSVersion.TLSv1

    with socket.create_connection(daemon.endpoint, timeout=20) as plain, pytest.raises((ssl.SSLError, OSError)):
        context.wrap_socket(plain)


def test_engine_tells_a_lost_connection(daemon: DaemonProcess) -> None:
    async def test(master: Master) -> None:
        call = Call("wait_for_file", b'["/nowhere"]', 60, "")
        sent = asyncio.create_task(master.engine.send(daemon.endpoint, start_request(call, "key1", 20, 20)))
        await eventually(lambda: function_processes(daemon) != [])
        running = function_processes(daemon)
        daemon.kill()

        loss = await sent
        await eventually(lambda: not any(process.is_alive(pid) for pid in running))

        assert isinstance(loss, Loss) and loss.sent and loss.phase is Phase.UNREACHABLE

    run(daemon, test)
