"""Text: sizes, names, lists and options as users write them.  Pure."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping

from ganeti import errors

_UNIT = re.compile(r"\s*(\d+(?:\.\d+)?)\s*([a-z]*)\s*", re.IGNORECASE | re.ASCII)
_UNIT_FACTORS: Mapping[str, int] = {"": 1, "m": 1, "g": 1024, "t": 1024 * 1024}
_UNIT_STEP = 4
_DIGITS = re.compile(r"(\d+)", re.ASCII)
_HOST_NAME = re.compile(r"[a-z0-9_](?:[a-z0-9_.-]*[a-z0-9_])?", re.ASCII)
_SHELL_SAFE = re.compile(r"[a-zA-Z0-9_@%+=:,./-]+", re.ASCII)
_MAX_NAME = 255

#: everything a terminal obeys, but for tabs and the ends of lines
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")

KeyVal = dict[str, str | bool | None]


def printable(text: str) -> str:
    """Return what a program wrote so that it can be shown: escapes in place of what a terminal would obey."""
    return _CONTROL.sub(lambda match: f"\\x{ord(match[0]):02x}", text.replace("\r\n", "\n"))


def parse_unit(text: str) -> int:
    """Return the MiB of a size such as 512, 512m, 1.5g, 2TiB; rounded up to a multiple of 4.

    Raises UnitParseError.
    """
    match = _UNIT.fullmatch(text)
    if match is None:
        raise errors.UnitParseError(f"cannot read size {text!r}: expected a number with unit m, g or t, such as 20g")
    number, unit = match.group(1), match.group(2).lower()
    short = unit.removesuffix("ib") if unit.endswith("ib") else unit.removesuffix("b")
    if short not in _UNIT_FACTORS or unit in ("b", "ib"):
        raise errors.UnitParseError(f"cannot read size {text!r}: unknown unit {match.group(2)}, use m, g or t")
    whole, _, fraction = number.partition(".")
    # Whole numbers only: a float would round a large size.
    scale: int = 10 ** len(fraction)
    exact = int(whole + fraction) * _UNIT_FACTORS[short]
    return -(-exact // (scale * _UNIT_STEP)) * _UNIT_STEP


def format_unit(mib: float, unit: str = "h") -> str:
    """Return a size in MiB as text in a unit: m, g, t, or h for the fitting one with its letter.

    Raises ProgrammerError for another unit.
    """
    if unit == "m" or (unit == "h" and mib < 1024):
        return f"{round(mib)}{'M' if unit == 'h' else ''}"
    if unit == "g" or (unit == "h" and mib < 1024 * 1024):
        return f"{mib / 1024:.1f}{'G' if unit == 'h' else ''}"
    if unit in ("t", "h"):
        return f"{mib / (1024 * 1024):.1f}{'T' if unit == 'h' else ''}"
    raise errors.ProgrammerError(f"unknown unit {unit!r}")


def natural_key(text: str) -> tuple[tuple[int, str], ...]:
    """Return a sort key that puts node2 before node10."""
    parts = _DIGITS.split(text)
    # Text and numbers alternate: each pair is (number, following text), the first text alone.
    head = (-1, parts[0])
    return (head, *((int(parts[i]), parts[i + 1]) for i in range(1, len(parts), 2)))


def natural_sort(texts: Iterable[str]) -> list[str]:
    """Return texts sorted by `natural_key`; equal ones by their spelling."""
    return sorted(texts, key=lambda text: (natural_key(text), text))


def split_escaped(text: str, separator: str = ",") -> list[str]:
    r"""Split at a separator that is not preceded by a backslash; "" gives one empty part.

    A backslash takes the separator or another backslash literally; before anything
    else it is itself.
    """
    parts: list[str] = []
    part: list[str] = []
    chars = iter(text)
    for char in chars:
        if char == "\\":
            following = next(chars, "")
            part.append(following if following and following in (separator, "\\") else char + following)
        elif char == separator:
            parts.append("".join(part))
            part = []
        else:
            part.append(char)
    parts.append("".join(part))
    return parts


def join_escaped(parts: Iterable[str], separator: str = ",") -> str:
    """Return the text that `split_escaped` splits into these parts (at least one)."""
    return separator.join(p.replace("\\", "\\\\").replace(separator, "\\" + separator) for p in parts)


def parse_list(text: str) -> list[str]:
    """Return the items of a comma list; an empty text is no item."""
    return split_escaped(text) if text else []


def parse_keyval(text: str) -> KeyVal:
    """Return the dict of a=1,b,no_c,-d: {"a": "1", "b": True, "c": False, "d": None}.

    Raises ParameterError for a key given twice or an empty one.
    """
    result: KeyVal = {}
    for item in parse_list(text):
        key, given, value = item.partition("=")
        meant: str | bool | None = value if given else True
        if not given and key.startswith("no_"):
            key, meant = key[3:], False
        elif not given and key.startswith("-"):
            key, meant = key[1:], None
        if not key:
            raise errors.ParameterError(f"cannot read {text!r}: {item!r} has no key")
        if key in result:
            raise errors.ParameterError(f"cannot read {text!r}: key {key} is given twice")
        result[key] = meant
    return result


def parse_ident_keyval(text: str) -> tuple[str, KeyVal | bool | None]:
    """Return (ident, values) of ident:a=b,...; values are False for no_ident, None for -ident.

    A dash followed by a digit is a negative index, not a removal.  Raises ParameterError.
    """
    ident, colon, rest = text.partition(":")
    removal = ident.startswith("-") and not ident[1:2].isdigit()
    if ident.startswith("no_") or removal:
        if rest:
            raise errors.ParameterError(f"cannot read {text!r}: {ident} takes no values")
        return (ident[1:], None) if removal else (ident[3:], False)
    if not ident:
        raise errors.ParameterError(f"cannot read {text!r}: nothing in front of the colon")
    return ident, parse_keyval(rest) if colon else {}


def is_valid_name(name: str) -> bool:
    """Tell whether a text can be a host name: lower case letters, digits, dot, dash, underscore."""
    return len(name) <= _MAX_NAME and ".." not in name and _HOST_NAME.fullmatch(name) is not None


def matching_names(key: str, names: Iterable[str]) -> list[str]:
    """Return the names a short name can mean: itself if it is one, else those that begin with it and a dot.

    Case does not count unless that decides.
    """
    every = list(names)
    if key in every:
        return [key]
    low = key.lower()
    same = [name for name in every if name.lower() == low]
    if same:
        return same
    return [name for name in every if name.lower().startswith(low + ".")] if low else []


def match_name(key: str, names: Iterable[str]) -> str | None:
    """Return the one name that `key` means, None when there is none or more than one."""
    found = matching_names(key, names)
    return found[0] if len(found) == 1 else None


def shell_quote(text: str) -> str:
    """Return a text as one word of a shell command."""
    if _SHELL_SAFE.fullmatch(text):
        return text
    return "'" + text.replace("'", "'\\''") + "'"


def shell_line(argv: Iterable[str]) -> str:
    """Return an argument list as one line for a shell or a log."""
    return " ".join(shell_quote(word) for word in argv)


def plural(count: int, noun: str) -> str:
    """Return a count with its noun: 1 node, 2 nodes."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
