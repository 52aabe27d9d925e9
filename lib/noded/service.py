"""One node daemon in its process: listens, serves until told to end, ends all it started.

The function server (`ganeti.noded.function_server`) is handed in.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import signal
import ssl
from collections.abc import Callable, Mapping
from typing import Any

from ganeti import errors
from ganeti.clock import Clock
from ganeti.noded.access import Access
from ganeti.noded.function_process import Handler
from ganeti.noded.function_server import ServerProcess
from ganeti.noded.functions import Functions
from ganeti.noded.options import Options
from ganeti.noded.server import Limits, NodeServer, tls_context
from ganeti.paths import Paths
from ganeti.procedure import Procedure
from ganeti.utils import files
from ganeti.utils import log as logs
from ganeti.utils.listen import bound_socket, default_address, use_small_tls_buffers

log = logging.getLogger(__name__)

#: seconds after which a write that has not ended never will
_LEFTOVER_AGE = 300.0


class NodeDaemon:
    """A node daemon that can be run: takes calls until told to end.

    The function server ends with it.
    """

    def __init__(
        self,
        paths: Paths,
        table: Mapping[str, Procedure[..., Any]],
        handlers: Mapping[str, Handler],
        server: ServerProcess,
        options: Options,
        clock: Clock,
        limits: Limits | None = None,
    ) -> None:
        self._options = options
        self._paths = paths
        self._clock = clock
        self._ending = asyncio.Event()
        #: set when keys are to be looked at, or it is time to end
        self._awake = asyncio.Event()
        certificate = options.ssl_cert or paths.server_cert
        self._certificate = certificate
        self._seen = files.signature(certificate)
        self._tls = tls_context(certificate, key=options.ssl_key or None)
        self._functions = Functions(table, handlers, server, clock, on_quit=self.end, max_processes=options.max_clients)
        self._server = NodeServer(self._functions, Access(paths, certificate), clock, limits, self._new_tls)

    async def run(self, ready: Callable[[], None]) -> None:
        """Serve until `end`; `ready` is called when calls can come in.

        Raises OSError when the address cannot be used.
        """
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.end)
        loop.add_signal_handler(signal.SIGHUP, self._look_again)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGHUP})
        self._clear()
        use_small_tls_buffers()
        address = self._options.bind or default_address(self._paths)
        listening = bound_socket(address, self._options.port, self._options.interface)
        await self._server.listen(listening, self._tls)
        log.info("node daemon listens at %s port %s", address, self._options.port)
        # What exists now stays: keep the collector from touching, and so copying, pages shared with a parent.
        gc.freeze()
        ready()
        while not self._ending.is_set():
            await self._awake.wait()
            self._awake.clear()
            await self._server.follow_keys()
        log.info("node daemon is ending")
        await self._server.stop()

    def end(self) -> None:
        """Let `run` return, after ending all calls."""
        self._ending.set()
        self._awake.set()

    def _new_tls(self) -> ssl.SSLContext | None:
        """Return the TLS settings by the keys that were put in place of those in use, None if there are no new ones."""
        now = files.signature(self._certificate)
        if now == self._seen or now is None:
            return None
        self._seen = now
        try:
            return tls_context(self._certificate, key=self._options.ssl_key or None)
        except errors.X509CertError as err:
            log.error("%s; going on with the keys of before", err)
            return None

    def _clear(self) -> None:
        """Remove what writes left behind that ended with an earlier daemon; the master daemon here may be writing."""
        for directory in (self._paths.data_dir, self._paths.queue_dir):
            with contextlib.suppress(OSError):
                files.remove_leftovers(directory, self._clock.time() - _LEFTOVER_AGE)

    def _look_again(self) -> None:
        logs.reopen()
        self._functions.reopen_logs()
        self._awake.set()
