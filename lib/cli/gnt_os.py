"""gnt-os: the table of its commands."""

from __future__ import annotations

from ganeti.cli.command import Command, Program
from ganeti.cli.rows import FIELDS, JOB

PROGRAM = Program(
    "gnt-os",
    "Look at the operating systems that instances can be installed with, and set their defaults.",
    (
        Command(
            "list",
            "ganeti.cli.os.show:list_systems",
            "List the operating systems that work on all nodes, a line for each variant.",
            "gnt-os list --no-headers",
            detail="Hidden and blacklisted ones are left out.",
            options=(*FIELDS, "priority"),
        ),
        Command(
            "diagnose",
            "ganeti.cli.os.show:diagnose",
            "Show on which nodes each operating system works, and what is wrong elsewhere.",
            "gnt-os diagnose",
            detail="The exit code is 1 if one works nowhere or not everywhere.",
            options=("priority",),
        ),
        Command(
            "info",
            "ganeti.cli.os.show:info",
            "Show API versions, variants and parameters of operating systems.",
            "gnt-os info image",
            args=("os 0..*",),
            options=("priority",),
        ),
        Command(
            "modify",
            "ganeti.cli.os.modify:modify",
            "Set the defaults of an operating system for the whole cluster.",
            "gnt-os modify -O size=100 image+pattern",
            detail="It need not be installed yet. A parameter written with a dash in front loses its value.",
            args=("os 1..1",),
            options=(
                *("hypervisor-parameters", "os-parameters", "os-parameters-private", "hidden", "blacklisted"),
                *JOB,
            ),
        ),
    ),
    {"show": "info"},
)
