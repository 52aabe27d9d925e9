"""How the program of a daemon begins and ends, the same for daemons that run on every node."""

from __future__ import annotations

import contextlib
import logging
import os
import sys
from collections.abc import Callable

from ganeti import errors
from ganeti.paths import Paths
from ganeti.utils import process

log = logging.getLogger(__name__)


def run(name: str, *, foreground: bool, serve: Callable[[Paths, Callable[[], None]], None]) -> int:
    """Run a daemon until it is told to end, in the background unless told; return the exit code.

    `serve` is given the paths of the node, and what to call when it listens.
    """
    try:
        paths = Paths.from_environ(os.environ)
        if foreground:
            serve(paths, lambda: None)
            return 0
        daemon = process.daemonize(name, paths.log_file(name))
    except (errors.GenericError, OSError) as err:
        print(f"{name}: {process.why_not_started(err)}", file=sys.stderr, flush=True)
        return 1
    try:
        serve(paths, daemon.ready)
    except (errors.GenericError, OSError) as err:
        log.error("%s", process.why_not_started(err))
        with contextlib.suppress(OSError):
            daemon.failed(process.why_not_started(err))
        return 1
    return 0
