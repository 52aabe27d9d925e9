"""gnt-instance add."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ganeti.cli.failures import ExitCode, UsageError
from ganeti.cli.instance.devices import new_disks, new_nics
from ganeti.cli.jobs import run_op
from ganeti.cli.parse import Values
from ganeti.cli.session import Session
from ganeti.cli.values import split_nodes
from ganeti.model.opcodes.instance import OpInstanceCreate
from ganeti.utils.text import parse_list


def add(session: Session, options: Values, args: Sequence[str]) -> int:
    """Create an instance."""
    run_op(session, options, create_op(args[0], options))
    return ExitCode.SUCCESS


def create_op(name: str, options: Values) -> OpInstanceCreate:
    """Return the opcode that creates an instance as the options say.

    Raises UsageError for options that contradict each other.
    """
    primary, secondary = split_nodes(options.node)
    if options.iallocator and primary:
        raise UsageError("-n names the nodes and -I lets an allocator choose them: give one of them")
    if options.forthcoming and options.commit:
        raise UsageError("--forthcoming reserves an instance and --commit makes it: give one of them")
    if not options.os and not options.no_install and not options.forthcoming:
        raise UsageError("no operating system given: add -o NAME (gnt-os list shows them), or --no-install")
    hypervisor, hvparams = _hypervisor(options.hypervisor)
    return OpInstanceCreate.from_wire(
        {
            "instance_name": name,
            "mode": "create",
            "disks": new_disks(options.disks, options.sd_size, options.disk_template),
            "disk_template": options.disk_template,
            "nics": new_nics(options.nics, options.no_nics),
            "pnode": primary,
            "snode": secondary,
            "iallocator": options.iallocator,
            "group_name": options.nodegroup,
            "opportunistic_locking": options.opportunistic_locking,
            "os_type": options.os,
            "force_variant": options.force_variant,
            "no_install": options.no_install,
            "osparams": options.osparams,
            "osparams_private": options.osparams_private,
            "osparams_secret": options.osparams_secret,
            "hypervisor": hypervisor,
            "hvparams": hvparams,
            "beparams": options.beparams,
            "file_driver": options.file_driver,
            "file_storage_dir": options.file_storage_dir,
            "ip_check": options.ip_check,
            "name_check": options.name_check,
            "conflicts_check": options.conflicts_check,
            "ignore_ipolicy": options.ignore_ipolicy,
            "wait_for_sync": options.wait_for_sync,
            "start": options.start and not options.no_install and not options.forthcoming,
            "forthcoming": options.forthcoming,
            "commit": options.commit,
            "tags": parse_list(options.tags or ""),
            "instance_communication": bool(options.instance_communication),
            "helper_startup_timeout": options.helper_startup_timeout,
            "helper_shutdown_timeout": options.helper_shutdown_timeout,
        }
    )


def _hypervisor(given: tuple[str, Any] | None) -> tuple[str | None, dict[str, Any]]:
    if given is None:
        return None, {}
    name, params = given
    if not isinstance(params, dict):
        raise UsageError(f"cannot read hypervisor {name!r}: write NAME:key=value,...")
    return name, params
