"""gnt-group list, list-fields and info."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ganeti.cli import listing
from ganeti.cli.failures import ExitCode, UsageError
from ganeti.cli.parse import Values
from ganeti.cli.session import Session
from ganeti.cli.tree import tree_lines
from ganeti.luxi import methods
from ganeti.model.query.names import filter_of_names, has_wildcards
from ganeti.utils.suggest import did_you_mean
from ganeti.utils.text import natural_sort

_INFO_FIELDS = (
    "name", "alloc_policy", "node_list", "pinst_list", "ndparams", "custom_ndparams", "diskparams",
    "custom_diskparams", "ipolicy", "custom_ipolicy", "tags", "serial_no", "uuid",
)  # fmt: skip


def list_groups(session: Session, options: Values, args: Sequence[str]) -> int:
    """List node groups."""
    return listing.list_things(session, options, args, what="group", formatters={"ndparams": _pairs})


def list_group_fields(session: Session, options: Values, args: Sequence[str]) -> int:
    """Show the fields of node groups."""
    return listing.list_fields(session, options, args, what="group")


def info(session: Session, options: Values, args: Sequence[str]) -> int:
    """Show all about node groups."""
    answer = session.client.call(methods.query, "group", _INFO_FIELDS, filter_of_names(args, "name"))
    found = [{f: cell[1] for f, cell in zip(_INFO_FIELDS, row, strict=True)} for row in answer["data"]]
    names = [group["name"] for group in found]
    for arg in args:
        if not has_wildcards(arg) and arg not in names:
            raise UsageError(f"unknown node group {arg}{did_you_mean(arg, names)}")
    for group in found:
        for line in tree_lines(group_tree(group)):
            session.console.out(line)
    return ExitCode.SUCCESS


def group_tree(group: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Return what `gnt-group info` shows of a group."""
    disks = group["diskparams"]
    return [
        ("Node group", group["name"]),
        ("allocation policy", group["alloc_policy"]),
        ("nodes", natural_sort(group["node_list"])),
        ("primary for instances", natural_sort(group["pinst_list"])),
        ("node parameters", _settings(group["ndparams"], group["custom_ndparams"])),
        (
            "disk parameters",
            [(name, _settings(disks[name], group["custom_diskparams"].get(name))) for name in sorted(disks)],
        ),
        ("instance policy", _settings(group["ipolicy"], group["custom_ipolicy"])),
        ("tags", natural_sort(group["tags"])),
        ("serial number", group["serial_no"]),
        ("UUID", group["uuid"]),
    ]


def _pairs(settings: Mapping[str, Any]) -> str:
    return ", ".join(f"{name}={listing.plain_text(value)}" for name, value in sorted(settings.items()))


def _settings(filled: Mapping[str, Any], own: Mapping[str, Any] | None) -> list[tuple[str, Any]]:
    """Return settings by name; those that are the cluster's say so."""
    return [
        (name, value if name in (own or {}) else f"default ({listing.plain_text(value) or '-'})")
        for name, value in sorted(filled.items())
    ]
