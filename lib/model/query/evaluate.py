"""A query: made once from fields and filter, then answered from rows of data.

    query = prepare(INSTANCES, ["name", "status"], ["==", "pnode", "node1"])
    rows = instance_rows(config, query.names)
    if not query.filter_asks:                 # the filter can be decided on configuration alone:
        rows = query.matching(rows)           # ask the nodes only for what is left
    ... gather what `query.asks` names ...
    answer = query.answer(rows)

The answer is what travels: {"fields": [definition...], "data": [[[status, value]...]...]}.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, Generic, NamedTuple, TypedDict, TypeVar

from ganeti import errors
from ganeti.model.enums import QueryStatus
from ganeti.model.query.filters import compile_filter
from ganeti.model.query.names import names_in_filter
from ganeti.model.query.table import OUTSIDE_CONFIG, FieldRow, Missing, Need, Table
from ganeti.utils.cpu_limit import run_limited

R = TypeVar("R")

#: seconds of processor time the filter of one query may take: nobody else is served meanwhile
FILTER_LIMIT = 1.0

Cell = list[object]
"""[status, value]; the value is None unless the status is 0."""

# plain ints: a member of an enum is slow to write as JSON
_NORMAL = int(QueryStatus.NORMAL)
_UNAVAIL = int(QueryStatus.UNAVAIL)


class Fields(TypedDict):
    """Answer to "which fields": name, title, kind and doc of each."""

    fields: list[dict[str, str]]


class Answer(Fields):
    """Answer to a query."""

    data: list[list[Cell]]


class Query(NamedTuple, Generic[R]):
    """A query that has been checked and compiled.

    `names` are the names (or numbers, as text) that the filter asks for when it asks
    for nothing else, in its order; None when rows must be looked for.  `needs` is
    what fields and filter need, `filter_needs` what the filter alone needs.
    """

    table: Table[R]
    columns: Sequence[FieldRow[R]]
    matches: Callable[[R], bool] | None
    names: Sequence[str] | None
    needs: frozenset[Need]
    filter_needs: frozenset[Need]

    @property
    def asks(self) -> frozenset[Need]:
        """What must be gathered from outside the configuration to answer."""
        return self.needs & OUTSIDE_CONFIG

    @property
    def filter_asks(self) -> frozenset[Need]:
        """What must be gathered from outside the configuration to decide the filter."""
        return self.filter_needs & OUTSIDE_CONFIG

    def matching(self, rows: Iterable[R]) -> list[R]:
        """Return the rows that pass the filter.

        Raises ParameterError when its regular expressions take too long.
        """
        matches = self.matches
        if matches is None:
            return list(rows)
        try:
            return run_limited(lambda: [row for row in rows if matches(row)], FILTER_LIMIT)
        except TimeoutError:
            raise errors.ParameterError(
                f"the filter takes more than {FILTER_LIMIT:g} s of processor time: use simpler regular expressions"
            ) from None

    def answer(self, rows: Iterable[R]) -> Answer:
        """Return the rows that pass the filter, in the order given, as they travel."""
        return {"fields": [field.definition() for field in self.columns], "data": self.data(self.matching(rows))}

    def data(self, rows: Sequence[R]) -> list[list[Cell]]:
        """Return one list of [status, value] for each row, whether it passes the filter or not."""
        columns = [_cells(field.get, rows) for field in self.columns]
        return [list(cells) for cells in zip(*columns, strict=True)] if columns else [[] for _ in rows]

    def plain(self, rows: Sequence[R]) -> list[list[object]]:
        """Return one list of values for each row, without their status, whether it passes the filter or not."""
        columns = [list(map(field.get, rows)) for field in self.columns]
        for column in columns:
            if Missing in map(type, column):
                column[:] = [None if value.__class__ is Missing else value for value in column]
        return [list(values) for values in zip(*columns, strict=True)] if columns else [[] for _ in rows]

    def values(self, row: R) -> list[object]:
        """Return the values of one row without their status; None for what is missing."""
        found = [field.get(row) for field in self.columns]
        return [None if isinstance(value, Missing) else value for value in found]


def prepare(table: Table[R], fields: Sequence[str] | None, qfilter: object = None) -> Query[R]:
    """Check and compile a query; None as fields means all of them, None as filter all rows.

    Raises ParameterError when the filter is wrong; unknown fields are no error.
    """
    columns = table.select(fields)
    compiled = None if qfilter is None else compile_filter(qfilter, table)
    names = None
    if qfilter is not None and table.name_field is not None:
        names = names_in_filter(qfilter, table.name_field)
    filter_needs = compiled.needs if compiled else frozenset()
    needs = filter_needs | {field.need for field in columns if field.need is not None}
    return Query(table, columns, compiled.matches if compiled else None, names, needs, filter_needs)


def run_query(table: Table[R], rows: Iterable[R], fields: Sequence[str] | None, qfilter: object = None) -> Answer:
    """Answer a query from rows for which everything it needs has been gathered.

    Raises ParameterError when the filter is wrong.
    """
    return prepare(table, fields, qfilter).answer(rows)


def query_fields(table: Table[Any], names: Sequence[str] | None) -> Fields:
    """Describe these fields, or all in natural order for None."""
    return {"fields": [field.definition() for field in table.select(names)]}


def plain_rows(answer: Answer) -> list[list[object]]:
    """Return the values of an answer without their status, as the older calls answer."""
    return [[value for _, value in row] for row in answer["data"]]


def _cells(get: Callable[[R], object], rows: Sequence[R]) -> list[Cell]:
    return [
        [_NORMAL, value] if value is not None and value.__class__ is not Missing else _missing(value)
        for value in map(get, rows)
    ]


def _missing(value: object) -> Cell:
    return [int(value.status) if isinstance(value, Missing) else _UNAVAIL, None]
