"""Unix sockets at paths of any length.

A socket address holds 107 bytes and a NUL (unix(7)); the run directory of a virtual
node may be deeper.  A longer path is reached through its directory's descriptor.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from ganeti.paths import Paths

LONGEST_PATH = 107


@contextmanager
def reachable(path: str) -> Iterator[str]:
    """Give a path for bind or connect that names the same socket and is short enough.

    Raises OSError when the directory is not there.
    """
    if len(os.fsencode(path)) <= LONGEST_PATH:
        yield path
        return
    directory, name = os.path.split(path)
    descriptor = os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{descriptor}/{name}"
    finally:
        os.close(descriptor)


def socket_path(paths: Paths, environ: Mapping[str, str]) -> str:
    """Return the socket clients call at: the query socket, unless the environment says otherwise.

    FORCE_LUXI_SOCKET holds `master`, `query` or a path (`spec/luxi.json`).
    """
    match environ.get("FORCE_LUXI_SOCKET", ""):
        case "" | "query":
            return paths.query_socket
        case "master":
            return paths.master_socket
        case path:
            return path
