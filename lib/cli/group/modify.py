"""gnt-group add, modify, assign-nodes, rename and remove."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ganeti.cli.cluster.modify import instance_policy
from ganeti.cli.failures import ExitCode, UsageError
from ganeti.cli.jobs import follow_children, run_op
from ganeti.cli.listing import plain_text
from ganeti.cli.node.modify import disk_states
from ganeti.cli.parse import Values
from ganeti.cli.session import Session
from ganeti.cli.values import by_ident
from ganeti.model.opcodes.group import OpGroupAdd, OpGroupAssignNodes, OpGroupRemove, OpGroupRename, OpGroupSetParams


def add(session: Session, options: Values, args: Sequence[str]) -> int:
    """Add a group."""
    op = OpGroupAdd.from_wire({"group_name": args[0], **_settings(options)})
    return follow_children(session, run_op(session, options, op))


def modify(session: Session, options: Values, args: Sequence[str]) -> int:
    """Change a group."""
    settings = _settings(options)
    if all(value is None for value in settings.values()):
        raise UsageError("nothing to modify: give at least one of the options that --help shows")
    changed = run_op(session, options, OpGroupSetParams.from_wire({"group_name": args[0], **settings}))
    if changed and not options.dry_run:
        session.console.out(f"Modified node group {args[0]}")
        for name, value in changed:
            session.console.out(f" - {name:<5} -> {plain_text(value)}")
    return ExitCode.SUCCESS


def assign_nodes(session: Session, options: Values, args: Sequence[str]) -> int:
    """Move nodes to a group."""
    group, *nodes = args
    if not nodes:
        raise UsageError("no nodes given: name those to move")
    run_op(
        session,
        options,
        OpGroupAssignNodes.from_wire({"group_name": group, "nodes": nodes, "force": options.force}),
    )
    return ExitCode.SUCCESS


def rename(session: Session, options: Values, args: Sequence[str]) -> int:
    """Give a group another name."""
    old, new = args
    run_op(session, options, OpGroupRename.from_wire({"group_name": old, "new_name": new}))
    return ExitCode.SUCCESS


def remove(session: Session, options: Values, args: Sequence[str]) -> int:
    """Remove a group."""
    run_op(session, options, OpGroupRemove.from_wire({"group_name": args[0]}))
    return ExitCode.SUCCESS


def _settings(options: Values) -> Mapping[str, Any]:
    """Return, by field of the opcodes, what a group can have of its own; None is not given."""
    return {
        "alloc_policy": options.alloc_policy,
        "ndparams": options.ndparams or None,
        "diskparams": by_ident(options.diskparams, "disk parameters") or None,
        "hv_state": by_ident(options.hv_state, "hypervisor state") or None,
        "disk_state": disk_states(options.disk_state) or None,
        "ipolicy": instance_policy(options) or None,
    }
