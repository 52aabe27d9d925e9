"""Datagrams of confd, good ones and hostile ones."""

from __future__ import annotations

import hashlib
import hmac
import json
import random
from collections.abc import Iterator

from ganeti.confd.answers import Answers, Cache
from ganeti.confd.responder import Responder
from ganeti.confd.wire import Key
from ganeti.masterd.config.initial import config_text
from ganeti.masterd.config.snapshot import Config
from ganeti.utils import json as ganeti_json

SECRET = b"0123456789abcdef0123456789abcdef01234567\n"
NOW = 1_700_000_000


def question(
    kind: object = 0,
    query: object = None,
    *,
    rsalt: object = "a salt",
    protocol: object = 1,
    now: float = NOW,
    secret: bytes = SECRET,
    magic: bytes = b"plj0",
) -> bytes:
    """Return the datagram of a question, made by the words of the specification alone."""
    inner = json.dumps({"protocol": protocol, "type": kind, "query": query, "rsalt": rsalt})
    return signed(inner, str(int(now)), secret=secret, magic=magic)


def signed(text: str, salt: str, *, secret: bytes = SECRET, magic: bytes = b"plj0", ascii_only: bool = True) -> bytes:
    """Return the datagram of a text."""
    mac = hmac.new(secret, (salt + text).encode("utf-8", "surrogatepass"), hashlib.sha1).hexdigest()
    return magic + json.dumps({"msg": text, "salt": salt, "hmac": mac}, ensure_ascii=ascii_only).encode()


def opened(data: object, *, secret: bytes = SECRET, rsalt: str = "a salt") -> dict[str, object]:
    """Return the message of an answer after checking all that a client checks."""
    assert isinstance(data, bytes) and data.startswith(b"plj0"), data
    envelope = json.loads(data[4:])
    assert envelope["salt"] == rsalt
    expected = hmac.new(secret, (envelope["salt"] + envelope["msg"]).encode(), hashlib.sha1).hexdigest()
    assert envelope["hmac"] == expected
    message: dict[str, object] = json.loads(envelope["msg"])
    assert message["protocol"] == 1
    return message


def answers_of(config: Config) -> Answers:
    """Return the answers of a configuration, as read from its file."""
    return Answers(ganeti_json.loads(config_text(config)))


def responder_of(config: Config) -> Responder:
    """Return a responder that has the usual key and a configuration."""
    responder = Responder()
    responder.keys = [Key(SECRET)]
    responder.cache = Cache(answers_of(config))
    return responder


def hostile_datagrams(rng: random.Random, count: int) -> Iterator[bytes]:
    """Yield datagrams none of which may be answered: damaged, forged, garbage, and forms that are nearly right.

    Every one is wrong for sure: those that were damaged differ from the good one within what is signed.
    """
    good = question(1, "node1.example.com")
    kinds = [_damaged, _cut, _garbage, _forged, _odd_envelope, _odd_message, _nested]
    for _ in range(count):
        yield rng.choice(kinds)(rng, good)


def _damaged(rng: random.Random, good: bytes) -> bytes:
    data = bytearray(good)
    # Within the message: what is around it may be written in several ways.
    data[rng.randrange(14, 60)] ^= 1 << rng.randrange(8)
    return bytes(data)


def _cut(rng: random.Random, good: bytes) -> bytes:
    return good[: rng.randrange(len(good))]


def _garbage(rng: random.Random, good: bytes) -> bytes:
    return rng.choice([b"", b"plj0", b"{", b"plj0{"]) + rng.randbytes(rng.choice([0, 1, 40, 400, 1400]))


def _forged(rng: random.Random, good: bytes) -> bytes:
    return question(rng.randrange(-3, 13), "node1.example.com", secret=rng.randbytes(8))


def _odd_envelope(rng: random.Random, good: bytes) -> bytes:
    odd: list[object] = [None, 1, 2.5, True, [], {}, "", "x", "\ud800", "é" * 40, ["0" * 40]]
    envelope: dict[str, object] = json.loads(good[4:])
    for name in rng.sample(["msg", "salt", "hmac"], rng.randrange(1, 4)):
        envelope[name] = rng.choice(odd)
    if rng.random() < 0.2:
        envelope["key_selector"] = rng.choice(odd[:4])
    return b"plj0" + json.dumps(envelope).encode()


def _odd_message(rng: random.Random, good: bytes) -> bytes:
    """Sign something by the right key that is still no question, or comes at the wrong time."""
    texts = ["", "null", "[]", "1", '"x"', "{", "{}", '{"protocol":1}', "NaN", '{"protocol":1e999}']
    match rng.randrange(5):
        case 0:
            return signed(rng.choice(texts), str(NOW))
        case 1:
            return question(rng.choice([12, -1, 99, None, "0", 0.0, True, [], 10**30]))
        case 2:
            return question(protocol=rng.choice([0, 2, None, "1", True, 1.0]))
        case 3:
            return question(rsalt=rng.choice([None, "", 1, [], {}, "\ud800"]))
        case _:
            salts = ["", "x", "1.5", "1e9", "+1", " 1", "9" * 4000, str(NOW + 301), str(NOW - 301), "-1", "٣"]
            return signed('{"protocol":1,"type":0,"query":null,"rsalt":"a"}', rng.choice(salts))


def _nested(rng: random.Random, good: bytes) -> bytes:
    depth = rng.choice([10, 900, 1100, 8000])
    opening = rng.choice([b"[", b'{"msg":', b'{"a":'])
    return b"plj0" + rng.choice([b"", b'{"msg":']) + opening * depth
