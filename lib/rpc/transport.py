"""The wire of node calls, without the wire: what is sent, what an answer means, when to ask again.

A call is *started* with `POST /<procedure>`, the arguments as a JSON list, and the
seconds the node may take before it answers.  The answer is the result (200), or the
id of the function call that still runs (202), to be waited for with
`POST /WaitForFunction [id, seconds]`.  So no request blocks without bound, and a node
that hangs shows within seconds whatever the call's own time limit.

A call may reach the node twice when a connection breaks.  Its key (`X-Ganeti-Call`)
makes it run once; a repeated request also names the incarnation of the daemon it was
first sent to (`X-Ganeti-Daemon`), because a restarted daemon does not know the key.
The master's calls name it and its term (`X-Ganeti-Master`): a node that knows of a
newer master refuses them (`ganeti.mastership`).

A call that may be abandoned is ended with `POST /EndFunction [key]` when nobody waits for
it any more.  Keys of a master daemon are LIFE-NUMBER: one that begins has those of earlier
lives ended, with `POST /EndEarlierFunctions [life]`.

`converse` is the conversation about one call as a generator: it yields what to do,
is sent what came of it, and returns the end.  Whoever drives it does the input and
output: `ganeti.rpc.client` on an event loop, `ganeti.rpc.sync` blocking.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Generator
from typing import Any, NamedTuple, Protocol

from ganeti import errors
from ganeti.rpc.result import Failure, Phase
from ganeti.utils import json

DEFAULT_PORT = 1811

CLUSTER_HEADER = "X-Ganeti-Cluster"
CALL_HEADER = "X-Ganeti-Call"
WAIT_HEADER = "X-Ganeti-Wait"
DAEMON_HEADER = "X-Ganeti-Daemon"
MASTER_HEADER = "X-Ganeti-Master"

WAIT_FUNCTION = "WaitForFunction"
END_FUNCTION = "EndFunction"
END_EARLIER = "EndEarlierFunctions"

OK = 200
STILL_RUNNING = 202
REFUSED = 403
UNKNOWN = 404
OTHER_DAEMON = 409

REQUEST_LIMIT = 256 * 1024 * 1024
"""Largest body a node daemon takes: the configuration of a big cluster fits."""
ANSWER_LIMIT = 64 * 1024 * 1024


class Times(NamedTuple):
    """Seconds to wait for what."""

    #: for a connection, TLS included
    connect: float = 5.0
    #: the node may take before it answers that a new call still runs
    first: float = 2.0
    #: the same, each time it is asked again
    again: float = 10.0
    #: beyond these, before a node counts as hanging
    grace: float = 6.0
    #: to go on asking for a running call while the node cannot be reached
    patience: float = 20.0
    #: between two such tries
    pause: float = 1.0


class Endpoint(NamedTuple):
    """Where a node daemon listens."""

    host: str
    port: int = DEFAULT_PORT


class Request(NamedTuple):
    """One request to be sent; `timeout` is for the whole of it, connection included."""

    path: str
    headers: tuple[str, ...]
    body: bytes
    timeout: float
    #: asks for a call that runs already, so it does not count against the limit of calls
    waits: bool = False


class Pause(NamedTuple):
    """Nothing to be sent for some seconds."""

    seconds: float


class Response(NamedTuple):
    """An answer; `daemon` is the incarnation of the node daemon that gave it."""

    status: int
    daemon: str
    body: bytes


class Loss(NamedTuple):
    """A request without an answer; `sent` tells whether the node may have received it."""

    phase: Phase
    message: str
    sent: bool


class Transport(Protocol):
    """Carries one request to a node daemon."""

    async def send(self, endpoint: Endpoint, request: Request) -> Response | Loss:
        """Return the answer, or why there is none; cancellation gives the request up."""

    async def close(self) -> None:
        """Close all connections."""


class Call(NamedTuple):
    """A call to be made: what does not depend on the node."""

    name: str
    body: bytes
    #: upper bound in seconds for the whole call
    limit: float
    cluster_uuid: str
    #: in whose name the call is made (`ganeti.mastership`), "" for no master's
    master: str = ""


Step = Request | Pause
Heard = Response | Loss | None
Conversation = Generator[Step, Heard, Any]


def new_key(life: str = "") -> str:
    """Return a key no other call has; `life` is that of a master daemon."""
    key = os.urandom(12).hex()
    return f"{life}-{key}" if life else key


def is_earlier(key: str, life: str) -> bool:
    """Tell whether a key is that of another life of a master daemon."""
    other, dash, _ = key.partition("-")
    return bool(dash) and other != life


def start_request(call: Call, key: str, wait: float, timeout: float, daemon: str = "") -> Request:
    """Build the request that starts a call; `daemon` is given when it is a repeated one."""
    headers = [f"{CALL_HEADER}: {key}", f"{WAIT_HEADER}: {wait:g}"]
    if call.cluster_uuid:
        headers.append(f"{CLUSTER_HEADER}: {call.cluster_uuid}")
    if call.master:
        headers.append(f"{MASTER_HEADER}: {call.master}")
    if daemon:
        headers.append(f"{DAEMON_HEADER}: {daemon}")
    return Request(f"/{call.name}", tuple(headers), call.body, timeout)


def wait_request(call: Call, function: str, wait: float, timeout: float) -> Request:
    """Build the request that waits for a function call."""
    headers = (f"{CLUSTER_HEADER}: {call.cluster_uuid}",) if call.cluster_uuid else ()
    return Request(f"/{WAIT_FUNCTION}", headers, json.dumps_bytes([function, wait]), timeout, waits=True)


def end_request(call: Call, key: str, timeout: float) -> Request:
    """Build the request that ends a call, wherever it is."""
    headers = (f"{CLUSTER_HEADER}: {call.cluster_uuid}",) if call.cluster_uuid else ()
    return Request(f"/{END_FUNCTION}", headers, json.dumps_bytes([key]), timeout, waits=True)


def end_earlier_request(cluster_uuid: str, master: str, life: str, timeout: float) -> Request:
    """Build the request that ends what earlier master daemons began and nobody waits for."""
    headers = (f"{CLUSTER_HEADER}: {cluster_uuid}", f"{MASTER_HEADER}: {master}")
    return Request(f"/{END_EARLIER}", headers, json.dumps_bytes([life]), timeout, waits=True)


def converse(
    call: Call, key: str, daemon: Callable[[], str], now: Callable[[], float], times: Times
) -> Generator[Step, Heard, object | Failure]:
    """Carry out a call; returns the answer's JSON value, or a Failure.

    `daemon` returns the incarnation the node's daemon had when it was last heard of,
    "" when it was not; `now` a time that never goes back.
    """
    end = now() + call.limit
    known = daemon()
    wait = min(times.first, call.limit)
    heard = yield start_request(call, key, wait, wait + times.grace)
    if isinstance(heard, Loss) and heard.sent and heard.phase is not Phase.TIMEOUT and known:
        heard = yield start_request(call, key, wait, wait + times.grace, known)
        if isinstance(heard, Loss) or heard is None or heard.status in (OTHER_DAEMON, REFUSED):
            return Failure(Phase.UNREACHABLE, _lost(call, heard), uncertain=True)
    if isinstance(heard, Loss):
        return Failure(heard.phase, heard.message, uncertain=heard.sent)
    assert heard is not None
    if heard.status != STILL_RUNNING:
        return read_answer(heard)
    function = read_function(heard)
    if isinstance(function, Failure):
        return function
    return (yield from _wait_for(call, function, end, now, times))


def _wait_for(
    call: Call, function: str, end: float, now: Callable[[], float], times: Times
) -> Generator[Step, Heard, object | Failure]:
    silent_since: float | None = None
    while True:
        left = end - now()
        if left <= 0:
            message = f"{call.name} still runs after {call.limit:g} s (function call {function})"
            return Failure(Phase.TIMEOUT, message, uncertain=True)
        wait = min(times.again, left)
        heard = yield wait_request(call, function, wait, wait + times.grace)
        if isinstance(heard, Loss):
            # The function goes on without us: a short break of the network is no reason to give it up.
            if silent_since is None:
                silent_since = now()
            if heard.phase is Phase.REFUSED or now() - silent_since >= times.patience:
                return Failure(heard.phase, f"{heard.message}, while {call.name} ran", uncertain=True)
            yield Pause(times.pause)
            continue
        assert heard is not None
        silent_since = None
        if heard.status == UNKNOWN:
            message = f"the node daemon ended while {call.name} ran: it knows nothing of function call {function}"
            return Failure(Phase.FAILED, message, uncertain=True)
        if heard.status != STILL_RUNNING:
            return read_answer(heard)


def read_answer(response: Response) -> object | Failure:
    """Return the value an answer carries, or the failure it tells."""
    phase = Phase.FAILED if response.status == OK else Phase.REFUSED
    content: object
    try:
        content = json.loads(response.body)
    except errors.ParseError:
        content = None
    match content:
        case [True, value] if response.status == OK:
            return value
        case [False, encoded]:
            error = errors.from_wire(encoded)
            return Failure(phase, str(error) if error else str(encoded) or "no reason given", error)
    return Failure(phase, f"the answer is no node daemon's (HTTP status {response.status})", uncertain=True)


def read_function(response: Response) -> str | Failure:
    """Return the function call id of an answer that says the call still runs."""
    try:
        match json.loads(response.body):
            case {"function": str(function)}:
                return function
    except errors.ParseError:
        pass
    return Failure(Phase.REFUSED, "the answer is no node daemon's: no function call id", uncertain=True)


def _lost(call: Call, heard: Heard) -> str:
    if isinstance(heard, Loss):
        reason = heard.message
    else:
        reason = "the node daemon was restarted"
    return f"connection lost while {call.name} was asked for, it may have been done: {reason}"
