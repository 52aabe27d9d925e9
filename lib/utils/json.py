"""The one module behind which the JSON library sits."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import simplejson

from ganeti import errors

_encoder = simplejson.JSONEncoder(
    separators=(",", ":"),
    allow_nan=False,  # NaN is not JSON, and nobody else could read it
    use_decimal=False,
    namedtuple_as_object=False,
)


def _finite(text: str) -> float:
    number = float(text)
    if math.isinf(number):
        raise ValueError(f"{text} is too large a number")
    return number


_decoder = simplejson.JSONDecoder(parse_float=_finite)  # what was read can be written again
#: (text, start) -> (value, end); knows nothing of space around the value
_scan: Callable[[str, int], tuple[Any, int]] = _decoder.scan_once


def loads(text: bytes | str) -> Any:
    """Return what a JSON text says.

    Raises ParseError.
    """
    try:
        if isinstance(text, bytes):
            text = text.decode()
        if text[:1] in "{[":  # three times as fast, which those notice who get small messages all day
            value, end = _scan(text, 0)
            if end == len(text):
                return value
        return _decoder.decode(text)
    except (ValueError, RecursionError) as err:
        raise errors.ParseError(f"cannot read JSON: {err}") from err


def dumps(value: Any) -> str:
    """Return the compact JSON text of plain dicts, lists, strings and numbers.

    Raises TypeError or ValueError for what JSON cannot hold.
    """
    return str(_encoder.encode(value))


def dumps_bytes(value: Any) -> bytes:
    """Return `dumps` encoded; the text is ASCII."""
    return dumps(value).encode("ascii")
