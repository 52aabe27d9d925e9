"""gnt-instance activate-disks and deactivate-disks."""

from __future__ import annotations

from collections.abc import Sequence

from ganeti.cli.failures import ExitCode
from ganeti.cli.jobs import run_op
from ganeti.cli.parse import Values
from ganeti.cli.session import Session
from ganeti.model.opcodes.instance import OpInstanceActivateDisks, OpInstanceDeactivateDisks


def activate(session: Session, options: Values, args: Sequence[str]) -> int:
    """Assemble the disks of an instance."""
    op = OpInstanceActivateDisks.from_wire(
        {"instance_name": args[0], "ignore_size": options.ignore_size, "wait_for_sync": options.wait_for_sync}
    )
    for node, name, path in run_op(session, options, op):
        session.console.out(f"{node}:{name}:{path}")
    return ExitCode.SUCCESS


def deactivate(session: Session, options: Values, args: Sequence[str]) -> int:
    """Shut down the disks of an instance."""
    op = OpInstanceDeactivateDisks.from_wire({"instance_name": args[0], "force": options.force})
    run_op(session, options, op)
    return ExitCode.SUCCESS
