"""Command lines that run something on another node.

In a virtual cluster all nodes are on this machine: there the command is run here,
with the environment that selects the node.
"""

from __future__ import annotations

from collections.abc import Sequence

from ganeti.cli.session import Session
from ganeti.paths import Paths
from ganeti.utils.text import shell_line

_USER = "root"


def command_argv(session: Session, node: str, command: Sequence[str], cluster: str) -> list[str]:
    """Return the argument list that runs a shell command line on a node, without asking anything."""
    line = " ".join(command)
    if session.paths.is_virtual:
        return [*_on_virtual_node(session.paths, node), "/bin/sh", "-c", line]
    return ["ssh", *ssh_options(session.paths, cluster), "-oBatchMode=yes", f"{_USER}@{node}", line]


def interactive_argv(session: Session, node: str, user: str, command: Sequence[str], port: int | None) -> list[str]:
    """Return the argument list that runs a command with a terminal on a node."""
    if session.paths.is_virtual:
        return [*_on_virtual_node(session.paths, node), *command]
    cluster = _cluster_name(session.paths)
    where = [f"-p{port}"] if port else []
    return ["ssh", *ssh_options(session.paths, cluster), *where, "-t", f"{user}@{node}", shell_line(command)]


def copy_argv(session: Session, file: str, node: str, address: str, cluster: str) -> list[str]:
    """Return the argument list that copies a file to the same place on a node."""
    if session.paths.is_virtual:
        target = session.paths.for_node(node).localize(session.paths.virtualize(file))
        return ["cp", "-p", "--", file, target]
    return ["scp", *ssh_options(session.paths, cluster), "-oBatchMode=yes", "-p", file, f"{_USER}@[{address}]:{file}"]


def ssh_options(paths: Paths, cluster: str) -> list[str]:
    """Return options that accept the cluster's host key and no other."""
    return [
        "-oEscapeChar=none",
        f"-oHostKeyAlias={cluster}",
        f"-oGlobalKnownHostsFile={paths.known_hosts}",
        "-oUserKnownHostsFile=/dev/null",
        "-oStrictHostKeyChecking=yes",
        "-oCheckHostIP=no",
    ]


def _on_virtual_node(paths: Paths, node: str) -> list[str]:
    return ["env", *(f"{name}={value}" for name, value in paths.for_node(node).environ.items())]


def _cluster_name(paths: Paths) -> str:
    with open(paths.ssconf_file("cluster_name"), encoding="utf-8") as file:
        return file.readline().strip()
