"""gnt-node add: sets a machine up over SSH or the shared directory, then adds it."""

from __future__ import annotations

from collections.abc import Sequence

from ganeti import errors
from ganeti.bootstrap.nodeadd import JoinOptions, prepare_node
from ganeti.cli.failures import ExitCode, UsageError
from ganeti.cli.instance.select import check_group
from ganeti.cli.jobs import run_op
from ganeti.cli.node.modify import disk_states
from ganeti.cli.parse import Values
from ganeti.cli.session import Session
from ganeti.cli.values import by_ident
from ganeti.luxi import methods
from ganeti.model.opcodes.node import OpNodeAdd
from ganeti.utils import net


def add(session: Session, options: Values, args: Sequence[str]) -> int:
    """Add a node to the cluster, or bring one back after it was reinstalled."""
    if options.readd and options.nodegroup:
        raise UsageError("--node-group cannot be used with --readd: the node keeps its group")
    _refuse_early(session, options, args[0])
    name, address = prepare_node(
        session.paths,
        JoinOptions(
            node_name=args[0],
            ssh_key_check=options.ssh_key_check,
            force_join=options.force_join,
            node_setup=options.node_setup,
        ),
    )
    op = OpNodeAdd.from_wire(
        {
            "node_name": name,
            "primary_ip": address,
            "secondary_ip": options.secondary_ip,
            "readd": options.readd,
            "group": options.nodegroup,
            "master_capable": options.master_capable,
            "vm_capable": options.vm_capable,
            "ndparams": options.ndparams,
            "hv_state": by_ident(options.hv_state, "hypervisor state") or None,
            "disk_state": disk_states(options.disk_state) or None,
        }
    )
    run_op(session, options, op)
    return ExitCode.SUCCESS


def _refuse_early(session: Session, options: Values, given: str) -> None:
    """Refuse what the master daemon would refuse later, when the machine has got new keys already."""
    name = net.look_up(given, session.paths).name
    known = session.client.call(methods.query, "node", ["master"], ["==", "name", name])["data"]
    if options.nodegroup:
        check_group(session, options.nodegroup)
    (drained,) = session.client.call(methods.query_config_values, ["drain_flag"])
    if drained:
        raise errors.JobQueueDrainError(f"cannot add node {name}: the job queue is drained")
    if known and not options.readd:
        raise UsageError(f"cannot add node {name}: it is in the cluster already (--readd takes a node back)")
    if options.readd and not known:
        raise UsageError(f"cannot take back node {name}: it is not in the cluster; add it without --readd")
    if known and known[0][0][1]:
        raise UsageError(f"cannot take back node {name}: it is the master")
