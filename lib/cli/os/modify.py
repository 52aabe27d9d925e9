"""gnt-os modify: defaults of an operating system, kept with the cluster."""

from __future__ import annotations

from collections.abc import Sequence

from ganeti.cli.failures import ExitCode, UsageError
from ganeti.cli.jobs import run_op
from ganeti.cli.parse import Values
from ganeti.cli.session import Session
from ganeti.cli.values import by_ident
from ganeti.model.enums import ListAction
from ganeti.model.opcodes.cluster import OpClusterSetParams
from ganeti.model.scalars import OsName


def modify(session: Session, options: Values, args: Sequence[str]) -> int:
    """Set defaults of an operating system."""
    name = OsName(args[0])
    hvparams = by_ident(options.hvparams, "hypervisor parameters")
    if not (hvparams or options.osparams or options.osparams_private) and options.hidden is options.blacklisted is None:
        raise UsageError("nothing to modify: give at least one of the options that --help shows")
    op = OpClusterSetParams(
        os_hvp={name: hvparams} if hvparams else None,
        osparams={name: options.osparams} if options.osparams else None,
        osparams_private_cluster={name: options.osparams_private} if options.osparams_private else None,
        hidden_os=_list_change(name, options.hidden),
        blacklisted_os=_list_change(name, options.blacklisted),
    )
    run_op(session, options, op)
    return ExitCode.SUCCESS


def _list_change(name: OsName, wanted: bool | None) -> list[tuple[ListAction, OsName]] | None:
    if wanted is None:
        return None
    return [(ListAction.ADD if wanted else ListAction.REMOVE, name)]
