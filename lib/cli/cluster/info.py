"""gnt-cluster info, version and getmaster."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ganeti import errors
from ganeti.cli.failures import ExitCode
from ganeti.cli.listing import time_text
from ganeti.cli.parse import Values
from ganeti.cli.session import Session
from ganeti.cli.tree import tree_lines
from ganeti.luxi import methods

_VERSIONS = (
    ("Software version", "software_version"),
    ("Internode protocol", "protocol_version"),
    ("Configuration format", "config_version"),
    ("OS api version", "os_api_version"),
    ("Export interface", "export_version"),
    ("VCS version", "vcs_version"),
)
_TITLES: Mapping[str, str] = {
    "name": "Cluster name",
    "uuid": "Cluster UUID",
    "ctime": "Creation time",
    "mtime": "Modification time",
    "master": "Master node",
    "architecture": "Architecture (this node)",
    "tags": "Tags",
}
_TIMES = frozenset({"ctime", "mtime"})
_ALIASES = frozenset({"vg_name", "drbd_helper"})  # further names of settings that are shown already


def info(session: Session, options: Values, args: Sequence[str]) -> int:
    """Show the settings of the cluster."""
    found = session.client.call(methods.query_cluster_info)
    for line in tree_lines(cluster_tree(found)):
        session.console.out(line)
    return ExitCode.SUCCESS


def version(session: Session, options: Values, args: Sequence[str]) -> int:
    """Show versions."""
    found = session.client.call(methods.query_cluster_info)
    for title, key in _VERSIONS:
        session.console.out(f"{title}: {found.get(key, '-')}")
    return ExitCode.SUCCESS


def getmaster(session: Session, options: Values, args: Sequence[str]) -> int:
    """Show the master."""
    try:
        with open(session.paths.ssconf_file("master_node"), encoding="utf-8") as file:
            session.console.out(file.readline().strip())
    except FileNotFoundError as err:
        raise errors.NoMasterError("this node knows no master") from err
    return ExitCode.SUCCESS


def cluster_tree(found: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Return what `gnt-cluster info` shows: what it is first, then the settings by name."""
    head = [(title, _value(key, found[key])) for key, title in _TITLES.items() if key in found]
    versions = {key for _, key in _VERSIONS}
    rest = sorted(found.keys() - _TITLES.keys() - versions - _ALIASES)
    return [*head, *((key.replace("_", " "), _value(key, found[key])) for key in rest)]


def _value(key: str, value: Any) -> Any:
    return time_text(value) if key in _TIMES and value is not None else value
