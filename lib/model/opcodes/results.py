"""Shapes of the answers of operations; a struct of `spec/opcodes.json` is a record here."""

from __future__ import annotations

from collections.abc import Sequence

from ganeti.model.enums import FieldKind, QueryStatus
from ganeti.model.scalars import JobId, NonEmptyStr
from ganeti.schema import Record, param

Changes = Sequence[tuple[NonEmptyStr, object]]
"""What was changed: name of the parameter and its new value, in the order done."""

Rows = Sequence[Sequence[object]]
"""One list per object, with a value per field asked for."""

CheckedRows = Sequence[Sequence[tuple[QueryStatus, object]]]
"""One list per object, with a status and a value per field asked for."""


class JobsAnswer(Record):
    """Jobs that were submitted to do the work."""

    jobs: Sequence[tuple[bool, str | JobId]] = param(
        doc="For each job, whether it was submitted, and its id or the reason why not"
    )


class MultiAllocAnswer(Record):
    """Jobs that create what found a place, and the names of what found one and what did not."""

    jobs: Sequence[tuple[bool, str | JobId]] = param(
        doc="For each job, whether it was submitted, and its id or the reason why not"
    )
    allocatable: Sequence[NonEmptyStr] = param(doc="Instances that found a place")
    failed: Sequence[NonEmptyStr] = param(doc="Instances that found none")


class FieldAnswer(Record):
    """Description of one field of a query."""

    name: NonEmptyStr = param(doc="Name of the field in requests")
    title: NonEmptyStr = param(doc="Heading of its column")
    kind: FieldKind = param(doc="How its values are shown")
    doc: NonEmptyStr = param(doc="What it tells")


class FieldsAnswer(Record):
    """The fields a resource has."""

    fields: Sequence[FieldAnswer] = param(doc="Descriptions, in the order asked for")


class QueryAnswer(Record):
    """Answer of a query."""

    fields: Sequence[FieldAnswer] = param(doc="Descriptions of the columns")
    data: CheckedRows = param(doc="One row per object: status and value of each column")
