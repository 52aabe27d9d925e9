"""ganeti-noded: the wiring of the node daemon, its command line and its life.

`main` is the program; `serve` is what it does, callable in a process forked from a
parent that has imported everything already (virtual clusters start hundreds that way).
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import ctypes
import logging
import os
import signal
import socket
from collections.abc import Callable, Iterator, Mapping, Sequence

from ganeti import _autoconf
from ganeti.clock import SystemClock
from ganeti.noded import calls
from ganeti.noded.context import NodeContext
from ganeti.noded.function_process import Handler
from ganeti.noded.function_server import ServerProcess
from ganeti.noded.nursery import Nursery
from ganeti.noded.options import HOOK_SECONDS, MAX_PROCESSES, PROGRAM, Options
from ganeti.noded.service import NodeDaemon
from ganeti.paths import Paths
from ganeti.rpc.transport import DEFAULT_PORT
from ganeti.utils import log as logs
from ganeti.utils import net, option_types, process, program

log = logging.getLogger(__name__)

_MCL_CURRENT_AND_FUTURE = 3
#: seconds between looks for the certificate of a cluster
_LOOK_EVERY = 5.0


def serve(
    paths: Paths,
    options: Options,
    ready: Callable[[], None],
    server: ServerProcess | None = None,
    handlers: Mapping[str, Handler] | None = None,
) -> None:
    """Be the node daemon of the node with these paths until told to end; `ready` is called when it listens.

    Without a function `server` it gets one from a nursery of its own; `handlers` may
    have been bound before the process was forked.

    Raises GenericError or OSError when it cannot begin.
    """
    logs.setup(
        PROGRAM,
        paths.log_file(PROGRAM),
        debug=options.debug,
        syslog=options.syslog,
        foreground=options.foreground,
    )
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGHUP})
    with process.PidFile(paths.pid_file(PROGRAM)):
        if options.mlock and not paths.is_virtual:
            _lock_memory()
        if options.await_cluster:
            ready = wait_for_cluster(paths, options, ready)
        handlers = handlers or calls.bind(NodeContext.of(paths, port=options.port, hook_seconds=options.hook_seconds))
        if server is None:
            with Nursery() as nursery:
                server = nursery.function_server(paths, options)
        try:
            asyncio.run(_run(paths, handlers, server, options, ready))
        finally:
            server.control.close()  # what is left of the function server ends with this


def wait_for_cluster(paths: Paths, options: Options, ready: Callable[[], None]) -> Callable[[], None]:
    """Wait until the node has the certificate of a cluster; return what is to be called when it serves.

    A node that waits is ready for what it is meant for, so `ready` is called before.
    """
    certificate = options.ssl_cert or paths.server_cert
    if os.path.exists(certificate):
        return ready
    ready()
    log.info("this node belongs to no cluster: waiting for %s", certificate)
    # Whoever adds the node says so with SIGHUP; looking now and then is for when that got lost.
    with _held(options.bind, options.port):
        while not os.path.exists(certificate):
            signal.sigtimedwait({signal.SIGHUP}, _LOOK_EVERY)
    log.info("this node belongs to a cluster now")
    return lambda: None


@contextlib.contextmanager
def _held(address: str, port: int) -> Iterator[None]:
    """Hold an address without listening: a new virtual cluster that looks for free ones finds it taken."""
    with socket.socket(net.ip_family(address) or socket.AF_INET) as holder:
        with contextlib.suppress(OSError):  # held by connections that have ended a moment ago
            holder.bind((address, port))
        yield


async def _run(
    paths: Paths,
    handlers: Mapping[str, Handler],
    server: ServerProcess,
    options: Options,
    ready: Callable[[], None],
) -> None:
    await NodeDaemon(paths, calls.table(), handlers, server, options, SystemClock()).run(ready)


def _lock_memory() -> None:
    """Keep the daemon in memory: it must answer when the node swaps."""
    if ctypes.CDLL(None, use_errno=True).mlockall(_MCL_CURRENT_AND_FUTURE) != 0:
        log.warning("cannot lock the daemon in memory: %s", os.strerror(ctypes.get_errno()))


def parse_options(argv: Sequence[str]) -> Options:
    """Return the options of a command line; ends the program for --help, --version and mistakes."""
    parser = argparse.ArgumentParser(PROGRAM, description="Carries out the master's calls on this node.")
    parser.add_argument("--version", action="version", version=f"{PROGRAM} (ganeti) {_autoconf.VERSION}")
    parser.add_argument("-f", "--foreground", action="store_true", help="stay in the foreground")
    parser.add_argument("-d", "--debug", action="count", default=0, help="log more")
    parser.add_argument("--syslog", choices=("no", "yes", "only"), default="no", help="log to syslog too")
    parser.add_argument(
        "-p", "--port", type=option_types.port, default=DEFAULT_PORT, help="port to listen at (default %(default)s)"
    )
    parser.add_argument(
        "-b", "--bind", type=option_types.bind_address, default="", metavar="ADDRESS", help="address to listen at"
    )
    parser.add_argument("-i", "--interface", default="", help="interface to listen at")
    parser.add_argument("--no-ssl", action="store_true", help="not possible: calls are always encrypted")
    parser.add_argument("-K", "--ssl-key", default="", metavar="FILE", help="private key, if not the cluster's")
    parser.add_argument("-C", "--ssl-cert", default="", metavar="FILE", help="certificate, if not the cluster's")
    parser.add_argument("--no-mlock", action="store_true", help="do not lock the daemon in memory")
    parser.add_argument(
        "--await-cluster", action="store_true", help="on a node of no cluster, wait until it is added to one"
    )
    parser.add_argument(
        "--max-clients", type=int, default=MAX_PROCESSES, help="calls carried out at a time (default %(default)s)"
    )
    parser.add_argument(
        "--hook-seconds", type=float, default=HOOK_SECONDS, help="time one hook script may take (default %(default)g)"
    )
    given = parser.parse_args(argv)
    if given.no_ssl:
        parser.error("node calls are always encrypted, --no-ssl is not possible")
    if given.max_clients < 1:
        parser.error("--max-clients must be 1 or more")
    if not given.hook_seconds > 0:
        parser.error("--hook-seconds must be more than 0")
    return Options(
        bind=given.bind,
        port=given.port,
        interface=given.interface,
        ssl_key=given.ssl_key,
        ssl_cert=given.ssl_cert,
        max_clients=given.max_clients,
        hook_seconds=given.hook_seconds,
        mlock=not given.no_mlock,
        await_cluster=given.await_cluster,
        foreground=given.foreground,
        debug=given.debug > 0,
        syslog=given.syslog != "no",
    )


def main(argv: Sequence[str]) -> int:
    """Run the program; return its exit code."""
    options = parse_options(argv[1:])
    return program.run(PROGRAM, foreground=options.foreground, serve=lambda paths, ready: serve(paths, options, ready))
