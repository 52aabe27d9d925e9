"""Processes that tests speak of."""

from __future__ import annotations

import subprocess
import sys


def gone_process() -> int:
    """Return the number of a process that has ended."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        return process.pid
