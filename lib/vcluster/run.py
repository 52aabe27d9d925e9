"""Starts and stops the daemons of all nodes of a virtual cluster.

`start` imports once what a daemon needs and forks each from that warm process: the
nodes share its memory, and a hundred of them start in seconds.
"""

from __future__ import annotations

import collections
import contextlib
import gc
import importlib
import io
import os
import select
import shlex
import signal
import time
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

from ganeti import errors, ssconf
from ganeti.bootstrap import daemons
from ganeti.confd import daemon as confd
from ganeti.noded import calls
from ganeti.noded import daemon as noded
from ganeti.noded.context import NodeContext
from ganeti.noded.function_server import ServerProcess
from ganeti.noded.nursery import Nursery
from ganeti.noded.server import warm_up_tls
from ganeti.paths import Paths
from ganeti.utils import files, process
from ganeti.vcluster.setup import read_layout

#: daemons in the order they are started
DAEMONS = (daemons.NODED, daemons.CONFD, daemons.MASTERD, daemons.RAPI)
#: those that run on the master alone
MASTER_DAEMONS = (daemons.MASTERD, daemons.RAPI)
#: how many are starting at a time
AT_ONCE = 16
START_LIMIT = 60.0
STOP_LIMIT = 60.0

Report = Callable[["Outcome"], None]
T = TypeVar("T")


class Outcome(NamedTuple):
    """What became of one daemon of one node; `problem` is empty when all is well."""

    node: str
    daemon: str
    problem: str = ""
    note: str = ""


class _Prepared(NamedTuple):
    """A daemon that only has to be forked: what it is then, and how it gets its function server, if it needs one."""

    paths: Paths
    daemon: str
    be: Callable[[process.Daemon, ServerProcess | None], int]
    ask: Callable[[Nursery], ServerProcess] | None = None


Prepare = Callable[[Paths], _Prepared]


class _Starting(NamedTuple):
    node: str
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

    Those of all nodes first; then those of the master on the node that knows itself to be it.
    """
    masters = [paths for paths in nodes if is_master(paths)]
    calls.warm_up()
    # A full disk, say, or a policy that wants longer keys: each then makes for itself what it needs.
    with contextlib.suppress(OSError, errors.GenericError):
        warm_up_tls()
    with Nursery() as nursery:
        fine = _start_all(nodes, daemons.NODED, report, _prepare_noded, nursery)
    fine = _start_all(nodes, daemons.CONFD, report, _prepare_confd, None) and fine
    fine = _start_all(masters, daemons.MASTERD, report, _prepare_masterd, None) and fine
    return _start_all(masters, daemons.RAPI, report, _prepare_rapi, None) and fine


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
        for daemon in DAEMONS:
            if daemon in MASTER_DAEMONS and not is_master(paths):
                continue
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


def _start_all(nodes: Sequence[Paths], daemon: str, report: Report, prepare: Prepare, nursery: Nursery | None) -> bool:
    fine = True
    waiting: collections.deque[_Prepared] = collections.deque()
    for paths in nodes:
        if daemons.is_running(paths, daemon):
            report(Outcome(paths.hostname, daemon, note="runs already"))
            continue
        try:
            waiting.append(prepare(paths))
        except (errors.GenericError, OSError) as err:
            report(Outcome(paths.hostname, daemon, process.why_not_started(err)))
            fine = False
    # From here on this process writes to as little as possible: every page it changes is one more that is not shared.
    gc.collect()
    gc.freeze()
    gc.disable()
    starting: dict[int, _Starting] = {}
    while waiting or starting:
        while waiting and len(starting) < AT_ONCE:
            one = waiting.popleft()
            try:
                reader = _fork(one, nursery)
            except (errors.GenericError, OSError) as err:
                report(Outcome(one.paths.hostname, daemon, process.why_not_started(err)))
                fine = False
            else:
                starting[reader] = _Starting(one.paths.hostname, time.monotonic() + START_LIMIT)
        ready, _, _ = select.select(list(starting), [], [], 1.0)
        late = [fd for fd, begun in starting.items() if fd not in ready and time.monotonic() > begun.deadline]
        for fd in [*ready, *late]:
            problem = _result(fd) if fd in ready else f"no word after {START_LIMIT:g} s"
            report(Outcome(starting.pop(fd).node, daemon, problem, "" if problem else "started"))
            fine = fine and not problem
    gc.enable()
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


def _prepare_noded(paths: Paths) -> _Prepared:
    """Do what can be done before the first fork: what a node daemon then only reads stays shared."""
    options = _options(paths, daemons.NODED, noded.parse_options)
    handlers = calls.bind(NodeContext.of(paths, port=options.port, hook_seconds=options.hook_seconds))

    def be_noded(life: process.Daemon, server: ServerProcess | None) -> int:
        noded.serve(paths, options, life.ready, server, handlers)
        return 0

    return _Prepared(paths, daemons.NODED, be_noded, lambda nursery: nursery.function_server(paths, options))


def _prepare_confd(paths: Paths) -> _Prepared:
    options = _options(paths, daemons.CONFD, confd.parse_options)

    def be_confd(life: process.Daemon, server: ServerProcess | None) -> int:
        confd.serve(paths, options, life.ready)
        return 0

    return _Prepared(paths, daemons.CONFD, be_confd)


def _prepare_masterd(paths: Paths) -> _Prepared:
    # Loaded when the daemons of all nodes have been forked: they do not have it in memory.
    masterd = importlib.import_module("ganeti.masterd.daemon")
    options = _options(paths, daemons.MASTERD, masterd.build_parser().parse_args)
    return _Prepared(paths, daemons.MASTERD, lambda life, server: masterd.start(paths, options, life))


def _prepare_rapi(paths: Paths) -> _Prepared:
    rapi = importlib.import_module("ganeti.rapi.daemon")
    options = _options(paths, daemons.RAPI, rapi.parse_options)
    return _Prepared(paths, daemons.RAPI, lambda life, server: rapi.start(paths, options, life))


def _fork(prepared: _Prepared, nursery: Nursery | None) -> int:
    """Fork a process that becomes a daemon of a node; return the pipe it reports through.

    Raises EnvironmentFailure, OSError.
    """
    server = prepared.ask(nursery) if nursery and prepared.ask else None
    reader, writer = os.pipe()
    pid = os.fork()
    if pid:
        os.close(writer)
        if server:
            server.control.close()
        os.waitpid(pid, 0)
        return reader
    code = 1
    try:
        os.close(reader)
        os.setsid()
        # A second child belongs to init: nobody has to wait for it.
        if os.fork():
            os._exit(0)
        process.close_fds([writer, *([server.control.fileno()] if server else [])])
        code = _become(prepared, process.Daemon(writer), server)
    finally:
        os._exit(code)


def _become(prepared: _Prepared, life: process.Daemon, server: ServerProcess | None) -> int:
    """Be the daemon, until it ends."""
    gc.enable()
    os.chdir("/")
    os.umask(0o077)
    os.environ.update(prepared.paths.environ)
    process.redirect_std(prepared.paths.log_file(prepared.daemon))
    try:
        return prepared.be(life, server)
    except (errors.GenericError, OSError) as err:
        life.failed(process.why_not_started(err))
        return 1


def _options(paths: Paths, daemon: str, parse: Callable[[Sequence[str]], T]) -> T:
    """Return the options of a daemon, by the arguments in its node's defaults file.

    Raises UserError naming the variable and what is wrong with it.
    """
    variable = f"{daemon.removeprefix('ganeti-').upper()}_ARGS"
    told = io.StringIO()
    try:
        with contextlib.redirect_stderr(told):
            return parse(_arguments(paths, variable))
    except SystemExit:  # what parsers of command lines do
        reason = told.getvalue().strip().rpartition("error: ")[2] or "a daemon does not start with it"
    except ValueError as err:
        reason = str(err).lower()
    raise errors.UserError(f"cannot use {variable} of {paths.etc_default}: {reason}")


def _arguments(paths: Paths, variable: str) -> list[str]:
    """Return the arguments a variable of a node's defaults file holds (shell assignments)."""
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
