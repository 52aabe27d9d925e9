"""Starting and stopping daemons of a node through `daemon-util`, and waiting for them."""

from __future__ import annotations

import os
import time

from ganeti import _autoconf, errors
from ganeti.paths import Paths
from ganeti.utils import process

NODED = "ganeti-noded"
MASTERD = "ganeti-masterd"
DEFAULT_NODED_PORT = 1811

START_TIMEOUT = 60.0
STOP_TIMEOUT = 60.0


def start(paths: Paths, daemon: str, *args: str) -> None:
    """Start a daemon of a node unless it runs.

    Raises EnvironmentFailure with what the daemon said.
    """
    if is_running(paths, daemon):
        return
    _daemon_util(paths, "start", daemon, *args)


def stop(paths: Paths, daemon: str, *, only_if_joined: bool = True) -> None:
    """Stop a daemon and wait for its end; `only_if_joined=False` leaves one alone that waits for a cluster."""
    if only_if_joined and is_running(paths, daemon):
        _daemon_util(paths, "stop", daemon)


def is_running(paths: Paths, daemon: str) -> bool:
    """Tell whether a daemon of the node is alive."""
    return process.running_pid(paths.pid_file(daemon)) is not None


def wait_for_socket(path: str, timeout: float = START_TIMEOUT) -> None:
    """Wait until a daemon has made its socket.

    Raises EnvironmentFailure when it does not in time.
    """
    end = time.monotonic() + timeout
    while not os.path.exists(path):
        if time.monotonic() > end:
            raise errors.EnvironmentFailure(f"cannot reach the daemon behind {path}: no socket after {timeout:g} s")
        time.sleep(0.02)


def _daemon_util(paths: Paths, *args: str) -> None:
    program = os.path.join(_autoconf.PKGLIBDIR, "daemon-util")
    env = {**os.environ, **paths.environ}
    result = process.run([program, *args], env=env, timeout=START_TIMEOUT)
    if result.failed:
        raise errors.EnvironmentFailure(
            f"cannot {args[0]} {args[1]} on {paths.hostname}: {result.output.strip() or result.reason}"
        )
