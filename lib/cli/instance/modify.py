"""gnt-instance modify."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ganeti.cli.failures import ExitCode, UsageError
from ganeti.cli.instance.devices import changes
from ganeti.cli.jobs import run_op
from ganeti.cli.listing import plain_text
from ganeti.cli.parse import Values
from ganeti.cli.session import Session
from ganeti.model.opcodes.instance import OpInstanceSetParams

_NEEDS_CHANGE = (
    "nics", "disks", "beparams", "hvparams", "osparams", "osparams_private", "runtime_mem", "disk_template", "pnode",
    "os_name", "offline", "instance_communication",
)  # fmt: skip


def modify(session: Session, options: Values, args: Sequence[str]) -> int:
    """Change an instance."""
    op = modify_op(args[0], options)
    changed = run_op(session, options, op)
    if changed and not options.dry_run:
        session.console.out(f"Modified instance {args[0]}")
        for name, value in changed:
            session.console.out(f" - {name:<5} -> {plain_text(value)}")
        session.console.say("Most changes take effect when the instance is started the next time.")
    return ExitCode.SUCCESS


def modify_op(name: str, options: Values) -> OpInstanceSetParams:
    """Return the opcode that changes an instance as the options say.

    Raises UsageError when nothing is to be changed, or options contradict each other.
    """
    if options.offline_inst and options.online_inst:
        raise UsageError("--offline and --online contradict each other")
    wire: Mapping[str, Any] = {
        "instance_name": name,
        "nics": changes(options.nics, "NIC"),
        "disks": changes(options.disks, "disk"),
        "beparams": options.beparams,
        "hvparams": options.hvparams,
        "osparams": options.osparams,
        "osparams_private": options.osparams_private,
        "runtime_mem": options.runtime_mem,
        "disk_template": options.disk_template,
        "ext_params": options.ext_params,
        "file_driver": options.file_driver,
        "file_storage_dir": options.file_storage_dir,
        "pnode": options.new_primary_node,
        "remote_node": options.node,
        "iallocator": options.iallocator,
        "os_name": options.os,
        "force_variant": options.force_variant,
        "force": options.force,
        "wait_for_sync": options.wait_for_sync,
        "offline": True if options.offline_inst else False if options.online_inst else None,
        "conflicts_check": options.conflicts_check,
        "hotplug": options.hotplug,
        "ignore_ipolicy": options.ignore_ipolicy,
        "instance_communication": options.instance_communication,
    }
    if all(wire[key] in (None, [], {}) for key in _NEEDS_CHANGE):
        raise UsageError("nothing to modify: give at least one of the options that --help shows")
    return OpInstanceSetParams.from_wire(wire)
