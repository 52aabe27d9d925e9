"""The HTTPS side of the node daemon: requests in, answers out; decides nothing about calls.

Both ends show certificates.  Every request is checked against `ganeti.noded.access`,
limited in size and in the time its body may take.
"""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import logging
import os
import socket
import ssl
from collections.abc import Callable
from typing import NamedTuple

from aiohttp import web

from ganeti import errors
from ganeti.clock import Clock
from ganeti.noded.access import Access
from ganeti.noded.functions import Function, Functions, UnknownFunction
from ganeti.rpc.envelope import failure, success
from ganeti.rpc.transport import (
    CALL_HEADER,
    CLUSTER_HEADER,
    DAEMON_HEADER,
    END_EARLIER,
    END_FUNCTION,
    MASTER_HEADER,
    OK,
    OTHER_DAEMON,
    REFUSED,
    REQUEST_LIMIT,
    STILL_RUNNING,
    UNKNOWN,
    WAIT_FUNCTION,
    WAIT_HEADER,
    Times,
)
from ganeti.utils import files, json, x509

log = logging.getLogger(__name__)

BAD_REQUEST = 400
BAD_METHOD = 405
TOO_SLOW = 408
TOO_LARGE = 413

_KEY_LIMIT = 200
#: X509_V_FLAG_NO_CHECK_TIME, see X509_VERIFY_PARAM_set_flags(3)
_NO_CHECK_TIME = 0x200000

#: returns new TLS settings when keys were replaced since the last look, else None
NewTls = Callable[[], ssl.SSLContext | None]


class Limits(NamedTuple):
    """What a client may take, in bytes and seconds."""

    body: int = REQUEST_LIMIT
    #: from the end of the headers to the end of the body
    body_seconds: float = 60.0
    #: a connection without a whole request; more than clients keep theirs
    idle_seconds: float = 180.0
    handshake_seconds: float = 10.0
    #: for the rest of a body that was refused, so that the client reads why
    lingering_seconds: float = 2.0
    #: for answers under way when the daemon ends
    ending_seconds: float = 2.0


class _Refusal(Exception):
    """A request that is not served: HTTP status and why."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


def tls_context(server_cert: str, *, key: str | None = None) -> ssl.SSLContext:
    """Return the TLS settings of the node daemon: TLS 1.2 or later, certificates of this cluster on both sides.

    All certificates in the file are trusted; the first is shown.  That a client's has
    expired is no matter here: who may call is in the list of `ganeti.noded.access`, and
    somebody has to be able to bring new ones.

    Raises X509CertError.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.verify_mode = ssl.CERT_REQUIRED
    context.verify_flags |= _NO_CHECK_TIME
    if not os.path.exists(server_cert):
        remedy = "gnt-cluster init, or gnt-node add on the master, makes it part of one"
        raise errors.X509CertError(server_cert, f"not there: this node is part of no cluster; {remedy}")
    try:
        context.load_cert_chain(server_cert, key)
        context.load_verify_locations(server_cert)
    except OSError as err:  # ssl.SSLError is one
        raise errors.X509CertError(server_cert, f"cannot be used: {err}") from err
    return context


def warm_up_tls() -> None:
    """Shake hands with oneself: what OpenSSL makes for the first connection, processes forked off this one share."""
    with files.temporary_file(x509.create_self_signed("nobody", days=1)) as path:
        server, client = tls_context(path), ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        client.check_hostname = False
        client.load_cert_chain(path)
        client.load_verify_locations(path)
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    here = server.wrap_bio(to_server, to_client, server_side=True)
    there = client.wrap_bio(to_client, to_server)
    for side in (there, here, there, here):
        with contextlib.suppress(ssl.SSLWantReadError):
            side.do_handshake()
    there.write(b"?")
    here.read(1)


class NodeServer:
    """Serves the calls of one node.

    Before a request is answered, `new_tls` is asked: who has brought new keys finds
    them in use with the next connection.
    """

    def __init__(
        self,
        functions: Functions,
        access: Access,
        clock: Clock,
        limits: Limits | None = None,
        new_tls: NewTls | None = None,
    ) -> None:
        self._functions = functions
        self._access = access
        self._limits = limits or Limits()
        #: what clients know this incarnation of the daemon by
        self.incarnation = f"{os.getpid()}:{clock.time():.6f}:{os.urandom(8).hex()}"
        self._http = web.Server(
            self._handle,
            access_log=None,
            keepalive_timeout=self._limits.idle_seconds,
            lingering_time=self._limits.lingering_seconds,
            auto_decompress=False,
        )
        self._new_tls = new_tls
        self._socket: socket.socket | None = None
        self._listener: asyncio.Server | None = None

    async def listen(self, listening: socket.socket, tls: ssl.SSLContext) -> None:
        """Serve connections to a bound socket, which is closed by `stop`."""
        self._socket = listening
        self._listener = await self._accept(listening, tls)

    async def follow_keys(self) -> None:
        """Use the keys that are there now for all connections to come; those that stand go on."""
        tls = self._new_tls() if self._new_tls else None
        if tls is None or self._listener is None or self._socket is None:
            return
        # One after the other on the same socket: nobody who connects meanwhile is refused.
        before, self._listener = self._listener, await self._accept(self._socket, tls)
        before.close()
        log.info("keys were replaced: new connections use them")

    async def _accept(self, listening: socket.socket, tls: ssl.SSLContext) -> asyncio.Server:
        return await asyncio.get_running_loop().create_server(
            self._http,
            sock=listening.dup(),
            ssl=tls,
            ssl_handshake_timeout=self._limits.handshake_seconds,
            ssl_shutdown_timeout=self._limits.ending_seconds,
            backlog=1024,
        )

    async def stop(self) -> None:
        """Listen no more, end all calls, let their answers out, close all connections."""
        if self._listener is not None and self._socket is not None:
            self._listener.close()
            self._socket.close()
        await self._functions.stop()
        self._http.pre_shutdown()  # ends idle connections; the others when their answer is out
        await self._http.shutdown(self._limits.ending_seconds)

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        try:
            status, body = await self._serve(request)
        except _Refusal as err:
            status, body = err.status, failure(errors.RemoteError(str(err)))
        except (errors.RemoteError, errors.NotMasterError) as err:
            status, body = REFUSED, failure(err)
        except UnknownFunction as err:
            status, body = UNKNOWN, failure(errors.RemoteError(str(err)))
        await self.follow_keys()
        if status not in (OK, STILL_RUNNING):
            log.warning("%s of %s refused: %s", request.path, request.remote, body.decode("ascii", "replace"))
        headers = {DAEMON_HEADER: self.incarnation}
        response = web.Response(body=body, status=status, headers=headers, content_type="application/json")
        if not request.content.is_eof():
            response.force_close()
        return response

    async def _serve(self, request: web.BaseRequest) -> tuple[int, bytes]:
        headers = request.headers
        self._access.check(_peer_digest(request), headers.get(CLUSTER_HEADER, ""))
        if request.method != "POST":
            raise _Refusal(BAD_METHOD, f"cannot serve {request.method}: calls are made with POST")
        addressed = headers.get(DAEMON_HEADER)
        if addressed is not None and addressed != self.incarnation:
            raise _Refusal(
                OTHER_DAEMON, "cannot repeat the call: the node daemon was restarted since it was first made"
            )
        name = request.path[1:]
        body = await self._read_body(request)
        if name == END_FUNCTION:
            self._functions.end(_parse_one(name, body))
            return OK, success(None)
        if name == END_EARLIER:
            self._access.check_master(headers.get(MASTER_HEADER, ""))
            self._functions.end_earlier(_parse_one(name, body))
            return OK, success(None)
        if name == WAIT_FUNCTION:
            function, seconds = self._parse_wait(body)
        else:
            key = headers.get(CALL_HEADER, "")
            if len(key) > _KEY_LIMIT:
                raise _Refusal(BAD_REQUEST, f"cannot begin {name}: key is longer than {_KEY_LIMIT} characters")
            seconds = _seconds(headers.get(WAIT_HEADER, f"{Times().first:g}"))
            self._access.check_master(headers.get(MASTER_HEADER, ""))
            function = self._functions.begin(name, body, key)
        answer = await self._functions.wait(function, seconds)
        if answer is None:
            return STILL_RUNNING, json.dumps_bytes({"function": self._functions.call_id(function)})
        return OK, answer.body

    async def _read_body(self, request: web.BaseRequest) -> bytes:
        limit = self._limits.body
        content = request.content
        if (request.content_length or 0) > limit:
            raise _Refusal(TOO_LARGE, f"cannot take a request of {request.content_length} bytes, the limit is {limit}")
        if content.is_eof():
            return content.read_nowait()
        parts: list[bytes] = []
        size = 0
        try:
            async with asyncio.timeout(self._limits.body_seconds):
                while part := await content.readany():
                    parts.append(part)
                    size += len(part)
                    if size > limit:
                        raise _Refusal(TOO_LARGE, f"cannot take a request of more than {limit} bytes")
        except TimeoutError:
            seconds = self._limits.body_seconds
            raise _Refusal(TOO_SLOW, f"cannot take the request: its body is not here after {seconds:g} s") from None
        return b"".join(parts)

    def _parse_wait(self, body: bytes) -> tuple[Function, float]:
        try:
            match json.loads(body):
                case [str(call_id), int() | float() as seconds]:
                    return self._functions.find(call_id), _seconds(seconds)
        except errors.ParseError:
            pass
        raise _Refusal(BAD_REQUEST, f"cannot serve {WAIT_FUNCTION}: expected [function call id, seconds]")


def _parse_one(name: str, body: bytes) -> str:
    try:
        match json.loads(body):
            case [str(text)]:
                return text
    except errors.ParseError:
        pass
    raise _Refusal(BAD_REQUEST, f"cannot serve {name}: expected a list with one text")


def _peer_digest(request: web.BaseRequest) -> str:
    """Return the digest of the client's certificate, as ssconf holds it; "" without one."""
    tls = request.get_extra_info("ssl_object")
    certificate = tls.getpeercert(binary_form=True) if tls is not None else None
    if not certificate:
        return ""
    return hashlib.sha1(certificate, usedforsecurity=False).digest().hex(":").upper()


def _seconds(value: object) -> float:
    try:
        seconds = float(str(value))
    except ValueError:
        seconds = -1.0
    if not 0 <= seconds < float("inf"):
        raise _Refusal(BAD_REQUEST, f"cannot wait for {value} seconds")
    return seconds
