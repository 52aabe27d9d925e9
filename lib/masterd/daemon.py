"""The master daemon: its constructor is the wiring diagram.

    LUXI server ── handlers ── job queue ── processor ── logical units ── services
                       ├────── queries ───────────────── config · rpc · allocator
                       └────── monitor: watches queue and config

Started on the one node that is the master (`voting`), it refuses to run anywhere else.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import logging
import os
import random
import signal
import sys
from collections.abc import Callable, Sequence
from typing import NamedTuple

from ganeti import _autoconf, errors, ssconf
from ganeti.clock import Clock, SystemClock
from ganeti.masterd import voting
from ganeti.masterd.cmdlib.cluster import master_ip
from ganeti.masterd.cmdlib.registry import UNITS
from ganeti.masterd.config import copies
from ganeti.masterd.config.load import DamagedConfig
from ganeti.masterd.config.snapshot import Config
from ganeti.masterd.config.store import ConfigStore
from ganeti.masterd.distribute import Distribution
from ganeti.masterd.fence import Fence
from ganeti.masterd.handlers import Handlers
from ganeti.masterd.hooks import HookRunner
from ganeti.masterd.iallocator.run import Allocator
from ganeti.masterd.jobqueue.commit import Offload
from ganeti.masterd.jobqueue.queue import JobQueue, Limits
from ganeti.masterd.jobqueue.store import JobStore
from ganeti.masterd.locking.manager import LockManager
from ganeti.masterd.luxi_server import LuxiServer
from ganeti.masterd.monitor import Monitor
from ganeti.masterd.names import HostNames
from ganeti.masterd.processor import Processor
from ganeti.masterd.queries import Queries
from ganeti.masterd.services import Services
from ganeti.masterd.watcher import WatcherPause
from ganeti.mastership import Mastership
from ganeti.model.objects.node import Node
from ganeti.model.scalars import NodeName
from ganeti.owners import SOCKET, Owners, disk_of
from ganeti.paths import Paths
from ganeti.rpc.client import Address, NodeRpc
from ganeti.rpc.curl import CredentialFiles
from ganeti.rpc.curl_engine import CurlEngine
from ganeti.utils import files, process
from ganeti.utils import log as logs

log = logging.getLogger(__name__)

NAME = "ganeti-masterd"
EXIT_FAILURE = 1
EXIT_NOT_MASTER = 11
#: seconds running jobs are given when the daemon is told to stop
SHUTDOWN_LIMIT = 30.0


class LocalNode(NamedTuple):
    """The node the daemon runs on: its files, its time, its chance, and where blocking work is done."""

    paths: Paths
    clock: Clock
    disk: files.Disk
    rng: random.Random
    offload: Offload

    async def load_config(self) -> ConfigStore:
        """Read the configuration of this node.

        Raises ConfigurationError naming the file and what to do.
        """
        return await ConfigStore.load(self.paths, self.clock, disk=self.disk, rng=self.rng, run_blocking=self.offload)


class MasterDaemon:
    """All parts of the master, wired; `run` serves until told to stop."""

    def __init__(self, node: LocalNode, config: ConfigStore, rpc: NodeRpc) -> None:
        paths, clock = node.paths, node.clock
        self.config = config
        self.rpc = rpc
        self.fence = Fence()
        rpc.speak_as(mastership_of(config.current), self.fence.shut)
        self.distribution = Distribution(rpc, paths, clock, self.fence)
        self.locks = LockManager(clock)
        self.queries = Queries(config, rpc)
        self.monitor = Monitor(clock, config, self.locks, rpc)
        self.services = Services(
            config=config,
            rpc=rpc,
            clock=clock,
            distribution=self.distribution,
            allocator=Allocator(rpc, paths.iallocator_search_path),
            queries=self.queries,
            names=HostNames(paths, node.offload),
        )
        store = JobStore(paths, node.disk, clock, self.distribution, node.offload)
        self.queue = JobQueue(
            store,
            clock,
            self.queries.job_values,
            limits=_limits(config.current),
            priorities_changed=self.locks.priorities_changed,
            watch=self.monitor.job_changed,
        )
        hooks = HookRunner(rpc, paths.data_dir)
        self.processor = Processor(
            self.services, self.locks, hooks, self.queue.submit_all, UNITS, self._cluster_changed
        )
        pause = WatcherPause(rpc, paths, clock)
        self.queries.connect(self.queue, self.locks, pause)
        self.distribution.connect(self._peers, store, lambda: config.current)
        config.connect(self.distribution)
        self.monitor.connect(self.queue)
        config.watch(self.monitor.config_changed)
        self.handlers = Handlers(self.queue, self.queries, config, pause, clock, self.monitor.table())
        self.luxi = LuxiServer(self.handlers.table())
        self._paths = paths

    async def run(self, sockets: Sequence[str], stop: asyncio.Event, ready: Callable[[], None]) -> None:
        """Serve clients at `sockets` until `stop` is set; `ready` is called once they are answered.

        Raises NotMaster at once when a node follows another master: whatever is under way ends unanswered.
        """
        # Before there are tasks: what keeps the daemon from starting is raised as it is, not in a group.
        await self.rpc.end_earlier(self.config.current.online_nodes())  # they may work on what jobs get now
        await self.queue.start(self.processor.execute)
        await self.luxi.start(sockets, Owners(self._paths).numbers(SOCKET)[1])
        async with asyncio.TaskGroup() as tasks:
            # Nodes may have missed what the last master daemon wrote before it ended.
            sending = tasks.create_task(self._begin_as_master())
            catching_up = tasks.create_task(self.distribution.run())
            ready()
            log.info("serving as master of cluster %s", self.config.current.cluster.cluster_name)
            if await self._is_replaced_before(stop):
                self.luxi.abandon()
            else:
                log.info("stopping: no new requests, running jobs are finished")
                await self.luxi.close()
                await self.queue.shutdown(SHUTDOWN_LIMIT)
            sending.cancel()
            catching_up.cancel()
        if self.fence.reason:
            raise NotMaster(self.fence.reason)
        await self.config.close()
        await self.rpc.close()

    async def _is_replaced_before(self, stop: asyncio.Event) -> bool:
        stopped, replaced = asyncio.create_task(stop.wait()), asyncio.create_task(self.fence.wait_until_shut())
        await asyncio.wait({stopped, replaced}, return_when=asyncio.FIRST_COMPLETED)
        stopped.cancel()
        replaced.cancel()
        return bool(self.fence.reason)

    async def _begin_as_master(self) -> None:
        """Do what clients need not wait for; whatever fails here, they are served."""
        try:
            await master_ip.activate(self.services, self.config.current, log.warning)
            await self.config.redistribute()
            await self.distribution.begin()
        except Exception:
            log.exception("cannot bring the other nodes up to date; it is tried again with the next change")

    def _cluster_changed(self, config: Config) -> None:
        self.queue.set_limits(_limits(config))

    def _peers(self) -> tuple[Sequence[Node], Sequence[Node]]:
        online = self.config.current.online_nodes()
        return online, [node for node in online if node.master_candidate and node.name != self._paths.hostname]


async def serve(paths: Paths, options: argparse.Namespace, ready: Callable[[], None]) -> None:
    """Check that this node is the master, then serve until SIGTERM or SIGINT.

    Raises GenericError when the daemon cannot start.
    """
    node = LocalNode(paths, SystemClock(), disk_of(paths), random.SystemRandom(), asyncio.to_thread)
    try:
        config = await node.load_config()
    except DamagedConfig as err:
        raise errors.ConfigurationError(f"{err}{await copies.newest_known(paths, node.clock)}") from err
    _check_cluster(paths, config.current)
    credentials = CredentialFiles(paths.server_cert, paths.client_cert)
    rpc = NodeRpc(CurlEngine(credentials), node.clock, config.current.cluster.uuid)
    await check_mastership(node, config.current, rpc, vote=not options.no_voting)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    loop.add_signal_handler(signal.SIGHUP, logs.reopen)
    sockets = [paths.master_socket, paths.query_socket]
    await MasterDaemon(node, config, rpc).run(sockets, stop, ready)


async def check_mastership(node: LocalNode, config: Config, rpc: NodeRpc, *, vote: bool) -> None:
    """Refuse to go on unless the configuration names this node the master, and if asked the other nodes too.

    Raises NotMaster.
    """
    me = NodeName(node.paths.hostname)
    if config.master.name != me:
        raise NotMaster(f"the configuration names {config.master.name} as the master, this is {me}")
    if vote:
        others = [Address(NodeName(n.name), n.primary_ip) for n in config.online_nodes() if n.name != me]
        standing = voting.Standing(config.cluster.master_term or 0, config.serial_no)
        outcome = await voting.ask(rpc, me, others, node.clock, standing)
        if not outcome.elected:
            advice = "; if you are sure, use --no-voting --yes-do-it" if outcome.doubtful else ""
            raise NotMaster(outcome.reason + advice)


def mastership_of(config: Config) -> Mastership:
    """Return in whose name the master daemon with this configuration calls nodes."""
    return Mastership(config.cluster.master_term or 0, config.master.name)


def _check_cluster(paths: Paths, config: Config) -> None:
    """Refuse a configuration that was copied here from another cluster.

    Raises ConfigurationError.
    """
    uuid = config.cluster.uuid
    if ssconf.has_ssconf(paths, "cluster_uuid") and (own := ssconf.read_ssconf(paths, "cluster_uuid")) != uuid:
        raise errors.ConfigurationError(
            f"the configuration {paths.config_file} is of cluster {config.cluster.cluster_name} ({uuid}), but this node"
            f" belongs to cluster {own}; ganeti-masterd --restore-config=NODE takes the copy of a master candidate"
        )


def _limits(config: Config) -> Limits:
    cluster = config.cluster
    return Limits(running=cluster.max_running_jobs, tracked=cluster.max_tracked_jobs)


class NotMaster(errors.StateError):
    """This node must not run the master daemon."""


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the daemon's options (`spec/cli.json`, programs)."""
    parser = argparse.ArgumentParser(prog=NAME, description="Master daemon of a Ganeti cluster.")
    parser.add_argument("--version", action="version", version=f"{NAME} (ganeti) {_autoconf.VERSION}")
    parser.add_argument(
        "-f", "--foreground", action="store_true", help="stay in the foreground and log to the terminal"
    )
    parser.add_argument("-d", "--debug", action="count", default=0, help="log more; twice: still more")
    parser.add_argument("--syslog", choices=("no", "yes", "only"), default="no", help="log to syslog")
    parser.add_argument(
        "--no-voting", action="store_true", help="do not ask the other nodes whether this is the master"
    )
    parser.add_argument(
        "--restore-config",
        nargs="?",
        const="",
        metavar="NODE",
        help="replace a damaged configuration by the newest good copy of the master candidates, or by that of NODE;"
        " does not start",
    )
    parser.add_argument("--yes-do-it", action="store_true", help="do not ask for confirmation of --no-voting")
    return parser


def main(argv: Sequence[str]) -> int:
    """Run the daemon; return the exit code."""
    options = build_parser().parse_args(argv[1:])
    if options.no_voting and not options.yes_do_it and not _confirmed():
        return EXIT_FAILURE
    paths = Paths.from_environ(os.environ)
    try:
        return start(paths, options) if options.restore_config is None else restore(paths, options.restore_config)
    except NotMaster as err:
        print(f"{NAME}: cannot start on this node: {err}", file=sys.stderr)
        return EXIT_NOT_MASTER
    except OSError as err:
        print(f"{NAME}: {process.why_not_started(err)}", file=sys.stderr)
        return EXIT_FAILURE
    except errors.GenericError as err:
        print(f"{NAME}: cannot start: {err}", file=sys.stderr)
        return EXIT_FAILURE


def start(paths: Paths, options: argparse.Namespace, daemon: process.Daemon | None = None) -> int:
    """Serve, as a daemon unless told to stay in the foreground; `daemon` says that this process is one already.

    Raises GenericError or OSError when it cannot start in the foreground.
    """
    logfile = paths.log_file(NAME)
    if not options.foreground and daemon is None:
        daemon = process.daemonize(NAME, logfile)
    try:
        with process.PidFile(paths.pid_file(NAME)), files.locked_file(paths.queue_lock, timeout=0):
            logs.setup(
                NAME,
                logfile,
                debug=options.debug > 0,
                syslog=options.syslog != "no",
                foreground=options.foreground,
            )
            process.allow_descriptors()
            asyncio.run(serve(paths, options, daemon.ready if daemon else lambda: None))
            return 0
    except (errors.GenericError, OSError) as err:
        if daemon is None:
            raise
        log.critical("cannot start: %s", err)
        code = EXIT_NOT_MASTER if isinstance(err, NotMaster) else EXIT_FAILURE
        daemon.failed(f"cannot start: {err}", code)
        return code


def restore(paths: Paths, node: str) -> int:
    """Take the configuration from a master candidate and tell which; the daemon must not run.

    Raises GenericError or OSError when that cannot be done.
    """
    with process.PidFile(paths.pid_file(NAME)), files.locked_file(paths.queue_lock, timeout=0):
        done = asyncio.run(copies.restore(paths, SystemClock(), node))
    print(f"{paths.config_file} is now the copy of {done.copy}")
    if done.kept:
        print(f"What it was before is kept as {done.kept}")
    print("Start the daemons: daemon-util start-master")
    return 0


def _confirmed() -> bool:
    print(
        "With --no-voting the other nodes are not asked. If one of them is the master, both would run"
        " instances and the cluster be damaged.\nType YES to go on: ",
        end="",
        flush=True,
    )
    with contextlib.suppress(EOFError):
        return input() == "YES"
    return False
