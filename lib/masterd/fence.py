"""Whether this daemon is still the master, as far as any node has told.

A node that follows a newer master refuses the calls of this one.  One refusal is
enough: from then on nobody gets an answer that something is done, and the daemon ends.

Where another node may become the master by itself, the same holds while most nodes do
not answer this one: they may follow another by now.  That ends when they answer again.
"""

from __future__ import annotations

import asyncio
import logging

from ganeti import errors

log = logging.getLogger(__name__)


class Fence:
    """Open while this is the master; once shut it stays so."""

    def __init__(self) -> None:
        self.reason = ""
        self._shut = asyncio.Event()
        self._together = asyncio.Event()
        self._together.set()

    def shut(self, error: errors.NotMasterError) -> None:
        """Take note that a node follows another master."""
        if not self.reason:
            log.critical("this node was replaced as the master: %s", error)
            self.reason = str(error)
            self._shut.set()

    def close(self, reason: str) -> None:
        """Let nothing be acknowledged until `open`: most nodes are out of reach."""
        if self._together.is_set():
            log.error("nothing is acknowledged for now: %s", reason)
            self._together.clear()

    def open(self) -> None:
        """Go on: most nodes answer."""
        if not self._together.is_set():
            log.info("most nodes answer again")
            self._together.set()

    async def wait_until_shut(self) -> None:
        """Wait for the end of this mastership."""
        await self._shut.wait()

    async def pass_through(self) -> None:
        """Return at once while this is the master; else never, so that nothing is acknowledged any more."""
        await self._together.wait()
        while self.reason:
            await asyncio.Event().wait()
