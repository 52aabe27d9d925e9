"""gnt-instance startup, shutdown and reboot, of one instance or many."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ganeti.cli.failures import ExitCode
from ganeti.cli.instance.select import confirm_several, select_instances
from ganeti.cli.jobs import Work, run_many, run_op
from ganeti.cli.parse import Values
from ganeti.cli.session import Session
from ganeti.model.opcodes.base import OpCode
from ganeti.model.opcodes.instance import OpInstanceReboot, OpInstanceShutdown, OpInstanceStartup
from ganeti.model.scalars import InstanceName


def startup(session: Session, options: Values, args: Sequence[str]) -> int:
    """Start instances."""

    def make(name: InstanceName) -> OpCode:
        return OpInstanceStartup(
            instance_name=name,
            force=options.force,
            ignore_offline_nodes=options.ignore_offline,
            hvparams=options.hvparams,
            beparams=options.beparams,
            no_remember=options.no_remember,
            startup_paused=options.startup_paused,
        )

    return on_each(session, options, args, "startup", make)


def shutdown(session: Session, options: Values, args: Sequence[str]) -> int:
    """Stop instances."""

    def make(name: InstanceName) -> OpCode:
        return OpInstanceShutdown(
            instance_name=name,
            force=options.force,
            ignore_offline_nodes=options.ignore_offline,
            timeout=options.timeout,
            no_remember=options.no_remember,
        )

    return on_each(session, options, args, "shutdown", make)


def reboot(session: Session, options: Values, args: Sequence[str]) -> int:
    """Restart instances."""

    def make(name: InstanceName) -> OpCode:
        return OpInstanceReboot.from_wire(
            {
                "instance_name": name,
                "reboot_type": options.reboot_type,
                "ignore_secondaries": options.ignore_secondaries,
                "shutdown_timeout": options.shutdown_timeout,
            }
        )

    return on_each(session, options, args, "reboot", make)


def on_each(
    session: Session,
    options: Values,
    args: Sequence[str],
    what: str,
    make: Callable[[InstanceName], OpCode],
) -> int:
    """Run a job for each instance that is meant; one that is named needs no question asked first."""
    if len(args) == 1 and options.multi_mode in (None, "instances") and not any(c in args[0] for c in "*?"):
        run_op(session, options, make(InstanceName(args[0])))
        return ExitCode.SUCCESS
    names = select_instances(session, options, args)
    confirm_several(session, options, names, what)
    return run_many(session, options, [Work(name, [make(InstanceName(name))]) for name in names])
