"""gnt-instance remove, reinstall and rename."""

from __future__ import annotations

from collections.abc import Sequence

from ganeti.cli.failures import DeclinedError, ExitCode, UsageError
from ganeti.cli.instance.select import confirm_several, full_name, select_instances
from ganeti.cli.jobs import Work, run_many
from ganeti.cli.jobs import run_op as run
from ganeti.cli.os.show import installable_names
from ganeti.cli.parse import Values
from ganeti.cli.session import Session
from ganeti.model.opcodes.instance import OpInstanceReinstall, OpInstanceRemove, OpInstanceRename


def remove(session: Session, options: Values, args: Sequence[str]) -> int:
    """Remove an instance."""
    if not options.force and not options.dry_run:
        session.console.confirm(
            f"This will remove instance {full_name(session, args[0])} and all data on its disks. Continue?",
            "there is no way back, and no copy is kept",
        )
    op = OpInstanceRemove.from_wire(
        {
            "instance_name": args[0],
            "shutdown_timeout": options.shutdown_timeout,
            "ignore_failures": options.ignore_failures,
        }
    )
    run(session, options, op)
    return ExitCode.SUCCESS


def rename(session: Session, options: Values, args: Sequence[str]) -> int:
    """Rename an instance."""
    if not options.name_check and options.ip_check:
        raise UsageError("--ip-check needs --name-check: without it there is no address to check")
    op = OpInstanceRename.from_wire(
        {
            "instance_name": args[0],
            "new_name": args[1],
            "name_check": options.name_check,
            "ip_check": options.ip_check,
        }
    )
    name = run(session, options, op)
    if name and not options.dry_run:
        session.console.out(f"Instance {args[0]} renamed to {name}")
    return ExitCode.SUCCESS


def reinstall(session: Session, options: Values, args: Sequence[str]) -> int:
    """Reinstall instances."""
    names = select_instances(session, options, args)
    system = _choose_system(session, options) if options.select_os else options.os
    confirm_several(session, options, names, "reinstall")
    if not options.force and not options.dry_run:
        session.console.confirm(
            f"This will install {', '.join(names)} anew; all data on the disks is lost. Continue?",
            "there is no way back, and no copy is kept",
        )
    works = [Work(name, [_reinstall_op(name, system, options)]) for name in names]
    if len(works) == 1:
        run(session, options, works[0].ops[0])
        return ExitCode.SUCCESS
    return run_many(session, options, works)


def _reinstall_op(name: str, system: str | None, options: Values) -> OpInstanceReinstall:
    return OpInstanceReinstall.from_wire(
        {
            "instance_name": name,
            "os_type": system,
            "force_variant": options.force_variant,
            "osparams": options.osparams,
            "osparams_private": options.osparams_private,
            "osparams_secret": options.osparams_secret,
        }
    )


def _choose_system(session: Session, options: Values) -> str:
    """Let the user pick an operating system by its number.

    Raises DeclinedError when none is picked.
    """
    names = installable_names(session, options)
    for number, name in enumerate(names):
        session.console.say(f"{number:3}: {name}")
    while True:
        answer = session.console.ask("Operating system (number, nothing to stop): ")
        if not answer:
            raise DeclinedError("nothing done: no operating system chosen")
        if answer.isascii() and answer.isdigit() and int(answer) < len(names):
            return names[int(answer)]
        session.console.say(f"please answer with a number from 0 to {len(names) - 1}")
