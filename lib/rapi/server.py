"""The HTTPS side of the remote API: from the bytes of a request to its handler, and back.

Every request is matched to its row, let in by the doorkeeper, limited in size and in
the time its body may take, and only then handled.  Whatever a client sends, it gets
the status of `spec/rapi.json`; 500 means a bug.
"""

from __future__ import annotations

import asyncio
import logging
import re
import socket
import ssl
from collections.abc import Awaitable, Callable, Iterable
from http import HTTPStatus
from typing import Any, NamedTuple

from aiohttp import web
from aiohttp.http_exceptions import BadHttpMethod

from ganeti import errors
from ganeti.clock import Clock
from ganeti.luxi import framing
from ganeti.rapi.auth import Doorkeeper
from ganeti.rapi.master import Master
from ganeti.rapi.replies import JSON_TYPE, SERVER, Refusal, Reply, bad_request, error_reply, not_found, refusal_of
from ganeti.rapi.routing import Match, Router
from ganeti.rapi.table import Call, Method, Missing, Resource
from ganeti.rapi.watching import Watching, make_watching
from ganeti.utils import json
from ganeti.utils import log as logs

log = logging.getLogger(__name__)

MAX_CLIENTS = 256


class Limits(NamedTuple):
    """What clients may take, in bytes, seconds and numbers."""

    body: int = 4 * 1024 * 1024
    #: memory of those of all requests together, which take many times their size once they are read as JSON
    bodies: int = 256 * 1024 * 1024
    #: from the end of the headers to the end of the body
    body_seconds: float = 10.0
    #: a connection without a whole request
    idle_seconds: float = 60.0
    handshake_seconds: float = 10.0
    #: for an answer to be read by its client
    answer_seconds: float = 60.0
    #: for the rest of a body that was refused, so that the client reads why
    lingering_seconds: float = 2.0
    #: for answers under way when the daemon ends
    ending_seconds: float = 2.0
    #: connections at a time
    clients: int = MAX_CLIENTS
    #: jobs in a row, and in a second, for those who do not log in
    strangers_jobs: int = 50
    strangers_rate: float = 5.0


def tls_context(certificate: str, key: str | None = None, chain: str | None = None) -> ssl.SSLContext:
    """Return the TLS settings of the daemon: TLS 1.2 or later.

    The certificate's file may hold the key too; `chain` are certificates between it
    and one that clients know.  Raises X509CertError.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        context.load_cert_chain(certificate, key)
        if chain:
            context.load_verify_locations(chain)
    except OSError as err:  # ssl.SSLError is one
        raise errors.X509CertError(certificate, f"cannot be used: {err}") from err
    return context


#: in what the parser says of a method it does not know, when all else is a request
_REQUEST_LINE = re.compile(r"b'[A-Za-z-]+ /\S* HTTP/1\.[01]'")


class _Conversation(web.RequestHandler):
    """A connection, on which what is no HTTP is refused in the form of all refusals."""

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = HTTPStatus.INTERNAL_SERVER_ERROR,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        reason = (message or "").partition("\n")[0].rstrip(":")
        if isinstance(exc, BadHttpMethod) and _REQUEST_LINE.search(message or ""):
            status, reason = HTTPStatus.NOT_IMPLEMENTED, "this method is not supported on any path"
        log.info("%s: cannot be understood: %d %s", request.remote, status, reason or repr(exc))
        if request.writer.output_size:
            raise ConnectionError("an answer is on its way already")
        response = _response(error_reply(Refusal(HTTPStatus(status), reason)))
        response.force_close()
        return response


class _Connections(web.Server):
    """The connections of an HTTP server, of which there are only so many.

    When there is one more, the oldest without a request under way has to go: whoever
    keeps connections and asks nothing does not keep others out.
    """

    def __init__(self, handle: _Handle, most: int, **settings: Any) -> None:
        super().__init__(self._serve)
        self._handle = handle
        self._most = most
        self._settings = settings
        self._busy: set[asyncio.BaseTransport | None] = set()

    def __call__(self) -> web.RequestHandler:
        return _Conversation(self, loop=asyncio.get_running_loop(), **self._settings)

    def connection_made(self, handler: Any, transport: asyncio.Transport) -> None:
        super().connection_made(handler, transport)
        if len(self._connections) > self._most:
            log.warning("closing a connection: more than %d clients are connected", self._most)
            open_ones = (other for other in self._connections.values() if not other.is_closing())
            next((other for other in open_ones if other not in self._busy), transport).abort()

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        transport = request.transport
        self._busy.add(transport)
        try:
            return await self._handle(request)
        finally:
            self._busy.discard(transport)


_Handle = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class _Allowance:
    """So many at once, and then so many in a second."""

    def __init__(self, most: int, rate: float, clock: Clock) -> None:
        self._most, self._rate, self._clock = most, rate, clock
        self._left, self._then = float(most), clock.monotonic()

    def take(self) -> bool:
        """Take one if there is one left."""
        now = self._clock.monotonic()
        self._left = min(self._most, self._left + self._rate * (now - self._then))
        self._then = now
        if self._left < 1:
            return False
        self._left -= 1
        return True


class ApiServer:
    """Serves a table of resources."""

    def __init__(
        self,
        table: Iterable[Resource],
        master: Master,
        doorkeeper: Doorkeeper,
        clock: Clock,
        limits: Limits | None = None,
        watching: Watching | None = None,
    ) -> None:
        self._router = Router(table)
        self._master = master
        self._doorkeeper = doorkeeper
        self._clock = clock
        self._limits = limits or Limits()
        #: memory of the bodies of requests that are being answered
        self._bodies: dict[int, int] = {}
        self._strangers = _Allowance(self._limits.strangers_jobs, self._limits.strangers_rate, clock)
        self._watching = watching or make_watching(master, clock)
        self._http = _Connections(
            self._handle,
            self._limits.clients,
            access_log=None,
            keepalive_timeout=self._limits.idle_seconds,
            lingering_time=self._limits.lingering_seconds,
            auto_decompress=False,
        )
        self._listener: asyncio.Server | None = None

    async def listen(self, listening: socket.socket, tls: ssl.SSLContext | None) -> None:
        """Serve connections to a bound socket; without TLS settings they are not encrypted."""
        self._listener = await asyncio.get_running_loop().create_server(
            self._http,
            sock=listening,
            ssl=tls,
            ssl_handshake_timeout=self._limits.handshake_seconds if tls else None,
            ssl_shutdown_timeout=self._limits.ending_seconds if tls else None,
            backlog=128,
        )

    async def stop(self) -> None:
        """Listen no more, let answers under way out, close all connections."""
        if self._listener is not None:
            self._listener.close()
        await self._watching.close()
        self._http.pre_shutdown()
        await self._http.shutdown(self._limits.ending_seconds)

    # --- one request --------------------------------------------------------------------

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        logs.context.set("")  # a connection keeps that of its last request
        try:
            answer = await self._answer(request)
        except Refusal as err:
            answer = error_reply(err)
        except errors.Bug as err:
            log.exception("%s %s ended with a bug, please report it", request.method, request.rel_url.raw_path)
            answer = error_reply(refusal_of(err))
        except errors.GenericError as err:
            answer = error_reply(refusal_of(err))
        except Exception:
            log.exception("%s %s ended with a bug, please report it", request.method, request.rel_url.raw_path)
            answer = error_reply(Refusal(HTTPStatus.INTERNAL_SERVER_ERROR))
        finally:
            self._bodies.pop(id(request), None)
        if isinstance(answer, web.StreamResponse):
            return answer
        if answer.status >= HTTPStatus.BAD_REQUEST:
            log.info(
                "%s: %s %s: %d %s", request.remote, request.method, request.rel_url.raw_path, answer.status, answer.body
            )
        return await self._send(request, answer)

    async def _answer(self, request: web.BaseRequest) -> Reply | web.StreamResponse:
        match = self._router.find(request.rel_url.raw_path)
        if match is None:
            raise not_found()
        method = match.resource.methods.get(request.method)
        if method is None:
            raise Refusal(HTTPStatus.NOT_IMPLEMENTED, f"{request.method} is not supported on this path")
        login = request.headers.get("Authorization")
        user = await self._doorkeeper.admit(login, request.method, method, match, self._master)
        call = Call(
            request=request,
            resource=match.resource,
            variables=match.variables,
            arguments=_arguments(request),
            # What anybody may send takes memory of this process: only those who log in are read.
            body=await self._read_body(request) if user else Missing.BODY,
            user=user,
            master=self._master,
            watching=self._watching,
            now=self._clock.time,
        )
        return await self._do(call, method, match)

    async def _do(self, call: Call, method: Method, match: Match) -> Reply | web.StreamResponse:
        request = call.request
        logs.context.set(call.user)
        if request.method != "GET":
            log.info("%s: %s %s", request.remote, request.method, match.path())
        for name in method.needs:
            if await self._master.lacks(name):
                raise Refusal(HTTPStatus.NOT_IMPLEMENTED, f"{name} is not supported by this version of Ganeti")
        if method.opcodes and not call.user and not self._strangers.take():
            # Each is a file on every candidate: whoever just comes along must not fill disks with them.
            raise Refusal(HTTPStatus.SERVICE_UNAVAILABLE, "too many jobs for clients that do not log in; do, or wait")
        return await method.handle(call)

    async def _send(self, request: web.BaseRequest, answer: Reply) -> web.StreamResponse:
        """Send an answer; a client that does not read it in time is hung up on."""
        response = _response(answer)
        if not request.content.is_eof():
            response.force_close()
        try:
            async with asyncio.timeout(self._limits.answer_seconds):
                await response.prepare(request)
                await response.write_eof()
        except TimeoutError:
            log.warning("%s does not read its answer: closing the connection", request.remote)
            if request.transport is not None:
                request.transport.abort()
        return response

    # --- bodies -------------------------------------------------------------------------

    async def _read_body(self, request: web.BaseRequest) -> Any:
        if not request.body_exists:
            return Missing.BODY
        data = await self._read_bytes(request)
        if not data:
            return Missing.BODY
        if request.headers.get("Content-Type") is None or request.content_type != JSON_TYPE:
            raise Refusal(HTTPStatus.UNSUPPORTED_MEDIA_TYPE, f"Content-Type: expected {JSON_TYPE}")
        self._count(request, framing.memory_of(data))
        try:
            return json.loads(data)
        except errors.ParseError as err:
            raise bad_request(f"body: {err}") from err

    async def _read_bytes(self, request: web.BaseRequest) -> bytes:
        limit, content = self._limits.body, request.content
        too_large = Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"body: more than {limit} bytes")
        if (request.content_length or 0) > limit:
            raise too_large
        _say_to_go_on(request)
        parts: list[bytes] = []
        size = 0
        try:
            async with asyncio.timeout(self._limits.body_seconds):
                while part := await content.readany():
                    parts.append(part)
                    size += len(part)
                    if size > limit:
                        raise too_large
                    self._count(request, size)
        except TimeoutError:
            seconds = self._limits.body_seconds
            raise Refusal(HTTPStatus.REQUEST_TIMEOUT, f"body: not here after {seconds:g} s") from None
        return b"".join(parts)

    def _count(self, request: web.BaseRequest, memory: int) -> None:
        """Count what the body of a request takes, until it is answered; raises Refusal when it is too much."""
        self._bodies[id(request)] = memory
        if sum(self._bodies.values()) > self._limits.bodies:
            raise Refusal(HTTPStatus.SERVICE_UNAVAILABLE, "too many large requests at a time; try later")


def _response(answer: Reply) -> web.Response:
    headers = {**answer.headers, "Server": SERVER, "Content-Type": answer.content_type}
    return web.Response(body=answer.body, status=answer.status, headers=headers)


def _say_to_go_on(request: web.BaseRequest) -> None:
    """Have the body sent by a client that asked first (RFC 9110, 10.1.1)."""
    expected = request.headers.get("Expect", "").lower()
    if expected == "100-continue" and request.transport is not None and not request.content.total_bytes:
        request.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")


def _arguments(request: web.BaseRequest) -> dict[str, list[str]]:
    """Return the arguments; one without a value is none, as ever."""
    if not request.rel_url.raw_query_string:
        return {}
    given: dict[str, list[str]] = {}
    for name, value in request.rel_url.query.items():
        if value:
            given.setdefault(name, []).append(value)
    return given
