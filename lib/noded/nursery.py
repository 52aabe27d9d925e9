"""The nursery: a process that knows how to carry out calls and nothing else; function servers are forked off it.

A node daemon's libraries would be paid for with every call (see `ganeti.noded.function_server`),
so function servers come from a process that never had them.  It is a program of its own,
started by a node daemon for itself, or once for all nodes of a virtual cluster, which
then share its memory.  It ends when whoever started it closes its socket.
"""

from __future__ import annotations

import contextlib
import gc
import logging
import os
import select
import signal
import socket
import sys
from collections.abc import Sequence
from typing import NoReturn, Self

from ganeti import errors
from ganeti.noded import calls, function_server
from ganeti.noded.context import NodeContext
from ganeti.noded.function_server import ServerProcess
from ganeti.noded.options import PROGRAM, Options
from ganeti.paths import Paths
from ganeti.rpc.transport import ANSWER_LIMIT, REQUEST_LIMIT
from ganeti.utils import json, process
from ganeti.utils import log as logs

log = logging.getLogger(__name__)

_PACKET = 65536
_PATIENCE = 60.0


class Nursery:
    """A nursery that runs, as whoever wants function servers sees it. A context manager."""

    def __init__(self) -> None:
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._pid = os.fork()
        if self._pid == 0:
            _become_nursery(theirs)
        theirs.close()

    def function_server(self, paths: Paths, options: Options) -> ServerProcess:
        """Return a function server for a node.

        Raises EnvironmentFailure with what kept it from starting.
        """
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            request = json.dumps_bytes(
                [paths.root, paths.hostname, options.port, options.hook_seconds, options.debug, options.syslog]
            )
            socket.send_fds(self._control, [request], [theirs.fileno()])
        ready, _, _ = select.select([self._control], [], [], _PATIENCE)
        reply = self._control.recv(_PACKET).decode(errors="replace") if ready else ""
        if not reply.isdigit():
            ours.close()
            raise errors.EnvironmentFailure(f"cannot start function server of {paths.hostname}: {reply or 'no word'}")
        ours.setblocking(False)
        return ServerProcess(ours, int(reply))

    def close(self) -> None:
        """End the nursery; its function servers go on."""
        self._control.close()
        os.waitpid(self._pid, 0)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


def _become_nursery(control: socket.socket) -> NoReturn:
    try:
        os.set_inheritable(control.fileno(), True)
        code = f"import sys; sys.path[:] = {sys.path!r}; from {__name__} import main; main([{control.fileno()}])"
        process.become([sys.executable, "-I", "-S", "-c", code])
    finally:
        os._exit(1)


def main(argv: Sequence[int]) -> None:
    """Be a nursery that is asked over a descriptor."""
    control = socket.socket(fileno=argv[0])
    os.set_inheritable(control.fileno(), False)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody waits for function servers
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    calls.warm_up()
    gc.collect()
    gc.freeze()
    with contextlib.suppress(ConnectionResetError):
        while True:
            request, fds, _, _ = socket.recv_fds(control, _PACKET, 1)
            if not request:
                return
            if os.fork() == 0:
                _be_function_server(control, socket.socket(fileno=fds[0]), request)
            os.close(fds[0])


def _be_function_server(nursery: socket.socket, control: socket.socket, request: bytes) -> NoReturn:
    try:
        root, hostname, port, hook_seconds, debug, syslog = json.loads(request)
        paths = Paths(root, hostname)
        os.setsid()
        os.chdir("/")
        os.umask(0o077)
        os.environ.update(paths.environ)
        process.redirect_std(paths.log_file(PROGRAM))
        logs.setup(PROGRAM, paths.log_file(PROGRAM), debug=debug, syslog=syslog)
        handlers = calls.bind(NodeContext.of(paths, port=port, hook_seconds=hook_seconds))
        nursery.send(str(os.getpid()).encode())
    except (errors.GenericError, OSError) as err:
        nursery.send(str(err).encode()[: _PACKET // 2] or b"no reason given")
        os._exit(1)
    function_server.become(control, calls.table(), handlers, answer_limit=ANSWER_LIMIT, body_limit=REQUEST_LIMIT)
