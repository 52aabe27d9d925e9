"""gnt-node modify and remove."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ganeti.cli.failures import ExitCode, UsageError
from ganeti.cli.jobs import run_op
from ganeti.cli.listing import plain_text
from ganeti.cli.parse import Values
from ganeti.cli.session import Session
from ganeti.cli.values import by_ident
from ganeti.model.opcodes.node import OpNodeRemove, OpNodeSetParams

_NEEDS_CHANGE = (
    "master_candidate", "drained", "offline", "master_capable", "vm_capable", "secondary_ip", "ndparams", "powered",
    "hv_state", "disk_state",
)  # fmt: skip


def modify(session: Session, options: Values, args: Sequence[str]) -> int:
    """Change a node."""
    changed = run_op(session, options, modify_op(args[0], options))
    if changed and not options.dry_run:
        session.console.out(f"Modified node {args[0]}")
        for name, value in changed:
            session.console.out(f" - {name:<5} -> {plain_text(value)}")
    return ExitCode.SUCCESS


def modify_op(name: str, options: Values) -> OpNodeSetParams:
    """Return the opcode that changes a node as the options say.

    Raises UsageError when nothing is to be changed.
    """
    wire: Mapping[str, Any] = {
        "node_name": name,
        "force": options.force,
        "master_candidate": options.master_candidate,
        "drained": options.drained,
        "offline": options.offline,
        "master_capable": options.master_capable,
        "vm_capable": options.vm_capable,
        "secondary_ip": options.secondary_ip,
        "auto_promote": options.auto_promote,
        "ndparams": options.ndparams,
        "powered": options.node_powered,
        "hv_state": by_ident(options.hv_state, "hypervisor state") or None,
        "disk_state": disk_states(options.disk_state) or None,
    }
    if all(wire[key] is None for key in _NEEDS_CHANGE):
        raise UsageError("nothing to modify: give at least one of the options that --help shows")
    return OpNodeSetParams.from_wire(wire)


def disk_states(given: Sequence[tuple[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return {type: {name: values}} of TYPE/NAME:key=value,... options.

    Raises UsageError where the name is missing.
    """
    result: dict[str, dict[str, Any]] = {}
    for ident, values in by_ident(given, "disk state").items():
        kind, slash, name = ident.partition("/")
        if not slash or not name:
            raise UsageError(f"cannot read disk state of {ident!r}: write TYPE/NAME:key=value,...")
        result.setdefault(kind, {})[name] = values
    return result


def remove(session: Session, options: Values, args: Sequence[str]) -> int:
    """Remove a node."""
    run_op(session, options, OpNodeRemove.from_wire({"node_name": args[0]}))
    return ExitCode.SUCCESS
