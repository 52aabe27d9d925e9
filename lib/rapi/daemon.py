"""ganeti-rapi: the wiring of the remote API, its command line and its life.

    HTTPS ── server ── doorkeeper (users file) ── table of resources ── master (LUXI)

Runs on the master alone.  It begins as root where it has a user of its own: then keys
and users are read, the port is taken, and root is given up before the first client.
"""

from __future__ import annotations

import argparse
import asyncio
import logging
import os
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from typing import NamedTuple

from ganeti import _autoconf, errors, ssconf
from ganeti.clock import SystemClock
from ganeti.luxi.address import socket_path
from ganeti.luxi.pool import Pool
from ganeti.owners import Owners, are_separate
from ganeti.paths import Paths
from ganeti.rapi.auth import Doorkeeper, UsersFile
from ganeti.rapi.client_http import PORT
from ganeti.rapi.master import Master
from ganeti.rapi.privileges import become_user
from ganeti.rapi.resources.all import RESOURCES
from ganeti.rapi.server import MAX_CLIENTS, ApiServer, Limits, tls_context
from ganeti.rapi.watching import make_watching
from ganeti.utils import files, option_types, process, watch
from ganeti.utils import log as logs
from ganeti.utils.listen import bound_socket, default_address, use_small_tls_buffers

log = logging.getLogger(__name__)

PROGRAM = "ganeti-rapi"
#: to the master daemon, beyond one for each client
SPARE_CONNECTIONS = 8
EXIT_FAILURE = 1
EXIT_NOT_MASTER = 11


class NotMaster(errors.StateError):
    """The remote API is served on the master alone."""


class _Opened(NamedTuple):
    """What may need root: the port, the keys, the users."""

    listening: socket.socket
    tls: _Tls | None
    users: UsersFile


class _Tls:
    """The TLS settings; keys that are replaced are used for connections to come.

    Raises X509CertError when there are none that can be used.
    """

    def __init__(self, certificate: str, key: str | None, chain: str | None) -> None:
        self._files = (certificate, key, chain)
        self._seen = self._signatures()
        self.context = tls_context(*self._files)

    async def follow(self) -> None:
        """Use new keys whenever there are any, for ever."""
        await watch.follow(self._files[0], self.refresh)

    def refresh(self) -> None:
        """Look whether there are new keys; those of before go on if they cannot be used."""
        seen = self._signatures()
        if seen == self._seen:
            return
        self._seen = seen
        certificate, key, _ = self._files
        try:
            tls_context(*self._files)  # apart: one that fails leaves half of its keys behind
            self.context.load_cert_chain(certificate, key)
        except (errors.X509CertError, OSError) as err:
            log.error("cannot use new keys: %s; going on with those of before", err)
        else:
            log.info("keys were replaced: new connections use them")

    def _signatures(self) -> list[files.Signature]:
        return [files.signature(path) for path in self._files if path]


class _Mastership:
    """Whether this node is the master still, as far as it knows: it hears of a new one while this daemon runs."""

    def __init__(self, paths: Paths, end: Callable[[], None]) -> None:
        self.lost = False
        self._paths = paths
        self._end = end

    async def follow(self) -> None:
        """Call for the end when another node is the master."""
        await watch.follow(self._paths.ssconf_file("master_node"), self._look)

    def _look(self) -> None:
        try:
            master = ssconf.read_ssconf(self._paths, "master_node")
        except errors.ConfigurationError as err:
            log.debug("cannot tell whether this node is the master: %s", err)
            return
        if master != self._paths.hostname and not self.lost:
            self.lost = True
            log.warning("the master is %s now, this is %s", master, self._paths.hostname)
            self._end()


def start(paths: Paths, options: argparse.Namespace, daemon: process.Daemon | None = None) -> int:
    """Serve, as a daemon unless told to stay in the foreground; `daemon` says that this process is one already.

    Raises GenericError or OSError when it cannot start in the foreground.
    """
    logfile = paths.log_file(PROGRAM)
    if not options.foreground and daemon is None:
        check_mastership(paths)
        daemon = process.daemonize(PROGRAM, logfile)
    try:
        with process.PidFile(paths.pid_file(PROGRAM)):
            logs.setup(
                PROGRAM,
                logfile,
                debug=options.debug > 0,
                syslog=options.syslog != "no",
                foreground=options.foreground,
            )
            check_mastership(paths)
            opened = _open(paths, options)
            _drop_root(paths)
            return asyncio.run(_serve(paths, options, opened, daemon.ready if daemon else lambda: None))
    except (errors.GenericError, OSError) as err:
        if daemon is None:
            raise
        log.critical("%s", process.why_not_started(err))
        code = EXIT_NOT_MASTER if isinstance(err, NotMaster) else EXIT_FAILURE
        daemon.failed(process.why_not_started(err), code)
        return code


def check_mastership(paths: Paths) -> None:
    """Refuse to go on where this node does not know itself to be the master.

    Raises NotMaster, ConfigurationError.
    """
    master = ssconf.read_ssconf(paths, "master_node")
    if master != paths.hostname:
        raise NotMaster(f"cannot start on this node: the master is {master}, this is {paths.hostname}")


def _open(paths: Paths, options: argparse.Namespace) -> _Opened:
    tls = None
    if options.ssl:
        tls = _Tls(options.ssl_cert or paths.rapi_cert, options.ssl_key or None, options.ssl_chain or None)
    users = UsersFile(paths.rapi_users)
    users.load()
    address = options.bind or default_address(paths)
    use_small_tls_buffers()
    listening = bound_socket(address, options.port, options.interface)
    log.info("listening at %s port %d%s", address, options.port, "" if tls else " without encryption")
    return _Opened(listening, tls, users)


def _drop_root(paths: Paths) -> None:
    if are_separate(paths) and os.geteuid() == 0:
        owners = Owners(paths)
        for path in (paths.log_file(PROGRAM), paths.pid_file(PROGRAM)):
            if os.path.exists(path):
                owners.give(path)
        become_user(f"{_autoconf.USER_PREFIX}rapi")


async def _serve(paths: Paths, options: argparse.Namespace, opened: _Opened, ready: Callable[[], None]) -> int:
    """Serve until told to stop, or until another node is the master; return the exit code."""
    stop = asyncio.Event()
    mastership = _Mastership(paths, stop.set)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    loop.add_signal_handler(signal.SIGHUP, logs.reopen)
    # Clients that wait for jobs, however many, leave connections for the others.
    pool = Pool(socket_path(paths, os.environ), connections=options.max_clients + SPARE_CONNECTIONS)
    doorkeeper = Doorkeeper(opened.users, always=options.require_authentication)
    limits = Limits(clients=options.max_clients)
    master, clock = Master(pool), SystemClock()
    server = ApiServer(
        RESOURCES, master, doorkeeper, clock, limits, make_watching(master, clock, figures=options.metrics)
    )
    await server.listen(opened.listening, opened.tls.context if opened.tls else None)
    async with asyncio.TaskGroup() as tasks:
        watching = [tasks.create_task(opened.users.follow()), tasks.create_task(mastership.follow())]
        if opened.tls:
            watching.append(tasks.create_task(opened.tls.follow()))
        ready()
        await stop.wait()
        log.info("stopping")
        await server.stop()
        for task in watching:
            task.cancel()
    pool.close()
    return EXIT_NOT_MASTER if mastership.lost else 0


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the daemon's options (`spec/cli.json`, programs)."""
    parser = argparse.ArgumentParser(prog=PROGRAM, description="Remote API of a Ganeti cluster, over HTTPS.")
    parser.add_argument("--version", action="version", version=f"{PROGRAM} (ganeti) {_autoconf.VERSION}")
    parser.add_argument(
        "-f", "--foreground", action="store_true", help="stay in the foreground and log to the terminal"
    )
    parser.add_argument("-d", "--debug", action="count", default=0, help="log more")
    parser.add_argument("--syslog", choices=("no", "yes", "only"), default="no", help="log to syslog too")
    parser.add_argument(
        "-p", "--port", type=option_types.port, default=PORT, help="port to listen at (default %(default)s)"
    )
    parser.add_argument(
        "-b", "--bind", type=option_types.bind_address, default="", metavar="ADDRESS", help="address to listen at"
    )
    parser.add_argument("-i", "--interface", default="", help="interface to listen at")
    parser.add_argument(
        "--no-ssl", dest="ssl", action="store_false", help="do not encrypt: for tests, or behind a proxy"
    )
    parser.add_argument("-K", "--ssl-key", default="", metavar="FILE", help="private key, if not the cluster's")
    parser.add_argument("-C", "--ssl-cert", default="", metavar="FILE", help="certificate, if not the cluster's")
    parser.add_argument("--ssl-chain", default="", metavar="FILE", help="certificates between it and a known one")
    parser.add_argument(
        "--require-authentication", action="store_true", help="want a login for everything, not only for changes"
    )
    parser.add_argument("--metrics", action="store_true", help="offer figures for Prometheus at /metrics")
    parser.add_argument(
        "--max-clients", type=int, default=MAX_CLIENTS, help="connections at a time (default %(default)s)"
    )
    return parser


def parse_options(argv: Sequence[str]) -> argparse.Namespace:
    """Return the options of a command line; ends the program for --help, --version and mistakes."""
    parser = build_parser()
    options = parser.parse_args(argv)
    if options.max_clients < 1:
        parser.error("--max-clients must be 1 or more")
    return options


def main(argv: Sequence[str]) -> int:
    """Run the daemon; return the exit code."""
    options = parse_options(argv[1:])
    try:
        return start(Paths.from_environ(os.environ), options)
    except NotMaster as err:
        print(f"{PROGRAM}: {err}", file=sys.stderr)
        return EXIT_NOT_MASTER
    except (errors.GenericError, OSError) as err:
        print(f"{PROGRAM}: {process.why_not_started(err)}", file=sys.stderr)
        return EXIT_FAILURE
