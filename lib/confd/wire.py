"""How questions and answers are wrapped and signed.  Pure.

A datagram is `plj0` and the JSON of {"msg", "salt", "hmac"}: `msg` is JSON in a string,
`hmac` the SHA-1 HMAC of salt and msg with the whole content of the key file.  On input the
prefix may be missing.  The salt of a question is when it was sent; that of an answer
is what the question asked for, so that an answer fits one question only.
Described in `spec/confd.json`.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Sequence
from enum import Enum
from typing import NamedTuple

from ganeti import errors
from ganeti.confd.requests import PROTOCOL
from ganeti.utils import json

MAGIC = b"plj0"
MAX_DATAGRAM = 61440
#: seconds a question may be off
MAX_CLOCK_SKEW = 300

_BLOCK = 64
_MAC_LENGTH = 40
_TIME = re.compile(r"-?[0-9]{1,12}", re.ASCII)


class Drop(Enum):
    """Why a datagram gets no answer."""

    OVERSIZED = "larger than a datagram may be"
    MALFORMED = "not in the form of a signed message"
    FORGED = "signed with another key"
    CLOCK = "sent by a clock that is too far off, or long ago"
    PROTOCOL = "of another version of the protocol"
    UNKNOWN = "asks for what nobody knows"
    NO_SALT = "does not say which salt the answer is to have"
    NOT_READY = "came while there was no configuration to answer from"
    TOO_LARGE = "has an answer that no datagram holds"


class Key:
    """A key that signs; hashing the key itself is done once."""

    def __init__(self, secret: bytes) -> None:
        if len(secret) > _BLOCK:
            secret = hashlib.sha1(secret, usedforsecurity=False).digest()
        padded = secret.ljust(_BLOCK, b"\0")
        self._inner = hashlib.sha1(bytes(byte ^ 0x36 for byte in padded), usedforsecurity=False)
        self._outer = hashlib.sha1(bytes(byte ^ 0x5C for byte in padded), usedforsecurity=False)

    def sign(self, message: bytes) -> str:
        """Return the HMAC of a message in hex."""
        inner = self._inner.copy()
        inner.update(message)
        outer = self._outer.copy()
        outer.update(inner.digest())
        return outer.hexdigest()


class Message(NamedTuple):
    """What was signed, with which key."""

    text: str
    salt: str
    key: Key


class Question(NamedTuple):
    """A question whose form is right."""

    type: int
    query: object
    rsalt: str


def seal(key: Key, text: str, salt: str) -> bytes:
    """Return the datagram of a message."""
    return seal_quoted(key, text.encode(), json.dumps_bytes(text), salt)


def seal_quoted(key: Key, text: bytes, quoted: bytes, salt: str) -> bytes:
    """Return the datagram of a message that was quoted as JSON before."""
    mac = key.sign(salt.encode() + text)
    return b'%s{"msg":%s,"salt":%s,"hmac":"%s"}' % (MAGIC, quoted, json.dumps_bytes(salt), mac.encode())


def unseal(data: bytes, keys: Sequence[Key]) -> Message | Drop:
    """Return the message of a datagram, if one of the keys signed it."""
    if len(data) > MAX_DATAGRAM:
        return Drop.OVERSIZED
    if data[:4] == MAGIC:
        data = data[4:]
    if data[:1] != b"{":
        return Drop.MALFORMED
    try:
        envelope = json.loads(data)
        text, salt, mac = envelope["msg"], envelope["salt"], envelope["hmac"]
        signed = (salt + envelope.get("key_selector", "") + text).encode()
        if len(mac) != _MAC_LENGTH or not mac.isascii():
            return Drop.FORGED
    except (errors.ParseError, KeyError, TypeError, AttributeError, UnicodeError):
        return Drop.MALFORMED
    for key in keys:
        if hmac.compare_digest(key.sign(signed), mac):
            return Message(text, salt, key)
    return Drop.FORGED


def clock_skew(message: Message, now: float) -> float | None:
    """Return by how many seconds the sender's clock was ahead, None when the message does not say."""
    return int(message.salt) - now if _TIME.fullmatch(message.salt) else None


def read_question(text: str) -> Question | Drop:
    """Return the question a message is; whether anybody knows its type is not looked at."""
    try:
        data = json.loads(text)
    except errors.ParseError:
        return Drop.MALFORMED
    if type(data) is not dict:
        return Drop.MALFORMED
    protocol, kind, rsalt = data.get("protocol"), data.get("type"), data.get("rsalt")
    if type(protocol) is not int or protocol != PROTOCOL:
        return Drop.PROTOCOL
    if type(kind) is not int:
        return Drop.UNKNOWN
    if type(rsalt) is not str or not rsalt or not (rsalt.isascii() or rsalt.isprintable()):
        return Drop.NO_SALT  # half a surrogate pair, which is not printable, could not be sent back
    return Question(kind, data.get("query"), rsalt)
