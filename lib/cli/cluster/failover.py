"""gnt-cluster master-failover, master-ping, and the cluster's address."""

from __future__ import annotations

from collections.abc import Sequence

from ganeti import errors
from ganeti.bootstrap.failover import Options, known_nodes
from ganeti.bootstrap.failover_run import become_master
from ganeti.cli.failures import ExitCode
from ganeti.cli.jobs import run_op
from ganeti.cli.parse import Values
from ganeti.cli.session import Session
from ganeti.luxi import methods
from ganeti.model.opcodes.cluster import OpClusterActivateMasterIp, OpClusterDeactivateMasterIp

_NO_VOTING = """\
With --no-voting nobody has to agree that {me} becomes the master of this cluster.
Nodes that answer (asked: {nodes}) follow it and will refuse the old master; but an old
master that does not answer may still run, with its instances, its jobs and the
cluster's address, and what it does from now on is lost or collides with what is done
here.  Before you go on, make sure that it is switched off, or cut off for good, and
mark it offline afterwards: gnt-node modify --offline=yes NODE.
In a cluster of two nodes this is the only way when the master is dead."""


def master_failover(session: Session, options: Values, args: Sequence[str]) -> int:
    """Make this node the master."""
    paths, console = session.paths, session.console
    if options.no_voting and not options.yes_do_it:
        others = [name for name in known_nodes(paths) if name != paths.hostname]
        console.say(_NO_VOTING.format(me=paths.hostname, nodes=", ".join(others) or "none"))
        console.confirm(f"Make {paths.hostname} the master without a vote?")
    needed = become_master(paths, Options(voting=not options.no_voting), console.show, console.warn)
    console.show(f"{paths.hostname} is the master now" if needed else f"{paths.hostname} is the master already")
    return ExitCode.SUCCESS


def master_ping(session: Session, options: Values, args: Sequence[str]) -> int:
    """Tell by the exit code whether the master daemon answers."""
    try:
        session.client.call(methods.query_cluster_info)
    except errors.GenericError:
        return ExitCode.FAILURE
    return ExitCode.SUCCESS


def activate_master_ip(session: Session, options: Values, args: Sequence[str]) -> int:
    """Put the cluster's address on the master."""
    run_op(session, options, OpClusterActivateMasterIp())
    return ExitCode.SUCCESS


def deactivate_master_ip(session: Session, options: Values, args: Sequence[str]) -> int:
    """Take the cluster's address off the master."""
    if not options.confirm:
        session.console.confirm(
            "Take the cluster's address off the master? Clients of the remote API that use it lose their connection."
        )
    run_op(session, options, OpClusterDeactivateMasterIp())
    return ExitCode.SUCCESS
