"""The master's side of node calls."""

from __future__ import annotations

import asyncio

from ganeti.clock import SystemClock
from ganeti.model.scalars import InstanceName, NodeName
from ganeti.rpc import procedures as p
from ganeti.rpc.client import Address, NodeRpc
from ganeti.rpc.envelope import success
from ganeti.rpc.transport import OK, Endpoint, Request, Response

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
