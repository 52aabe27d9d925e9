"""gnt-instance activate-disks, deactivate-disks, grow-disk and recreate-disks."""

from __future__ import annotations

from collections.abc import Sequence

from ganeti.cli.failures import ExitCode, UsageError
from ganeti.cli.instance.devices import lost_disks
from ganeti.cli.jobs import run_op
from ganeti.cli.parse import Values
from ganeti.cli.session import Session
from ganeti.cli.values import sizes, split_nodes
from ganeti.model.opcodes.instance import (
    OpInstanceActivateDisks,
    OpInstanceDeactivateDisks,
    OpInstanceGrowDisk,
    OpInstanceRecreateDisks,
)


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


def grow(session: Session, options: Values, args: Sequence[str]) -> int:
    """Grow a disk of an instance."""
    name, disk, amount = args
    if not (disk.isascii() and disk.isdigit()):
        raise UsageError(f"cannot read disk {disk!r}: a number comes here, such as 0 for the first disk")
    op = OpInstanceGrowDisk.from_wire(
        {
            "instance_name": name,
            "disk": int(disk),
            "amount": sizes({"amount": amount}, ["amount"])["amount"],
            "absolute": options.absolute,
            "wait_for_sync": options.wait_for_sync,
            "ignore_ipolicy": options.ignore_ipolicy,
        }
    )
    run_op(session, options, op)
    return ExitCode.SUCCESS


def recreate(session: Session, options: Values, args: Sequence[str]) -> int:
    """Make lost disks of an instance anew."""
    if options.node and options.iallocator:
        raise UsageError("-n names the nodes and -I lets an allocator choose them: give one of them")
    op = OpInstanceRecreateDisks.from_wire(
        {
            "instance_name": args[0],
            "disks": lost_disks(options.disks),
            "nodes": [node for node in split_nodes(options.node) if node],
            "iallocator": options.iallocator,
        }
    )
    run_op(session, options, op)
    return ExitCode.SUCCESS
