"""gnt-node powercycle."""

from __future__ import annotations

from collections.abc import Sequence

from ganeti.cli.failures import ExitCode
from ganeti.cli.jobs import run_op
from ganeti.cli.parse import Values
from ganeti.cli.session import Session
from ganeti.model.opcodes.node import OpNodePowercycle


def powercycle(session: Session, options: Values, args: Sequence[str]) -> int:
    """Reset a node."""
    if not options.confirm and not options.dry_run:
        session.console.confirm(
            f"Node {args[0]} will be reset at once, and all instances on it with it. Continue?",
            "guests lose what they have not written",
        )
    told = run_op(session, options, OpNodePowercycle.from_wire({"node_name": args[0], "force": options.force}))
    if told:
        session.console.out(str(told))
    return ExitCode.SUCCESS
