"""The master's side of node calls."""

from __future__ import annotations

import asyncio

import pytest

from ganeti import errors
from ganeti.clock import SystemClock
from ganeti.model.scalars import InstanceName, NodeName
from ganeti.rpc import procedures as p
from ganeti.rpc.client import Address, NodeRpc
from ganeti.rpc.envelope import success
from ganeti.rpc.result import Phase
from ganeti.rpc.transport import OK, Endpoint, Loss, Request, Response, Times
from test.support.clock import ManualClock

NODE = Address(NodeName("node1.example.com"), "127.0.0.1")


class Running:
    """A node that tells of one instance with so much memory."""

    def __init__(self) -> None:
        self.memory = 128

    async def send(self, endpoint: Endpoint, request: Request) -> Response:
        figures = {"memory": self.memory, "vcpus": 1, "state": 0, "time": 0.0}
        return Response(OK, "daemon", success({"web1": figures}))

    async def close(self) -> None:
        pass


def test_the_answer_of_a_steady_call_is_read_once_while_it_is_the_same():
    async def scene():
        node = Running()
        rpc = NodeRpc(node, SystemClock(), "uuid")

        async def ask():
            return (await rpc.call(NODE, p.all_instances_info, ["fake"], {})).unwrap("look")

        first, second = await ask(), await ask()
        node.memory = 256
        third = await ask()

        assert second is first
        assert [seen[InstanceName("web1")].memory for seen in (first, third)] == [128, 256]

    asyncio.run(scene())


class Silent:
    """A machine to which a connection is tried for some time in vain; keeps what it was given for each."""

    def __init__(self, clock: ManualClock) -> None:
        self._clock = clock
        self.seconds = 5.0
        self.given: list[float] = []

    async def send(self, endpoint: Endpoint, request: Request) -> Loss:
        self.given.append(request.timeout)
        self._clock.now += self.seconds
        return Loss(Phase.UNREACHABLE, "no answer", False)

    async def close(self) -> None:
        pass


def test_node_that_let_a_request_wait_in_vain_is_given_little_time_by_who_is_in_a_hurry():
    async def scene():
        node = Silent(clock := ManualClock())
        rpc = NodeRpc(node, clock, "uuid")
        hurried = rpc.hurried()

        for caller in (hurried, hurried, rpc):
            assert not (await caller.call(NODE, p.version)).ok

        usual = Times().first + Times().grace
        assert rpc.is_silent(NODE) and node.given == [usual, 1.0, usual]

    asyncio.run(scene())


def test_node_that_refuses_connections_at_once_is_not_silent():
    async def scene():
        node = Silent(clock := ManualClock())
        node.seconds = 0.01
        rpc = NodeRpc(node, clock, "uuid")

        assert not (await rpc.call(NODE, p.version)).ok

        assert not rpc.is_silent(NODE)

    asyncio.run(scene())


class Odd:
    """A node that gives one and the same answer to everything."""

    def __init__(self, answer: object) -> None:
        self._answer = answer

    async def send(self, endpoint: Endpoint, request: Request) -> Response:
        return Response(OK, "daemon", success(self._answer))

    async def close(self) -> None:
        pass


@pytest.mark.parametrize("name", ["job-x", "job-", "../job-1", "job-1 ", "serial"])
def test_job_files_with_odd_names_are_a_failure_of_the_node_that_tells_of_them(name: str):
    async def scene():
        rpc = NodeRpc(Odd({"job-1": "d1", name: "d2"}), SystemClock(), "uuid")

        answer = await rpc.call(NODE, p.jobqueue_digests)

        with pytest.raises(errors.OpExecError, match=r"on node node1\.example\.com: .*the name of a job file"):
            answer.unwrap("compare the job queue")

    asyncio.run(scene())
