"""gnt-node list, list-fields and info."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ganeti.cli import listing
from ganeti.cli.failures import ExitCode, UsageError
from ganeti.cli.parse import Values
from ganeti.cli.session import Session
from ganeti.cli.tree import tree_lines
from ganeti.luxi import methods
from ganeti.model.query.names import filter_of_names
from ganeti.utils.suggest import did_you_mean
from ganeti.utils.text import match_name, natural_sort

_INFO_FIELDS = (
    "name", "pip", "sip", "pinst_list", "sinst_list", "drained", "offline", "master_candidate", "master_capable",
    "vm_capable", "powered", "role", "group", "ndparams", "custom_ndparams", "tags", "serial_no", "uuid",
)  # fmt: skip


def list_nodes(session: Session, options: Values, args: Sequence[str]) -> int:
    """List nodes."""
    return listing.list_things(session, options, args, what="node")


def list_node_fields(session: Session, options: Values, args: Sequence[str]) -> int:
    """Show the fields of nodes."""
    return listing.list_fields(session, options, args, what="node")


def info(session: Session, options: Values, args: Sequence[str]) -> int:
    """Show all about nodes."""
    answer = session.client.call(methods.query, "node", _INFO_FIELDS, filter_of_names(args, "name"))
    found = [{f: cell[1] for f, cell in zip(_INFO_FIELDS, row, strict=True)} for row in answer["data"]]
    names = [node["name"] for node in found]
    for arg in args:
        if "*" not in arg and "?" not in arg and match_name(arg, names) is None:
            raise UsageError(f"unknown node {arg}{did_you_mean(arg, names)}")
    for node in found:
        for line in tree_lines(node_tree(node)):
            session.console.out(line)
    return ExitCode.SUCCESS


def node_tree(node: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Return what `gnt-node info` shows of a node."""
    own = node["custom_ndparams"] or {}
    params = [
        (k, v if k in own else f"default ({listing.plain_text(v) or '-'})") for k, v in sorted(node["ndparams"].items())
    ]
    return [
        ("Node name", node["name"]),
        ("primary ip", node["pip"]),
        ("secondary ip", node["sip"]),
        ("role", _ROLES.get(node["role"], node["role"])),
        ("group", node["group"]),
        ("master candidate", node["master_candidate"]),
        ("drained", node["drained"]),
        ("offline", node["offline"]),
        ("master_capable", node["master_capable"]),
        ("vm_capable", node["vm_capable"]),
        *([("powered", node["powered"])] if node["powered"] is not None else []),
        ("primary for instances", natural_sort(node["pinst_list"])),
        ("secondary for instances", natural_sort(node["sinst_list"])),
        ("node parameters", params),
        ("tags", natural_sort(node["tags"])),
        ("serial number", node["serial_no"]),
        ("UUID", node["uuid"]),
    ]


_ROLES: Mapping[str, str] = {
    "M": "master",
    "C": "master candidate",
    "R": "regular",
    "D": "drained",
    "O": "offline",
}
