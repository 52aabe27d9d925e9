"""Carries the configuration, ssconf files and the job queue from the master to the other nodes.

What the config store and the job queue need of the network is in the two small
protocols that `Distribution` fulfils.  A node that misses something is not an error
of whoever wrote it: it is remembered as behind, and caught up in the background.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import Awaitable, Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple, Protocol, TypeVar

from ganeti.clock import Clock
from ganeti.masterd.cluster_files import Wanted, Where, cluster_files
from ganeti.masterd.config.snapshot import Config
from ganeti.masterd.fence import Fence
from ganeti.masterd.file_sender import FileSender, Sent
from ganeti.mastership import is_majority
from ganeti.model.objects.node import Node
from ganeti.model.scalars import JobId, NodeName
from ganeti.paths import Paths
from ganeti.rpc import procedures as p
from ganeti.rpc.client import NodeRpc
from ganeti.rpc.result import NodeResult
from ganeti.utils.digest import short_digest
from ganeti.utils.numbers import besides
from ganeti.utils.pieces import Text, pieces_of

log = logging.getLogger(__name__)

T = TypeVar("T")

#: seconds between tries to catch up nodes that missed something
CATCH_UP_EVERY = 10.0
CONFIG_MODE = 0o640

#: job files sent in one call when a candidate gets the whole queue
QUEUE_BATCH = 200

SendFiles = Callable[[Sequence[tuple[str, bytes]]], Awaitable[None]]
#: the nodes now: (all that are online, the other candidates among them)
Peers = Callable[[], tuple[Sequence[Node], Sequence[Node]]]


class WholeQueue(Protocol):
    """What is needed of the queue here to make that of a candidate equal to it."""

    async def send_all(self, send: SendFiles) -> None:
        """Let `send` send the whole queue, while no change of it is sent."""

    async def archived(self) -> Sequence[JobId]:
        """Return the jobs in the archive."""

    async def copy_archived(self, job_ids: Sequence[JobId]) -> Sequence[tuple[JobId, bytes]]:
        """Return the files of archived jobs."""


class _ConfigText(NamedTuple):
    serial: int
    text: Text


class Distribution:
    """Sends files to nodes and remembers who is behind.

    `behind` maps the node to what it misses: "config", "ssconf", "queue", "files".
    """

    def __init__(self, rpc: NodeRpc, paths: Paths, clock: Clock, fence: Fence) -> None:
        self._rpc = rpc
        self._paths = paths
        self._clock = clock
        self._fence = fence
        self._peers: Peers = lambda: ((), ())
        self._config: _ConfigText | None = None
        #: the configuration each candidate has, for all we know
        self._config_there: dict[NodeName, _ConfigText] = {}
        self._ssconf: Mapping[str, str] = {}
        #: the values each node has, for all we know
        self._ssconf_there: dict[NodeName, Mapping[str, str]] = {}
        self._queue: WholeQueue | None = None
        #: whether every candidate was given the whole queue, or is behind
        self._begun = False
        self._current: Callable[[], Config] | None = None
        self._sender = FileSender(rpc, paths)
        self.behind: dict[NodeName, set[str]] = {}
        #: which candidates each node was last told to be behind
        self._told: dict[NodeName, list[NodeName]] = {}
        self._untold: set[NodeName] = set()
        self._telling = asyncio.Lock()
        #: (what, node) that is on its way
        self._under_way: set[tuple[str, NodeName]] = set()

    def connect(self, peers: Peers, queue: WholeQueue | None, current: Callable[[], Config] | None = None) -> None:
        """Learn who the peers are, and the queue and configuration for one that is behind."""
        self._peers = peers
        self._current = current
        self._queue = queue

    # --- for the config store ---------------------------------------------------------

    async def config(self, text: Text, serial: int, candidates: Sequence[Node], *, whole: bool = False) -> None:
        """Ship a configuration to the candidates; who does not get it is behind.

        Those that have the last one are sent which of its parts are new, unless `whole`.
        """
        before, self._config = self._config, _ConfigText(serial, text)
        await self._send_config(self._up_to_date("config", candidates), None if whole else before)
        await self._tell_behind()
        await self._fence.pass_through()

    async def ssconf(self, values: Mapping[str, str], nodes: Sequence[Node]) -> None:
        """Ship ssconf values to nodes, what is new to those that have the last; who does not get them is behind."""
        before, self._ssconf = self._ssconf, values
        await self._send_ssconf(self._up_to_date("ssconf", nodes), before)
        await self._fence.pass_through()

    # --- for the job queue ------------------------------------------------------------

    async def update(self, files: Sequence[tuple[str, bytes]]) -> None:
        """Write job files on the other candidates, in one call to each."""
        batch = [(self._paths.virtualize(name), data.decode()) for name, data in files]
        answers = await self._rpc.call_many(self._up_to_date("queue", self._candidates()), p.jobqueue_update, batch)
        self._note_misses("queue", answers)
        await self._tell_behind()
        await self._fence.pass_through()

    async def rename(self, pairs: Sequence[tuple[str, str]]) -> None:
        """Rename job files on the other candidates."""
        if not self._begun and self._queue is not None:
            # What they know of these jobs may be older than how they ended.
            ended = {_job_of(old): old for old, _ in pairs}
            await self.update([(ended[job_id], data) for job_id, data in await self._queue.copy_archived(list(ended))])
        renamed = [(self._paths.virtualize(old), self._paths.virtualize(new)) for old, new in pairs]
        answers = await self._rpc.call_many(self._up_to_date("queue", self._candidates()), p.jobqueue_rename, renamed)
        self._note_misses("queue", answers)
        await self._tell_behind()
        await self._fence.pass_through()

    async def purge(self) -> None:
        """Empty the queue on the other candidates."""
        await self._rpc.call_many(self._candidates(), p.jobqueue_purge)

    async def drain(self, drained: bool) -> None:
        """Set or remove the drain flag on the other candidates."""
        answers = await self._rpc.call_many(
            self._up_to_date("queue", self._candidates()), p.jobqueue_set_drain_flag, drained
        )
        self._note_misses("queue", answers)
        await self._tell_behind()
        await self._fence.pass_through()

    # --- for a node that joins or changes its role ------------------------------------

    async def begin(self) -> None:
        """Give the candidates the whole queue: nobody knows what they missed before this daemon began."""
        await self._send_queue(self._candidates())
        self._begun = True
        await self._tell_behind(everybody=True)

    async def bring_up_to_date(self, config: Config, node: Node, kinds: Collection[Where] = tuple(Where)) -> Sent:
        """Give one node everything its role asks for, now; of the files those of some kinds."""
        sent = await self.send_files(config, [node], kinds)
        await self._send_ssconf([node])
        if node.master_candidate:
            await self._send_config([node])
            await self._send_queue([node])
        return sent

    # --- key files and the like, which change seldom --------------------------------------

    def files(self, config: Config, ssconf_keys: Iterable[str] = ()) -> Wanted:
        """Return the files nodes are to hold alike, by the names all nodes understand."""
        wanted = cluster_files(self._paths, config, ssconf_keys)
        return wanted._replace(files=[file._replace(path=self._paths.virtualize(file.path)) for file in wanted.files])

    async def send_files(self, config: Config, nodes: Sequence[Node], kinds: Collection[Where] = tuple(Where)) -> Sent:
        """Copy the cluster's files from here to nodes; those that are down get them when they are back."""
        others = self._without_me(nodes)
        sent = await self._sender.send(config, others, kinds)
        for node in others:
            if node.name not in sent.missed:
                self._done(NodeName(node.name), "files")
        for name, why in sent.missed.items():
            if config.node_named(name):  # not one that is just being added
                log.warning("node %s misses files: %s", name, why)
                self.behind.setdefault(name, set()).add("files")
        return sent

    # --- catching up ------------------------------------------------------------------

    async def run(self) -> None:
        """Catch up nodes that are behind, and look who answers, for ever."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._look_around())
            while True:
                await self._clock.sleep(CATCH_UP_EVERY)
                try:
                    if self.behind:
                        await self.catch_up()
                    await self._tell_behind(again=True)
                except Exception:
                    log.exception("cannot catch up %s", ", ".join(self.behind))

    async def _look_around(self) -> None:
        """Ask nodes for a sign of life: who follows another master says so, even when there is nothing to be sent."""
        while True:
            await self._clock.sleep(CATCH_UP_EVERY)
            automatic = self._current is not None and bool(self._current().cluster.automatic_failover)
            asked = self._without_me(self._peers()[0]) if automatic else self._candidates()
            answers = await self._rpc.call_many(asked, p.version)
            silent = sorted(name for name, answer in answers.items() if not answer.ok)
            if automatic and is_majority(len(silent), len(asked) + 1):
                # More than half of all nodes are out of sight: they may make another one the master.
                self._fence.close(f"{len(silent)} of {len(asked) + 1} nodes do not answer: {', '.join(silent)}")
            else:
                self._fence.open()

    async def catch_up(self, among: Collection[NodeName] | None = None) -> None:
        """Try once more to give every node that is behind, or those of them that are `among` some, what it misses."""
        online, candidates = self._peers()
        named = {NodeName(node.name): node for node in online}
        for name in [name for name in self.behind if name not in named]:
            del self.behind[name]
        tried = {n: missing for n, missing in self.behind.items() if among is None or n in among}
        late = {what: [named[n] for n, missing in tried.items() if what in missing] for what in _WHAT}
        is_candidate = {node.name for node in candidates}
        await asyncio.gather(
            self._send_ssconf(late["ssconf"]),
            self._send_config([n for n in late["config"] if n.name in is_candidate]),
            self._send_queue([n for n in late["queue"] if n.name in is_candidate]),
            self._send_late_files(late["files"]),
        )
        for name in list(self.behind):
            if name not in is_candidate:
                self._done(name, "config")
                self._done(name, "queue")

    async def _tell_behind(self, *, everybody: bool = False, again: bool = False) -> None:
        """Have all nodes remember which candidates miss something: those must not become the master like that.

        Done before a change is acknowledged that a candidate did not get.  Nodes that
        do not answer are told `again` later: they hold up little here.
        """
        async with self._telling:
            online, candidates = self._peers()
            names = sorted(node.name for node in candidates if self.behind.get(node.name, set()) & _OF_CANDIDATES)
            asked = [
                node
                for node in self._without_me(online)
                if everybody or self._told.get(node.name, []) != names or (again and node.name in self._untold)
            ]
            answers = await self._rpc.hurried().call_many(asked, p.master_behind, names)
            for name, answer in answers.items():
                self._told[name] = names
                (self._untold.discard if answer.ok else self._untold.add)(name)

    async def _send_late_files(self, nodes: Sequence[Node]) -> None:
        if nodes and self._current is not None:
            await self.send_files(self._current(), nodes)

    def _candidates(self) -> Sequence[Node]:
        return self._peers()[1]

    def _up_to_date(self, what: str, nodes: Sequence[Node]) -> list[Node]:
        """Return the nodes that lack nothing of something.

        A change is of no use to the others, and waiting for a node that hangs would
        hold up every job: they get all of it when they are caught up.
        """
        for node in self._without_me(nodes):
            if self._rpc.is_silent(node):
                self.behind.setdefault(NodeName(node.name), set()).add(what)
        return [node for node in nodes if what not in self.behind.get(NodeName(node.name), ())]

    async def _send_config(self, nodes: Sequence[Node], before: _ConfigText | None = None) -> None:
        """Bring nodes to the newest configuration; who has the one `before` is sent what is new."""
        with self._sending("config", self._without_me(nodes)) as free:
            while free and self._config is not None:
                newest = self._config
                knowing, others = _divided(free, self._config_there, before)
                edited, uploaded = await asyncio.gather(
                    self._edit_config(knowing, newest, before),
                    self._upload_config(others, newest),
                )
                answers: dict[NodeName, NodeResult[Any]] = {**edited, **uploaded}
                refusing = [node for node in knowing if answers[NodeName(node.name)].value is False]
                for node in refusing:
                    log.warning("node %s has another configuration than it was sent: it is sent all of it", node.name)
                    del answers[NodeName(node.name)]
                self._config_there.update((name, newest) for name, answer in answers.items() if answer.ok)
                self._note("config", answers, newest=newest is self._config)
                free, before = [*refusing, *self._overtaken("config", free, answers)], None

    async def _upload_config(self, nodes: Sequence[Node], newest: _ConfigText) -> dict[NodeName, NodeResult[None]]:
        if not nodes:
            return {}
        name = self._paths.virtualize(self._paths.config_file)
        return await self._rpc.call_many(nodes, p.upload_file_single, name, newest.text.whole().decode(), CONFIG_MODE)

    async def _edit_config(
        self, nodes: Sequence[Node], newest: _ConfigText, before: _ConfigText | None
    ) -> dict[NodeName, NodeResult[bool]]:
        if not nodes or before is None:
            return {}
        name, pieces = self._paths.virtualize(self._paths.config_file), pieces_of(before.text.parts, newest.text.parts)
        return await self._rpc.call_many(nodes, p.edit_file_single, name, pieces, newest.text.checksum, CONFIG_MODE)

    async def _send_ssconf(self, nodes: Sequence[Node], before: Mapping[str, str] | None = None) -> None:
        """Bring nodes to the newest values; who has those `before` is sent what is new."""
        with self._sending("ssconf", nodes) as free:
            while free and self._ssconf:
                newest = self._ssconf
                knowing, others = _divided(free, self._ssconf_there, before)
                new = {key: value for key, value in newest.items() if (before or {}).get(key) != value}
                answers = dict[NodeName, NodeResult[object]]()
                for part in await asyncio.gather(
                    self._rpc.call_many(knowing, p.write_ssconf_files, new or newest),
                    self._rpc.call_many(others, p.write_ssconf_files, newest),
                ):
                    answers.update(part)
                self._ssconf_there.update((name, newest) for name, answer in answers.items() if answer.ok)
                self._note("ssconf", answers, newest=newest is self._ssconf)
                free, before = self._overtaken("ssconf", free, answers), None

    def _overtaken(
        self, what: str, nodes: Sequence[Node], answers: Mapping[NodeName, NodeResult[object]]
    ) -> list[Node]:
        """Return the nodes that took what they were sent when there was something newer already."""
        names = {name for name, answer in answers.items() if answer.ok and what in self.behind.get(name, ())}
        return [node for node in nodes if node.name in names]

    @contextlib.contextmanager
    def _sending(self, what: str, nodes: Sequence[Node]) -> Iterator[list[Node]]:
        """Yield the nodes that something may be sent to now; the others are behind.

        Of two versions on their way to one node the older could arrive last.
        """
        free = [node for node in nodes if (what, node.name) not in self._under_way]
        for node in nodes:
            if (what, node.name) in self._under_way:
                self.behind.setdefault(NodeName(node.name), set()).add(what)
        claimed = {(what, NodeName(node.name)) for node in free}
        self._under_way |= claimed
        try:
            yield free
        finally:
            self._under_way -= claimed

    async def _send_queue(self, nodes: Sequence[Node]) -> None:
        """Make the replicas on nodes equal to the queue here, by what differs."""
        others, queue = self._without_me(nodes), self._queue
        if not others or queue is None:
            return
        answering = await self._fill_archives(queue, others)
        if not answering:
            return

        async def send(files: Sequence[tuple[str, bytes]]) -> None:
            drained = os.path.exists(self._paths.queue_drain)
            flagged = await self._rpc.call_many(answering, p.jobqueue_set_drain_flag, drained)
            self._note_misses("queue", flagged)
            willing = [node for node in answering if flagged[NodeName(node.name)].ok]
            # Not before: what came since then would be taken for what is still to come.
            known = await self._rpc.call_many(willing, p.jobqueue_digests)
            self._note_misses("queue", known)
            for node in [node for node in willing if known[NodeName(node.name)].ok]:
                there = known[NodeName(node.name)].unwrap("compare the job queue")
                await self._send_difference(queue, node, files, there)

        await queue.send_all(send)

    async def _send_difference(
        self, queue: WholeQueue, node: Node, files: Sequence[tuple[str, bytes]], there: Mapping[str, str]
    ) -> None:
        """Write the job files a node lacks, and put those away that were archived here."""
        here = {os.path.basename(path) for path, _ in files}
        gone = [_job_of(name) for name in sorted(there.keys() - here)]
        # With what they came to: it may have missed how they ended.
        ended = [(self._paths.job_file(job_id), data) for job_id, data in await queue.copy_archived(gone)]
        changed = [(path, data) for path, data in (*files, *ended) if _differs(there, path, data)]
        answer = await self._send_files(node, changed)
        if answer.ok and gone:
            pairs = [(self._paths.job_file(n), self._paths.archived_job_file(n)) for n in gone]
            renamed = [(self._paths.virtualize(old), self._paths.virtualize(new)) for old, new in pairs]
            answer = await self._rpc.call(node, p.jobqueue_rename, renamed)
        if answer.ok and not await self._fill_archives(queue, [node]):  # a last look, while nothing is archived
            return
        self._note("queue", {NodeName(node.name): answer})

    async def _send_files(self, node: Node, changed: Sequence[tuple[str, bytes]]) -> NodeResult[None]:
        """Write files of the queue on a node, part by part; return the last answer."""
        answer: NodeResult[None] = NodeResult(NodeName(node.name), None)
        for start in range(0, len(changed), QUEUE_BATCH):
            part = changed[start : start + QUEUE_BATCH]
            batch = [(self._paths.virtualize(path), data.decode()) for path, data in part]
            answer = await self._rpc.call(node, p.jobqueue_update, batch)
            if not answer.ok:
                break
        return answer

    async def _fill_archives(self, queue: WholeQueue, nodes: Sequence[Node]) -> list[Node]:
        """Give nodes the archived jobs they lack; return the nodes that have them all."""
        there = await self._rpc.call_many(nodes, p.jobqueue_archived)
        self._note_misses("queue", there)
        here = await queue.archived()
        complete = []
        for node in [node for node in nodes if there[NodeName(node.name)].ok]:
            missing = list(besides(here, there[NodeName(node.name)].unwrap("compare the archive")))
            answer: NodeResult[None] = NodeResult(NodeName(node.name), None)
            for start in range(0, len(missing), QUEUE_BATCH):
                part = await queue.copy_archived([JobId(n) for n in missing[start : start + QUEUE_BATCH]])
                answer = await self._send_files(node, [(self._paths.archived_job_file(n), data) for n, data in part])
                if not answer.ok:
                    break
            self._note_misses("queue", {NodeName(node.name): answer})
            if answer.ok:
                complete.append(node)
        return complete

    def _without_me(self, nodes: Sequence[Node]) -> list[Node]:
        return [node for node in nodes if node.name != self._paths.hostname]

    def _note(self, what: str, answers: Mapping[NodeName, NodeResult[object]], *, newest: bool = True) -> None:
        """Remember who has the whole of something now, and who has not; nobody has if there is a newer one."""
        for name, answer in answers.items():
            if answer.ok and newest:
                self._done(name, what)
            elif answer.ok:
                self.behind.setdefault(name, set()).add(what)
        self._note_misses(what, answers)

    def _note_misses(self, what: str, answers: Mapping[NodeName, NodeResult[object]]) -> None:
        """Remember who missed a part of something; having got a part makes nobody current."""
        for name, answer in answers.items():
            if not answer.ok:
                log.warning("node %s misses the latest %s: %s", name, what, answer.failure)
                self.behind.setdefault(name, set()).add(what)

    def _done(self, name: NodeName, what: str) -> None:
        missing = self.behind.get(name)
        if missing:
            missing.discard(what)
            if not missing:
                del self.behind[name]


def _job_of(path: str) -> JobId:
    return JobId(int(os.path.basename(path).removeprefix("job-")))


def _differs(digests: Mapping[str, str], path: str, data: bytes) -> bool:
    return digests.get(os.path.basename(path)) != short_digest(data)


def _divided(nodes: Sequence[Node], there: dict[NodeName, T], before: T | None) -> tuple[list[Node], list[Node]]:
    """Divide nodes into those that have the version `before` and the others; what each has is not known any more."""
    had = {NodeName(node.name): there.pop(NodeName(node.name), None) for node in nodes}
    knowing = [node for node in nodes if before is not None and had[NodeName(node.name)] is before]
    return knowing, [node for node in nodes if node not in knowing]


_WHAT = ("config", "ssconf", "queue", "files")
#: what a candidate needs to become the master
_OF_CANDIDATES = frozenset({"config", "queue"})
