"""What a node daemon can be told on its command line."""

from __future__ import annotations

from typing import NamedTuple

from ganeti.rpc.transport import DEFAULT_PORT

PROGRAM = "ganeti-noded"
MAX_PROCESSES = 20
HOOK_SECONDS = 600.0


class Options(NamedTuple):
    """What the command line says; "" stands for the node's own values."""

    bind: str = ""
    port: int = DEFAULT_PORT
    interface: str = ""
    ssl_key: str = ""
    ssl_cert: str = ""
    max_clients: int = MAX_PROCESSES
    hook_seconds: float = HOOK_SECONDS
    mlock: bool = True
    await_cluster: bool = False
    foreground: bool = False
    debug: bool = False
    syslog: bool = False
