"""The fields of exports, and the row they are read from."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from ganeti.model.enums import FieldKind, QueryResource
from ganeti.model.objects.node import Node
from ganeti.model.query.rows.links import ConfigView, by_name
from ganeti.model.query.table import NODATA, OFFLINE, FieldRow, Match, Missing, Table
from ganeti.model.scalars import NodeName, Uuid
from ganeti.utils.text import natural_sort


class ExportRow(NamedTuple):
    """One export on a node, or why nothing is known of the exports there."""

    node: NodeName
    export: str | Missing


def export_rows(
    config: ConfigView, answers: Mapping[Uuid, Sequence[str] | None], *, only: Collection[str] | None = None
) -> list[ExportRow]:
    """Return a row for each export on the nodes (of these full names), and one for a node that did not answer.

    `answers` are those to export_list, by node uuid; None for a node that gave none.
    """
    rows: list[ExportRow] = []
    for node in by_name(config.nodes, lambda node: node.name, only):
        rows += _rows_of(node, answers.get(node.uuid))
    return rows


def _rows_of(node: Node, exports: Sequence[str] | None) -> list[ExportRow]:
    if exports is None or node.offline:
        return [ExportRow(node.name, OFFLINE if node.offline else NODATA)]
    return [ExportRow(node.name, name) for name in natural_sort(exports)]


_FIELDS: list[FieldRow[ExportRow]] = [
    FieldRow("node", "Node", FieldKind.TEXT, "Node that holds the export", lambda r: r.node, match=Match.HOSTNAME),
    FieldRow("export", "Export", FieldKind.TEXT, "Name of the export", lambda r: r.export),
]

EXPORTS: Table[ExportRow] = Table(QueryResource.EXPORT, "node", _FIELDS)
