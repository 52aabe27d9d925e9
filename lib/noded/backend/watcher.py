"""The pause of the watcher, a time of day in a file."""

from __future__ import annotations

from ganeti import errors
from ganeti.noded.context import NodeContext
from ganeti.utils import files

_MODE = 0o644


class WatcherPause:
    """Calls about the watcher's pause."""

    def __init__(self, node: NodeContext) -> None:
        self._node = node

    def set_watcher_pause(self, until: float | None) -> None:
        """Pause the watcher until a time of day; None lets it go on."""
        path = self._node.paths.watcher_pause
        if until is None:
            files.remove_file(path, missing_ok=True)
            return
        if not 0 <= until < 2**53:
            raise errors.ParameterError(f"cannot pause the watcher until {until}: not a time")
        files.ensure_dir(self._node.paths.data_dir, 0o755)
        self._node.disk.write_file(path, f"{int(until)}\n", mode=_MODE)

    def get_watcher_pause(self) -> float | None:
        """Return until when the watcher pauses; None when it does not (any more)."""
        try:
            text = files.read_text(self._node.paths.watcher_pause, limit=256).strip()
        except FileNotFoundError:
            return None
        try:
            until = float(text)
        except ValueError:
            return None
        return until if until > self._node.clock.time() else None
