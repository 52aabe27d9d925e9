"""A replica of the queue is made equal by what differs, not by sending everything."""

import asyncio
import os
from collections.abc import Callable, Sequence

from ganeti.masterd.distribute import Distribution
from ganeti.masterd.fence import Fence
from ganeti.model.objects.node import Node
from ganeti.noded.backend.jobqueue import JobQueueReplica
from ganeti.noded.backend.uploads import Uploads
from ganeti.procedure import Procedure
from ganeti.rpc import procedures as p
from ganeti.rpc.result import Failure, NodeResult, Phase
from ganeti.utils import files
from ganeti.utils.pieces import Text
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
        #: who was said to be behind
        self.told: list[list[str]] = []

    async def call(self, node: Node, procedure: Procedure, *args):
        if procedure is p.master_behind:
            self.told.append(args[0])
            return NodeResult(node.name)
        self.tries += 1
        if self.cut:
            return NodeResult(node.name, None, Failure(Phase.UNREACHABLE, "nobody answers"))
        if procedure.name == "jobqueue_update":
            self.written += [os.path.basename(name) for name, _content in args[0]]
        return NodeResult(node.name, getattr(self.replica, procedure.name)(*args))

    def hurried(self):
        return self

    def is_silent(self, node: Node) -> bool:
        return False

    async def call_many(self, nodes: Sequence[Node], procedure: Procedure, *args):
        return {node.name: await self.call(node, procedure, *args) for node in nodes}


class Queue:
    """Stands for the queue on the master: its files, and those in the archive."""

    def __init__(self, files: list[tuple[str, bytes]], archive: dict[int, bytes] | None = None) -> None:
        self.files = files
        self.archive = archive or {}

    async def send_all(self, send) -> None:
        await send(self.files)

    async def archived(self) -> list[int]:
        return list(self.archive)

    async def copy_archived(self, job_ids) -> list[tuple[int, bytes]]:
        return [(job_id, self.archive[job_id]) for job_id in job_ids if job_id in self.archive]


def test_a_candidate_is_given_the_archived_jobs_it_missed_and_how_others_ended(paths):
    master, other = make_node(paths), make_node(paths.for_node("node2.example.com"))
    line, node = Line(JobQueueReplica(other)), build.make_node(2)
    line.replica.jobqueue_update([(other.paths.virtualize(other.paths.job_file(1)), "running")])
    line.replica.jobqueue_update([(other.paths.virtualize(other.paths.archived_job_file(2)), "known")])
    line.written.clear()

    distribution = Distribution(line, master.paths, ManualClock(), Fence())
    archive = {1: b"ended", 2: b"known", 3: b"missed", 10_001: b"missed too"}
    distribution.connect(lambda: ([node], [node]), Queue([], archive))
    asyncio.run(distribution.begin())

    assert line.replica.jobqueue_digests() == {}
    assert {n: files.read_file(other.paths.archived_job_file(n)) for n in archive} == archive
    assert "job-2" not in line.written
    assert distribution.behind == {}


def test_a_candidate_that_comes_back_is_sent_only_what_differs(paths):
    master, other = make_node(paths), make_node(paths.for_node("node2.example.com"))
    line = Line(JobQueueReplica(other))
    for number, text in ((1, "same"), (2, "old"), (3, "archived meanwhile")):
        line.replica.jobqueue_update([(other.paths.virtualize(other.paths.job_file(number)), text)])
    queue = [(master.paths.job_file(n), text) for n, text in ((1, b"same"), (2, b"new"), (4, b"more"))]
    node = build.make_node(2)

    distribution = Distribution(line, master.paths, ManualClock(), Fence())
    distribution.connect(lambda: ([node], [node]), Queue(queue))
    asyncio.run(distribution.begin())

    assert sorted(line.written) == ["job-2", "job-4"]
    assert sorted(line.replica.jobqueue_digests()) == ["job-1", "job-2", "job-4"]
    assert files.read_text(other.paths.job_file(2)) == "new"
    assert files.read_text(other.paths.archived_job_file(3)) == "archived meanwhile"
    assert distribution.behind == {}


class Busy(Queue):
    """A queue that goes on while a candidate is compared with it."""

    def __init__(self, meanwhile: Callable[[], None], archive: dict[int, bytes]) -> None:
        super().__init__([], archive)
        self.meanwhile = meanwhile

    async def send_all(self, send) -> None:
        self.meanwhile()
        await super().send_all(send)


def test_a_job_archived_before_a_candidate_is_given_the_queue_is_archived_there_as_it_ended(paths):
    master, other = make_node(paths), make_node(paths.for_node("node2.example.com"))
    line, node = Line(JobQueueReplica(other)), build.make_node(2)
    line.replica.jobqueue_update([(other.paths.virtualize(other.paths.job_file(1)), "running")])

    async def story() -> None:
        distribution = Distribution(line, master.paths, ManualClock(), Fence())
        distribution.connect(lambda: ([node], [node]), Queue([], {1: b"ended", 2: b"missed"}))
        # What ended when the last master daemon did, perhaps.
        await distribution.rename([(master.paths.job_file(n), master.paths.archived_job_file(n)) for n in (1, 2)])
        assert distribution.behind == {}
        await distribution.begin()
        line.written.clear()
        line.replica.jobqueue_update([(other.paths.virtualize(other.paths.job_file(3)), "ended")])
        await distribution.rename([(master.paths.job_file(3), master.paths.archived_job_file(3))])

    asyncio.run(story())

    assert files.read_text(other.paths.archived_job_file(1)) == "ended"
    assert files.read_text(other.paths.archived_job_file(2)) == "missed"
    assert line.written == []  # a candidate that has the queue is told what changes, and no more


def test_a_job_that_comes_to_a_candidate_while_it_is_compared_is_archived_there_as_it_ended(paths):
    master, other = make_node(paths), make_node(paths.for_node("node2.example.com"))
    line, node = Line(JobQueueReplica(other)), build.make_node(2)
    running = [(other.paths.virtualize(other.paths.job_file(1)), "running")]
    queue = Busy(lambda: line.replica.jobqueue_update(running), {1: b"ended"})

    async def story() -> None:
        distribution = Distribution(line, master.paths, ManualClock(), Fence())
        distribution.connect(lambda: ([node], [node]), queue)
        await distribution.begin()
        await distribution.rename([(master.paths.job_file(1), master.paths.archived_job_file(1))])

    asyncio.run(story())

    assert line.replica.jobqueue_digests() == {}
    assert files.read_text(other.paths.archived_job_file(1)) == "ended"


def test_a_candidate_that_missed_a_change_is_left_alone_until_it_is_caught_up(paths):
    master, other = make_node(paths), make_node(paths.for_node("node2.example.com"))
    line = Line(JobQueueReplica(other))
    queue: list[tuple[str, bytes]] = []
    node = build.make_node(2)

    async def story() -> None:
        distribution = Distribution(line, master.paths, ManualClock(), Fence())
        distribution.connect(lambda: ([node], [node]), Queue(queue))
        for number in (1, 2, 3):
            # the second change is lost; the third arrives nowhere, for nobody would know what is missing
            line.cut = number == 2
            queue.append((master.paths.job_file(number), b"{}"))
            await distribution.update(queue[-1:])
        assert distribution.behind == {node.name: {"queue"}}
        assert (line.tries, sorted(line.replica.jobqueue_digests())) == (2, ["job-1"])
        assert line.told == [[node.name]]  # before the change was acknowledged
        await distribution.catch_up()
        assert distribution.behind == {}

    asyncio.run(story())

    assert sorted(line.replica.jobqueue_digests()) == ["job-1", "job-2", "job-3"]


class Slow:
    """Stands for the network: remembers what was sent, and answers when told to."""

    def __init__(self) -> None:
        self.sent: list[str] = []
        self.fails = False
        self.open = asyncio.Event()
        self.open.set()

    def hurried(self):
        return self

    def is_silent(self, node: Node) -> bool:
        return False

    async def call_many(self, nodes: Sequence[Node], procedure: Procedure, *args):
        if procedure is p.master_behind:
            return {node.name: NodeResult(node.name) for node in nodes}
        failure = Failure(Phase.UNREACHABLE, "nobody answers") if self.fails else None
        self.sent += [str(args[-1] if procedure.name == "write_ssconf_files" else args[1]) for node in nodes]
        if nodes:
            await self.open.wait()
        return {node.name: NodeResult(node.name, None, failure) for node in nodes}


def test_a_change_of_the_configuration_waits_for_no_candidate_that_is_behind(paths):
    line, node = Slow(), build.make_node(2)
    distribution = Distribution(line, make_node(paths).paths, ManualClock(), Fence())
    distribution.connect(lambda: ([node], [node]), None)

    async def story() -> None:
        line.fails = True
        await distribution.config(Text([b"one"]), 1, [node])
        await distribution.config(Text([b"two"]), 2, [node])
        assert (line.sent, distribution.behind) == (["one"], {node.name: {"config"}})
        line.fails = False
        await distribution.catch_up()

    asyncio.run(story())

    assert (line.sent, distribution.behind) == (["one", "two"], {})


def test_an_older_configuration_that_arrives_late_leaves_nobody_with_it(paths):
    line, node = Slow(), build.make_node(2)
    distribution = Distribution(line, make_node(paths).paths, ManualClock(), Fence())
    distribution.connect(lambda: ([node], [node]), None)

    async def story() -> None:
        line.open.clear()
        late = asyncio.ensure_future(distribution.config(Text([b"one"]), 1, [node]))
        while not line.sent:
            await asyncio.sleep(0)
        await distribution.config(Text([b"two"]), 2, [node])  # not sent: it could overtake the first
        line.open.set()
        assert (line.sent, distribution.behind) == (["one"], {node.name: {"config"}})
        await late

    asyncio.run(story())

    # the newer follows at once: nobody has to wait for the next round of catching up
    assert (line.sent, distribution.behind) == (["one", "two"], {})


def test_the_master_itself_is_caught_up_when_its_node_daemon_did_not_answer(paths):
    line, master, node = Slow(), build.make_node(0, name=paths.hostname), build.make_node(2)
    distribution = Distribution(line, make_node(paths).paths, ManualClock(), Fence())
    distribution.connect(lambda: ([master, node], [node]), None)

    async def story() -> None:
        line.fails = True
        await distribution.ssconf({"key": "value"}, [master, node])
        line.fails = False
        await distribution.catch_up()

    asyncio.run(story())

    assert (len(line.sent), distribution.behind) == (4, {})


def test_a_candidate_that_is_caught_up_learns_that_the_queue_is_drained(paths):
    master, other = make_node(paths), make_node(paths.for_node("node2.example.com"))
    line, node = Line(JobQueueReplica(other)), build.make_node(2)

    distribution = Distribution(line, master.paths, ManualClock(), Fence())
    distribution.connect(lambda: ([node], [node]), Queue([]))
    files.ensure_dir(master.paths.queue_dir, 0o750)
    files.write_file(master.paths.queue_drain, b"")
    asyncio.run(distribution.begin())
    drained = os.path.exists(other.paths.queue_drain)
    files.remove_file(master.paths.queue_drain)
    asyncio.run(distribution.begin())

    assert (drained, os.path.exists(other.paths.queue_drain)) == (True, False)


def test_a_node_that_has_the_last_ssconf_values_is_sent_what_is_new(paths):
    line, old, joined = Slow(), build.make_node(2), build.make_node(3)
    distribution = Distribution(line, make_node(paths).paths, ManualClock(), Fence())
    distribution.connect(lambda: ([old, joined], []), None)

    async def story() -> None:
        await distribution.ssconf({"a": "1", "b": "1"}, [old])
        await distribution.ssconf({"a": "1", "b": "2"}, [old, joined])
        line.fails = True
        await distribution.ssconf({"a": "3", "b": "2"}, [old])
        line.fails = False
        await distribution.ssconf({"a": "4", "b": "2"}, [old])  # not sent: it lacks more than this
        await distribution.catch_up()
        await distribution.ssconf({"a": "4", "b": "2"}, [old])  # nothing is new, so all of it is wanted again

    asyncio.run(story())

    whole = {"a": "4", "b": "2"}
    sent = [{"a": "1", "b": "1"}, {"b": "2"}, {"a": "1", "b": "2"}, {"a": "3"}, whole, whole]
    assert (line.sent, distribution.behind) == ([str(values) for values in sent], {})


def test_a_candidate_is_sent_what_is_new_and_all_of_it_when_it_has_something_else(paths):
    other = make_node(paths.for_node("node2.example.com"))
    files.ensure_dir(other.paths.data_dir)
    path, node, sent = other.paths.config_file, build.make_node(2), []

    class Wire(Line):
        async def call(self, node: Node, procedure: Procedure, *args):
            sent.append(procedure.name)
            answer = getattr(Uploads(other), procedure.name)(
                *procedure.decode_arguments(procedure.encode_arguments(*args))
            )
            return NodeResult(node.name, answer)

    distribution = Distribution(Wire(JobQueueReplica(other)), make_node(paths).paths, ManualClock(), Fence())
    distribution.connect(lambda: ([node], [node]), None)
    parts = [b"first,", b"second,", b"third"]
    texts = []

    async def story() -> None:
        for serial, part in enumerate((b"second,", b"2nd,", b"zweiter,", b"dos,")):
            if serial == 2:
                files.write_file(path, b"what somebody else wrote")
            parts[1] = part
            await distribution.config(Text(tuple(parts)), serial, [node])
            texts.append(files.read_file(path))

    asyncio.run(story())

    assert texts == [b"first,%s,third" % word for word in (b"second", b"2nd", b"zweiter", b"dos")]
    whole, edit = "upload_file_single", "edit_file_single"
    assert (sent, distribution.behind) == ([whole, edit, edit, whole, edit], {})
