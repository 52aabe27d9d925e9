"""The fields of locks; they are read from the dump of the lock manager."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from ganeti.model.enums import FieldKind, QueryResource
from ganeti.model.query.table import FieldRow, Need, Table


class LockRow(Protocol):
    """One lock somebody holds or waits for."""

    @property
    def name(self) -> str:
        """Level and name."""

    @property
    def mode(self) -> str | None:
        """Either exclusive or shared; None when nobody holds it."""

    @property
    def owner(self) -> Sequence[str]:
        """Who holds it."""

    @property
    def pending(self) -> Sequence[tuple[str, Sequence[str]]]:
        """(mode, owners) of those who wait, in the order in which they are served."""


_FIELDS: list[FieldRow[LockRow]] = [
    FieldRow("name", "Name", FieldKind.TEXT, "Level and name of the lock", lambda r: r.name),
    FieldRow("mode", "Mode", FieldKind.OTHER, "How it is held: exclusive or shared", lambda r: r.mode, Need.MODE),
    FieldRow("owner", "Owner", FieldKind.OTHER, "Jobs that hold it", lambda r: list(r.owner) or None, Need.OWNER),
    FieldRow(
        "pending",
        "Pending",
        FieldKind.OTHER,
        "Who waits for it: mode and jobs, in the order in which they are served",
        lambda r: [[mode, list(owners)] for mode, owners in r.pending],
        Need.PENDING,
    ),
]

LOCKS: Table[LockRow] = Table(QueryResource.LOCK, "name", _FIELDS)
