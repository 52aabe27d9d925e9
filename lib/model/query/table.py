"""The shape of a field table: rows of name, title, kind, documentation and how to read the value.

A field's `get` returns the plain value of one row of data.  Where there is none it
returns one of the `Missing` values below, or None for "does not apply here"; it never
raises.  Tables are made once, at import, and never change.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Generic, NamedTuple, TypeVar

from ganeti import errors
from ganeti.model.enums import FieldKind, QueryResource, QueryStatus
from ganeti.utils.suggest import did_you_mean
from ganeti.utils.text import natural_key

R = TypeVar("R")


class Need(enum.StrEnum):
    """Where the value of a field comes from, beyond the record it belongs to (spec/query_fields.json)."""

    ARCHIVED = "archived"
    CONSOLE = "console"
    DISK_PARAMS = "diskparams"
    DISK_USAGE = "diskusage"
    GROUP = "group"
    GROUPS = "groups"
    INSTANCES = "instances"
    LIVE = "live"
    MODE = "mode"
    NETWORKS = "networks"
    NODES = "nodes"
    OOB = "oob"
    OWNER = "owner"
    PENDING = "pending"
    QUEUE_DRAINED = "queue_drained"
    STATS = "stats"
    WATCHER_PAUSE = "watcher_pause"


#: needs that the configuration alone cannot meet: somebody must be asked
OUTSIDE_CONFIG = frozenset(
    {
        Need.ARCHIVED,
        Need.CONSOLE,
        Need.LIVE,
        Need.MODE,
        Need.OWNER,
        Need.PENDING,
        Need.QUEUE_DRAINED,
        Need.WATCHER_PAUSE,
    }
)


class Match(enum.StrEnum):
    """How a filter compares the values of a field, when not simply as they are."""

    #: a short name matches: web1 is web1.example.com; case does not matter
    HOSTNAME = "hostname"
    #: two spellings of one address are equal
    IP = "ip"
    #: a number, also when written as text
    JOB_ID = "job_id"
    #: seconds, or [seconds, microseconds]
    TIMESTAMP = "timestamp"


class Missing:
    """Stands in for a value that cannot be given; carries the reason."""

    __slots__ = ("status",)

    def __init__(self, status: QueryStatus) -> None:
        self.status = status

    def __repr__(self) -> str:
        return f"<{self.status.name.lower()}>"

    def __bool__(self) -> bool:
        return False


#: the field does not exist
UNKNOWN = Missing(QueryStatus.UNKNOWN)
#: it should be there, but whoever has it did not answer
NODATA = Missing(QueryStatus.NODATA)
#: there is no such value for this object
UNAVAIL = Missing(QueryStatus.UNAVAIL)
#: whoever has it is marked offline
OFFLINE = Missing(QueryStatus.OFFLINE)


class FieldRow(NamedTuple, Generic[R]):
    """One field of a resource; `doc` is a sentence for users without its full stop."""

    name: str
    title: str
    kind: FieldKind
    doc: str
    get: Callable[[R], object]
    need: Need | None = None
    match: Match | None = None

    def definition(self) -> dict[str, str]:
        """Return what a client is told about the field."""
        return {"name": self.name, "title": self.title, "kind": self.kind.value, "doc": self.doc}


class Table(Generic[R]):
    """All fields of a resource.

    `name_field` identifies a row for users: simple filters name it, and rows are
    sorted by it.  None where there is only one row.
    """

    def __init__(self, resource: QueryResource, name_field: str | None, fields: Iterable[FieldRow[R]]) -> None:
        self.resource = resource
        self.name_field = name_field
        self.fields: Mapping[str, FieldRow[R]] = {row.name: row for row in fields}

    def __repr__(self) -> str:
        return f"<fields of {self.resource}>"

    def select(self, names: Sequence[str] | None) -> list[FieldRow[R]]:
        """Return the named fields in that order, or all in natural order for None.

        A name that is not in the table yields a field of kind unknown, whose values
        all have the status unknown.
        """
        if names is None:
            return [self.fields[name] for name in sorted(self.fields, key=natural_key)]
        return [self.fields.get(name) or unknown_field(name) for name in names]

    def field(self, name: str) -> FieldRow[R]:
        """Return a field.

        Raises ParameterError, with the nearest name there is.
        """
        try:
            return self.fields[name]
        except KeyError:
            hint = did_you_mean(name, self.fields)
            raise errors.ParameterError(f"unknown field {name!r} of resource {self.resource}{hint}") from None


def unknown_field(name: str) -> FieldRow[Any]:
    """Return the field that stands for a name nobody knows."""
    return FieldRow(name, name, FieldKind.UNKNOWN, f"Unknown field {name!r}", lambda row: UNKNOWN)
