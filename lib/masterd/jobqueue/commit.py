"""Group commit: what is ready is written in one batch, however much it is.

A change goes through two stages, each doing one batch at a time, in order: first it is
made durable here, then it is sent to the master candidates.  While a batch is under
way the next one gathers, so the cost per change falls as the load rises, and the
candidates are sent one batch while the next is being written.

Local first: what the disk here refuses must not live on elsewhere.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Generic, NamedTuple, Protocol, TypeVar

from ganeti.utils import files
from ganeti.utils.spares import Spares

log = logging.getLogger(__name__)

T = TypeVar("T")

FILE_MODE = 0o640
DIR_MODE = 0o750
#: changes in one batch: each keeps a file open until all of them are synced
MAX_BATCH = 200


class Offload(Protocol):
    """Runs a blocking function elsewhere: `asyncio.to_thread`, or a direct call in simulations."""

    async def __call__(self, func: Callable[..., T], /, *args: object) -> T: ...


class Replicator(Protocol):
    """Does on the other master candidates what was done here; file names are full paths here.

    Whom it cannot reach it remembers and catches up later: that is no error of the
    writer.
    """

    async def update(self, files: Sequence[tuple[str, bytes]]) -> None:
        """Write files."""

    async def rename(self, pairs: Sequence[tuple[str, str]]) -> None:
        """Rename files, making the directories they go to."""

    async def purge(self) -> None:
        """Empty the queue there."""

    async def drain(self, drained: bool) -> None:
        """Set or remove the drain flag."""


class Change(NamedTuple):
    """Files to write, then files to rename.

    `fresh` names files that must not stay behind when the change fails.
    """

    files: Mapping[str, bytes] = {}
    renames: Sequence[tuple[str, str]] = ()
    fresh: Sequence[str] = ()
    replicate: bool = True


class _Waiting(NamedTuple):
    change: Change
    done: asyncio.Future[None]
    on_written: Callable[[], None] | None


class Committer:
    """Makes changes durable here and on the master candidates."""

    def __init__(self, disk: files.Disk, spares: Spares, replicator: Replicator, offload: Offload) -> None:
        self._disk = disk
        self._spares = spares
        self._replicator = replicator
        self._offload = offload
        self._writing = _Stage(self._write_batch)
        self._sending = _Stage(self._send_batch)
        self._sends = asyncio.Lock()

    def commit(self, change: Change, on_written: Callable[[], None] | None = None) -> asyncio.Future[None]:
        """Have a change made, after those before it; the future is done when it is durable here and was sent.

        `on_written` is called in between, when it is durable here.  Who does not wait
        any more does not take the change back.

        Raises OSError when it could not be made durable here.
        """
        done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._writing.put(_Waiting(change, done, on_written))
        return done

    async def while_nothing_is_sent(self, act: Callable[[], Awaitable[None]]) -> None:
        """Do something on the candidates that must not mix with the stream of changes."""
        async with self._sends:
            await act()

    async def settle(self) -> None:
        """Wait until nothing is under way."""
        await self._writing.settle()
        await self._sending.settle()

    async def _write_batch(self, batch: Sequence[_Waiting]) -> None:
        failures: Sequence[Exception | None]
        try:
            failures = await self._offload(self._write, [waiting.change for waiting in batch])
        except Exception as err:  # not OSError, so ours: who waits must hear of it all the same
            failures = [err] * len(batch)
        for waiting, failure in zip(batch, failures, strict=True):
            if failure is None and waiting.on_written:
                waiting.on_written()
            if failure is None and waiting.change.replicate:
                self._sending.put(waiting)
            elif waiting.done.done():  # nobody waits any more
                if failure:
                    log.error("cannot write job queue: %s", failure)
            elif failure:
                waiting.done.set_exception(failure)
            else:
                waiting.done.set_result(None)

    async def _send_batch(self, batch: Sequence[_Waiting]) -> None:
        written, renamed = _merge([waiting.change for waiting in batch])
        try:
            async with self._sends:
                if written:
                    await self._replicator.update(list(written.items()))
                if renamed:
                    await self._replicator.rename(renamed)
        except Exception:
            log.exception("cannot send the job queue to the master candidates")
        for waiting in batch:
            if not waiting.done.done():
                waiting.done.set_result(None)

    # --- in a worker thread: sees only its arguments and the disk ---------------------

    def _write(self, changes: Sequence[Change]) -> list[OSError | None]:
        """Make changes durable; return the failure of each."""
        try:
            written, renamed = _merge(changes)
            self._apply(written, renamed)
            return [None] * len(changes)
        except OSError as err:
            # One of them spoils the batch, too large for what space is left, say.
            return [err] if len(changes) == 1 and self._undo(changes[0]) else [self._write_one(c) for c in changes]

    def _write_one(self, change: Change) -> OSError | None:
        try:
            left = [(old, new) for old, new in change.renames if os.path.exists(old) or not os.path.exists(new)]
            self._apply(change.files, left)
        except OSError as err:
            self._undo(change)
            return err
        return None

    def _apply(self, written: Mapping[str, bytes], renamed: Sequence[tuple[str, str]]) -> None:
        if written:
            self._disk.write_files(written.items(), FILE_MODE, spares=self._spares)
        if renamed:
            self._disk.rename_files(renamed, mode=DIR_MODE)

    def _undo(self, change: Change) -> bool:
        for path in change.fresh:
            try:
                self._disk.remove_file(path, missing_ok=True)
            except OSError as err:
                log.error("cannot remove %s: %s", path, err)
        return True


class _Stage(Generic[T]):
    """Passes on what is put into it, in order, in batches, one at a time."""

    def __init__(self, process: Callable[[Sequence[T]], Awaitable[None]]) -> None:
        self._process = process
        self._gathered: list[T] = []
        self._task: asyncio.Task[None] | None = None

    def put(self, item: T) -> None:
        self._gathered.append(item)
        if self._task is None:
            self._task = asyncio.get_running_loop().create_task(self._run())

    async def settle(self) -> None:
        while self._task:
            await asyncio.shield(self._task)

    async def _run(self) -> None:
        try:
            while self._gathered:
                batch, self._gathered = self._gathered[:MAX_BATCH], self._gathered[MAX_BATCH:]
                await self._process(batch)
        finally:
            self._task = None


def _merge(changes: Sequence[Change]) -> tuple[dict[str, bytes], list[tuple[str, str]]]:
    """Return what many changes come to: of several contents of a file the last counts."""
    written = {path: data for change in changes for path, data in change.files.items()}
    return written, [pair for change in changes for pair in change.renames]
