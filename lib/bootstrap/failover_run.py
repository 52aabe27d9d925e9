"""Runs a failover on a real node: its daemons, its keys, the network."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable

from ganeti import errors, ssconf
from ganeti.bootstrap import daemons
from ganeti.bootstrap.failover import Failover, Options
from ganeti.clock import SystemClock
from ganeti.luxi import methods
from ganeti.luxi.client import Client
from ganeti.paths import Paths
from ganeti.rpc.client import NodeRpc
from ganeti.rpc.curl import CredentialFiles
from ganeti.rpc.curl_engine import CurlEngine
from ganeti.rpc.transport import DEFAULT_PORT
from ganeti.utils import neighbours

_ANSWER_EVERY = 0.02


def become_master(paths: Paths, options: Options, tell: Callable[[str], None], warn: Callable[[str], None]) -> bool:
    """Make this node the master; return whether it was not.

    Raises GenericError.
    """
    daemons.start(paths, daemons.NODED)  # it votes too

    async def act() -> bool:
        credentials = CredentialFiles(paths.server_cert, paths.client_cert)
        uuid = ssconf.read_ssconf(paths, "cluster_uuid")
        rpc = NodeRpc(CurlEngine(credentials), SystemClock(), uuid)
        try:
            return await Failover(paths, rpc, SystemClock(), LocalDaemons(paths), options, tell, warn).run()
        finally:
            await rpc.close()

    return asyncio.run(act())


class LocalDaemons:
    """The daemons of the node this runs on."""

    def __init__(self, paths: Paths) -> None:
        self._paths = paths

    def start_master(self, *, voting: bool) -> None:
        """See `failover.Daemons`."""
        daemons.stop(self._paths, daemons.MASTERD)  # one that runs all the same is of an earlier term
        daemons.start(self._paths, daemons.MASTERD, *([] if voting else ["--no-voting", "--yes-do-it"]))
        wait_until_serving(self._paths)
        daemons.start_master(self._paths)

    def holder(self, address: str, netdev: str) -> str:
        """See `failover.Daemons`."""
        return neighbours.holder(address, netdev, DEFAULT_PORT)


def wait_until_serving(paths: Paths, timeout: float = daemons.START_TIMEOUT) -> None:
    """Wait until the master daemon answers its clients.

    Raises EnvironmentFailure when it ends, or does not in time.
    """
    end = time.monotonic() + timeout
    while True:
        client = Client(paths.query_socket)
        try:
            client.call(methods.query_config_values, ["master_node"])
            return
        except errors.GenericError as err:
            if not daemons.is_running(paths, daemons.MASTERD):
                raise errors.EnvironmentFailure(
                    f"cannot serve as the master: the master daemon ended, see {paths.log_file(daemons.MASTERD)}"
                ) from err
            if time.monotonic() > end:
                raise errors.EnvironmentFailure(f"cannot serve as the master: {err}") from err
        finally:
            client.close()
        time.sleep(_ANSWER_EVERY)
