"""THE option table: every option of every `gnt-*` program, by its id."""

from __future__ import annotations

from collections.abc import Mapping

from ganeti.cli.options import cluster, instance, other, ours, shared
from ganeti.cli.options.row import Option

OPTIONS: Mapping[str, Option] = {
    row.id: row for table in (shared, instance, cluster, other, ours) for row in table.ROWS
}

COMMON = ("debug", "reason")
"""Options of every command."""
