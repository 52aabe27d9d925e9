"""Starts and stops the daemons of all nodes of a virtual cluster.

`start` imports everything once and forks each daemon from that warm process: the
nodes share its memory, and a hundred of them start in seconds.
"""

from __future__ import annotations

import gc
import os
import select
import shlex
import signal
import time
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from ganeti import errors, ssconf
from ganeti.bootstrap import daemons
from ganeti.masterd import daemon as masterd
from ganeti.noded import daemon as noded
from ganeti.noded.function_server import ServerProcess
from ganeti.noded.nursery import Nursery
from ganeti.paths import Paths
from ganeti.utils import files, process
from ganeti.vcluster.setup import read_layout

#: daemons in the order they are started
DAEMONS = (daemons.NODED, daemons.MASTERD)
#: how many are starting at a time
AT_ONCE = 16
START_LIMIT = 60.0
STOP_LIMIT = 60.0

Report = Callable[["Outcome"], None]


class Outcome(NamedTuple):
    """What became of one daemon of one node; `problem` is empty when all is well."""

    node: str
    daemon: str
    problem: str = ""
    note: str = ""


class _Starting(NamedTuple):
    paths: Paths
    daemon: str
    pid: int
    deadline: float


def nodes_of(directory: str, only: Sequence[str] = ()) -> list[Paths]:
    """Return the paths of the nodes of a cluster, or of those named.

    Raises UserError for a directory without a cluster, or a node that is not in it.
    """
    directory = os.path.abspath(directory)
    names = read_layout(directory).node_names()
    unknown = [name for name in only if name not in names]
    if unknown:
        raise errors.UserError(f"cannot find node {unknown[0]}: {directory} has {names[0]} to {names[-1]}")
    return [Paths(os.path.join(directory, name), name) for name in (only or names)]


def start(nodes: Sequence[Paths], report: Report) -> bool:
    """Start the daemons that are to run on each node; return whether all of them do.

    Node daemons first; then the master daemon on the node that knows itself to be the master.
    """
    masters = [paths for paths in nodes if is_master(paths)]
    gc.collect()
    gc.freeze()  # what is shared with the children stays unwritten, and so shared
    with Nursery() as nursery:
        fine = _start_all([(paths, daemons.NODED) for paths in nodes], report, nursery)
    return _start_all([(paths, daemons.MASTERD) for paths in masters], report) and fine


def stop(nodes: Sequence[Paths], report: Report) -> bool:
    """Stop the daemons of nodes, all at the same time; return whether none is left."""
    fine = True
    for daemon in reversed(DAEMONS):
        pids = {paths.hostname: process.running_pid(paths.pid_file(daemon)) for paths in nodes}
        running = {name: pid for name, pid in pids.items() if pid is not None}
        for pid in running.values():
            _signal(pid, signal.SIGTERM)
        fine = _wait_for_end(running, daemon, report) and fine
    return fine


def status(nodes: Sequence[Paths], report: Report) -> bool:
    """Report each daemon that should run; return whether all do."""
    fine = True
    for paths in nodes:
        for daemon in DAEMONS if is_master(paths) else DAEMONS[:1]:
            running = process.running_pid(paths.pid_file(daemon)) is not None
            report(Outcome(paths.hostname, daemon, "" if running else "not running", "running" if running else ""))
            fine = fine and running
    return fine


def is_master(paths: Paths) -> bool:
    """Tell whether a node knows itself to be the master."""
    try:
        return ssconf.read_ssconf(paths, "master_node") == paths.hostname
    except errors.ConfigurationError:
        return False


# --- starting -----------------------------------------------------------------------


def _start_all(wanted: Iterable[tuple[Paths, str]], report: Report, nursery: Nursery | None = None) -> bool:
    waiting = list(wanted)
    starting: dict[int, _Starting] = {}
    fine = True
    while waiting or starting:
        while waiting and len(starting) < AT_ONCE:
            paths, daemon = waiting.pop(0)
            if daemons.is_running(paths, daemon):
                report(Outcome(paths.hostname, daemon, note="runs already"))
                continue
            server = _function_server(nursery, paths) if nursery is not None else None
            reader, pid = _fork(paths, daemon, server)
            if server is not None:
                server.control.close()
            starting[reader] = _Starting(paths, daemon, pid, time.monotonic() + START_LIMIT)
        ready, _, _ = select.select(list(starting), [], [], 1.0)
        late = [fd for fd, one in starting.items() if fd not in ready and time.monotonic() > one.deadline]
        for fd in [*ready, *late]:
            one = starting.pop(fd)
            problem = _result(fd) if fd in ready else f"no word after {START_LIMIT:g} s"
            report(Outcome(one.paths.hostname, one.daemon, problem, "" if problem else "started"))
            fine = fine and not problem
    return fine


def _result(reader: int) -> str:
    """Return what a starting daemon said was wrong, "" for nothing."""
    told = b""
    while part := os.read(reader, 4096):
        told += part
    os.close(reader)
    if not told:
        return "it ended without a word; see its log"
    return told[1:].decode(errors="replace") or ("" if told[0] == 0 else f"exit code {told[0]}")


def _function_server(nursery: Nursery, paths: Paths) -> ServerProcess | None:
    """Return what carries out the calls of a node daemon; None when that does not start, and the daemon says why."""
    try:
        return nursery.function_server(paths, noded.parse_options(_arguments(paths, daemons.NODED)))
    except (errors.GenericError, OSError, SystemExit):
        return None


def _fork(paths: Paths, daemon: str, server: ServerProcess | None) -> tuple[int, int]:
    """Fork a process that becomes a daemon of a node; return the pipe it reports through, and its pid."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid:
        os.close(writer)
        os.waitpid(pid, 0)
        return reader, pid
    code = 1
    try:
        os.close(reader)
        os.setsid()
        # A second child belongs to init: nobody has to wait for it.
        if os.fork():
            os._exit(0)
        process.close_fds([writer, *([server.control.fileno()] if server else [])])
        code = _become(paths, daemon, process.Daemon(writer), server)
    finally:
        os._exit(code)


def _become(paths: Paths, daemon: str, life: process.Daemon, server: ServerProcess | None) -> int:
    """Be the daemon, until it ends."""
    os.chdir("/")
    os.umask(0o077)
    os.environ.update(paths.environ)
    process.redirect_std(paths.log_file(daemon))
    try:
        argv = _arguments(paths, daemon)
        if daemon == daemons.NODED:
            noded.serve(paths, noded.parse_options(argv), life.ready, server)
            return 0
        return masterd.start(paths, masterd.build_parser().parse_args(argv), life)
    except (errors.GenericError, OSError) as err:
        life.failed((err.strerror if isinstance(err, OSError) else None) or str(err))
        return 1
    except SystemExit as err:
        life.failed(f"its arguments in {paths.etc_default} are wrong")
        return int(err.code or 1) if isinstance(err.code, int | None) else 1


def _arguments(paths: Paths, daemon: str) -> list[str]:
    """Return the arguments of a daemon from its node's defaults file (shell assignments)."""
    variable = f"{daemon.removeprefix('ganeti-').upper()}_ARGS"
    try:
        lines = files.read_text(paths.etc_default).splitlines()
    except FileNotFoundError:
        return []
    for line in lines:
        name, sign, value = line.partition("=")
        if sign and name.strip() == variable:
            words = shlex.split(value)
            return shlex.split(words[0]) if words else []
    return []


# --- stopping -----------------------------------------------------------------------


def _wait_for_end(running: dict[str, int], daemon: str, report: Report) -> bool:
    end = time.monotonic() + STOP_LIMIT
    left = dict(running)
    fine = True
    while left:
        for name, pid in list(left.items()):
            if process.is_alive(pid):
                if time.monotonic() < end:
                    continue
                _signal(pid, signal.SIGKILL)
                report(Outcome(name, daemon, f"killed: it did not end in {STOP_LIMIT:g} s"))
                fine = False
            else:
                report(Outcome(name, daemon, note="stopped"))
            del left[name]
        if left:
            time.sleep(0.01)
    return fine


def _signal(pid: int, number: signal.Signals) -> None:
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return
