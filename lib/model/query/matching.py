"""How the value of one field is compared with the value in a filter.

`test_of` makes, once per query, a test of values from a field, an operator and the
value to compare with.  The tests never raise: what cannot be compared does not match.
A value that is missing is equal to null alone, so `!=` is always the opposite of `==`.
"""

from __future__ import annotations

import operator
import re
import socket
from collections.abc import Callable, Mapping, Set
from typing import Any

from ganeti import errors
from ganeti.model.enums import FieldKind
from ganeti.model.query.table import FieldRow, Match, Missing

Test = Callable[[object], bool]

#: a longer expression is a program, not a question
MAX_REGEXP = 1024

# Also false for infinite and for not-a-number, and all below fits a float.
_END_OF_TIME = 2**62

_ORDERS: Mapping[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_NUMBERS = frozenset({FieldKind.NUMBER, FieldKind.FLOAT, FieldKind.UNIT, FieldKind.TIMESTAMP})
_WORDS = {FieldKind.TEXT: "text in quotes", FieldKind.BOOL: "true or false", **dict.fromkeys(_NUMBERS, "a number")}


def test_of(field: FieldRow[Any], sign: str, wanted: object) -> Test:
    """Return the test `value <sign> wanted` for values of this field; `sign` is a binary operator.

    Raises ParameterError when the field has no such operator or `wanted` is of the wrong kind.
    """
    match sign:
        case "=" | "==":
            return _equal(field, wanted)
        case "!=":
            equal = _equal(field, wanted)
            return lambda value: not equal(value)
        case "=~":
            return _regexp(field, wanted)
        case "=[]":
            return _contains(field, wanted)
        case _ if sign in _ORDERS:
            return _ordered(field, sign, wanted)
    raise errors.ParameterError(f"unknown operator {sign!r}")


def one_of(field: FieldRow[Any], wanted: list[object]) -> Test | None:
    """Return one test that stands for many `==` on a field, or None when there is no faster way."""
    if field.match not in (None, Match.HOSTNAME, Match.JOB_ID):
        return None
    if not all(isinstance(value, (str, int, float)) for value in wanted):
        return None
    if field.match is Match.HOSTNAME:
        names = frozenset(str(_checked(field, value)).lower() for value in wanted)
        return lambda value: isinstance(value, str) and _has_name(names, value.lower())
    values = frozenset(_checked(field, value) for value in wanted)
    return lambda value: isinstance(value, (str, int, float)) and value in values


def is_true(value: object) -> bool:
    """Tell whether a field that stands alone in a filter holds."""
    return bool(value)


def seconds_of(value: object) -> float | None:
    """Return the seconds of a time given as seconds or as [seconds, microseconds]; None for anything else."""
    match value:
        case bool():
            return None
        case int() | float() if abs(value) < _END_OF_TIME:
            return value
        case [int(seconds), int(micros)] if abs(seconds) < _END_OF_TIME and 0 <= micros < 1_000_000:
            return seconds + micros / 1_000_000
    return None


def _has_name(names: frozenset[str], value: str) -> bool:
    """Tell whether a full name, or any shorter form of it, is among the names."""
    if value in names:
        return True
    dot = value.find(".")
    while dot >= 0:
        if value[:dot] in names:
            return True
        dot = value.find(".", dot + 1)
    return False


def _checked(field: FieldRow[Any], wanted: object) -> object:
    """Return the value to compare with, in the form the field has; see `test_of`."""
    if field.match is Match.JOB_ID and isinstance(wanted, str) and re.fullmatch(r"[0-9]{1,18}", wanted):
        return int(wanted)
    if field.match is Match.TIMESTAMP:
        seconds = seconds_of(wanted)
        if seconds is not None:
            return seconds
        raise _wrong_kind(field, "seconds or [seconds, microseconds]", wanted)
    word = _WORDS.get(field.kind)
    if word is None:
        return wanted
    is_bool = isinstance(wanted, bool)
    fits = (
        isinstance(wanted, str)
        if field.kind is FieldKind.TEXT
        else is_bool
        if field.kind is FieldKind.BOOL
        else isinstance(wanted, (int, float)) and not is_bool
    )
    if not fits:
        raise _wrong_kind(field, word, wanted)
    return wanted


def _equal(field: FieldRow[Any], wanted: object) -> Test:
    if wanted is None:
        return lambda value: value is None or isinstance(value, Missing)
    fitting = _checked(field, wanted)
    if field.match is Match.TIMESTAMP:
        return lambda value: seconds_of(value) == fitting
    if field.match is Match.HOSTNAME:
        name = str(fitting).lower()
        prefix = f"{name}."
        return lambda value: isinstance(value, str) and (value.lower() == name or value.lower().startswith(prefix))
    if field.match is Match.IP:
        packed = _packed(fitting)
        return lambda value: value == fitting or (packed is not None and packed == _packed(value))
    return lambda value: value == fitting


def _ordered(field: FieldRow[Any], sign: str, wanted: object) -> Test:
    if field.kind is FieldKind.BOOL:
        raise errors.ParameterError(f"field {field.name} is true or false: it has no {sign}")
    fitting = _checked(field, wanted)
    if isinstance(fitting, bool) or not isinstance(fitting, (str, int, float)):
        raise _wrong_kind(field, "a number or text in quotes", wanted)
    compare = _ORDERS[sign]
    kinds: tuple[type, ...] = (str,) if isinstance(fitting, str) else (int, float)
    if field.match is Match.TIMESTAMP:

        def is_before(value: object) -> bool:
            seconds = seconds_of(value)
            return seconds is not None and compare(seconds, fitting)

        return is_before
    return lambda value: isinstance(value, kinds) and compare(value, fitting)


def _regexp(field: FieldRow[Any], wanted: object) -> Test:
    if field.kind not in (FieldKind.TEXT, FieldKind.OTHER):
        raise errors.ParameterError(f"field {field.name} ({field.kind}) is no text: it has no =~")
    if not isinstance(wanted, str):
        raise _wrong_kind(field, "a regular expression", wanted)
    if len(wanted) > MAX_REGEXP:
        raise errors.ParameterError(f"regular expression for {field.name} is longer than {MAX_REGEXP} characters")
    try:
        search = re.compile(wanted).search
    except (re.error, RecursionError, OverflowError) as err:
        raise errors.ParameterError(f"cannot read regular expression {wanted!r}: {err}") from None
    return lambda value: isinstance(value, str) and search(value) is not None


def _contains(field: FieldRow[Any], wanted: object) -> Test:
    if field.kind not in (FieldKind.TEXT, FieldKind.OTHER):
        raise errors.ParameterError(f"field {field.name} ({field.kind}) is no list: nothing can be in it")
    if wanted is not None and not isinstance(wanted, (str, int, float)):
        raise _wrong_kind(field, "text, a number, true, false or null", wanted)
    if field.kind is FieldKind.TEXT and not isinstance(wanted, str):
        raise _wrong_kind(field, "text in quotes", wanted)

    def has(value: object) -> bool:
        if isinstance(value, str):
            return isinstance(wanted, str) and wanted in value
        return isinstance(value, (list, tuple, Set, Mapping)) and wanted in value

    return has


def _packed(value: object) -> bytes | None:
    if isinstance(value, str):
        family = socket.AF_INET6 if ":" in value else socket.AF_INET
        try:
            return socket.inet_pton(family, value)
        except (OSError, ValueError):
            return None
    return None


def _wrong_kind(field: FieldRow[Any], expected: str, wanted: object) -> errors.ParameterError:
    shown = repr(wanted)
    shown = shown if len(shown) <= 60 else f"{shown[:57]}..."
    return errors.ParameterError(f"field {field.name} ({field.kind}) is compared with {expected}, not {shown}")
