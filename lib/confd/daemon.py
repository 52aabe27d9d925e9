"""ganeti-confd: the wiring of the configuration daemon, its command line and its life.

`main` is the program; `serve` is what it does, callable in a process forked from a
parent that has imported everything already (virtual clusters start hundreds that way).
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import socket
from collections.abc import Callable, Sequence
from typing import NamedTuple

from ganeti import _autoconf, errors
from ganeti.clock import Clock, SystemClock
from ganeti.confd.follow import Follower
from ganeti.confd.requests import DEFAULT_PORT
from ganeti.confd.responder import Responder
from ganeti.confd.server import LINGER, Server, drain, listen
from ganeti.paths import Paths
from ganeti.utils import log as logs
from ganeti.utils import option_types, process, program, watch

log = logging.getLogger(__name__)

PROGRAM = "ganeti-confd"

#: those that end it, and all it does something about
_END = frozenset({signal.SIGTERM, signal.SIGINT})
_SIGNALS = frozenset({*_END, signal.SIGHUP, signal.SIGUSR1})


class Options(NamedTuple):
    """What the command line says; bind "" stands for all addresses."""

    bind: str = ""
    port: int = DEFAULT_PORT
    await_cluster: bool = False
    foreground: bool = False
    debug: bool = False
    syslog: bool = False


def serve(paths: Paths, options: Options, ready: Callable[[], None]) -> None:
    """Be the configuration daemon of the node with these paths until told to end; `ready` is called when it listens.

    Raises GenericError or OSError when it cannot begin.
    """
    if not options.await_cluster and not os.path.exists(paths.hmac_key):
        raise errors.ConfigurationError(
            f"{paths.hmac_key} is missing, the key that questions are signed with: is this node part of a cluster?"
            " (gnt-cluster init, gnt-node add)"
        )
    # Held back until somebody listens: one that came earlier would end it at once, with its pid file left behind.
    signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    with process.PidFile(paths.pid_file(PROGRAM)), listen(options.bind, options.port) as sock:
        if not os.path.exists(paths.config_file):
            ready()
            if not wait_for_configuration(paths):
                return
            ready = _nothing
            drain(sock)
        logs.setup(
            PROGRAM,
            paths.log_file(PROGRAM),
            debug=options.debug,
            syslog=options.syslog,
            foreground=options.foreground,
        )
        log.info("listening at %s port %d", options.bind or "all addresses", options.port)
        asyncio.run(_run(paths, sock, SystemClock(), ready))


def wait_for_configuration(paths: Paths) -> bool:
    """Wait until this node is a master candidate; False when the daemon is told to end instead.

    Most nodes wait all their life: so this does next to nothing, and touches little memory,
    which nodes of a virtual cluster share as long as nobody writes to it.
    """
    while not os.path.exists(paths.config_file):
        told = signal.sigtimedwait(_SIGNALS, watch.LOOK_UNWATCHED)
        if told and told.si_signo in _END:
            return False
    return True


def _nothing() -> None:
    """Tell nobody: whoever started the daemon knows already."""


async def _run(paths: Paths, sock: socket.socket, clock: Clock, ready: Callable[[], None]) -> None:
    responder = Responder()
    follower = Follower(paths, responder, clock)
    follower.refresh()  # before the first question
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in _END:
        loop.add_signal_handler(number, stop.set)
    loop.add_signal_handler(signal.SIGHUP, _look_again, follower)
    loop.add_signal_handler(signal.SIGUSR1, lambda: log.info("%s", responder.figures()))
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
    server = Server(sock, responder, clock, linger=LINGER)
    try:
        following = asyncio.create_task(follower.run())
        stopping = asyncio.create_task(stop.wait())
        ready()
        # Following ends by itself only when something is wrong in it: that must not go unnoticed.
        await asyncio.wait({following, stopping}, return_when=asyncio.FIRST_COMPLETED)
        if following.done():
            following.result()
        following.cancel()
        stopping.cancel()
        await asyncio.wait({following, stopping})
    finally:
        server.close()
    log.info("stopped; %s", responder.figures())


def _look_again(follower: Follower) -> None:
    logs.reopen()
    follower.look()


def parse_options(argv: Sequence[str]) -> Options:
    """Return the options of a command line; ends the program for --help, --version and mistakes."""
    parser = argparse.ArgumentParser(PROGRAM, description="Answers questions about the cluster on master candidates.")
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
    parser.add_argument(
        "--await-cluster", action="store_true", help="on a node of no cluster, wait until it is added to one"
    )
    given = parser.parse_args(argv)
    return Options(
        bind=given.bind,
        port=given.port,
        await_cluster=given.await_cluster,
        foreground=given.foreground,
        debug=given.debug > 0,
        syslog=given.syslog != "no",
    )


def main(argv: Sequence[str]) -> int:
    """Run the program; return its exit code."""
    options = parse_options(argv[1:])
    return program.run(PROGRAM, foreground=options.foreground, serve=lambda paths, ready: serve(paths, options, ready))
