"""`GET /2/events`: what happens in the cluster, as server-sent events (WHATWG HTML).

One call to the master daemon waits for all who listen.  Each of them has a short queue:
who does not take what is in it is hung up on, and finds the rest when coming back with
the id of the last event it saw.  When that is too long ago, or the master daemon was
another one, there is an event `reset`: look at everything anew.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import AsyncIterator, Sequence
from http import HTTPStatus
from typing import Any, NamedTuple

from aiohttp import web

from ganeti import errors
from ganeti.clock import Clock
from ganeti.luxi import methods
from ganeti.luxi.events import NOW, EventKind, Position, read_position
from ganeti.rapi.master import Master
from ganeti.rapi.replies import SERVER, Refusal, bad_request
from ganeti.utils import json
from ganeti.utils.suggest import did_you_mean

log = logging.getLogger(__name__)

CONTENT_TYPE = "text/event-stream"
RESET = "reset"


class Limits(NamedTuple):
    """Numbers, and times in seconds."""

    listeners: int = 192
    #: listeners of one user, so that one alone does not keep the others out
    of_user: int = 128
    #: events that wait for one listener
    backlog: int = 2000
    #: silence after which something is said
    keep_alive: float = 15.0
    #: for a listener to take what is written to it
    writing: float = 20.0
    #: a connection; who comes back is asked for a login again
    life: float = 3600.0
    #: until the master daemon is asked again after it could not be
    pause: float = 1.0


class Item(NamedTuple):
    """An event as it is sent: where it stands, and its bytes."""

    position: Position
    kind: str
    frame: bytes


class Batch(NamedTuple):
    """What the master daemon told."""

    position: Position
    items: list[Item]


def read_batch(answer: dict[str, Any]) -> Batch:
    """Return the events of an answer of `wait_for_events`."""
    epoch = answer["epoch"]
    position = Position(epoch, answer["serial"])
    if answer["reset"]:
        return Batch(position, [_item(position, RESET, {})])
    events = answer["events"]
    return Batch(position, [_item(Position(epoch, s), kind, {**data, "time": t}) for s, t, kind, data in events])


def _item(position: Position, kind: str, data: dict[str, object]) -> Item:
    frame = b"id: %s\nevent: %s\ndata: %s\n\n" % (str(position).encode(), kind.encode(), json.dumps_bytes(data))
    return Item(position, kind, frame)


class Listener:
    """What waits to be sent to one client."""

    def __init__(self, user: str, kinds: frozenset[str], backlog: int) -> None:
        self.user = user
        self._kinds = kinds
        self._backlog = backlog
        self._items: deque[Item] = deque()
        self._something = asyncio.Event()
        #: what comes up to here has been sent, or was not asked for
        self.position = NOW
        self.is_behind = False
        self.is_closed = False

    def wanted(self, batch: Batch) -> list[Item]:
        """Return what of a batch the client asked for and does not have yet."""
        return [item for item in batch.items if self._wants(item)]

    def offer(self, batch: Batch) -> None:
        """Take in what happened; when it is too much, the listener is behind and gets no more."""
        items = self.wanted(batch)
        if self.is_behind or not items:
            return
        self._items.extend(items)
        if len(self._items) > self._backlog:
            self.is_behind = True
            self._items.clear()
        self._something.set()

    def close(self) -> None:
        """Let it end."""
        self.is_closed = True
        self._something.set()

    async def next(self, timeout: float) -> list[Item]:
        """Return what there is to be sent; nothing after `timeout` seconds, or when it is behind or closed."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(timeout):
                await self._something.wait()
        items = [item for item in self._items if self._wants(item)]
        self._items.clear()
        self._something.clear()
        return items

    def _wants(self, item: Item) -> bool:
        known = self.position
        if item.position.epoch == known.epoch and item.position.serial <= known.serial:
            return False
        return item.kind == RESET or not self._kinds or item.kind in self._kinds


class Hub:
    """All who listen, and the one call that waits for them."""

    def __init__(self, master: Master, clock: Clock, limits: Limits | None = None) -> None:
        self._master = master
        self._clock = clock
        self.limits = limits or Limits()
        self._listeners: set[Listener] = set()
        self._following: asyncio.Task[None] | None = None
        self._position = NOW
        self._begun = asyncio.Event()
        self._is_closed = False

    @property
    def listeners(self) -> int:
        """How many listen."""
        return len(self._listeners)

    @property
    def position(self) -> Position:
        """All up to here was offered to those who listen."""
        return self._position

    @contextlib.asynccontextmanager
    async def listening(self, user: str, kinds: frozenset[str]) -> AsyncIterator[Listener]:
        """Give a user a listener that is offered all that happens from now on.

        Raises Refusal when there are too many, of all or of the user, GenericError when
        the master daemon does not answer.
        """
        if self._is_closed or len(self._listeners) >= self.limits.listeners:
            raise Refusal(HTTPStatus.SERVICE_UNAVAILABLE, "as many clients as can be served listen to events already")
        if sum(listener.user == user for listener in self._listeners) >= self.limits.of_user:
            raise Refusal(
                HTTPStatus.SERVICE_UNAVAILABLE,
                f"{self.limits.of_user} clients of {user} listen to events already: close one, or use another user",
            )
        listener = Listener(user, kinds, self.limits.backlog)
        self._listeners.add(listener)
        try:
            if not self._begun.is_set():
                # Told at once when nobody is there to be followed; following goes on trying.
                await self._ask(NOW, 0)
            if self._following is None:
                self._following = asyncio.get_running_loop().create_task(self._follow())
            await self._begun.wait()
            yield listener
        finally:
            self._listeners.discard(listener)
            if not self._listeners:
                await self._stop()

    async def after(self, known: Position) -> Batch:
        """Return the first events after a position, or where we are for NOW.

        Raises GenericError.
        """
        return await self._ask(known, 0)

    async def close(self) -> None:
        """Let all who listen go."""
        self._is_closed = True
        for listener in self._listeners:
            listener.close()
        await self._stop()

    async def _follow(self) -> None:
        """Tell all who listen what happens, for ever."""
        while True:
            try:
                batch = await self._ask(self._position, methods.LONGEST_WAIT)
            except errors.GenericError as err:
                log.warning("cannot follow events: %s", err)
                await self._clock.sleep(self.limits.pause)
                continue
            self._position = batch.position
            self._begun.set()
            for listener in self._listeners:
                listener.offer(batch)

    async def _ask(self, known: Position, timeout: float) -> Batch:
        return read_batch(await self._master.call(methods.wait_for_events, known.epoch, known.serial, timeout))

    async def _stop(self) -> None:
        following, self._following = self._following, None
        self._position = NOW
        self._begun.clear()
        if following is not None:
            following.cancel()
            await asyncio.wait([following])


class EventStream:
    """Serves the stream to one client after the other, or to many at once."""

    def __init__(self, hub: Hub, clock: Clock) -> None:
        self._hub = hub
        self._clock = clock

    async def serve(self, request: web.BaseRequest, user: str, kinds: Sequence[str]) -> web.StreamResponse:
        """Send events of some kinds, or all, to a user until the client goes, or does not take them.

        Raises Refusal, GenericError.
        """
        wanted = _kinds(kinds)
        known = _last_seen(request.headers.get("Last-Event-ID"))
        async with self._hub.listening(user, wanted) as listener:
            first = await self._hub.after(known)
            response = web.StreamResponse(headers=_HEADERS)
            client = _Client(request, response, self._hub.limits.writing)
            try:
                await response.prepare(request)
                await self._send_all(client, listener, first)
            except errors.GenericError as err:
                log.warning("%s has to come back for events: %s", client.name, err)
            except (TimeoutError, ConnectionError) as err:
                log.info("%s does not listen any more: %s", client.name, err or "it takes nothing")
                client.abort()
        return response

    async def _send_all(self, client: _Client, listener: Listener, first: Batch) -> None:
        limits = self._hub.limits
        end = self._clock.monotonic() + limits.life
        await client.write(b"retry: %d\n\n" % int(limits.pause * 1000))
        batch = first
        while True:
            await client.write(*(item.frame for item in listener.wanted(batch)))
            listener.position = batch.position
            if not batch.items or batch.items[0].kind == RESET:
                break
            batch = await self._hub.after(batch.position)
        await client.write(_here(listener.position))
        while not (listener.is_closed or self._clock.monotonic() >= end):
            items = await listener.next(limits.keep_alive)
            if listener.is_behind:
                log.info("%s takes events too slowly: hanging up", client.name)
                return
            # With nothing left over, all that happened so far was sent or not asked for.
            listener.position = items[-1].position if items else self._hub.position
            await client.write(*(item.frame for item in items))
            if not items:
                await client.write(b": still here\n" + _here(listener.position))


class _Client(NamedTuple):
    """Who listens, at the other end of a connection."""

    request: web.BaseRequest
    response: web.StreamResponse
    patience: float

    @property
    def name(self) -> str:
        return str(self.request.remote)

    async def write(self, *pieces: bytes) -> None:
        """Send; raises TimeoutError when nothing is taken, ConnectionError when nobody is there."""
        if pieces:
            async with asyncio.timeout(self.patience):
                await self.response.write(b"".join(pieces))

    def abort(self) -> None:
        if self.request.transport is not None:
            self.request.transport.abort()


_HEADERS = {"Content-Type": CONTENT_TYPE, "Cache-Control": "no-store", "X-Accel-Buffering": "no", "Server": SERVER}


def _here(position: Position) -> bytes:
    """Return what sets the id to come back with, without being an event."""
    return b"id: %s\n\n" % str(position).encode()


def _kinds(words: Sequence[str]) -> frozenset[str]:
    kinds = frozenset(kind for word in words for kind in word.split(",") if kind)
    for kind in sorted(kinds - set(EventKind)):
        raise bad_request(f"argument kind: unknown kind {kind!r:.60}{did_you_mean(kind, list(EventKind))}")
    return kinds


def _last_seen(header: str | None) -> Position:
    """Return where a client stopped; what we do not understand was missed, whatever it is."""
    if not header:
        return NOW
    return read_position(header) or _NOWHERE


_NOWHERE = Position("0", 0)
