"""Answers in their JSON form, kept while what they are made of is the same, and shared by all who ask at one time.

A question is looked into each time: who asks after a change sees it.  Only two things
are saved.  What was seen is what was seen the last time: the answer need not be put
together again.  And questions that arrive while an equal one is looked into wait for
it to end, and are then looked into once, for all of them: they must not share what was
seen before they were asked.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Hashable, Mapping
from typing import Any, NamedTuple

from ganeti.luxi.framing import Encoded
from ganeti.masterd.config.snapshot import Config
from ganeti.model.scalars import Uuid
from ganeti.utils import json

#: answers kept, and their bytes all together; the newest is always kept
KEPT = 32
KEPT_SIZE = 64 * 1024 * 1024


class Seen(NamedTuple):
    """All that an answer is made of: the configuration, the objects chosen of it (None: all), what nodes answered."""

    config: Config
    chosen: Collection[str] | None = None
    live: Mapping[Uuid, Any] | None = None
    consoles: Mapping[Any, object] | None = None


class _Kept(NamedTuple):
    seen: Seen
    answer: Encoded


class _LookerGone(Exception):
    """Who looked for all of them was cancelled."""


class Answers:
    """Answers to questions that are equal when their keys are."""

    def __init__(self) -> None:
        self._kept: dict[Hashable, _Kept] = {}
        #: what is being looked into, and what is to be next
        self._now: dict[Hashable, asyncio.Future[Encoded]] = {}
        self._next: dict[Hashable, asyncio.Future[Encoded]] = {}

    async def answer(
        self, question: Hashable, look: Callable[[], Awaitable[Seen]], make: Callable[[Seen], object]
    ) -> Encoded:
        """Return what `make` makes of what is seen from now on."""
        while (shared := self._next.get(question)) is not None:
            await asyncio.wait([shared])
            if not isinstance(shared.exception(), _LookerGone):
                return shared.result()
        return await self._for_all(question, look, make)

    async def _for_all(
        self, question: Hashable, look: Callable[[], Awaitable[Seen]], make: Callable[[Seen], object]
    ) -> Encoded:
        outcome: asyncio.Future[Encoded] = asyncio.get_running_loop().create_future()
        outcome.add_done_callback(lambda done: done.exception())  # there may be nobody else to hear of it
        try:
            if before := self._now.get(question):
                self._next[question] = outcome
                try:
                    await asyncio.wait([before])
                finally:
                    del self._next[question]
            self._now[question] = outcome
            outcome.set_result(self._made(question, await look(), make))
        except Exception as err:
            outcome.set_exception(err)
            raise
        except BaseException:
            outcome.set_exception(_LookerGone())
            raise
        finally:
            if self._now.get(question) is outcome:
                del self._now[question]
        return outcome.result()

    def _made(self, question: Hashable, seen: Seen, make: Callable[[Seen], object]) -> Encoded:
        known = self._kept.pop(question, None)
        if known is None or known.seen != seen:
            known = _Kept(seen, Encoded(json.dumps_bytes(make(seen))))
        # What is of an older configuration would keep all of it in memory.
        current = {key: kept for key, kept in self._kept.items() if kept.seen.config is seen.config}
        current[question] = known
        size = sum(len(kept.answer.json) for kept in current.values())
        while len(current) > 1 and (len(current) > KEPT or size > KEPT_SIZE):
            size -= len(current.pop(next(iter(current))).answer.json)
        self._kept = current
        return known.answer
