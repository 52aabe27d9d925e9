"""From datagram to datagram, with everything that may come over a network."""

from __future__ import annotations

import logging
import os
import random

import pytest

from ganeti.confd.answers import Answer, Answers, Cache
from ganeti.confd.requests import REQUESTS, RequestType
from ganeti.confd.responder import Responder
from ganeti.confd.wire import MAX_DATAGRAM, Drop, Key
from test.support.confd import NOW, hostile_datagrams, opened, question, responder_of, signed
from test.support.config import make_config, make_instance

#: more with: GANETI_FUZZ_PACKETS=1000000
PACKETS = int(os.environ.get("GANETI_FUZZ_PACKETS", "4000"))


@pytest.fixture
def responder() -> Responder:
    return responder_of(make_config())


def test_question_is_answered_with_the_salt_it_asked_for(responder: Responder) -> None:
    answer = responder.respond(question(RequestType.CLUSTER_MASTER, rsalt="é of my own"), NOW)

    assert opened(answer, rsalt="é of my own") == {
        "protocol": 1,
        "status": 0,
        "answer": "node0.example.com",
        "serial": 1,
    }


@pytest.mark.parametrize("magic", [b"plj0", b""])
def test_answer_has_the_prefix_whether_or_not_the_question_had(responder: Responder, magic: bytes) -> None:
    opened(responder.respond(question(magic=magic), NOW))


def test_every_type_is_answered_as_a_signed_message(responder: Responder) -> None:
    for kind in REQUESTS:
        for query in (None, "node0.example.com", {"1": "10.0.0.1"}, ["x"], 5):
            assert opened(responder.respond(question(kind, query), NOW))["serial"] == 1


@pytest.mark.parametrize(
    ("packet", "reason"),
    [
        (question(secret=b"another"), Drop.FORGED),
        (question(now=NOW - 301), Drop.CLOCK),
        (question(now=NOW + 301), Drop.CLOCK),
        (question(protocol=2), Drop.PROTOCOL),
        (question(kind=12), Drop.UNKNOWN),
        (question(kind="0"), Drop.UNKNOWN),
        (question(rsalt=""), Drop.NO_SALT),
        (question(rsalt=None), Drop.NO_SALT),
        (signed("[]", str(NOW)), Drop.MALFORMED),
        (signed("{}", "now"), Drop.MALFORMED),
        (b"", Drop.MALFORMED),
        (b"x" * (MAX_DATAGRAM + 1), Drop.OVERSIZED),
    ],
)
def test_f36_bad_datagram_is_dropped_and_counted(responder: Responder, packet: bytes, reason: Drop) -> None:
    assert responder.respond(packet, NOW) is reason
    assert responder.dropped == {reason: 1}
    assert f"{reason.name.lower()} 1" in responder.figures()
    assert responder.answered == 0


def test_f36_replayed_question_is_answered_for_five_minutes_and_no_longer(responder: Responder) -> None:
    packet = question(now=NOW)

    for later in (0, 150, 300):
        opened(responder.respond(packet, NOW + later))
    assert responder.respond(packet, NOW + 301) is Drop.CLOCK
    assert responder.last_skew == -301


def test_without_a_configuration_nothing_is_answered(responder: Responder) -> None:
    responder.cache = None

    assert responder.respond(question(), NOW) is Drop.NOT_READY


def test_while_keys_change_each_question_is_answered_with_its_own_key(responder: Responder) -> None:
    responder.keys = [Key(b"new"), Key(b"old")]

    for secret in (b"old", b"new"):
        opened(responder.respond(question(secret=secret), NOW), secret=secret)


def test_answer_no_datagram_holds_is_refused_in_words() -> None:
    responder = responder_of(make_config(instances=[make_instance(n) for n in range(200)]))

    message = opened(responder.respond(question(RequestType.CONFIG_QUERY, "instances"), NOW))

    assert message["status"] == 1 and "larger than a datagram" in str(message["answer"])


def test_salt_that_leaves_no_room_for_an_answer_is_dropped(responder: Responder) -> None:
    packet = signed('{"protocol":1,"type":0,"query":null,"rsalt":"%s"}' % ("é" * 20000), str(NOW), ascii_only=False)

    assert responder.respond(packet, NOW) is Drop.TOO_LARGE


def test_bug_in_an_answer_is_told_as_internal_and_logged(
    responder: Responder, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(self: Answers, kind: int, query: object) -> Answer | None:
        raise ZeroDivisionError

    monkeypatch.setattr(Answers, "answer", broken)
    with caplog.at_level(logging.ERROR):
        message = opened(responder.respond(question(), NOW))

    assert (message["status"], message["answer"]) == (1, 1)
    assert "please report" in caplog.text


def test_f36_no_hostile_datagram_is_answered_or_raises(responder: Responder, hypothesis_seed: int) -> None:
    rng = random.Random(hypothesis_seed)

    for packet in hostile_datagrams(rng, PACKETS):
        assert isinstance(responder.respond(packet, NOW), Drop), packet

    assert responder.answered == 0
    assert sum(responder.dropped.values()) == PACKETS
    opened(responder.respond(question(), NOW))


def test_hostile_datagrams_are_of_every_kind(responder: Responder) -> None:
    for packet in hostile_datagrams(random.Random(1), 4000):
        responder.respond(packet, NOW)

    kinds = {Drop.MALFORMED, Drop.FORGED, Drop.CLOCK, Drop.PROTOCOL, Drop.UNKNOWN, Drop.NO_SALT}
    assert kinds <= set(responder.dropped)


def test_new_configuration_is_answered_from_at_once(responder: Responder) -> None:
    responder.respond(question(RequestType.NODE_PIP_LIST), NOW)

    responder.cache = Cache(Answers({**_PLAIN, "serial_no": 9}))

    message = opened(responder.respond(question(RequestType.NODE_PIP_LIST), NOW))
    assert message["serial"] == 9 and len(message["answer"]) == 3  # type: ignore[arg-type]  # a list


_PLAIN: dict[str, object] = {
    "cluster": {"master_node": "a", "nicparams": {"default": {"link": "br0"}}},
    "nodes": {name: {"name": name, "primary_ip": f"192.0.2.{n}"} for n, name in enumerate("abc")},
    "instances": {},
}
