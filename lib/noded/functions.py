"""The function calls of this node daemon: started, joined, waited for, ended.

A call is carried out once, however often its request arrives: requests with the same
key join the running call, or get the answer that is kept for a while after its end.
Calls beyond the limit of processes wait in a queue.  Long calls never take the last
places, so that a node busy with imports still says how it is.
"""

from __future__ import annotations

import asyncio
import collections
import logging
import os
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from ganeti import errors
from ganeti.clock import Clock
from ganeti.noded.function_link import FunctionLink, Running
from ganeti.noded.function_process import Answer, Handler, carry_out
from ganeti.noded.function_server import SECONDS_TO_END, ServerProcess
from ganeti.noded.options import MAX_PROCESSES
from ganeti.noded.shortcut import answer_at_once
from ganeti.procedure import Procedure
from ganeti.rpc.envelope import failure
from ganeti.rpc.transport import ANSWER_LIMIT, is_earlier

log = logging.getLogger(__name__)

MAX_QUEUED = 1000
LONGEST_WAIT = 60.0
ABANDONED_AFTER = 30.0
"""Seconds after which an abandonable call is ended that nobody asks for; longer than a master is patient."""
SHORT_CALL = 60
"""A call with at most this time limit, in seconds, may take one of the last places."""


class UnknownFunction(Exception):
    """There is no such procedure, or no such function call (any more)."""


class Keep(NamedTuple):
    """How long ended calls are remembered."""

    seconds: float
    calls: int
    #: of answers, all together
    size: int


KEEP_FETCHED = Keep(seconds=120, calls=2000, size=64 * 1024 * 1024)
KEEP_UNFETCHED = Keep(seconds=3600, calls=2000, size=64 * 1024 * 1024)


class Function:
    """One call, from its request until it is forgotten."""

    __slots__ = (
        "answer",
        "ended_at",
        "fetched",
        "fingerprint",
        "id",
        "key",
        "procedure",
        "running",
        "unwanted",
        "waiters",
    )

    def __init__(self, procedure: Procedure[..., Any], key: str, fingerprint: int) -> None:
        #: made when somebody is to wait for the call
        self.id = ""
        self.procedure = procedure
        self.key = key
        self.fingerprint = fingerprint
        self.running: Running | None = None
        self.answer: Answer | None = None
        self.ended_at = 0.0
        self.fetched = False
        self.waiters: list[asyncio.Future[None]] = []
        #: goes off when nobody has asked for an abandonable call for long
        self.unwanted: asyncio.TimerHandle | None = None


class _Kept:
    """Ended calls, oldest first, within limits."""

    def __init__(self, keep: Keep, forget: Callable[[Function], None]) -> None:
        self._keep = keep
        self._forget = forget
        self._functions: dict[Function, None] = {}
        self._size = 0

    def add(self, function: Function, now: float) -> None:
        """Keep one more; forgets what is too old or too much, but never the newest."""
        assert function.answer is not None
        self._functions[function] = None
        self._size += len(function.answer.body)
        keep = self._keep
        while len(self._functions) > 1:
            oldest = next(iter(self._functions))
            too_much = len(self._functions) > keep.calls or self._size > keep.size
            if not too_much and now - oldest.ended_at < keep.seconds:
                break
            self.remove(oldest)
            self._forget(oldest)

    def remove(self, function: Function) -> None:
        """Take one out."""
        assert function.answer is not None
        if function in self._functions:
            del self._functions[function]
            self._size -= len(function.answer.body)


class Functions:
    """All function calls of a node daemon.

    Those that are not inline are carried out by the function `server`.  `on_quit` is
    called when a call asked for the daemon's end, or the server is lost.
    """

    def __init__(
        self,
        table: Mapping[str, Procedure[..., Any]],
        handlers: Mapping[str, Handler],
        server: ServerProcess,
        clock: Clock,
        *,
        on_quit: Callable[[], None],
        max_processes: int = MAX_PROCESSES,
        max_queued: int = MAX_QUEUED,
        answer_limit: int = ANSWER_LIMIT,
        keep_fetched: Keep = KEEP_FETCHED,
        keep_unfetched: Keep = KEEP_UNFETCHED,
        abandoned_after: float = ABANDONED_AFTER,
    ) -> None:
        self._table = table
        self._handlers = handlers
        self._clock = clock
        self._on_quit = on_quit
        self._max_processes = max_processes
        self._max_queued = max_queued
        self._abandoned_after = abandoned_after
        self._link = FunctionLink(server, answer_limit, on_quit)
        self._by_id: dict[str, Function] = {}
        self._by_key: dict[str, Function] = {}
        self._fetched = _Kept(keep_fetched, self._forget)
        self._unfetched = _Kept(keep_unfetched, self._forget)
        self._queue: collections.deque[tuple[Function, bytes]] = collections.deque()
        self._running = 0
        self._stopping = False

    @property
    def running(self) -> int:
        """How many processes there are."""
        return self._running

    def begin(self, name: str, body: bytes, key: str) -> Function:
        """Begin a call with the arguments in `body`, or join the one with the same key.

        Raises UnknownFunction for no such procedure, RemoteError when the call cannot be taken.
        """
        fingerprint = hash((name, body))
        known = self._by_key.get(key) if key else None
        if known is not None:
            if known.fingerprint != fingerprint:
                raise errors.RemoteError(f"cannot begin {name}: its key was used for another call")
            return known
        procedure, handler = self._table.get(name), self._handlers.get(name)
        if procedure is None or handler is None:
            raise UnknownFunction(f"cannot begin {name}: no such procedure on this node")
        if self._stopping:
            raise errors.RemoteError(f"cannot begin {name}: the node daemon is ending")
        function = Function(procedure, key, fingerprint)
        if key:
            self._by_key[key] = function
        if procedure.inline:
            self._end(function, carry_out(procedure, handler, body))
        elif (answer := answer_at_once(procedure, handler, body)) is not None:
            self._end(function, answer)
        elif self._has_place(procedure):
            self._start(function, body)
        elif len(self._queue) < self._max_queued:
            self._queue.append((function, body))
        else:
            self._forget(function)
            raise errors.RemoteError(f"cannot begin {name}: {len(self._queue)} calls wait for a process already")
        return function

    def find(self, call_id: str) -> Function:
        """Return the call with an id.

        Raises UnknownFunction when it is another daemon's, or forgotten.
        """
        function = self._by_id.get(call_id)
        if function is None:
            raise UnknownFunction(f"cannot wait for function call {call_id}: not known, or ended long ago")
        return function

    async def wait(self, function: Function, seconds: float) -> Answer | None:
        """Return the answer of a call, None when it is not there within some seconds."""
        if function.answer is None and seconds > 0:
            loop = asyncio.get_running_loop()
            _calm(function)
            waiter: asyncio.Future[None] = loop.create_future()
            function.waiters.append(waiter)
            alarm = loop.call_later(min(seconds, LONGEST_WAIT), _wake, waiter)
            try:
                await waiter
            finally:
                alarm.cancel()
                function.waiters.remove(waiter)
                if function.procedure.abandonable and function.answer is None and not function.waiters:
                    # Whoever wanted it may be dead, or cut off.
                    function.unwanted = loop.call_later(self._abandoned_after, self._abandon, function)
        if function.answer is not None and not function.fetched:
            function.fetched = True
            self._unfetched.remove(function)
            self._fetched.add(function, self._clock.monotonic())
        return function.answer

    def end(self, key: str) -> None:
        """End the call with a key, with all it started; one that has ended, or never came, is fine."""
        if (function := self._by_key.get(key)) is not None:
            self._abandon(function)

    def end_earlier(self, life: str) -> None:
        """End the abandonable calls of earlier lives of the master daemon."""
        for function in list(self._by_key.values()):
            if function.procedure.abandonable and is_earlier(function.key, life):
                self._abandon(function)

    def _abandon(self, function: Function) -> None:
        if function.answer is not None:
            return
        log.warning("%s is ended: nobody waits for it any more", function.procedure.name)
        if function.running is not None:
            self._link.end_call(function.running)
            return
        self._queue = collections.deque(waiting for waiting in self._queue if waiting[0] is not function)
        self._end(function, Answer(failure(errors.OpExecError("ended before it began: nobody waits for it any more"))))

    def call_id(self, function: Function) -> str:
        """Return the id of a call, by which it is found from now on; 0 is the pid of a process yet to come."""
        if not function.id:
            pid = function.running.pid if function.running is not None else 0
            function.id = f"{os.getpid()}:{pid}:{self._clock.time():.6f}:{os.urandom(8).hex()}"
            self._by_id[function.id] = function
        return function.id

    def reopen_logs(self) -> None:
        """Have function processes write to the log files of now."""
        self._link.reopen_logs()

    async def stop(self, seconds: float = SECONDS_TO_END) -> None:
        """Take no more calls; end all processes, by force after some seconds, and reap them."""
        self._stopping = True
        ended = errors.OpExecError("the node daemon ended before the call was carried out")
        while self._queue:
            function, _ = self._queue.popleft()
            self._end(function, Answer(failure(ended)))
        await self._link.end(seconds)

    def _has_place(self, procedure: Procedure[..., Any]) -> bool:
        kept_free = 0 if procedure.timeout <= SHORT_CALL else self._max_processes // 4
        return self._running < self._max_processes - kept_free

    def _start(self, function: Function, body: bytes) -> None:
        procedure = function.procedure
        try:
            function.running = self._link.begin(
                procedure.name, body, lambda answer: self._end(function, answer), lambda: self._ended(function)
            )
        except OSError as err:
            error = errors.OpExecError(f"cannot start a process for {procedure.name}: {err.strerror}")
            self._end(function, Answer(failure(error)))
            return
        self._running += 1

    def _end(self, function: Function, answer: Answer) -> None:
        _calm(function)
        function.answer = answer
        function.ended_at = self._clock.monotonic()
        self._unfetched.add(function, function.ended_at)
        for waiter in function.waiters:
            _wake(waiter)
        if answer.quit:
            self._on_quit()

    def _ended(self, function: Function) -> None:
        function.running = None
        self._running -= 1
        for _ in range(len(self._queue)):
            queued, body = self._queue.popleft()
            if self._has_place(queued.procedure):
                self._start(queued, body)
            else:
                self._queue.append((queued, body))

    def _forget(self, function: Function) -> None:
        self._by_id.pop(function.id, None)
        self._by_key.pop(function.key, None)


def _calm(function: Function) -> None:
    if function.unwanted is not None:
        function.unwanted.cancel()
        function.unwanted = None


def _wake(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)
