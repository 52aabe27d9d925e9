"""What the function of a command works with: console, paths, and a line to the master daemon."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Protocol

from ganeti.cli.command import Command, Program
from ganeti.cli.feedback import Console
from ganeti.luxi.address import socket_path
from ganeti.luxi.client import Client, SyncClock
from ganeti.paths import Paths

Run = Callable[..., int]
"""A command's function: `def startup(session, options, args) -> exit code`."""


class WallClock(SyncClock, Protocol):
    """Time for programs without an event loop; the `time` module is one."""

    def time(self) -> float:
        """Return the time of day, in seconds since the epoch."""


class Session:
    """One run of one command."""

    def __init__(
        self,
        program: Program,
        command: Command,
        paths: Paths,
        console: Console,
        environ: Mapping[str, str],
        clock: WallClock = time,
    ) -> None:
        self.program = program
        self.command = command
        self.paths = paths
        self.console = console
        self.environ = environ
        self.clock = clock
        self.client = Client(socket_path(paths, environ), clock=clock)

    def close(self) -> None:
        """Hang up."""
        self.client.close()
