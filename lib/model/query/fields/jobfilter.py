"""The fields of filters of the job queue; they are read from the records."""

from __future__ import annotations

from ganeti.model.enums import FieldKind, QueryResource
from ganeti.model.objects.filter import Filter
from ganeti.model.query.rows.links import ConfigView
from ganeti.model.query.table import FieldRow, Table
from ganeti.schema_types import dump_any

NUMBER, OTHER, TEXT = FieldKind.NUMBER, FieldKind.OTHER, FieldKind.TEXT


def filter_rows(config: ConfigView) -> list[Filter]:
    """Return the filters in the order in which they are looked at."""
    return sorted(config.filters.values(), key=lambda rule: (rule.priority, rule.watermark, rule.uuid))


_FIELDS: list[FieldRow[Filter]] = [
    FieldRow("uuid", "UUID", TEXT, "Identity of the filter, which never changes", lambda r: r.uuid),
    FieldRow("watermark", "Watermark", NUMBER, "Highest job id when the filter was made", lambda r: r.watermark),
    FieldRow("priority", "Priority", NUMBER, "Filters of lower numbers are looked at first", lambda r: r.priority),
    FieldRow(
        "predicates", "Predicates", OTHER, "What a job must be for the filter to hold", lambda r: dump_any(r.predicates)
    ),
    FieldRow("action", "Action", OTHER, "What is done with a job for which it holds", lambda r: dump_any(r.action)),
    FieldRow(
        "reason_trail",
        "ReasonTrail",
        OTHER,
        "Why the filter is there: source, reason and time in nanoseconds",
        lambda r: dump_any(r.reason_trail),
    ),
]

FILTERS: Table[Filter] = Table(QueryResource.FILTER, "uuid", _FIELDS)
