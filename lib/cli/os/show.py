"""gnt-os list, diagnose and info."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ganeti.cli import listing
from ganeti.cli.failures import ExitCode
from ganeti.cli.jobs import run_op
from ganeti.cli.parse import Values
from ganeti.cli.session import Session
from ganeti.cli.tree import tree_lines
from ganeti.model.opcodes.os import OpOsDiagnose
from ganeti.utils.suggest import did_you_mean

_FIELDS = ("name", "valid", "variants", "parameters", "api_versions", "node_status", "hidden", "blacklisted", "os_hvp",
           "osparams", "trusted")  # fmt: skip
_LIST_COLUMNS = (listing.Column("name", "Name", "text"),)


def list_systems(session: Session, options: Values, args: Sequence[str]) -> int:
    """List the operating systems that can be installed."""
    names = [name for system in systems(session, options) if _is_offered(system) for name in variant_names(system)]
    listing.show_table(session.console, options, _LIST_COLUMNS, [[name] for name in names])
    return ExitCode.SUCCESS


def diagnose(session: Session, options: Values, args: Sequence[str]) -> int:
    """Show on which nodes each operating system works."""
    code = ExitCode.SUCCESS
    for system in systems(session, options):
        good = sorted(node for node, found in system["node_status"].items() if found and found[0][1])
        bad = {node: found for node, found in system["node_status"].items() if node not in good}
        state = "invalid" if not good else "partial" if bad else "valid"
        marks = [word for word in ("hidden", "blacklisted") if system[word]]
        session.console.out(f"OS: {system['name']} [{', '.join([f'global status: {state}', *marks])}]")
        for node in sorted(system["node_status"]):
            for line in _node_lines(node, system["node_status"][node]):
                session.console.out(line)
        session.console.out()
        code = code if state == "valid" else ExitCode.FAILURE
    return code


def info(session: Session, options: Values, args: Sequence[str]) -> int:
    """Show variants and parameters of operating systems."""
    found = {system["name"]: system for system in systems(session, options)}
    code = ExitCode.SUCCESS
    for name in args or found:
        if name not in found:
            session.console.say(f"unknown OS {name}{did_you_mean(name, found)}: no node has it")
            code = ExitCode.FAILURE
            continue
        for line in tree_lines([(name, _describe(found[name]))]):
            session.console.out(line)
    return code


def systems(session: Session, options: Values) -> list[Mapping[str, Any]]:
    """Ask all nodes for their operating systems."""
    rows = run_op(session, options, OpOsDiagnose(output_fields=_FIELDS, names=()))
    return [dict(zip(_FIELDS, row, strict=True)) for row in rows]


def installable_names(session: Session, options: Values) -> list[str]:
    """Return what can be given as `--os-type`."""
    return [name for system in systems(session, options) if _is_offered(system) for name in variant_names(system)]


def variant_names(system: Mapping[str, Any]) -> list[str]:
    """Return NAME+VARIANT for each variant, the plain name when there are none."""
    return [f"{system['name']}+{variant}" for variant in system["variants"]] or [system["name"]]


def _is_offered(system: Mapping[str, Any]) -> bool:
    return bool(system["valid"]) and not system["hidden"] and not system["blacklisted"]


def _describe(system: Mapping[str, Any]) -> list[tuple[str, Any]]:
    return [
        ("valid", system["valid"]),
        ("hidden", system["hidden"]),
        ("blacklisted", system["blacklisted"]),
        ("API versions", system["api_versions"]),
        ("variants", system["variants"]),
        ("parameters", [(name, text) for name, text in system["parameters"]]),
        ("cluster parameters", system["osparams"]),
        ("hypervisor parameters", system["os_hvp"]),
    ]


def _node_lines(node: str, found: Sequence[Sequence[Any]]) -> list[str]:
    """Return what one node has: the directory in use, then those it covers."""
    if not found:
        return [f"  Node: {node}, status: INVALID (not found)"]
    lines = []
    for number, (path, valid, message, variants, *_) in enumerate(found):
        status = "VALID" if valid else f"INVALID ({message})"
        more = f" [variants: {', '.join(variants)}]" if variants and valid else ""
        covered = " (covered by the above)" if number else ""
        lines.append(f"  Node: {node}, status: {status} (path: {path}){more}{covered}")
    return lines
