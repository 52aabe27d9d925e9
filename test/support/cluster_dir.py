"""The directory of a virtual cluster, as `vcluster-setup` would make it."""

from __future__ import annotations

import os
from collections.abc import Sequence

from ganeti.paths import Paths
from ganeti.utils import files


def node_name(number: int) -> str:
    """Return the name of a node, counted from 1."""
    return f"node{number}.example.com"


def make_cluster_dir(base: str, nodes: int = 1, others: Sequence[tuple[str, str]] = ()) -> list[Paths]:
    """Make the directories and the hosts file of a virtual cluster; return the paths of its nodes.

    Nodes have the addresses 127.0.1.1, 127.0.1.2...; `others` are further (address, name) lines.
    """
    made = []
    lines = ["127.0.0.100 cluster.example.com cluster\n"]
    for number in range(1, nodes + 1):
        name = node_name(number)
        paths = Paths(os.path.join(base, name), name)
        for directory in (
            paths.archive_dir,
            paths.rapi_dir,
            paths.socket_dir,
            paths.lock_dir,
            paths.os_log_dir,
            paths.hooks_dir,
            os.path.dirname(paths.etc_default),
        ):
            files.ensure_dir(directory)
        lines.append(f"127.0.{1 + number // 250}.{number % 250} {name} {name.partition('.')[0]}\n")
        made.append(paths)
    lines += [f"{address} {name} {name.partition('.')[0]}\n" for address, name in others]
    files.ensure_dir(os.path.join(base, "etc"))
    files.write_file(os.path.join(base, "etc", "hosts"), "".join(lines), durable=False)
    return made
