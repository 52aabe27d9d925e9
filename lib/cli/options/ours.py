"""Options the original does not have."""

from __future__ import annotations

from ganeti.cli.options.row import Option

ROWS: tuple[Option, ...] = (
    Option(
        "list-format",
        ("--format",),
        "list_format",
        "How the list is written: aligned for people, the others for programs",
        type="choice",
        choices=("table", "json", "yaml", "csv"),
        default="table",
    ),
)
