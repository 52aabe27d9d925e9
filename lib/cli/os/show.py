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
from ganeti.luxi import methods
from ganeti.model.opcodes.os import OpOsDiagnose
from ganeti.model.os_names import with_variant
from ganeti.utils.suggest import did_you_mean

_FIELDS = ("name", "valid", "variants", "parameters", "api_versions", "node_status", "hidden", "blacklisted", "os_hvp",
           "osparams", "trusted")  # fmt: skip
_LIST_COLUMNS = (listing.Column("name", "Name", "text"),)


def list_systems(session: Session, options: Values, args: Sequence[str]) -> int:
    """List the operating systems that can be installed."""
    rows = [[name] for name in installable_names(session, options)]
    listing.show_table(session.console, options, _LIST_COLUMNS, rows)
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
    """Show variants and parameters of operating systems, and what was set for those that no node has yet."""
    found = {system["name"]: system for system in systems(session, options)}
    settings = session.client.call(methods.query_cluster_info)
    code = ExitCode.SUCCESS
    for name in args or found:
        described = _describe(found[name], settings) if name in found else _describe_settings(name, settings)
        if name not in found and not any(value for _, value in described):
            session.console.say(
                f"unknown OS {name}{did_you_mean(name, found)}: no node has it, and nothing is set for it"
            )
            code = ExitCode.FAILURE
            continue
        for line in tree_lines([(name, described)]):
            session.console.out(line)
    return code


def systems(session: Session, options: Values) -> list[Mapping[str, Any]]:
    """Ask all nodes for their operating systems."""
    rows = run_op(session, options, OpOsDiagnose(output_fields=_FIELDS, names=()))
    return [dict(zip(_FIELDS, row, strict=True)) for row in rows]


def installable_names(session: Session, options: Values) -> list[str]:
    """Return what can be given as `--os-type`: neither hidden nor blacklisted, by itself or by its variant."""
    rows = run_op(session, options, OpOsDiagnose(output_fields=("name", "variants"), names=()))
    return [full for name, variants in rows for full in variant_names(name, variants)]


def variant_names(name: str, variants: Sequence[str]) -> list[str]:
    """Return NAME+VARIANT for each variant, the plain name when there are none."""
    return [with_variant(name, variant) for variant in variants] or [name]


def _describe(system: Mapping[str, Any], settings: Mapping[str, Any]) -> list[tuple[str, Any]]:
    lines = [
        ("valid", system["valid"]),
        ("hidden", system["hidden"]),
        ("blacklisted", system["blacklisted"]),
        ("API versions", system["api_versions"]),
        ("variants", system["variants"]),
        ("parameters", [(name, text) for name, text in system["parameters"]]),
        ("cluster parameters", system["osparams"]),
        ("hypervisor parameters", system["os_hvp"]),
    ]
    for name in variant_names(system["name"], system["variants"]):
        if name != system["name"]:
            of_variant = [(what, value) for what, value in _describe_settings(name, settings) if value]
            lines += [(name, of_variant)] if of_variant else []
    return lines


def _describe_settings(name: str, settings: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Describe what was set for an OS or a variant, whether any node has it or not."""
    return [
        ("hidden", name in settings["hidden_os"]),
        ("blacklisted", name in settings["blacklisted_os"]),
        ("cluster parameters", settings["osparams"].get(name, {})),
        ("hypervisor parameters", settings["os_hvp"].get(name, {})),
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
