"""From the text of an option or argument to its value, one reader per type of `spec/cli.json`.

Readers raise UserError with a message that says what would be right; who the value
was for is added by the parser.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from ganeti import errors
from ganeti.cli.command import resolve
from ganeti.cli.failures import UsageError
from ganeti.cli.options.row import Option
from ganeti.utils.suggest import did_you_mean
from ganeti.utils.text import KeyVal, parse_ident_keyval, parse_keyval, parse_list, parse_unit

Reader = Callable[[str], object]

PRIORITIES: Mapping[str, int] = {"low": 10, "normal": 0, "high": -10}
"""Names of priorities; numbers are what the queue sorts by."""

_BOOLS = {"yes": True, "true": True, "no": False, "false": False}
_AGE_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_JSON = "ganeti.utils.json:loads"  # by name: importing it costs more than all of this module


def read(option: Option, text: str) -> object:
    """Return the value of an option.

    Raises UserError.
    """
    if option.choices and text not in option.choices:
        raise UsageError(f"not one of {', '.join(option.choices)}{did_you_mean(text, option.choices)}")
    return READERS[option.type](text)


def read_int(text: str) -> int:
    """Return a whole number."""
    try:
        return int(text)
    except ValueError:
        raise UsageError("not a whole number") from None


def read_float(text: str) -> float:
    """Return a number."""
    try:
        return float(text)
    except ValueError:
        raise UsageError("not a number") from None


def read_bool(text: str) -> bool:
    """Return what yes, no, true or false mean."""
    try:
        return _BOOLS[text.lower()]
    except KeyError:
        raise UsageError("neither yes nor no") from None


def read_maybe_float(text: str) -> float | str:
    """Return a number, or the word default."""
    if text == "default":
        return text
    try:
        return float(text)
    except ValueError:
        raise UsageError('neither a number nor "default"') from None


def read_specs(text: str) -> list[dict[str, KeyVal]]:
    """Return [{ident: {key: value}}] of ident:k=v,.../ident:...//ident:..."""
    result: list[dict[str, KeyVal]] = []
    for group in text.split("//") if text else []:
        idents: dict[str, KeyVal] = {}
        for part in group.split("/"):
            ident, values = parse_ident_keyval(part)
            if not isinstance(values, dict):
                raise UsageError(f"{part!r} has no values; write {ident}:key=value,...")
            if ident in idents:
                raise UsageError(f"{ident} is given twice in {group!r}")
            idents[ident] = values
        result.append(idents)
    return result


def read_filter_action(text: str) -> str | list[str | int]:
    """Return the action of a job filter; RATE_LIMIT has a number."""
    word, _, number = text.partition(" ")
    return [word, read_int(number)] if word == "RATE_LIMIT" else text


def read_priority(text: str) -> int:
    """Return the number of a named priority."""
    return PRIORITIES[text]


def read_json(text: str) -> object:
    """Return what a JSON text says."""
    value: object = resolve(_JSON)(text)
    return value


def read_age(text: str) -> int:
    """Return the seconds of 90, 30m, 1d, 4w; "all" is -1."""
    if text == "all":
        return -1
    number, unit = (text[:-1], text[-1]) if text[-1:] in _AGE_UNITS else (text, "s")
    if not (number.isascii() and number.isdigit()):
        raise UsageError(f"cannot read time {text!r}: expected a number with unit s, m, h, d or w, such as 4h")
    return int(number) * _AGE_UNITS[unit]


def read_job_id(text: str) -> int:
    """Return a job id."""
    if not (text.isascii() and text.isdigit()):
        raise UsageError(f"cannot read job id {text!r}: a job id is a number, see gnt-job list")
    return int(text)


def read_uid_pool(text: str) -> list[tuple[int, int]]:
    """Return the ranges of 1000-1010,2000; an empty text is an empty pool."""
    result: list[tuple[int, int]] = []
    for part in parse_list(text):
        low, dash, high = part.partition("-")
        ends = (low, high if dash else low)
        if not all(end.isascii() and end.isdigit() for end in ends) or int(ends[0]) > int(ends[1]):
            raise UsageError(f"cannot read user ids {part!r}: expected 1000 or 1000-1010")
        result.append((int(ends[0]), int(ends[1])))
    return result


def by_ident(pairs: Sequence[tuple[str, KeyVal | bool | None]], what: str) -> dict[str, KeyVal]:
    """Return the dict of repeated ident:key=value options.

    Raises UserError when an ident comes twice or has no values.
    """
    result: dict[str, KeyVal] = {}
    for ident, values in pairs:
        if not isinstance(values, dict):
            raise UsageError(f"cannot read {what} of {ident}: write {ident}:key=value,...")
        if ident in result:
            raise UsageError(f"cannot read {what}: {ident} is given twice")
        result[ident] = values
    return result


def split_nodes(text: str | None) -> tuple[str | None, str | None]:
    """Return primary and secondary of NODE[:NODE]."""
    if text is None:
        return None, None
    primary, _, secondary = text.partition(":")
    return primary or None, secondary or None


def sizes(values: Mapping[str, object], keys: Sequence[str]) -> dict[str, object]:
    """Return values with the sizes among them in MiB.

    Raises UserError naming the key.
    """
    result = dict(values)
    for key in keys:
        value = result.get(key)
        if isinstance(value, str) and value not in ("default", "none", "auto"):
            try:
                result[key] = parse_unit(value)
            except errors.UnitParseError as err:
                raise UsageError(f"{key}: {err}") from err
    return result


READERS: Mapping[str, Reader] = {
    "string": str,
    "choice": str,
    "int": read_int,
    "float": read_float,
    "bool": read_bool,
    "unit": parse_unit,
    "list": parse_list,
    "keyval": parse_keyval,
    "keyprivateval": parse_keyval,
    "identkeyval": parse_ident_keyval,
    "multilistidentkeyval": read_specs,
    "maybefloat": read_maybe_float,
    "json": read_json,
    "filteraction": read_filter_action,
    "priority": read_priority,
}
"""By type of an option."""
