"""gnt-cluster command and copyfile: something done on many nodes from here."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import NamedTuple

from ganeti.cli import listing
from ganeti.cli.failures import ExitCode, UsageError
from ganeti.cli.instance.select import check_group, expand_names
from ganeti.cli.parse import Values
from ganeti.cli.session import Session
from ganeti.cli.ssh import command_argv, copy_argv
from ganeti.luxi import methods
from ganeti.model.query.names import filter_of_names
from ganeti.utils import process


class Target(NamedTuple):
    """A node to do it on."""

    name: str
    primary: str
    secondary: str
    is_master: bool


def command(session: Session, options: Values, args: Sequence[str]) -> int:
    """Run a command on nodes, the master last."""
    cluster = _cluster_name(session)
    failed = 0
    for target in _targets(session, options):
        result = process.run(command_argv(session, target.name, args, cluster))
        failed += result.exit_code != 0
        if options.failure_only and result.exit_code == 0:
            continue
        session.console.show("------------------------------------------------")
        session.console.show(f"node: {target.name}")
        for line in result.output.splitlines():
            session.console.show(f"{target.name}: {line}" if options.show_machine_names else line)
        session.console.show(f"return code = {result.exit_code}")
    return ExitCode.FAILURE if failed else ExitCode.SUCCESS


def copyfile(session: Session, options: Values, args: Sequence[str]) -> int:
    """Copy a file to nodes other than this one."""
    file = os.path.abspath(args[0])
    if not os.path.isfile(file):
        raise UsageError(f"cannot copy {file}: no such file")
    cluster = _cluster_name(session)
    code = ExitCode.SUCCESS
    for target in _targets(session, options):
        if target.is_master:
            continue
        address = target.secondary if options.use_replication_network else target.primary
        result = process.run(copy_argv(session, file, target.name, address, cluster))
        if result.failed:
            session.console.say(f"cannot copy {file} to node {target.name}: {result.output.strip()}")
            code = ExitCode.FAILURE
    return code


def _targets(session: Session, options: Values) -> list[Target]:
    """Return the nodes the options name, or all that are online; the master last."""
    qfilter: listing.Filter | None = ["!", ["?", "offline"]]
    if options.nodes:
        qfilter = filter_of_names(expand_names(session, "node", options.nodes), "name")
    if options.nodegroup:
        check_group(session, options.nodegroup)
        group: listing.Filter = ["|", ["==", "group", options.nodegroup], ["==", "group.uuid", options.nodegroup]]
        qfilter = listing.both(qfilter, group)
    rows = session.client.call(methods.query, "node", ["name", "pip", "sip", "master"], qfilter)["data"]
    targets = [Target(*(cell[1] for cell in row)) for row in rows]
    if not targets:
        raise UsageError("no node matches")
    return sorted(targets, key=lambda target: target.is_master)


def _cluster_name(session: Session) -> str:
    (name,) = session.client.call(methods.query_config_values, ["cluster_name"])
    return str(name)
