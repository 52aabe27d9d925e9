"""gnt-node list-storage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ganeti.cli import listing
from ganeti.cli.failures import ExitCode, UnknownFieldError
from ganeti.cli.jobs import run_op
from ganeti.cli.parse import Values
from ganeti.cli.session import Session
from ganeti.model.opcodes.node import OpNodeQueryStorage
from ganeti.utils.suggest import did_you_mean

_COLUMNS: Mapping[str, listing.Column] = {
    name: listing.Column(name, title, kind)
    for name, title, kind in (
        ("node", "Node", "text"),
        ("type", "Type", "text"),
        ("name", "Name", "text"),
        ("size", "Size", "unit"),
        ("used", "Used", "unit"),
        ("free", "Free", "unit"),
        ("allocatable", "Allocatable", "bool"),
    )
}


def list_storage(session: Session, options: Values, args: Sequence[str]) -> int:
    """List storage units."""
    fields = listing.selected_fields(options.output, session.command.fields)
    for name in fields:
        if name not in _COLUMNS:
            known = ", ".join(_COLUMNS)
            raise UnknownFieldError(f"unknown field {name}{did_you_mean(name, _COLUMNS)}; there are {known}")
    op = OpNodeQueryStorage.from_wire(
        {"output_fields": fields, "storage_type": options.user_storage_type, "nodes": list(args)}
    )
    rows = run_op(session, options, op)
    listing.show_table(session.console, options, [_COLUMNS[name] for name in fields], rows)
    return ExitCode.SUCCESS
