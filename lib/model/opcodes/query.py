"""The query operation, for what is only known by asking nodes, and the list of fields."""

from __future__ import annotations

from collections.abc import Sequence

from ganeti.model.enums import QueryResource
from ganeti.model.opcodes.base import OpCode
from ganeti.model.opcodes.results import FieldsAnswer, QueryAnswer
from ganeti.model.scalars import NonEmptyStr
from ganeti.schema import param


class OpQuery(OpCode):
    """Query a resource."""

    SUMMARY_FIELD = "what"
    RESULT = QueryAnswer

    what: QueryResource = param(doc="Kind of thing to list")
    use_locking: bool = param(default=False, doc="Wait for running operations instead of looking at once")
    fields: Sequence[NonEmptyStr] = param(doc="Fields to answer, in this order")
    qfilter: list[object] | None = param(
        default=None, doc="Which ones to list: a filter as nested lists; null means all"
    )


class OpQueryFields(OpCode):
    """List the fields of a resource."""

    SUMMARY_FIELD = "what"
    RESULT = FieldsAnswer

    what: QueryResource = param(doc="Kind of thing whose fields are asked for")
    fields: Sequence[NonEmptyStr] | None = param(default=None, doc="Fields to describe; null means all")
