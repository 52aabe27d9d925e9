"""What every transport of node calls promises, against a real node daemon.

The event loop's engine and the blocking caller pass the same suite.
"""

from __future__ import annotations

import asyncio
import os
import pathlib
import signal
import socket
from collections.abc import Iterator
from typing import Any, Protocol

import pytest

from ganeti import errors
from ganeti.clock import SystemClock
from ganeti.model.scalars import NodeName
from ganeti.procedure import Procedure
from ganeti.rpc.client import Address, NodeRpc
from ganeti.rpc.curl_engine import CurlEngine
from ganeti.rpc.result import NodeResult, Phase
from ganeti.rpc.sync import Caller
from ganeti.rpc.transport import Times
from ganeti.utils import files, x509
from test.support import node_calls as p
from test.support.node_daemon import (
    DaemonProcess,
    client_certificate,
    cluster_certificate,
    credentials,
    make_node,
)

NODE = NodeName("node1.example.com")
QUICK = Times(connect=1, first=0.3, again=0.5, grace=0.7, patience=0.3, pause=0.05)
CLUSTER = "6c7c2f5e-3c5f-4f0a-9a66-1a2b3c4d5e6f"


class CallOne(Protocol):
    """One call to one daemon, through the transport under test."""

    def __call__(self, daemon: DaemonProcess, proc: Procedure[..., Any], *args: object) -> NodeResult[Any]: ...


def by_engine(daemon: DaemonProcess, proc: Procedure[..., Any], *args: object) -> NodeResult[Any]:
    async def run() -> NodeResult[Any]:
        transport = CurlEngine(credentials(daemon.paths), QUICK)
        rpc = NodeRpc(transport, SystemClock(), CLUSTER, port=daemon.endpoint.port, times=QUICK)
        try:
            return await rpc.call(Address(NODE, daemon.endpoint.host), proc, *args)
        finally:
            await rpc.close()

    return asyncio.run(run())


def by_caller(daemon: DaemonProcess, proc: Procedure[..., Any], *args: object) -> NodeResult[Any]:
    with Caller(NODE, daemon.endpoint, credentials(daemon.paths), CLUSTER, QUICK) as caller:
        return caller.call(proc, *args)


@pytest.fixture(params=[by_engine, by_caller])
def call(request: pytest.FixtureRequest) -> CallOne:
    found: CallOne = request.param
    return found


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DaemonProcess]:
    with DaemonProcess(make_node(str(tmp_path_factory.mktemp("node"))), "127.0.1.7", body=100_000) as daemon:
        yield daemon


@pytest.fixture
def own(tmp_path: pathlib.Path) -> Iterator[DaemonProcess]:
    with DaemonProcess(make_node(str(tmp_path))) as daemon:
        yield daemon


def phase_of(result: NodeResult[Any]) -> Phase:
    assert result.failure is not None
    return result.failure.phase


def test_value_comes_back(call: CallOne, shared: DaemonProcess) -> None:
    value = {"text": "ä \u2028 \0", "numbers": [1, -2.5, 10**15], "none": None}

    assert call(shared, p.echo, value).unwrap("echo") == value
    assert call(shared, p.echo_inline, value).unwrap("echo") == value


def test_error_comes_back_with_its_class(call: CallOne, shared: DaemonProcess) -> None:
    with pytest.raises(errors.HypervisorError, match=r"cannot try on node node1\.example\.com: cannot please"):
        call(shared, p.fail, "HypervisorError").unwrap("try")


def test_call_longer_than_the_first_wait_is_waited_for(call: CallOne, shared: DaemonProcess) -> None:
    assert call(shared, p.run_script, "sleep 0.5; echo done").value == "done\n"


def test_call_over_its_time_limit_is_a_timeout(call: CallOne, shared: DaemonProcess) -> None:
    result = call(shared, p.brief)

    assert phase_of(result) is Phase.TIMEOUT
    assert "brief still runs after 1 s" in str(result.failure)


def test_large_answer_comes_back(call: CallOne, shared: DaemonProcess) -> None:
    assert call(shared, p.large, 5_000_000).unwrap("read") == "x" * 5_000_000


def test_request_that_is_too_large_is_refused(call: CallOne, shared: DaemonProcess) -> None:
    result = call(shared, p.echo, "x" * 200_000)

    assert phase_of(result) is Phase.REFUSED
    assert "the limit is 100000" in str(result.failure)


def test_daemon_that_is_not_there_is_unreachable(call: CallOne, tmp_path: pathlib.Path) -> None:
    daemon = DaemonProcess(make_node(str(tmp_path)))

    result = call(daemon, p.echo, 1)

    assert phase_of(result) is Phase.UNREACHABLE
    assert result.failure is not None and not result.failure.uncertain
    assert str(result.failure).endswith(": connection refused")
    assert f"port {daemon.endpoint.port}" in str(result.failure)


def test_frozen_daemon_shows_within_seconds(call: CallOne, own: DaemonProcess) -> None:
    own.signal(signal.SIGSTOP)

    result = call(own, p.echo, 1)

    assert phase_of(result) is Phase.TIMEOUT


def test_daemon_of_another_cluster_is_refused(call: CallOne, own: DaemonProcess) -> None:
    files.write_file(own.paths.server_cert, cluster_certificate(2), durable=False)

    result = call(own, p.echo, 1)

    assert phase_of(result) is Phase.REFUSED
    assert "not of this cluster" in str(result.failure)


def test_client_of_another_cluster_is_refused(call: CallOne, own: DaemonProcess) -> None:
    files.write_file(own.paths.client_cert, client_certificate(2, 1), durable=False)

    result = call(own, p.echo, 1)

    assert phase_of(result) in (Phase.REFUSED, Phase.UNREACHABLE)
    assert not result.ok


def test_node_that_is_no_candidate_is_refused_by_name(call: CallOne, own: DaemonProcess) -> None:
    files.write_file(own.paths.client_cert, client_certificate(1, 2), durable=False)

    result = call(own, p.echo, 1)

    assert phase_of(result) is Phase.REFUSED
    assert "is not a master candidate's" in str(result.failure)


def test_candidate_is_served(call: CallOne, own: DaemonProcess) -> None:
    files.write_file(own.paths.client_cert, client_certificate(1, 2), durable=False)
    digest = x509.cert_digest(client_certificate(1, 2))
    files.write_file(own.paths.ssconf_file("master_candidates_certs"), f"uuid={digest}\n", durable=False)

    assert call(own, p.echo, 1).ok


def test_call_for_another_cluster_uuid_is_refused(call: CallOne, own: DaemonProcess) -> None:
    files.write_file(own.paths.ssconf_file("cluster_uuid"), "another\n", durable=False)

    result = call(own, p.echo, 1)

    assert phase_of(result) is Phase.REFUSED
    assert "this node belongs to cluster another" in str(result.failure)


def test_missing_certificate_is_named(call: CallOne, own: DaemonProcess) -> None:
    os.unlink(own.paths.server_cert)

    result = call(own, p.echo, 1)

    assert own.paths.server_cert in str(result.failure)


def test_unknown_procedure_is_refused(call: CallOne, shared: DaemonProcess) -> None:
    unknown: Procedure[..., object] = Procedure(p.echo.stub, name="no_such_call", timeout=10)

    result = call(shared, unknown, 1)

    assert phase_of(result) is Phase.REFUSED
    assert "no such procedure" in str(result.failure)


def test_daemon_killed_during_a_call_is_told(call: CallOne, own: DaemonProcess) -> None:
    result = call(own, p.run_script, f"kill -9 {own.pid}; sleep 60")
    own.wait()

    assert phase_of(result) is Phase.UNREACHABLE
    assert result.failure is not None and result.failure.uncertain


def test_other_end_may_be_anything(call: CallOne, tmp_path: pathlib.Path) -> None:
    daemon = DaemonProcess(make_node(str(tmp_path)))
    with socket.create_server((daemon.endpoint.host, daemon.endpoint.port)) as mute:
        mute.listen()

        result = call(daemon, p.echo, 1)

    assert phase_of(result) is Phase.TIMEOUT
    assert "did not set up TLS" in str(result.failure)
