"""gnt-node add: sets a machine up over SSH or the shared directory, then adds it."""

from __future__ import annotations

from collections.abc import Sequence

from ganeti.bootstrap.nodeadd import JoinOptions, prepare_node
from ganeti.cli.failures import ExitCode, UsageError
from ganeti.cli.jobs import run_op
from ganeti.cli.node.modify import disk_states
from ganeti.cli.parse import Values
from ganeti.cli.session import Session
from ganeti.cli.values import by_ident
from ganeti.model.opcodes.node import OpNodeAdd


def add(session: Session, options: Values, args: Sequence[str]) -> int:
    """Add a node to the cluster, or bring one back after it was reinstalled."""
    if options.readd and options.nodegroup:
        raise UsageError("--node-group cannot be used with --readd: the node keeps its group")
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
