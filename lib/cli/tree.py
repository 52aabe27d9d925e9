"""Nested values as indented text: what the `info` commands print.

A list of (title, value) pairs is a mapping in a fixed order; the text is YAML-like,
for people.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

_STEP = "  "


def tree_lines(value: Any, indent: str = "") -> Iterator[str]:
    """Yield the lines of a nested value."""
    if isinstance(value, Mapping):
        value = sorted(value.items())
    for item in value:
        if isinstance(item, tuple) and len(item) == 2:
            yield from _pair_lines(item[0], item[1], indent)
        elif _is_nested(item):
            lines = tree_lines(item, indent + _STEP)
            yield f"{indent}- {next(lines).strip()}"
            yield from lines
        else:
            yield f"{indent}- {_scalar(item)}"


def _pair_lines(title: Any, value: Any, indent: str) -> Iterator[str]:
    if _is_nested(value):
        yield f"{indent}{title}:"
        yield from tree_lines(value, indent + _STEP)
        return
    first, *more = _scalar(value).splitlines() or ["-"]
    yield f"{indent}{title}: {first}"
    for line in more:
        yield f"{indent}{_STEP}{line}"


def _is_nested(value: Any) -> bool:
    """Whether a value gets lines of its own: not when empty, nor when it is a plain list."""
    if isinstance(value, Mapping):
        return bool(value)
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return any(isinstance(v, Mapping | Sequence) and not isinstance(v, str) for v in value) or any(
            isinstance(v, str) and (" " in v or "," in v) for v in value
        )
    return False


def _scalar(value: Any) -> str:
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, Mapping | Sequence) and not isinstance(value, str):
        return ", ".join(_scalar(v) for v in value) or "-"
    return str(value) or "-"
