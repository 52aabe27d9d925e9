"""A replica of the queue is made equal by what differs, not by sending everything."""

import asyncio
import os
from collections.abc import Sequence

from ganeti.masterd.distribute import Distribution
from ganeti.model.objects.node import Node
from ganeti.noded.backend.jobqueue import JobQueueReplica
from ganeti.procedure import Procedure
from ganeti.rpc.result import NodeResult
from ganeti.utils import files
from test.support import config as build
from test.support.clock import ManualClock
from test.support.node import make_node


class Line:
    """Stands for the network: carries calls to the replica of one node, and counts what is sent."""

    def __init__(self, replica: JobQueueReplica) -> None:
        self.replica = replica
        self.written: list[str] = []

    async def call(self, node: Node, procedure: Procedure, *args):
        if procedure.name == "jobqueue_update":
            self.written += [os.path.basename(name) for name, _content in args[0]]
        return NodeResult(node.name, getattr(self.replica, procedure.name)(*args))

    async def call_many(self, nodes: Sequence[Node], procedure: Procedure, *args):
        return {node.name: await self.call(node, procedure, *args) for node in nodes}


def test_a_candidate_that_comes_back_is_sent_only_what_differs(paths):
    master, other = make_node(paths), make_node(paths.for_node("node2.example.com"))
    line = Line(JobQueueReplica(other))
    for number, text in ((1, "same"), (2, "old"), (3, "archived meanwhile")):
        line.replica.jobqueue_update([(other.paths.virtualize(other.paths.job_file(number)), text)])
    queue = [(master.paths.job_file(n), text) for n, text in ((1, b"same"), (2, b"new"), (4, b"more"))]
    node = build.make_node(2)

    async def send_all(send) -> None:
        await send(queue)

    distribution = Distribution(line, master.paths, ManualClock())
    distribution.connect(lambda: ([node], [node]), send_all)
    asyncio.run(distribution.begin())

    assert sorted(line.written) == ["job-2", "job-4"]
    assert sorted(line.replica.jobqueue_digests()) == ["job-1", "job-2", "job-4"]
    assert files.read_text(other.paths.job_file(2)) == "new"
    assert files.read_text(other.paths.archived_job_file(3)) == "archived meanwhile"
    assert distribution.behind == {}
