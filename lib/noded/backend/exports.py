"""Exports: the directories instances were backed up to."""

from __future__ import annotations

import os

from ganeti.noded.context import NodeContext


class Exports:
    """Calls about exports."""

    def __init__(self, node: NodeContext) -> None:
        self._directory = node.paths.export_dir

    def export_list(self) -> list[str]:
        """Return the names of exports, sorted; one under way, whose name begins with a dot, is none yet."""
        try:
            with os.scandir(self._directory) as entries:
                return sorted(entry.name for entry in entries if entry.name[0] != "." and entry.is_dir())
        except FileNotFoundError:
            return []
