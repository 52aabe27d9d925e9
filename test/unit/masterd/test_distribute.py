"""A replica of the queue is made equal by what differs, not by sending everything."""

import asyncio
import os
from collections.abc import Sequence

from ganeti.masterd.distribute import Distribution
from ganeti.model.objects.node import Node
from ganeti.noded.backend.jobqueue import JobQueueReplica
from ganeti.procedure import Procedure
from ganeti.rpc.result import Failure, NodeResult, Phase
from ganeti.utils import files
from test.support import config as build
from test.support.clock import ManualClock
from test.support.node import make_node


class Line:
    """Stands for the network: carries calls to the replica of one node, and counts what is sent."""

    def __init__(self, replica: JobQueueReplica) -> None:
        self.replica = replica
        self.written: list[str] = []
        self.cut = False
        self.tries = 0

    async def call(self, node: Node, procedure: Procedure, *args):
        self.tries += 1
        if self.cut:
            return NodeResult(node.name, None, Failure(Phase.UNREACHABLE, "nobody answers"))
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


def test_a_candidate_that_missed_a_change_is_left_alone_until_it_is_caught_up(paths):
    master, other = make_node(paths), make_node(paths.for_node("node2.example.com"))
    line = Line(JobQueueReplica(other))
    queue: list[tuple[str, bytes]] = []
    node = build.make_node(2)

    async def send_all(send) -> None:
        await send(queue)

    async def story() -> None:
        distribution = Distribution(line, master.paths, ManualClock())
        distribution.connect(lambda: ([node], [node]), send_all)
        for number in (1, 2, 3):
            # the second change is lost; the third arrives nowhere, for nobody would know what is missing
            line.cut = number == 2
            queue.append((master.paths.job_file(number), b"{}"))
            await distribution.update(queue[-1:])
        assert distribution.behind == {node.name: {"queue"}}
        assert (line.tries, sorted(line.replica.jobqueue_digests())) == (2, ["job-1"])
        await distribution.catch_up()
        assert distribution.behind == {}

    asyncio.run(story())

    assert sorted(line.replica.jobqueue_digests()) == ["job-1", "job-2", "job-3"]
