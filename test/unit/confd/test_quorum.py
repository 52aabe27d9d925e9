"""What a client makes of several answers."""

from __future__ import annotations

import json
import random

import pytest

from ganeti import errors
from ganeti.confd.quorum import Ask, choose, needed_replies, patience
from ganeti.confd.wire import Key
from test.support.confd import NOW, SECRET, opened, question, signed

PEERS = ["192.0.2.1", "192.0.2.2", "192.0.2.3"]


def ask(peers: list[str] | None = None) -> Ask:
    return Ask(Key(SECRET), 3, None, "a salt", PEERS if peers is None else peers)


def reply(answer: object, serial: int, *, status: int = 0, rsalt: str = "a salt", secret: bytes = SECRET) -> bytes:
    text = json.dumps({"protocol": 1, "status": status, "answer": answer, "serial": serial})
    return signed(text, rsalt, secret=secret)


def test_question_is_one_a_server_understands() -> None:
    message = json.loads(json.loads(ask().datagram(NOW + 0.9)[4:])["msg"])

    assert message == {"protocol": 1, "type": 3, "query": None, "rsalt": "a salt"}
    assert json.loads(ask().datagram(NOW + 0.9)[4:])["salt"] == str(NOW)


@pytest.mark.parametrize(("asked", "needed"), [(1, 1), (2, 2), (3, 2), (4, 3), (5, 3), (6, 4), (7, 4)])
def test_how_many_answers_are_enough(asked: int, needed: int) -> None:
    assert needed_replies(asked) == needed


def test_f36_highest_serial_wins_whatever_the_order() -> None:
    for order in ([0, 1], [1, 0]):
        question = ask()
        packets = [reply("old", 7), reply("new", 8)]
        for number in order:
            assert not question.is_done
            question.take(packets[number], PEERS[number])
        assert question.is_done
        result = question.result()
        assert (result.reply.answer, result.reply.serial) == ("new", 8)
        assert result.consistent and result.is_complete and result.replied == 2


def test_f36_lost_answers_leave_what_there_is() -> None:
    question = ask()
    question.take(reply("x", 7), PEERS[1])

    assert not question.is_done and question.silent == [PEERS[0], PEERS[2]]
    result = question.result()
    assert result.reply.answer == "x" and result.reply.server == PEERS[1]
    assert not result.is_complete and (result.asked, result.replied, result.needed) == (3, 1, 2)


def test_nobody_answered_names_who_was_asked_and_what_to_look_at() -> None:
    with pytest.raises(errors.ConfdClientError, match=r"192.0.2.1, 192.0.2.2, 192.0.2.3: does ganeti-confd run"):
        ask().result()


def test_nobody_to_ask_is_an_error() -> None:
    with pytest.raises(errors.ConfdClientError, match="no master candidates"):
        ask([])


@pytest.mark.parametrize(
    "packet",
    [
        reply("x", 9, rsalt="another"),
        reply("x", 9, secret=b"another"),
        reply("x", 9)[1:],
        signed("[]", "a salt"),
        signed('{"protocol": 2, "status": 0, "answer": 1, "serial": 1}', "a salt"),
        signed('{"protocol": 1, "status": null, "answer": 1, "serial": 1}', "a salt"),
        question(),
        b"",
    ],
)
def test_f36_what_is_no_answer_to_the_question_is_not_taken(packet: bytes) -> None:
    one = ask()

    assert one.take(packet, PEERS[0]) is None
    assert one.silent == PEERS


def test_server_counts_once_and_only_if_it_was_asked() -> None:
    one = ask()
    one.take(reply("x", 7), PEERS[0])

    assert one.take(reply("y", 8), PEERS[0]) is None
    assert one.take(reply("y", 8), "192.0.2.99") is None
    assert one.result().reply.answer == "x"


def test_different_answers_of_one_serial_are_told() -> None:
    one = ask()
    one.take(reply("x", 7), PEERS[0])
    one.take(reply("y", 7), PEERS[1])

    assert not one.result().consistent


def test_coverage_chooses_who_is_asked() -> None:
    peers = [f"192.0.2.{n}" for n in range(10)]
    sample = random.Random(1).sample

    assert len(choose(peers, 0, sample)) == 6
    assert choose(peers, -1, sample) == peers
    assert len(set(choose(peers, 3, sample))) == 3
    assert sorted(choose(peers[:2], 0, sample)) == peers[:2]
    for bad in (11, -2):
        with pytest.raises(errors.ConfdClientError, match="there are 10"):
            choose(peers, bad, sample)


def test_tries_grow_longer_and_fill_the_time() -> None:
    waits = [patience(number, 3, 10.0) for number in range(3)]

    assert sum(waits) == pytest.approx(10.0)
    assert waits == sorted(waits)


def test_own_packets_are_opened_like_those_of_others() -> None:
    assert opened(reply("x", 7))["answer"] == "x"
