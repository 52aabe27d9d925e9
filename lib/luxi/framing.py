"""The bytes of LUXI: messages of JSON text, each ended by the byte 0x03.

Pure: no socket, no waiting.  Both ends use the same `Decoder`; what a message may
mean is in `methods`.  Format: `spec/luxi.json`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from ganeti import errors
from ganeti.utils import json

END = b"\x03"
"""Never part of JSON text: control characters are escaped there."""
MESSAGE_LIMIT = 64 * 1024 * 1024
"""Bytes a message may have: a list of 10,000 instances with all fields is about half of it."""
REQUEST_LIMIT = 16 * 1024 * 1024
"""Bytes a request may have: 10,000 instances to be created are about half of it."""

_BEFORE_VALUES = (b",", b"[", b"{", b":")

CLIENT_VERSION = 3010000
KNOWN_VERSIONS = frozenset({2070000, 3000000, 3010000})
"""Versions a request may carry; a request without one is fine, answers carry none."""


class Request(NamedTuple):
    """A call as it arrives."""

    method: str
    args: list[Any]


class Encoded(NamedTuple):
    """An answer that is JSON text already, for instance made in another thread."""

    json: bytes


class Decoder:
    """Cuts a stream of bytes into messages.

    `feed` takes what arrived and returns the messages it completes, in order;
    `pending` is how many bytes of the next one are here.
    """

    def __init__(self, limit: int = MESSAGE_LIMIT) -> None:
        self._limit = limit
        self._buffer = bytearray()

    @property
    def pending(self) -> int:
        """Bytes of a message whose end has not arrived."""
        return len(self._buffer)

    def feed(self, data: bytes) -> list[bytes]:
        """Return the messages completed by `data`, without their end byte.

        Raises ProtocolError when a message is longer than the limit; the stream
        cannot be used after that.
        """
        first, *rest = data.split(END)  # only what is new is searched: half messages cost nothing twice
        if len(self._buffer) + len(first) > self._limit or any(len(part) > self._limit for part in rest):
            raise errors.ProtocolError(f"message is longer than {self._limit} bytes")
        self._buffer += first
        if not rest:
            return []
        complete = [bytes(self._buffer), *rest[:-1]]
        self._buffer = bytearray(rest[-1])
        return complete


def encode_request(method: str, args: list[Any]) -> bytes:
    """Return the bytes of a request, its end included."""
    return json.dumps_bytes({"method": method, "args": args, "version": CLIENT_VERSION}) + END


def decode_request(message: bytes) -> Request:
    """Read a request.

    Raises ProtocolError when it is no request at all, LuxiError when it is one of
    a version that is not known.
    """
    match _load(message, "request"):
        case {"method": str(method), "args": list(args), **more}:
            version = more.get("version")
        case _:
            raise errors.ProtocolError("request is not an object with method and args")
    if version is not None and version not in KNOWN_VERSIONS:
        known = ", ".join(str(v) for v in sorted(KNOWN_VERSIONS))
        raise errors.LuxiError(f"cannot answer a request of version {version!r}: this daemon knows {known}")
    return Request(method, args)


def memory_of(message: bytes) -> int:
    """Return how many bytes of memory a message takes at most, about, while it is read and used.

    Text may need four bytes for each character; a value beside others takes 64 as an
    object, whatever it holds.
    """
    return 4 * len(message) + 64 * sum(map(message.count, _BEFORE_VALUES))


def encode_answer(result: object) -> bytes:
    """Return the bytes of an answer; `result` is in its JSON form, or Encoded."""
    text = result.json if isinstance(result, Encoded) else json.dumps_bytes(result)
    return b'{"success": true, "result": ' + text + b"}" + END


def encode_failure(error: BaseException) -> bytes:
    """Return the bytes of an answer that carries an error."""
    try:
        text = json.dumps_bytes(errors.to_wire(error))
    except (TypeError, ValueError):  # an argument that JSON cannot hold
        text = json.dumps_bytes([type(error).__name__, [str(error)]])
    return b'{"success": false, "result": ' + text + b"}" + END


def decode_answer(message: bytes) -> Any:
    """Read an answer and return its result.

    Raises the error it carries, RequestError when it carries a text instead, and
    ProtocolError when it is no answer.
    """
    match _load(message, "answer"):
        case {"success": bool(success), "result": result, **more}:
            version = more.get("version")
        case _:
            raise errors.ProtocolError("answer of the master daemon is not an object with success and result")
    if version is not None and version not in KNOWN_VERSIONS:
        raise errors.LuxiError(f"the master daemon answers in version {version!r}, this is {CLIENT_VERSION}")
    if success:
        return result
    raise errors.from_wire(result) or errors.RequestError(str(result))


def _load(message: bytes, what: str) -> Mapping[str, Any]:
    try:
        value = json.loads(message)
    except errors.ParseError as err:
        raise errors.ProtocolError(f"{what} is not JSON: {err}") from err
    if not isinstance(value, dict):
        raise errors.ProtocolError(f"{what} is not an object")
    return value
