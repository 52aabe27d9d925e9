"""What several tables share: the fields of every record, and fields made from parameter tables."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Set
from typing import Protocol, TypeVar

from ganeti.model.enums import FieldKind, ValueType
from ganeti.model.objects.base import TrackedObject
from ganeti.model.params.table import Param
from ganeti.model.query.table import FieldRow, Need
from ganeti.schema_types import dump_any

R = TypeVar("R")

#: values of a parameter become a field of this kind; a text may have any form, so it is no TEXT
KIND_OF_TYPE: Mapping[ValueType, FieldKind] = {
    ValueType.BOOL: FieldKind.BOOL,
    ValueType.FLOAT: FieldKind.FLOAT,
    ValueType.INT: FieldKind.NUMBER,
    ValueType.MAYBE_STRING: FieldKind.OTHER,
    ValueType.SIZE: FieldKind.UNIT,
    ValueType.STRING: FieldKind.OTHER,
}

ND_TITLES: Mapping[str, str] = {
    "exclusive_storage": "ExclusiveStorage",
    "oob_program": "OutOfBandProgram",
    "ovs": "OpenvSwitch",
    "ovs_link": "OpenvSwitchLink",
    "ovs_name": "OpenvSwitchName",
    "spindle_count": "SpindleCount",
}


class Tagged(Protocol):
    """A record with tags."""

    @property
    def tags(self) -> Set[str]:
        """Its tags."""


def tracked_fields(what: str, record: Callable[[R], TrackedObject]) -> list[FieldRow[R]]:
    """Return the fields of a record that counts its changes."""
    return [
        FieldRow(
            "uuid", "UUID", FieldKind.TEXT, f"Identity of the {what}, which never changes", lambda r: record(r).uuid
        ),
        FieldRow(
            "serial_no",
            "SerialNo",
            FieldKind.NUMBER,
            f"Number of changes of the {what}, counted from 1",
            lambda r: record(r).serial_no,
        ),
        *time_fields(what, record),
    ]


def time_fields(what: str, record: Callable[[R], TrackedObject]) -> list[FieldRow[R]]:
    """Return when a record was made and changed."""
    return [
        FieldRow("ctime", "CTime", FieldKind.TIMESTAMP, f"When the {what} was created", lambda r: record(r).ctime),
        FieldRow("mtime", "MTime", FieldKind.TIMESTAMP, f"When the {what} was changed last", lambda r: record(r).mtime),
    ]


def tags_field(what: str, record: Callable[[R], Tagged]) -> FieldRow[R]:
    """Return the field of a record's tags."""
    return FieldRow("tags", "Tags", FieldKind.OTHER, f"Tags of the {what}", lambda r: sorted(record(r).tags))


def param_fields(
    prefix: str,
    params: Mapping[str, Param],
    titles: Mapping[str, str],
    filled: Callable[[R], Mapping[str, object]],
) -> Iterator[FieldRow[R]]:
    """Yield a field `prefix/name` for each parameter; a parameter the object has not is unavailable."""
    for name, row in params.items():
        title = titles.get(name, f"{prefix}/{name}")
        yield FieldRow(f"{prefix}/{name}", title, KIND_OF_TYPE[row.type], row.doc, _reader(name, filled))


def indexed_fields(
    name: str,
    title: str,
    kind: FieldKind,
    doc: str,
    count: int,
    get: Callable[[R, int], object],
    need: Need | None = None,
) -> Iterator[FieldRow[R]]:
    """Yield fields `name/0`, `name/1`, ...; `get` is only called with an index and returns None where there is none."""
    for index in range(count):
        yield FieldRow(f"{name}/{index}", f"{title}/{index}", kind, f"{doc} {index}", _at(get, index), need)


def plain(value: object) -> object:
    """Return a value that may hold records as JSON has it, None for None and for nothing."""
    return dump_any(value) if value else None


def _reader(name: str, filled: Callable[[R], Mapping[str, object]]) -> Callable[[R], object]:
    return lambda row: filled(row).get(name)


def _at(get: Callable[[R, int], object], index: int) -> Callable[[R], object]:
    return lambda row: get(row, index)
