import os
import pathlib
import socket
import stat
import threading
from collections.abc import Callable

import pytest

from ganeti import errors
from ganeti.luxi import framing, methods
from ganeti.luxi.client import Client
from ganeti.model.scalars import JobId
from test.support.luxi import luxi_served


class StepClock:
    """Goes on only when someone sleeps."""

    def __init__(self) -> None:
        self.now = 0.0

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float, /) -> None:
        self.now += seconds


def serve_once(path: str, talk: Callable[[socket.socket], None]) -> threading.Thread:
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(path)
    listener.listen()

    def run() -> None:
        connection, _ = listener.accept()
        with connection, listener:
            talk(connection)

    thread = threading.Thread(target=run)
    thread.start()
    return thread


async def query_tags(kind: str, name: str) -> list[str]:
    return [kind, name]


async def archive_job(job_id: int) -> bool:
    raise errors.JobLost(f"no job {job_id}")


def test_calls_are_answered_over_one_connection(tmp_path: pathlib.Path) -> None:
    path = str(tmp_path / "s")

    with luxi_served(path, {"QueryTags": query_tags}) as server, Client(path) as client:
        answers = [client.call(methods.query_tags, "node", f"node{n}") for n in range(3)]
        connections = len(server.connections)

    assert answers == [["node", f"node{n}"] for n in range(3)]
    assert connections == 1


def test_error_of_the_daemon_is_raised_and_the_connection_stays(tmp_path: pathlib.Path) -> None:
    path = str(tmp_path / "s")

    with luxi_served(path, {"ArchiveJob": archive_job, "QueryTags": query_tags}), Client(path) as client:
        with pytest.raises(errors.JobLost, match="no job 7"):
            client.call(methods.archive_job, JobId(7))

        assert client.call(methods.query_tags, "cluster") == ["cluster", ""]


def test_unknown_method_is_told_by_name(tmp_path: pathlib.Path) -> None:
    path = str(tmp_path / "s")

    with luxi_served(path, {"QueryTags": query_tags}), Client(path) as client:
        with pytest.raises(errors.LuxiError, match="unknown method 'QueryJobs'"):
            client.call(methods.query_jobs, None, ["id"])


def test_missing_socket_means_no_master(tmp_path: pathlib.Path) -> None:
    with pytest.raises(errors.NoMasterError, match="there is no such socket"):
        Client(str(tmp_path / "s")).call(methods.query_cluster_info)


def test_dead_socket_means_no_master(tmp_path: pathlib.Path) -> None:
    path = str(tmp_path / "s")
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(path)

    with pytest.raises(errors.NoMasterError, match="no daemon listens"):
        Client(path).call(methods.query_cluster_info)


def test_busy_daemon_is_called_again_until_the_timeout(tmp_path: pathlib.Path) -> None:
    path = str(tmp_path / "s")
    clock = StepClock()
    with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as first:
        listener.bind(path)
        listener.listen(0)
        first.connect(path)

        with pytest.raises(errors.TimeoutError, match="took no call for 30 s"):
            Client(path, clock=clock).call(methods.query_cluster_info)

    assert 29 < clock.now <= 30


def test_connection_closed_in_the_middle_is_told_with_the_call(tmp_path: pathlib.Path) -> None:
    path = str(tmp_path / "s")
    thread = serve_once(path, lambda c: c.sendall(c.recv(1 << 16)[:0] + b'{"succ'))

    with pytest.raises(errors.ConnectionClosedError, match="SubmitJob"):
        Client(path).call(methods.submit_job, [])
    thread.join()


def test_second_answer_nobody_asked_for_is_a_protocol_error(tmp_path: pathlib.Path) -> None:
    path = str(tmp_path / "s")
    answer = framing.encode_answer({})

    def talk(connection: socket.socket) -> None:
        connection.recv(1 << 16)
        connection.sendall(answer + answer)

    thread = serve_once(path, talk)

    with pytest.raises(errors.ProtocolError, match="more than was asked"):
        Client(path).call(methods.query_cluster_info)
    thread.join()


def test_request_beyond_the_limit_is_not_sent(tmp_path: pathlib.Path) -> None:
    with pytest.raises(errors.ProtocolError, match="at most 100 are taken"):
        Client(str(tmp_path / "s"), limit=100).call(methods.submit_job, ["x" * 100])


def test_socket_at_a_path_longer_than_an_address_is_served_and_reached(tmp_path: pathlib.Path) -> None:
    deep = tmp_path / ("d" * 60) / ("e" * 60)
    deep.mkdir(parents=True)
    path = str(deep / "ganeti-master")

    with luxi_served(path, {"QueryTags": query_tags}), Client(path) as client:
        assert client.call(methods.query_tags, "cluster") == ["cluster", ""]
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o660
