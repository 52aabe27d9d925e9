"""Lists: a query, and its answer as a table for people or as text for programs.

Used by every `list` command.  What the fields mean is the master daemon's business;
here are only their kinds (`spec/query_fields.json`).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from ganeti.cli.command import resolve
from ganeti.cli.failures import ExitCode
from ganeti.cli.feedback import Console
from ganeti.cli.parse import Values
from ganeti.cli.session import Session
from ganeti.luxi import methods
from ganeti.model.query.names import filter_of_words, has_wildcards, is_filter_text
from ganeti.utils import json
from ganeti.utils.suggest import did_you_mean
from ganeti.utils.text import format_unit, match_name

Filter = list[Any]
Formatter = Callable[[Any], str]

_NORMAL = 0
_MARKS = {1: ("??", "(unknown)"), 2: ("?", "(nodata)"), 3: ("-", "(unavail)"), 4: ("*", "(offline)")}
_WORDS = {1: "unknown", 2: "nodata", 3: "unavail", 4: "offline"}
_RIGHT = frozenset({"number", "unit", "float"})
_PARSER = "ganeti.model.query.language:parse"  # by name: it costs more than the whole list


class Column(NamedTuple):
    """One column of a list."""

    name: str
    title: str
    kind: str


class Style(NamedTuple):
    """How a list is written."""

    format: str
    headers: bool
    separator: str | None
    units: str
    verbose: bool
    formatters: Mapping[str, Formatter]


Cell = Sequence[Any]
"""[status, value]"""


def list_things(
    session: Session,
    options: Values,
    args: Sequence[str],
    *,
    what: str,
    name_field: str = "name",
    numeric: bool = False,
    also: Filter | None = None,
    formatters: Mapping[str, Formatter] | None = None,
) -> int:
    """List the things of a resource that the arguments name, or all.

    `also` is a filter they have to pass besides; names are numbers where `numeric`.
    """
    fields = selected_fields(options.output, session.command.fields)
    qfilter = words_filter(args, name_field, force=bool(options.get("force_filter")), numeric=numeric)
    answer = session.client.call(methods.query, what, fields, both(qfilter, also))
    columns = [Column(f["name"], f["title"], f["kind"]) for f in answer["fields"]]
    for line in render(columns, answer["data"], style_of(options, formatters or {})):
        session.console.out(line)
    return _report_unknown_fields(session, what, columns) or (
        _report_unknown_names(session, what, name_field, args, len(answer["data"])) if also is None else 0
    )


def list_fields(session: Session, options: Values, args: Sequence[str], *, what: str) -> int:
    """List the fields a resource has: those named, or all."""
    answer = session.client.call(methods.query_fields, what, list(args) or None)
    columns = [Column("name", "Name", "text"), Column("kind", "Type", "text")]
    columns += [Column("title", "Title", "text"), Column("doc", "Description", "text")]
    rows = [[[_NORMAL, field[c.name]] for c in columns] for field in answer["fields"]]
    for line in render(columns, rows, style_of(options, {})):
        session.console.out(line)
    return _report_unknown_fields(session, what, [Column(f["name"], "", f["kind"]) for f in answer["fields"]])


def selected_fields(given: str | None, usual: Sequence[str]) -> list[str]:
    """Return the fields of `-o`: None gives the usual ones, "+a,b" adds to them."""
    if given is None:
        return list(usual)
    fields = [f for f in given.removeprefix("+").split(",") if f]
    return [*usual, *fields] if given.startswith("+") else fields


def words_filter(args: Sequence[str], name_field: str, *, force: bool = False, numeric: bool = False) -> Filter | None:
    """Return the filter that arguments mean: names and patterns, or one filter expression.

    Raises UserError when an expression does not parse or is not alone.
    """
    return filter_of_words(args, name_field, _parse_expression, force=force, numeric=numeric)


def _parse_expression(text: str) -> Filter:
    result: Filter = resolve(_PARSER)(text)
    return result


def both(first: Filter | None, second: Filter | None) -> Filter | None:
    """Return the filter that holds where both do; None holds everywhere."""
    return ["&", first, second] if first and second else first or second


def style_of(options: Values, formatters: Mapping[str, Formatter]) -> Style:
    """Return how the options want a list to be written."""
    separator: str | None = options.get("separator")
    units = options.get("units") or ("h" if separator is None else "m")
    return Style(
        options.get("list_format") or "table",
        not options.get("no_headers"),
        separator,
        units,
        bool(options.get("verbose")),
        formatters,
    )


def render(columns: Sequence[Column], rows: Sequence[Sequence[Cell]], style: Style) -> list[str]:
    """Return the lines of a list."""
    return _FORMATS[style.format](columns, rows, style)


def show_table(console: Console, options: Values, columns: Sequence[Column], rows: Sequence[Sequence[object]]) -> None:
    """Print plain values as a list; None is "not available"."""
    cells = [[[_NORMAL, v] if v is not None else [3, None] for v in row] for row in rows]
    for line in render(columns, cells, style_of(options, {})):
        console.out(line)


# --- formats --------------------------------------------------------------------------


def _table(columns: Sequence[Column], rows: Sequence[Sequence[Cell]], style: Style) -> list[str]:
    lines = [_texts(columns, row, style) for row in rows]
    if style.headers:
        lines.insert(0, [c.title for c in columns])
    if style.separator is not None:
        return [style.separator.join(line) for line in lines]
    widths = [max(map(len, texts)) for texts in zip(*lines, strict=True)]
    right = [c.kind in _RIGHT for c in columns]
    return [
        " ".join(
            text.rjust(width) if to_right else text.ljust(width)
            for text, width, to_right in zip(line, widths, right, strict=True)
        ).rstrip()
        for line in lines
    ]


def _json(columns: Sequence[Column], rows: Sequence[Sequence[Cell]], style: Style) -> list[str]:
    objects = [json.dumps(_object(columns, row, style)) for row in rows]
    return ["[", *(f"  {text}," for text in objects[:-1]), *(f"  {text}" for text in objects[-1:]), "]"]


def _yaml(columns: Sequence[Column], rows: Sequence[Sequence[Cell]], style: Style) -> list[str]:
    # Every JSON value is a YAML value, so only the outer structure needs YAML's own form.
    lines = []
    for row in rows:
        items = [f"{json.dumps(key)}: {json.dumps(value)}" for key, value in _object(columns, row, style).items()]
        lines += [f"- {items[0]}", *(f"  {item}" for item in items[1:])]
    return lines or ["[]"]


def _csv(columns: Sequence[Column], rows: Sequence[Sequence[Cell]], style: Style) -> list[str]:
    """RFC 4180, but for the line ends, which are those of this system."""
    lines = [[c.name for c in columns]] if style.headers else []
    lines += [_texts(columns, row, style) for row in rows]
    return [",".join(_csv_field(text) for text in line) for line in lines]


def _csv_field(text: str) -> str:
    return '"' + text.replace('"', '""') + '"' if any(c in text for c in ',"\r\n') else text


_FORMATS: Mapping[str, Callable[[Sequence[Column], Sequence[Sequence[Cell]], Style], list[str]]] = {
    "table": _table,
    "json": _json,
    "yaml": _yaml,
    "csv": _csv,
}


def _object(columns: Sequence[Column], row: Sequence[Cell], style: Style) -> dict[str, Any]:
    """Return a row for programs: values by field; what there is none of is null."""
    result = {c.name: value if status == _NORMAL else None for c, (status, value) in zip(columns, row, strict=True)}
    missing = {c.name: _WORDS[status] for c, (status, _) in zip(columns, row, strict=True) if status != _NORMAL}
    return {**result, "_missing": missing} if style.verbose and missing else result


def _texts(columns: Sequence[Column], row: Sequence[Cell], style: Style) -> list[str]:
    return [_text(column, status, value, style) for column, (status, value) in zip(columns, row, strict=True)]


def _text(column: Column, status: int, value: Any, style: Style) -> str:
    if status != _NORMAL:
        return _MARKS[status][style.verbose]
    formatter = style.formatters.get(column.name)
    if formatter is not None:
        return formatter(value)
    if column.kind == "text" or value is None:
        return "-" if value is None else str(value)
    if column.kind == "unit":
        return format_unit(value, style.units)
    if column.kind == "bool":
        return "Y" if value else "N"
    if column.kind == "timestamp":
        return time_text(value)
    if value == [] and (style.separator is not None or style.format == "csv"):
        return ""  # to programs an empty list is nothing, and "-" what there is none of
    return plain_text(value)


def time_text(seconds: float) -> str:
    """Return a time of day in local time."""
    return time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(seconds))


def stamp_text(stamp: Sequence[int] | None) -> str:
    """Return the local time of a [seconds, microseconds] pair with its fraction; "-" for none."""
    return f"{time_text(stamp[0])}.{stamp[1]:06d}" if stamp else "-"


def plain_text(value: Any) -> str:
    """Return any JSON value on one line: lists of plain values with commas."""
    if value is None:
        return "-"
    if isinstance(value, bool):
        return "Y" if value else "N"
    if isinstance(value, list) and not any(isinstance(v, list | dict) for v in value):
        return ",".join(plain_text(v) for v in value) or "-"
    return json.dumps(value) if isinstance(value, list | dict) else str(value)


# --- what went wrong ------------------------------------------------------------------


def _report_unknown_fields(session: Session, what: str, columns: Sequence[Column]) -> int:
    unknown = [c.name for c in columns if c.kind == "unknown"]
    if not unknown:
        return ExitCode.SUCCESS
    known = [f["name"] for f in session.client.call(methods.query_fields, what)["fields"]]
    for name in unknown:
        session.console.say(f"unknown field {name}{did_you_mean(name, known)}")
    session.console.say(f"{session.program.name} list-fields shows what there is")
    return ExitCode.UNKNOWN_FIELD


def _report_unknown_names(session: Session, what: str, field: str, args: Sequence[str], found: int) -> int:
    """Tell which of the names that were asked for do not exist, when fewer came back."""
    names = [arg for arg in args if not is_filter_text(arg) and not has_wildcards(arg)]
    if found >= len(names):
        return ExitCode.SUCCESS
    known = [str(row[0][1]) for row in session.client.call(methods.query, what, [field], None)["data"]]
    missing = [name for name in names if match_name(name, known) is None]
    for name in missing:
        session.console.say(f"unknown {what} {name}{did_you_mean(name, known)}")
    return ExitCode.FAILURE if missing else ExitCode.SUCCESS
