"""gnt-node evacuate, failover and migrate: what has instances leave a node."""

from __future__ import annotations

from collections.abc import Sequence

from ganeti import errors
from ganeti.cli.failures import ExitCode, UsageError
from ganeti.cli.jobs import Work, follow_children, run_many, run_op
from ganeti.cli.parse import Values
from ganeti.cli.session import Session
from ganeti.luxi import methods
from ganeti.model.opcodes.instance import OpInstanceFailover
from ganeti.model.opcodes.node import OpNodeEvacuate, OpNodeMigrate


def evacuate(session: Session, options: Values, args: Sequence[str]) -> int:
    """Evacuate a node."""
    if options.primary_only and options.secondary_only:
        raise UsageError("--primary-only and --secondary-only contradict each other; without them both kinds leave")
    if options.dst_node and options.iallocator:
        raise UsageError("-n names the node and -I lets an allocator choose: give one of them")
    if options.dst_node and not options.secondary_only:
        raise UsageError("-n names a new secondary node: give --secondary-only with it")
    mode = "primary-only" if options.primary_only else "secondary-only" if options.secondary_only else "all"
    fields = {"primary-only": ["pinst_list"], "secondary-only": ["sinst_list"], "all": ["pinst_list", "sinst_list"]}
    names = _instances(session, args[0], fields[mode])
    if not _go_on(session, options, names, args[0], "move", "each is down for a moment if it cannot be migrated"):
        return ExitCode.SUCCESS
    op = OpNodeEvacuate.from_wire(
        {
            "node_name": args[0],
            "mode": mode,
            "remote_node": options.dst_node,
            "iallocator": options.iallocator,
            "early_release": options.early_release,
            "ignore_soft_errors": options.ignore_soft_errors or None,
        }
    )
    return follow_children(session, run_op(session, options, op))


def failover(session: Session, options: Values, args: Sequence[str]) -> int:
    """Fail over the primary instances of a node."""
    names = _instances(session, args[0], ["pinst_list"])
    if not _go_on(session, options, names, args[0], "fail over", "guests are down for a moment, as in a power cut"):
        return ExitCode.SUCCESS
    works = [
        Work(
            name,
            [
                OpInstanceFailover.from_wire(
                    {
                        "instance_name": name,
                        "ignore_consistency": options.ignore_consistency,
                        "iallocator": options.iallocator,
                    }
                )
            ],
        )
        for name in names
    ]
    return run_many(session, options, works)


def migrate(session: Session, options: Values, args: Sequence[str]) -> int:
    """Migrate the primary instances of a node."""
    if options.dst_node and options.iallocator:
        raise UsageError("-n names the node and -I lets an allocator choose it: give one of them")
    if not options.live and options.migration_mode is not None:
        raise UsageError("--non-live and --migration-mode say the same: give one of them")
    names = _instances(session, args[0], ["pinst_list"])
    warning = "migration can fail and leave a guest stopped; save its work if that matters"
    if not _go_on(session, options, names, args[0], "migrate", warning):
        return ExitCode.SUCCESS
    op = OpNodeMigrate.from_wire(
        {
            "node_name": args[0],
            "mode": "non-live" if not options.live else options.migration_mode,
            "target_node": options.dst_node,
            "iallocator": options.iallocator,
            "allow_runtime_changes": options.allow_runtime_chgs,
            "ignore_ipolicy": options.ignore_ipolicy,
        }
    )
    return follow_children(session, run_op(session, options, op))


def _instances(session: Session, node: str, fields: Sequence[str]) -> list[str]:
    """Return the instances of a node, sorted.

    Raises OpPrereqError when there is no such node.
    """
    rows = session.client.call(methods.query, "node", list(fields), ["=", "name", node])["data"]
    if not rows:
        raise errors.OpPrereqError(f"node {node!r} is not known", errors.ECode.NOENT)
    return sorted({name for _, names in rows[0] for name in names})


def _go_on(session: Session, options: Values, names: Sequence[str], node: str, act: str, warning: str) -> bool:
    """Tell whether there is something to do; asks about it unless that is forced.

    Raises DeclinedError when the user says no.
    """
    if not names:
        session.console.show(f"No instance has to leave node {node}")
        return False
    if not options.force:
        session.console.confirm(f"This will {act} instances {', '.join(names)} from node {node}. Continue?", warning)
    return True
