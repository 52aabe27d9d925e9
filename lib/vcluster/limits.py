"""Whether this machine can bear so many virtual nodes: better said before than found out."""

from __future__ import annotations

import os
import resource

from ganeti import errors
from ganeti.utils import files

#: of a node that works, with what it shares; the master and programs come on top
MIB_PER_NODE = 17
MIB_FOR_MASTER = 250
#: node daemon, its function server and a call
PROCESSES_PER_NODE = 3
OTHER_PROCESSES = 100


def check_room(nodes: int) -> None:
    """Refuse more nodes than there is memory or are processes for.

    Raises EnvironmentFailure.
    """
    needed, free = nodes * MIB_PER_NODE + MIB_FOR_MASTER, available_memory()
    if needed > free:
        raise errors.EnvironmentFailure(
            f"cannot run {nodes} nodes: they need about {needed} MiB of memory, {free} MiB are available"
        )
    allowed, _ = resource.getrlimit(resource.RLIMIT_NPROC)
    processes = nodes * PROCESSES_PER_NODE + OTHER_PROCESSES
    # The limit is none to root.
    if os.geteuid() != 0 and allowed != resource.RLIM_INFINITY and processes > allowed:
        raise errors.EnvironmentFailure(
            f"cannot run {nodes} nodes: they need about {processes} processes, {allowed} are allowed (ulimit -u)"
        )


def available_memory() -> int:
    """Return the memory that programs can still have, in MiB."""
    for line in files.read_text("/proc/meminfo").splitlines():
        name, _, value = line.partition(":")
        if name == "MemAvailable":
            return int(value.split()[0]) // 1024
    raise errors.EnvironmentFailure("cannot tell how much memory is available: /proc/meminfo does not say")
