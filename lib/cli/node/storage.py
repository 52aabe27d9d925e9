"""gnt-node list-storage, modify-storage and repair-storage."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ganeti.cli import listing
from ganeti.cli.failures import ExitCode, UnknownFieldError, UsageError
from ganeti.cli.jobs import run_op
from ganeti.cli.parse import Values
from ganeti.cli.session import Session
from ganeti.model.opcodes.node import OpNodeModifyStorage, OpNodeQueryStorage, OpRepairNodeStorage
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


def modify_storage(session: Session, options: Values, args: Sequence[str]) -> int:
    """Change a storage unit."""
    if options.allocatable is None:
        raise UsageError("nothing to modify: give --allocatable")
    run_op(
        session,
        options,
        OpNodeModifyStorage.from_wire({**_unit(args), "changes": {"allocatable": options.allocatable}}),
    )
    return ExitCode.SUCCESS


def repair_storage(session: Session, options: Values, args: Sequence[str]) -> int:
    """Repair a storage unit."""
    wire = {**_unit(args), "ignore_consistency": options.ignore_consistency}
    run_op(session, options, OpRepairNodeStorage.from_wire(wire))
    return ExitCode.SUCCESS


def _unit(args: Sequence[str]) -> dict[str, str]:
    node, kind, name = args
    return {"node_name": node, "storage_type": kind, "name": name}
