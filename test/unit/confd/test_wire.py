"""The signed envelope."""

from __future__ import annotations

import hashlib
import hmac
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganeti.confd.wire import MAX_DATAGRAM, Drop, Key, Message, clock_skew, read_question, seal, unseal
from test.support.confd import NOW, SECRET, question, signed

_TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=60)


@given(st.binary(max_size=200), st.binary(max_size=300))
def test_signature_is_the_sha1_hmac(secret: bytes, data: bytes) -> None:
    assert Key(secret).sign(data) == hmac.new(secret, data, hashlib.sha1).hexdigest()


@given(_TEXTS, _TEXTS)
def test_what_was_sealed_is_unsealed(text: str, salt: str) -> None:
    key = Key(SECRET)

    assert unseal(seal(key, text, salt), [key]) == Message(text, salt, key)


def test_envelope_is_that_of_the_specification() -> None:
    data = seal(Key(SECRET), '{"type": 1}', "17")

    assert data[:4] == b"plj0"
    assert json.loads(data[4:]) == {
        "msg": '{"type": 1}',
        "salt": "17",
        "hmac": hmac.new(SECRET, b'17{"type": 1}', hashlib.sha1).hexdigest(),
    }


@pytest.mark.parametrize("magic", [b"plj0", b""])
def test_prefix_may_be_missing(magic: bytes) -> None:
    assert isinstance(unseal(question(magic=magic), [Key(SECRET)]), Message)


def test_other_prefix_is_malformed() -> None:
    assert unseal(question(magic=b"plj1"), [Key(SECRET)]) is Drop.MALFORMED


def test_any_of_several_keys_may_have_signed_and_is_told() -> None:
    old, new = Key(b"old"), Key(b"new")

    message = unseal(question(secret=b"old"), [new, old])

    assert isinstance(message, Message) and message.key is old


def test_without_a_key_everything_is_forged() -> None:
    assert unseal(question(), []) is Drop.FORGED


def test_key_selector_is_signed_between_salt_and_message() -> None:
    mac = hmac.new(SECRET, b"17selectortext", hashlib.sha1).hexdigest()
    data = json.dumps({"msg": "text", "salt": "17", "key_selector": "selector", "hmac": mac}).encode()

    message = unseal(data, [Key(SECRET)])

    assert isinstance(message, Message) and message.text == "text"


@given(st.data())
def test_one_changed_bit_of_what_is_signed_is_noticed(data: st.DataObject) -> None:
    packet = bytearray(question())
    start, end = packet.index(b'{\\"') + 3, packet.index(b'"salt"') - 4
    place = data.draw(st.integers(start, end))
    packet[place] ^= 1 << data.draw(st.integers(0, 7))

    assert isinstance(unseal(bytes(packet), [Key(SECRET)]), Drop)


def test_datagram_that_is_too_large_is_not_even_parsed() -> None:
    text = json.dumps({"protocol": 1, "type": 0, "query": "x" * MAX_DATAGRAM, "rsalt": "a"})

    assert unseal(signed(text, str(NOW)), [Key(SECRET)]) is Drop.OVERSIZED


@given(st.binary(max_size=200))
def test_no_bytes_raise_an_error(data: bytes) -> None:
    assert isinstance(unseal(data, [Key(SECRET)]), Drop)
    assert isinstance(unseal(b"plj0{" + data, [Key(SECRET)]), Drop)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["msg", "salt", "hmac", "type"]), inner)
    ),
    max_leaves=6,
)


@given(_JSON)
def test_no_json_raises_an_error(value: object) -> None:
    assert isinstance(unseal(json.dumps(value).encode(), [Key(SECRET)]), Drop)
    read_question(json.dumps(value))


@pytest.mark.parametrize(("salt", "skew"), [(str(NOW), 0), (str(NOW + 7), 7), ("0", -NOW), ("-5", -5 - NOW)])
def test_salt_of_a_question_is_when_it_was_sent(salt: str, skew: float) -> None:
    assert clock_skew(Message("", salt, Key(b"")), NOW) == skew


@pytest.mark.parametrize("salt", ["", "x", "1.5", "1e9", "9" * 20, " 1", "1\n", "٣"])
def test_salt_that_is_no_whole_number_says_no_time(salt: str) -> None:
    assert clock_skew(Message("", salt, Key(b"")), NOW) is None
