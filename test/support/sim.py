"""A whole cluster in one process, on virtual time: one master daemon at a time, and all its nodes.

    cluster = SimCluster(directory, seed=7)

    async def scenario(master: Master) -> None:
        await master.run(OpInstanceCreate(...))

    cluster.live(scenario)                          # from start to orderly end
    cluster.crash(scenario, CrashPoint(write=12))   # dies at the 13th change of its disk
    cluster.live(scenario)                          # the next daemon, on what is left

The daemon is the real one, wired as on a node (`MasterDaemon`), with another disk,
clock and transport; nodes are the real handlers on real trees.  The same seed gives the
same run.
"""

from __future__ import annotations

import asyncio
import random
import uuid
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, NamedTuple, NoReturn, TypeVar

from ganeti import errors, ssconf
from ganeti.luxi import methods as m
from ganeti.luxi.framing import Encoded
from ganeti.masterd.config.initial import FirstNode, MasterAddress, config_text, initial_config
from ganeti.masterd.config.snapshot import Config
from ganeti.masterd.config.ssconf import ssconf_values
from ganeti.masterd.config.store import ConfigStore
from ganeti.masterd.daemon import LocalNode, MasterDaemon
from ganeti.masterd.jobqueue.job import Job
from ganeti.model.enums import DiskTemplate, HypervisorName, JobStatus
from ganeti.model.objects.node import Node
from ganeti.model.opcodes.base import OpCode
from ganeti.model.params import ipolicy
from ganeti.model.scalars import JobId
from ganeti.procedure import Procedure
from ganeti.rpc.client import NodeRpc
from ganeti.utils import files, json
from test.support.cluster_dir import make_cluster_dir, node_name
from test.support.disk import CRASH, Crash, FaultyDisk
from test.support.sim_net import Network, SimTransport
from test.support.sim_node import SimNode
from test.support.sim_time import EPOCH, SimClock, SimLoop, SimTime, in_loop

T = TypeVar("T")

HOUR = 3600.0


class CrashPoint(NamedTuple):
    """Where the master dies: at a change of its disk, or at a request (see SimTransport), counted from 0."""

    write: int | None = None
    death: Any = CRASH
    request: int | None = None
    late: bool = False


class Master:
    """The master daemon that runs, as its clients see it."""

    def __init__(self, daemon: MasterDaemon) -> None:
        self.daemon = daemon
        self._handlers = daemon.handlers.table()

    async def call(self, method: Procedure[..., Any], *args: object) -> Any:
        """Make a LUXI call, through the wire form of its arguments."""
        arguments = method.decode_arguments(method.encode_arguments(*args))
        answer = await self._handlers[method.name](*arguments)
        return json.loads(answer.json) if isinstance(answer, Encoded) else answer

    async def submit(self, *ops: OpCode) -> JobId:
        """Submit a job."""
        return JobId(await self.call(m.submit_job, [op.to_wire() for op in ops]))

    async def end_of(self, job_id: JobId) -> Job:
        """Wait until a job has ended, as a client does."""
        while not (job := await self.job(job_id)).is_final:
            await self.call(m.wait_for_job_change, job_id, ["status"], [job.status.value], 1 << 60, m.LONGEST_WAIT)
        return job

    async def until(self, job_id: JobId, status: JobStatus) -> None:
        """Wait until a job stands somewhere."""
        while (await self.job(job_id)).status != status:
            await asyncio.sleep(0.01)

    async def job(self, job_id: JobId) -> Job:
        """Return a job."""
        job = await self.daemon.queue.find(job_id)
        assert job is not None, f"job {job_id} is lost"
        return job

    async def run(self, *ops: OpCode) -> list[object]:
        """Run a job to its end and return the results of its opcodes.

        Raises the error it ended with.
        """
        return results_of(await self.end_of(await self.submit(*ops)))

    async def all_ended(self) -> list[Job]:
        """Wait until every job in the queue has ended."""
        for job in self.daemon.queue.jobs():
            await self.end_of(job.id)
        return self.daemon.queue.jobs()

    async def caught_up(self) -> None:
        """Wait until every node has what it should."""
        while self.daemon.distribution.behind:
            await asyncio.sleep(1.0)


class SimCluster:
    """The nodes, their network and their time; the first node is the master, `candidates` may follow it."""

    def __init__(
        self,
        directory: str,
        *,
        seed: object,
        nodes: int = 3,
        candidates: int | None = None,
        shuffled: bool = True,
        settings: Mapping[str, object] | None = None,
        daemon: type[MasterDaemon] = MasterDaemon,
    ) -> None:
        self._daemon = daemon
        self.rng = random.Random(str(seed))
        self.time = SimTime()
        self.clock = SimClock(self.time)
        self._shuffled = shuffled
        #: number of the node whose master daemon is to live next
        self.master = 0
        paths = make_cluster_dir(directory, nodes)
        config = _first_config(nodes, nodes if candidates is None else candidates, settings or {})
        values = ssconf_values(config)
        for number, own in enumerate(paths):
            files.ensure_dir(own.ssconf_dir)
            ssconf.write_ssconf(own, values)
            if config.nodes[_uuid_of(number)].master_candidate:
                files.write_file(own.config_file, config_text(config), mode=0o640)
        self.nodes = [SimNode(own, self.time) for own in paths]
        self.network = Network(
            self.time, self.rng, {f"127.0.1.{number + 1}": node for number, node in enumerate(self.nodes)}
        )
        #: the disk and transport of the newest master daemon
        self.disk = RecordingDisk()
        self.transport = self._transport(CrashPoint(), lambda: None)
        self.disk.contents[self.nodes[0].paths.config_file] = [config_text(config)]

    def live(self, scenario: Callable[[Master], Awaitable[T]], *, limit: float = HOUR) -> T:
        """Start a master daemon, let `scenario` act, stop the daemon; return what the scenario did.

        `limit` is in virtual seconds.
        """
        return self._live(scenario, CrashPoint(), limit)

    def crash(self, scenario: Callable[[Master], Awaitable[object]], point: CrashPoint, *, limit: float = HOUR) -> bool:
        """Do as `live` does, but let the daemon die somewhere; return whether it came that far."""
        try:
            self._live(scenario, point, limit)
        except Crash:
            self.network.land()
            return True
        return False

    def die_at(self, point: CrashPoint) -> None:
        """Let the daemon that runs die somewhere, counted from now on."""
        if point.write is not None:
            self.disk.fail_at, self.disk.error = len(self.disk.operations) + point.write, point.death
        if point.request is not None:
            self.transport.die_at(point.request, late=point.late)

    def die(self, death: Any = CRASH) -> NoReturn:
        """Let the daemon that runs die now."""
        self.disk.die(death)
        raise Crash

    def work(self, act: Callable[[], Awaitable[T]], *, limit: float = HOUR) -> T:
        """Do something on virtual time without a master daemon."""

        async def main() -> T:
            return await act()

        return self._loop(limit).live(main())

    def local_node(self, number: int = 0, disk: files.Disk | None = None) -> LocalNode:
        """Return what a master daemon has of a node."""
        offload = in_loop(lambda: self.rng.uniform(0.0001, 0.001))
        return LocalNode(self.nodes[number].paths, self.clock, disk or QuickDisk(), self.rng, offload)

    def rpc(self, number: int, config: Config) -> NodeRpc:
        """Return what a node calls others with."""
        transport = SimTransport(self.network, self.nodes[number].name, _digest(number))
        return NodeRpc(transport, self.clock, config.cluster.uuid)

    def _live(self, scenario: Callable[[Master], Awaitable[T]], point: CrashPoint, limit: float) -> T:
        loop = self._loop(limit)
        earlier = self.disk.contents
        self.disk = RecordingDisk(point.write, point.death)
        self.disk.contents = earlier
        disk = self.disk

        def die() -> None:
            loop.die()
            transport.kill()
            disk.kill()

        disk.on_death = die
        transport = self.transport = self._transport(point, die)
        return loop.live(self._serve(scenario))

    async def _serve(self, scenario: Callable[[Master], Awaitable[T]]) -> T:
        node = self.local_node(self.master, self.disk)
        config: ConfigStore = await node.load_config()
        daemon = self._daemon(node, config, NodeRpc(self.transport, self.clock, config.current.cluster.uuid))
        stop, ready = asyncio.Event(), asyncio.Event()
        serving = asyncio.create_task(daemon.run((), stop, ready.set), name="daemon")
        waiting = asyncio.create_task(ready.wait(), name="client waiting for the daemon")
        await asyncio.wait({serving, waiting}, return_when=asyncio.FIRST_COMPLETED)
        try:
            if not waiting.done():
                waiting.cancel()
                await serving
            return await scenario(Master(daemon))
        finally:
            if not self.disk.crashed:
                stop.set()
                await serving

    def _loop(self, limit: float) -> SimLoop:
        return SimLoop(self.time, self.rng if self._shuffled else None, limit)

    def _transport(self, point: CrashPoint, die: Callable[[], None]) -> SimTransport:
        return SimTransport(
            self.network,
            self.nodes[self.master].name,
            _digest(self.master),
            crash_at=point.request,
            crash_late=point.late,
            die=die,
        )


class RecordingDisk(FaultyDisk):
    """A disk that tells of its death, and keeps in mind what each file was to hold."""

    def __init__(self, fail_at: int | None = None, death: Any = CRASH) -> None:
        super().__init__(fail_at, death)
        self.on_death: Callable[[], None] = lambda: None
        #: by path: every content the file was to have, oldest first
        self.contents: dict[str, list[bytes]] = {}

    def kill(self) -> None:
        """Let nothing be written any more."""
        if not self.crashed:
            super()._crash(CRASH)

    def die(self, death: Any) -> None:
        """Die between two changes."""
        self._crash(death)

    def write_files(self, pairs: Any, mode: int = 0o600, **more: Any) -> None:
        pairs = [(path, _whole(data)) for path, data in pairs]
        for path, data in pairs:
            self.contents.setdefault(path, []).append(data)
        super().write_files(pairs, mode, **more)

    def _crash(self, death: Any) -> None:
        super()._crash(death)
        self.on_death()


def _whole(data: str | bytes | Sequence[bytes]) -> bytes:
    """Return what a file is to hold, which may come in parts, as one."""
    if isinstance(data, str):
        return data.encode()
    return data if isinstance(data, bytes) else b"".join(data)


class QuickDisk(files.Disk):
    """A disk that nobody pulls the plug of."""

    def _sync(self, fd: int) -> None:
        pass

    def _sync_dir(self, path: str) -> None:
        pass


def results_of(job: Job) -> list[object]:
    """Return the results of a job that succeeded.

    Raises the error it ended with.
    """
    if job.status != JobStatus.SUCCESS:
        error = errors.from_wire(next(op.result for op in job.ops if op.status != JobStatus.SUCCESS))
        raise error or AssertionError(f"job {job.id} is {job.status}: {job.ops}")
    return [op.result for op in job.ops]


def log_of(job: Job) -> list[str]:
    """Return what a job told its submitter."""
    return [str(message) for op in job.ops for _, _, _, message in op.log]


# --- the first configuration --------------------------------------------------------------


def _uuid_of(number: int) -> Any:
    return str(uuid.uuid5(uuid.NAMESPACE_DNS, node_name(number + 1)))


def _digest(number: int) -> str:
    return f"AA:BB:{number:02X}"


def _first_config(nodes: int, candidates: int, settings: Mapping[str, object]) -> Config:
    uuids = iter([_uuid_of(0), str(uuid.uuid5(uuid.NAMESPACE_DNS, "default")), str(uuid.UUID(int=7, version=4))])
    name: Any = node_name(1)
    address: Any = "127.0.1.1"
    config = initial_config(
        "cluster.example.com",  # type: ignore[arg-type]  # tests write names plainly
        FirstNode(name, address, address, _digest(0)),
        MasterAddress("127.0.0.100", "lo", 32),  # type: ignore[arg-type]  # as above
        [HypervisorName.FAKE],
        [DiskTemplate.DISKLESS, DiskTemplate.FILE, DiskTemplate.SHAREDFILE],
        lambda: next(uuids),  # type: ignore[arg-type,return-value]  # as above
        EPOCH,  # type: ignore[arg-type]  # as above
        {
            "file_storage_dir": "/srv/ganeti/file-storage",
            "shared_file_storage_dir": "/srv/ganeti/shared-file-storage",
            "nicparams": {"default": {"mode": "routed"}},  # bridges would have to be there
            "ipolicy": _policy(),
            "candidate_certs": {_uuid_of(number): _digest(number) for number in range(candidates)},
            **settings,
        },
    )
    more: Sequence[Node] = [_node(config, number, number < candidates) for number in range(1, nodes)]
    return config.changed({"nodes": {node.uuid: node for node in more}}, config.head)


def _node(config: Config, number: int, candidate: bool) -> Node:
    address: Any = f"127.0.1.{number + 1}"
    name: Any = node_name(number + 1)
    return Node(
        uuid=_uuid_of(number),
        name=name,
        primary_ip=address,
        secondary_ip=address,
        group=config.master.group,
        master_candidate=candidate,
        ctime=config.ctime,
        mtime=config.mtime,
    )


def _policy() -> dict[str, object]:
    """Return the usual policy, but for small disks, which are made fast."""
    policy = ipolicy.ipolicy_defaults()
    (usual,) = ipolicy.ranges(policy)
    return {ipolicy.MINMAX: [{"min": {**usual.min, "disk-size": 1}, "max": usual.max}]}
