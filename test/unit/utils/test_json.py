"""The JSON module: compact, strict, with our errors."""

from __future__ import annotations

import json as reference

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganeti import errors
from ganeti.utils import json

values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)


@given(values)
def test_what_is_written_reads_back_here_and_elsewhere(value: object) -> None:
    written = json.dumps_bytes(value)

    assert json.loads(written) == value
    assert reference.loads(written) == value
    assert json.loads(json.dumps(value)) == value


def test_text_is_compact_and_keeps_order() -> None:
    assert json.dumps({"b": [1, 2], "a": (True, None)}) == '{"b":[1,2],"a":[true,null]}'


@pytest.mark.parametrize(
    "text",
    ["", "{", "nan", "NaN", "[Infinity]", '{"a":1}x', "'a'", b"\xff", "[" * 100_000, "9" * 10_000, "1e999", "[-1e999]"],
)
def test_what_is_not_json_is_a_parse_error(text: str | bytes) -> None:
    with pytest.raises(errors.ParseError, match="cannot read JSON: "):
        json.loads(text)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), object(), {1, 2}])
def test_what_json_cannot_hold_is_not_written(value: object) -> None:
    with pytest.raises((TypeError, ValueError)):
        json.dumps(value)
