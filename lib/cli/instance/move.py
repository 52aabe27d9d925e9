"""gnt-instance failover and migrate."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ganeti.cli.failures import ExitCode, UsageError
from ganeti.cli.instance.select import full_name
from ganeti.cli.jobs import run_op
from ganeti.cli.parse import Values
from ganeti.cli.session import Session
from ganeti.luxi import methods
from ganeti.model.enums import InstanceStatus
from ganeti.model.opcodes.instance import OpInstanceFailover, OpInstanceMigrate


def failover(session: Session, options: Values, args: Sequence[str]) -> int:
    """Fail an instance over."""
    _one_target(options)
    if not (options.force or options.dry_run or options.cleanup):
        name = full_name(session, args[0])
        if options.ignore_consistency:
            _confirm_without_proof(session, name)
        else:
            session.console.confirm(
                f"Instance {name} will be stopped and started on another node. Continue?",
                "the guest is down for a moment, as in a power cut; gnt-instance migrate avoids that",
            )
    op = OpInstanceFailover.from_wire(
        {
            "instance_name": args[0],
            "shutdown_timeout": options.shutdown_timeout,
            "ignore_consistency": options.ignore_consistency,
            "target_node": options.dst_node,
            "iallocator": options.iallocator,
            "ignore_ipolicy": options.ignore_ipolicy,
            "cleanup": options.cleanup,
        }
    )
    run_op(session, options, op)
    return ExitCode.SUCCESS


def _confirm_without_proof(session: Session, name: str) -> None:
    """Ask whether the administrator knows what the master cannot: that the instance is down where it was."""
    answer = session.client.call(methods.query, "instance", ["pnode", "status"], ["=", "name", name])
    ((_, node), (_, status)), *_ = answer["data"]
    known = _UNASKED.get(status, "")
    session.console.confirm(
        f"WARNING: instance {name} will be started on another node even if it cannot be stopped on node {node}{known}."
        f" If it still runs there it will run twice and destroy its disks."
        f" Is it certain that node {node} is switched off?",
        "a node that is marked offline, or does not answer, may well go on with its instances: look at its power",
    )


#: what the status of an instance says of its primary node
_UNASKED: Mapping[str, str] = {
    InstanceStatus.ERROR_NODE_OFFLINE: ", which is marked offline",
    InstanceStatus.ERROR_NODE_DOWN: ", which does not answer",
}


def migrate(session: Session, options: Values, args: Sequence[str]) -> int:
    """Migrate an instance."""
    _one_target(options)
    if not options.live and options.migration_mode is not None:
        raise UsageError("--non-live and --migration-mode say the same: give one of them")
    if not (options.force or options.dry_run):
        session.console.confirm(
            f"Instance {full_name(session, args[0])} will be repaired after an interrupted migration. Continue?"
            if options.cleanup
            else f"Instance {full_name(session, args[0])} will be moved to another node while it runs. Continue?",
            "migration can fail and leave the guest stopped; save its work if that matters",
        )
    op = OpInstanceMigrate.from_wire(
        {
            "instance_name": args[0],
            "mode": "non-live" if not options.live else options.migration_mode,
            "target_node": options.dst_node,
            "iallocator": options.iallocator,
            "allow_runtime_changes": options.allow_runtime_chgs,
            "ignore_ipolicy": options.ignore_ipolicy,
            "cleanup": options.cleanup,
            "allow_failover": options.allow_failover,
            "ignore_hvversions": options.ignore_hvversions,
        }
    )
    run_op(session, options, op)
    return ExitCode.SUCCESS


def _one_target(options: Values) -> None:
    if options.dst_node and options.iallocator:
        raise UsageError("-n names the node and -I lets an allocator choose it: give one of them")
