"""Starting and stopping daemons of a node through `daemon-util`, and waiting for them."""

from __future__ import annotations

import contextlib
import os
import signal
import time

from ganeti import _autoconf, errors
from ganeti.paths import Paths
from ganeti.utils import process

NODED = "ganeti-noded"
CONFD = "ganeti-confd"
MASTERD = "ganeti-masterd"
RAPI = "ganeti-rapi"

START_TIMEOUT = 60.0
STOP_TIMEOUT = 60.0


def start(paths: Paths, daemon: str, *args: str) -> None:
    """Start a daemon of a node unless it runs.

    Raises EnvironmentFailure with what the daemon said.
    """
    if is_running(paths, daemon):
        return
    _daemon_util(paths, "start", daemon, *args)


def start_master(paths: Paths) -> None:
    """Start those daemons of the master that do not run.

    Raises EnvironmentFailure with what went wrong.
    """
    _daemon_util(paths, "start-master")


def stop(paths: Paths, daemon: str) -> None:
    """Stop a daemon if it runs, and wait for its end.

    Raises EnvironmentFailure with what went wrong.
    """
    if is_running(paths, daemon):
        _daemon_util(paths, "stop", daemon)


def stop_quietly(paths: Paths, daemon: str) -> None:
    """Stop a daemon; that it cannot be stopped is no error."""
    with contextlib.suppress(errors.EnvironmentFailure):
        stop(paths, daemon)


def restart_noded(paths: Paths, *, joined_before: bool = False) -> None:
    """Have the node daemon serve with the keys that are there now.

    One that was started before the node belonged to a cluster waits for the keys and
    takes them up by itself; one that served with other keys has to begin anew.
    """
    if joined_before:
        stop(paths, NODED)
    start_or_wake(paths, NODED)


def start_or_wake(paths: Paths, daemon: str) -> None:
    """Start a daemon, or tell the one that runs, perhaps waiting for keys, to look at its files.

    Raises EnvironmentFailure with what the daemon said.
    """
    running = process.running_pid(paths.pid_file(daemon))
    if running is None:
        start(paths, daemon)
    else:
        with contextlib.suppress(ProcessLookupError):
            os.kill(running, signal.SIGHUP)


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
            f"cannot {' '.join(args[:2])} on {paths.hostname}: {result.output.strip() or result.reason}"
        )
