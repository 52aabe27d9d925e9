"""gnt-instance info."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ganeti.cli.failures import ExitCode, UsageError
from ganeti.cli.jobs import run_op
from ganeti.cli.listing import plain_text, time_text
from ganeti.cli.parse import Values
from ganeti.cli.session import Session
from ganeti.cli.tree import tree_lines
from ganeti.model.opcodes.instance import OpInstanceQueryData
from ganeti.utils.text import format_unit, natural_sort


def info(session: Session, options: Values, args: Sequence[str]) -> int:
    """Show all about instances."""
    if bool(args) == bool(options.show_all):
        raise UsageError("name the instances, or give --all to see every one, not both")
    op = OpInstanceQueryData.from_wire({"instances": list(args), "static": options.static})
    found = run_op(session, options, op)
    for number, name in enumerate(natural_sort(found)):
        if number:
            session.console.out()
        for line in tree_lines(instance_tree(found[name])):
            session.console.out(line)
    return ExitCode.SUCCESS


def instance_tree(inst: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Return what `gnt-instance info` shows of an instance."""
    running = inst.get("run_state")
    return [
        ("Instance name", inst["name"]),
        ("UUID", inst["uuid"]),
        ("Serial number", inst["serial_no"]),
        ("Creation time", _time(inst.get("ctime"))),
        ("Modification time", _time(inst.get("mtime"))),
        ("State", f"configured to be {inst['config_state']}" + (f", actual state is {running}" if running else "")),
        ("Nodes", _nodes(inst)),
        ("Operating system", inst["os"]),
        ("Operating system parameters", _params(inst.get("os_actual"), inst.get("os_instance"))),
        ("Allocated network port", inst.get("network_port")),
        ("Hypervisor", inst["hypervisor"]),
        ("Hypervisor parameters", _params(inst.get("hv_actual"), inst.get("hv_instance"))),
        ("Back-end parameters", _params(inst.get("be_actual"), inst.get("be_instance"))),
        ("NICs", [_nic(number, nic) for number, nic in enumerate(inst.get("nics", []))]),
        ("Disk template", inst.get("disk_template")),
        ("Tags", inst.get("tags", [])),
        ("Disks", [_disk(f"disk/{number}", disk) for number, disk in enumerate(inst.get("disks", []))]),
    ]


def _nodes(inst: Mapping[str, Any]) -> list[tuple[str, Any]]:
    secondaries = [
        name if group is None else f"{name} (group {group})"
        for name, group in zip(inst.get("snodes", []), inst.get("snodes_group_names") or [None] * 99, strict=False)
    ]
    return [("primary", inst["pnode"]), ("group", inst.get("pnode_group_name")), ("secondaries", secondaries)]


def _params(actual: Mapping[str, Any] | None, own: Mapping[str, Any] | None) -> list[tuple[str, Any]]:
    """Mark parameters that follow the cluster's."""
    mine = own or {}
    return [
        (name, value if name in mine else f"default ({plain_text(value) or '-'})")
        for name, value in sorted((actual or {}).items())
    ]


def _nic(number: int, nic: Sequence[Any]) -> list[tuple[str, Any]]:
    names = ("name", "UUID", "IP", "MAC", "mode", "link", "vlan", "network")
    return [(f"nic/{number}", None), *zip(names, nic, strict=False)]


def _disk(title: str, disk: Mapping[str, Any]) -> list[tuple[str, Any]]:
    size = disk.get("size")
    lines: list[tuple[str, Any]] = [
        (title, f"{disk.get('dev_type')}, size {format_unit(size) if isinstance(size, int) else size}"),
        ("access mode", disk.get("mode")),
        ("name", disk.get("name")),
        ("UUID", disk.get("uuid")),
        ("logical_id", plain_text(disk.get("logical_id"))),
        ("on primary", _device(disk.get("pstatus"))),
    ]
    if disk.get("sstatus"):
        lines.append(("on secondary", _device(disk["sstatus"])))
    children = disk.get("children") or []
    if children:
        lines.append(("child devices", [_disk(f"child {n}", child) for n, child in enumerate(children)]))
    return [line for line in lines if line[1] not in (None, "-")]


def _device(status: Sequence[Any] | None) -> str:
    """Return [path, major, minor, sync percent, estimated seconds, degraded, disk status] in words."""
    if not status:
        return "-"
    path, major, minor, percent, seconds, degraded, *_ = status
    words = [path if major is None else f"{path} ({major}:{minor})"]
    if percent is not None:
        words.append(f"in sync to {percent:.1f}%" + (f", {seconds} s to go" if seconds is not None else ""))
    if degraded:
        words.append("*degraded*")
    return " ".join(words)


def _time(seconds: float | None) -> str:
    return time_text(seconds) if seconds is not None else "-"
