"""The fields of external storage providers, and the row that puts the answers of nodes together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ganeti.model.enums import FieldKind, QueryResource
from ganeti.model.query.rows.links import ConfigView
from ganeti.model.query.table import FieldRow, Table
from ganeti.model.scalars import Uuid
from ganeti.schema_types import dump_any
from ganeti.utils.text import natural_sort

OTHER, TEXT = FieldKind.OTHER, FieldKind.TEXT


class ProviderFound(NamedTuple):
    """A provider as a node has it, good or bad (spec/rpc.json, extstorage_diagnose)."""

    name: str
    path: str
    status: bool
    diagnose: str
    parameters: Sequence[tuple[str, str]]


class ProviderRow(NamedTuple):
    """A provider on all nodes that answered; by node name and, of the nodes in it, by group name."""

    name: str
    found: Mapping[str, Sequence[ProviderFound]]
    groups: Mapping[str, Sequence[str]]

    def is_valid_on(self, node: str) -> bool:
        """Tell whether a node can use it: the first of its search path counts."""
        found = self.found[node]
        return bool(found) and found[0].status


def provider_rows(config: ConfigView, answers: Mapping[Uuid, Sequence[ProviderFound] | None]) -> list[ProviderRow]:
    """Return a row for each provider any node has, in natural order.

    `answers` are those to extstorage_diagnose, by node uuid; nodes that gave none
    (None) are left out: they say nothing against it.
    """
    known: dict[str, Sequence[ProviderFound]] = {}
    groups: dict[str, list[str]] = {}
    for uuid, found in answers.items():
        node = config.nodes.get(uuid)
        if node is not None and found is not None:
            known[node.name] = found
            group = config.groups.get(node.group)
            if group is not None:
                groups.setdefault(group.name, []).append(node.name)
    names = natural_sort({provider.name for found in known.values() for provider in found})
    return [
        ProviderRow(name, {node: [p for p in found if p.name == name] for node, found in known.items()}, groups)
        for name in names
    ]


def _node_status(row: ProviderRow) -> dict[str, object]:
    return {
        node: [[p.path, p.status, p.diagnose, dump_any(p.parameters)] for p in found]
        for node, found in row.found.items()
    }


def _group_status(row: ProviderRow) -> dict[str, object]:
    return {group: all(row.is_valid_on(node) for node in nodes) for group, nodes in row.groups.items()}


def _parameters(row: ProviderRow) -> object:
    """Return the parameters all nodes that have it support, in the order of the first."""
    lists = [found[0].parameters for found in row.found.values() if found]
    return dump_any([item for item in lists[0] if all(item in other for other in lists[1:])] if lists else [])


_FIELDS: list[FieldRow[ProviderRow]] = [
    FieldRow("name", "Name", TEXT, "Name", lambda r: r.name),
    FieldRow(
        "node_status",
        "NodeStatus",
        OTHER,
        "What each node has: path, whether it can be used, what is wrong, parameters",
        _node_status,
    ),
    FieldRow("nodegroup_status", "NodegroupStatus", OTHER, "Whether all nodes of each group can use it", _group_status),
    FieldRow("parameters", "Parameters", OTHER, "Parameters all nodes support, each with its description", _parameters),
]

EXTSTORAGE: Table[ProviderRow] = Table(QueryResource.EXTSTORAGE, "name", _FIELDS)
