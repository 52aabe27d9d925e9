"""All transfers of this process on one CurlMulti, driven by the event loop.

Connections are kept, TLS sessions are resumed.  Per node only so many calls are under
way at a time, others wait their turn; and only so many connections are being set up at
a time, so that a call to a thousand nodes is no storm of handshakes.
"""

from __future__ import annotations

import asyncio
import collections
import logging
import os
from collections.abc import Callable, Container

import pycurl

from ganeti import errors
from ganeti.rpc.curl import BLIND_SECONDS, IDLE_SECONDS, CredentialFiles, Transfer, is_quiet
from ganeti.rpc.result import Phase
from ganeti.rpc.transport import ANSWER_LIMIT, Endpoint, Loss, Request, Response, Times

log = logging.getLogger(__name__)

CALLS_PER_NODE = 16
WAITS_PER_NODE = 256
HANDSHAKES = 16
AT_ONCE = 128
"""Calls to all nodes together that are begun before others have been answered, or for long enough under way."""
LONG_ENOUGH = 0.25
CONNECTIONS = 256
CONNECTIONS_PER_NODE = 2
"""Connections kept open, all nodes together: so many, but so many per node in a large cluster.

Each takes 180 KiB.  Those longest without use are closed; setting one up costs as much as a call.
"""
PATIENCE = 0.05
"""Seconds a call waits for a connection in use, when its node has as many as are kept, before it gets another one."""


class _Turns:
    """So many at a time; others wait, first come, first served."""

    def __init__(self, limit: int) -> None:
        self._free = limit
        self._waiting: collections.deque[asyncio.Future[None]] = collections.deque()

    async def take(self) -> None:
        """Wait for a turn; returns at once when one is free."""
        if self._free > 0:
            self._free -= 1
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.give()
            raise

    async def take_once(self) -> Callable[[], None]:
        """Wait for a turn; returns what ends it, once, however often it is called."""
        await self.take()
        taken = [self.give]
        return lambda: taken.pop()() if taken else None

    def give(self) -> None:
        """End a turn: the next one waiting gets it."""
        while self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        self._free += 1


class _Peer:
    """One node daemon: the handles kept for it and who may talk to it."""

    def __init__(self) -> None:
        self.calls = _Turns(CALLS_PER_NODE)
        self.waits = _Turns(WAITS_PER_NODE)
        self._transfers: list[Transfer] = []
        self._idle = 0
        self._last_used = 0.0
        #: connections that were kept when last used: descriptor, and what tells it from a later one of its number
        self._kept: dict[int, int] = {}
        self._blind_until = 0.0
        #: calls under way
        self.busy = 0
        self._wanting: collections.deque[asyncio.Future[None]] = collections.deque()

    async def have_patience(self) -> None:
        """Wait a little for a connection to come free; of those that wait the first is told."""
        wanted: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._wanting.append(wanted)
        try:
            await asyncio.wait({wanted}, timeout=PATIENCE)
        finally:
            wanted.cancel()

    def is_blind(self, now: float) -> bool:
        """Tell whether curl may still take a connection for open which is not."""
        return now < self._blind_until

    def take_idle(self, now: float, in_use: Container[int]) -> bool:
        """Claim a kept connection; False when, as far as we know, there is none that works."""
        if now - self._last_used >= IDLE_SECONDS:
            self._idle = 0
            self._kept.clear()
        for fd in [fd for fd, identity in self._kept.items() if identity != _identity(fd)]:
            del self._kept[fd]  # curl has closed it: there were too many
            self._idle = max(0, self._idle - 1)
        if any(fd not in in_use and not is_quiet(fd) for fd in self._kept):
            self._blind_until = now + BLIND_SECONDS
            self._idle = 0
            self._kept.clear()
        if self._idle == 0:
            return False
        self._idle -= 1
        return True

    def keep(self, now: float, connection: int) -> None:
        """Note that a connection stays open, for now without use."""
        if connection != -1:
            self._idle += 1
            self._kept[connection] = _identity(connection)
            while self._wanting:
                wanted = self._wanting.popleft()
                if not wanted.done():
                    wanted.set_result(None)
                    break
        self._last_used = now

    def take_transfer(self) -> Transfer | None:
        """Return a transfer that was used before, if one is left."""
        return self._transfers.pop() if self._transfers else None

    def give_back(self, transfer: Transfer) -> None:
        """Keep a transfer for the next who needs one, or end it when there are enough."""
        if len(self._transfers) < CALLS_PER_NODE:
            transfer.forget()
            self._transfers.append(transfer)
        else:
            transfer.handle.close()

    def close(self) -> None:
        """End the transfers that are left."""
        for transfer in self._transfers:
            transfer.handle.close()


def _identity(fd: int) -> int:
    """Return what a descriptor refers to, 0 for nothing."""
    try:
        return os.fstat(fd).st_ino
    except OSError:
        return 0


class CurlEngine:
    """A transport (see `ganeti.rpc.transport`) over HTTPS with mutual authentication."""

    def __init__(
        self,
        credentials: CredentialFiles,
        times: Times | None = None,
        *,
        handshakes: int = HANDSHAKES,
        connections: int = CONNECTIONS,
        answer_limit: int = ANSWER_LIMIT,
    ) -> None:
        self._credential_files = credentials
        self._connect_timeout = (times or Times()).connect
        self._answer_limit = answer_limit
        self._handshakes = _Turns(handshakes)
        self._young = _Turns(AT_ONCE)
        self._peers: dict[Endpoint, _Peer] = {}
        self._running: dict[pycurl.Curl, asyncio.Future[Response | Loss]] = {}
        self._transfers: dict[pycurl.Curl, Transfer] = {}
        self._watched: dict[int, int] = {}
        self._timer: asyncio.TimerHandle | asyncio.Handle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._multi = pycurl.CurlMulti()
        self._multi.setopt(pycurl.M_SOCKETFUNCTION, self._watch)
        self._multi.setopt(pycurl.M_TIMERFUNCTION, self._set_timer)
        self._connections = connections

    async def send(self, endpoint: Endpoint, request: Request) -> Response | Loss:
        """See `Transport`."""
        peer = self._peers.get(endpoint)
        if peer is None:
            peer = self._peers[endpoint] = _Peer()
            kept = max(self._connections, CONNECTIONS_PER_NODE * len(self._peers))
            self._multi.setopt(pycurl.M_MAXCONNECTS, kept)
        turns = peer.waits if request.waits else peer.calls
        self._loop = asyncio.get_running_loop()
        await turns.take()
        try:
            return await self._in_turn(endpoint, peer, request)
        finally:
            turns.give()

    async def _in_turn(self, endpoint: Endpoint, peer: _Peer, request: Request) -> Response | Loss:
        """Begin no more calls than the loop can look after, else those under way would seem to hang."""
        loop = asyncio.get_running_loop()
        give = await self._young.take_once()
        grown = loop.call_later(LONG_ENOUGH, give)
        peer.busy += 1
        try:
            idle = peer.take_idle(loop.time(), self._watched)
            if not idle and peer.busy > CONNECTIONS_PER_NODE:
                await peer.have_patience()
                idle = peer.take_idle(loop.time(), self._watched)
            if idle:
                return await self._transfer(endpoint, peer, request, None)
            await self._handshakes.take()
            return await self._transfer(endpoint, peer, request, self._handshakes)
        finally:
            peer.busy -= 1
            grown.cancel()
            give()

    async def _transfer(
        self, endpoint: Endpoint, peer: _Peer, request: Request, handshakes: _Turns | None
    ) -> Response | Loss:
        """Run one transfer; gives the handshake turn back once the connection stands."""
        transfer: Transfer | None = None
        handle: pycurl.Curl | None = None
        loop = asyncio.get_running_loop()
        try:
            transfer = peer.take_transfer() or Transfer(endpoint, self._connect_timeout, self._answer_limit)
            try:
                alone = peer.is_blind(loop.time())
                transfer.prepare(request, self._credential_files.load(), alone=alone)
            except errors.X509CertError as err:
                return Loss(Phase.REFUSED, str(err), False)
            if handshakes is not None:
                transfer.on_connected = handshakes.give
                handshakes = None
            handle = transfer.handle
            done: asyncio.Future[Response | Loss] = loop.create_future()
            self._running[handle] = done
            self._transfers[handle] = transfer
            self._multi.add_handle(handle)
            result = await done
            if isinstance(result, Response) and not alone:
                peer.keep(loop.time(), transfer.connection)
            return result
        finally:
            if handshakes is not None:
                handshakes.give()
            if transfer is not None:
                transfer.connected()
                if handle is not None and self._running.pop(handle, None) is not None:
                    del self._transfers[handle]
                    self._multi.remove_handle(handle)
                peer.give_back(transfer)

    async def close(self) -> None:
        """End what runs, as lost, and close all connections."""
        for handle, done in list(self._running.items()):
            if not done.done():
                done.set_result(Loss(Phase.UNREACHABLE, "the client is shutting down", self._transfers[handle].sent))
        while self._running:
            await asyncio.sleep(0)
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        for peer in self._peers.values():
            peer.close()
        self._peers.clear()
        self._multi.close()
        for fd in list(self._watched):
            self._unwatch(fd)

    # --- callbacks of curl: they only note what to watch for ------------------------

    def _watch(self, what: int, fd: int, _multi: object, _data: object) -> None:
        assert self._loop is not None
        if what == pycurl.POLL_REMOVE:
            self._unwatch(fd)
            return
        old = self._watched.get(fd, 0)
        wanted = {pycurl.POLL_IN: 1, pycurl.POLL_OUT: 2, pycurl.POLL_INOUT: 3}.get(what, 0)
        if wanted & 1 and not old & 1:
            self._loop.add_reader(fd, self._act, fd, pycurl.CSELECT_IN)
        elif old & 1 and not wanted & 1:
            self._loop.remove_reader(fd)
        if wanted & 2 and not old & 2:
            self._loop.add_writer(fd, self._act, fd, pycurl.CSELECT_OUT)
        elif old & 2 and not wanted & 2:
            self._loop.remove_writer(fd)
        self._watched[fd] = wanted

    def _unwatch(self, fd: int) -> None:
        assert self._loop is not None
        old = self._watched.pop(fd, 0)
        if old & 1:
            self._loop.remove_reader(fd)
        if old & 2:
            self._loop.remove_writer(fd)

    def _set_timer(self, milliseconds: int) -> None:
        assert self._loop is not None
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if milliseconds == 0:
            # Not at once: curl is not to be called from its own callback.
            self._timer = self._loop.call_soon(self._expire)
        elif milliseconds > 0:
            self._timer = self._loop.call_later(milliseconds / 1000, self._expire)

    def _expire(self) -> None:
        self._timer = None
        self._act(pycurl.SOCKET_TIMEOUT, 0)

    def _act(self, fd: int, events: int) -> None:
        self._multi.socket_action(fd, events)
        left = 1
        while left:
            left, succeeded, failed = self._multi.info_read()
            for handle in succeeded:
                self._finish(handle, self._transfers[handle].response())
            for handle, code, message in failed:
                self._finish(handle, self._transfers[handle].loss(code, message))

    def _finish(self, handle: pycurl.Curl, result: Response | Loss) -> None:
        done = self._running.pop(handle)
        del self._transfers[handle]
        self._multi.remove_handle(handle)
        if not done.done():
            done.set_result(result)
