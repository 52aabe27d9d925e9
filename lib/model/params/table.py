"""Rows that describe parameters, and what can be done with a table of them.

A table says of each parameter its name, type, default and meaning.  Checking a
request, filling in defaults and printing the manual all read the same rows.
"""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection, Mapping
from typing import NamedTuple, TypeGuard

from ganeti import errors
from ganeti.model.enums import ValueType
from ganeti.model.objects.base import Params
from ganeti.utils import text

#: as the value of a parameter in a request: forget what was set here
VALUE_DEFAULT = "default"


class Param(NamedTuple):
    """One parameter.

    `required` ones may not be empty; `allowed` are the only values (and "" where it
    is not required); `check` returns what a good value is when its argument is none,
    else an empty text.
    """

    name: str
    type: ValueType
    default: object
    doc: str
    required: bool = False
    allowed: Collection[str] = ()
    check: Callable[[object], str] | None = None


Table = Mapping[str, Param]


def table(*rows: Param) -> Table:
    """Return rows as a table, in the order given."""
    return {row.name: row for row in rows}


def defaults(rows: Table) -> dict[str, object]:
    """Return the default of every parameter."""
    return {name: row.default for name, row in rows.items()}


def convert(rows: Table, params: Params, path: str, *, resets: bool = False) -> dict[str, object]:
    """Return parameters of a request with their values in the right type.

    Text is accepted where it can be read as the type ("512m", "true").  With
    `resets`, None and "default" stay as they are: they ask to forget a value.

    Raises TypeEnforcementError naming the path; ParameterError for unknown names.
    """
    result: dict[str, object] = {}
    for name, value in params.items():
        row = rows.get(name)
        if row is None:
            raise errors.ParameterError(f"{path}.{name}: unknown parameter{_suggest(name, rows)}")
        if resets and is_reset(value):
            result[name] = value
        else:
            result[name] = convert_value(row.type, value, f"{path}.{name}")
    return result


def check(rows: Table, params: Params, path: str, *, resets: bool = False) -> dict[str, object]:
    """Return `convert(...)`, with the values checked as well.

    Raises TypeEnforcementError or ParameterError naming the path.
    """
    result = convert(rows, params, path, resets=resets)
    for name, value in result.items():
        if not (resets and is_reset(value)):
            check_value(rows[name], value, f"{path}.{name}")
    return result


def check_value(row: Param, value: object, path: str) -> None:
    """Check a value of the right type.

    Raises ParameterError naming the path.
    """
    if value is None or value == "":
        if row.required:
            raise errors.ParameterError(f"{path}: must not be empty")
        return
    if row.allowed and value not in row.allowed:
        raise errors.ParameterError(f"{path}: expected one of {', '.join(sorted(row.allowed))}, got {value!r}")
    expected = row.check(value) if row.check else ""
    if expected:
        raise errors.ParameterError(f"{path}: expected {expected}, got {value!r}")


def convert_value(kind: ValueType, value: object, path: str) -> object:
    """Return a value in the type of its parameter.

    Raises TypeEnforcementError naming the path.
    """
    try:
        return _CONVERTERS[kind](value)
    except (KeyError, TypeError, ValueError, errors.UnitParseError) as err:
        raise errors.TypeEnforcementError(f"{path}: expected {_WORDS[kind]}, got {value!r}") from err


def merge(old: Params, changes: Params) -> dict[str, object]:
    """Return parameters after a request: changed, added, or forgotten if reset."""
    result = {name: value for name, value in old.items() if name not in changes}
    result.update((name, value) for name, value in changes.items() if not is_reset(value))
    return result


def is_reset(value: object) -> bool:
    """Tell whether a requested value asks to forget what was set."""
    return value is None or value == VALUE_DEFAULT


def flag(params: Params, name: str) -> bool:
    """Return a parameter that is true or false."""
    value = params[name]
    assert isinstance(value, bool), name
    return value


def number(params: Params, name: str) -> int:
    """Return a whole number, size or port."""
    value = params[name]
    assert isinstance(value, int), name
    return value


def real(params: Params, name: str) -> float:
    """Return a number that may have a fraction."""
    value = params[name]
    assert isinstance(value, (int, float)), name
    return float(value)


def words(params: Params, name: str) -> str:
    """Return a text; "" stands for none."""
    value = params[name]
    assert value is None or isinstance(value, str), name
    return value or ""


def _is_whole(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool)


def _to_string(value: object) -> str:
    # What a command line makes of "no_kernel_path": no value at all.
    if value is False or value is None:
        return ""
    if isinstance(value, str):
        return value
    raise TypeError


def _to_maybe_string(value: object) -> str | None:
    return None if value is None else _to_string(value)


def _to_bool(value: object) -> bool:
    if isinstance(value, str):
        return _BOOL_WORDS[value.lower()]
    if isinstance(value, bool):
        return value
    raise TypeError


def _to_int(value: object) -> int:
    if _is_whole(value):
        return value
    if isinstance(value, str):
        return int(value)
    raise TypeError


def _to_float(value: object) -> float:
    if _is_whole(value) or isinstance(value, (float, str)):
        return float(value)
    raise TypeError


def _to_size(value: object) -> int:
    size = text.parse_unit(value) if isinstance(value, str) else _to_int(value)
    if size < 0:
        raise ValueError(value)
    return size


def _suggest(name: str, rows: Table) -> str:
    if not rows:
        return ", there are none here"
    close = difflib.get_close_matches(name, rows, n=1)
    return f" (did you mean {close[0]}?)" if close else f", known are {', '.join(sorted(rows))}"


_BOOL_WORDS: Mapping[str, bool] = {"true": True, "yes": True, "false": False, "no": False, "": False}


_CONVERTERS: Mapping[ValueType, Callable[[object], object]] = {
    ValueType.STRING: _to_string,
    ValueType.MAYBE_STRING: _to_maybe_string,
    ValueType.BOOL: _to_bool,
    ValueType.INT: _to_int,
    ValueType.FLOAT: _to_float,
    ValueType.SIZE: _to_size,
}

_WORDS: Mapping[ValueType, str] = {
    ValueType.STRING: "text",
    ValueType.MAYBE_STRING: "text or nothing",
    ValueType.BOOL: "true or false",
    ValueType.INT: "a whole number",
    ValueType.FLOAT: "a number",
    ValueType.SIZE: "a size such as 512m or 20g",
}
