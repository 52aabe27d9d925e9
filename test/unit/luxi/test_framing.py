import itertools
import json
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganeti import errors
from ganeti.luxi import framing

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)
PIECES = st.lists(st.binary(max_size=20).map(lambda b: b.replace(b"\x03", b"")), max_size=8)


@given(messages=PIECES, cuts=st.lists(st.integers(0, 200), max_size=10))
def test_messages_are_the_same_however_the_stream_is_cut(messages: list[bytes], cuts: list[int]) -> None:
    stream = b"".join(m + framing.END for m in messages)
    edges = [0, *sorted(min(c, len(stream)) for c in cuts), len(stream)]
    decoder = framing.Decoder()

    got = [m for a, b in itertools.pairwise(edges) for m in decoder.feed(stream[a:b])]

    assert got == messages
    assert decoder.pending == 0


def test_message_of_exactly_the_limit_is_taken() -> None:
    decoder = framing.Decoder(limit=5)

    assert decoder.feed(b"12345\x0312") == [b"12345"]
    assert decoder.pending == 2


@pytest.mark.parametrize("chunks", [[b"123456"], [b"123", b"456"], [b"1\x03", b"123456\x03"], [b"1\x03123456\x032"]])
def test_message_beyond_the_limit_is_refused_before_its_end_is_seen(chunks: list[bytes]) -> None:
    decoder = framing.Decoder(limit=5)

    with pytest.raises(errors.ProtocolError, match="longer than 5 bytes"):
        for chunk in chunks:
            decoder.feed(chunk)


@given(args=st.lists(JSON, max_size=3))
def test_request_survives_the_wire_and_never_holds_the_end_byte(args: list[object]) -> None:
    data = framing.encode_request("Query", args)

    assert data.count(framing.END) == 1
    assert framing.decode_request(data[:-1]) == ("Query", args)


@given(st.binary(max_size=60) | JSON.map(lambda v: framing.encode_answer(v)[:-1]))
def test_garbage_is_a_protocol_error_and_nothing_else(garbage: bytes) -> None:
    with pytest.raises(errors.ProtocolError):
        framing.decode_request(garbage)


def test_deeply_nested_request_is_refused() -> None:
    with pytest.raises(errors.ProtocolError, match="not JSON"):
        framing.decode_request(b"[" * 1_000_000)


@pytest.mark.parametrize("version", [None, 2070000, 3000000, 3010000])
def test_known_and_missing_versions_are_accepted(version: int | None) -> None:
    text = '{"method": "m", "args": []' + (f', "version": {version}' if version else "") + "}"

    assert framing.decode_request(text.encode()).method == "m"


def test_unknown_version_is_a_luxi_error_that_can_be_answered() -> None:
    with pytest.raises(errors.LuxiError, match="version 1020000") as caught:
        framing.decode_request(b'{"method": "m", "args": [], "version": 1020000}')

    assert type(caught.value) is errors.LuxiError


def test_answer_carries_its_result_and_no_version() -> None:
    data = framing.encode_answer([1, "two"])

    assert b"version" not in data
    assert framing.decode_answer(data[:-1]) == [1, "two"]


def test_encoded_answer_is_sent_as_it_is() -> None:
    assert framing.decode_answer(framing.encode_answer(framing.Encoded(b'{"a":1}'))[:-1]) == {"a": 1}


@pytest.mark.parametrize(
    "error",
    [
        errors.OpPrereqError("no such instance", errors.ECode.NOENT),
        errors.JobQueueDrainError("drained"),
        errors.ConfigVersionMismatch(1, 2),
        errors.HooksAbort([["node1", "script", "output"]]),
    ],
)
def test_errors_keep_class_and_arguments(error: errors.GenericError) -> None:
    with pytest.raises(type(error)) as caught:
        framing.decode_answer(framing.encode_failure(error)[:-1])

    assert caught.value.args == error.args


def test_error_with_arguments_that_json_cannot_hold_keeps_its_text() -> None:
    with pytest.raises(errors.OpExecError, match="surprise"):
        framing.decode_answer(framing.encode_failure(errors.OpExecError(ValueError("surprise")))[:-1])


def test_failure_that_is_a_text_is_a_request_error() -> None:
    with pytest.raises(errors.RequestError, match="no way"):
        framing.decode_answer(b'{"success": false, "result": "no way"}')


def test_answer_of_another_version_is_refused() -> None:
    with pytest.raises(errors.LuxiError, match="version 1"):
        framing.decode_answer(b'{"success": true, "result": 1, "version": 1}')


@pytest.mark.parametrize(
    "text",
    [
        "[[],[]]",
        '[{"a":1},{"a":2}]',
        '["ab","cd"]',
        "[1.5,2.5]",
        "[1000,2000]",
        '["\\ud83d\\ude00","x"]',
        '{"a":{"b":[]}}',
    ],
)
def test_memory_of_a_message_is_at_least_what_it_takes_when_read(text: str) -> None:
    message = ("[" + ",".join([text] * 2000) + "]").encode()
    tracemalloc.start()
    try:
        value = json.loads(message)
        taken, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert value and taken <= framing.memory_of(message) <= 64 * len(message)
