"""Noticing that files were replaced: the kernel tells (inotify), and somebody looks now and then."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import warnings
from collections.abc import Callable, Collection
from typing import Any, NoReturn

with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)  # of a module it imports and we do not use
    import pyinotify

log = logging.getLogger(__name__)

_EVENTS = (
    pyinotify.IN_MOVED_TO
    | pyinotify.IN_MOVED_FROM
    | pyinotify.IN_CLOSE_WRITE
    | pyinotify.IN_DELETE
    | pyinotify.IN_ATTRIB
)


class DirectoryWatch:
    """Calls back on the running event loop when files of some names in a directory change.

    The directory is watched, not the files: they are replaced by renaming, and may be
    missing.  Raises OSError when the kernel gives no watch: there is a limit per user.
    """

    def __init__(self, directory: str, names: Collection[str], changed: Callable[[], None]) -> None:
        self._names = frozenset(names)
        self._changed = changed
        self._manager = pyinotify.WatchManager()
        try:
            self._manager.add_watch(directory, _EVENTS, quiet=False)
        except pyinotify.WatchManagerError as err:
            self._manager.close()
            raise OSError(f"cannot watch {directory}: {err}") from err
        self._notifier = pyinotify.AsyncioNotifier(
            self._manager, asyncio.get_running_loop(), default_proc_fun=self._event
        )

    def close(self) -> None:
        """Stop watching."""
        with contextlib.suppress(OSError):
            self._notifier.stop()

    def _event(self, event: Any) -> None:
        # An event that says that others were lost has no name.
        if event.mask & pyinotify.IN_Q_OVERFLOW or event.name in self._names:
            self._changed()


#: seconds between looks while the kernel tells of changes, and while it does not
LOOK_WATCHED = 17.0
LOOK_UNWATCHED = 1.0


class Changes:
    """Says when files of some names in a directory may have changed, for one task that looks at them.

    Told by the kernel between `start` and `stop`; without its help, or where it refuses,
    it is time to look every now and then.
    """

    def __init__(self, directory: str, names: Collection[str]) -> None:
        self._directory = directory
        self._names = names
        self._told = asyncio.Event()
        self._watch: DirectoryWatch | None = None
        self._refused = False

    def start(self) -> None:
        """Ask the kernel to tell, unless it does or has refused before."""
        if self._watch is not None or self._refused:
            return
        try:
            self._watch = DirectoryWatch(self._directory, self._names, self._told.set)
        except OSError as err:
            self._refused = True
            log.warning("%s: looking for changes every %g s instead", err, LOOK_UNWATCHED)
        else:
            self._told.set()  # nobody told of what changed before

    def stop(self) -> None:
        """Have the kernel tell no more."""
        if self._watch is not None:
            self._watch.close()
            self._watch = None

    def notify(self) -> None:
        """Make it time to look."""
        self._told.set()

    async def wait(self) -> None:
        """Wait until it is time to look: what is told from now on is for the next wait."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LOOK_WATCHED if self._watch else LOOK_UNWATCHED):
                await self._told.wait()
        self._told.clear()


async def follow(path: str, look: Callable[[], None]) -> NoReturn:
    """Have somebody look at a file whenever it may have changed, now first, for ever."""
    directory, _, name = path.rpartition("/")
    changes = Changes(directory, [name])
    try:
        while True:
            look()
            changes.start()
            await changes.wait()
    finally:
        changes.stop()
