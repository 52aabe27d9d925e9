"""From a filter as it travels to a test of rows, made once per query.

A filter is a nested list: ["&" or "|", filter...], ["!", filter], ["?", field] or
[operator, field, value] (operators in spec/constants.json, `query_operators`).  All
that can be wrong with it is found here, before any row is looked at: the tests
themselves never raise.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Container, Sequence
from typing import Generic, NamedTuple, TypeVar

from ganeti import errors
from ganeti.model.query.matching import Test, is_true, one_of, test_of
from ganeti.model.query.table import FieldRow, Need, Table

R = TypeVar("R")

#: and, or and not within each other
MAX_DEPTH = 32
#: conditions in all; a list of names has one for each
MAX_CONDITIONS = 50_000

_BINARY = frozenset({"=", "==", "!=", "<", "<=", ">", ">=", "=~", "=[]"})


class CompiledFilter(NamedTuple, Generic[R]):
    """A test of rows, and what must be known about a row to make it."""

    matches: Callable[[R], bool]
    needs: frozenset[Need]


def compile_filter(qfilter: object, table: Table[R]) -> CompiledFilter[R]:
    """Check a filter against the fields of a resource and make it a test of rows.

    Raises ParameterError naming the part of the filter that is wrong.
    """
    compiler = _Compiler(table)
    matches = compiler.compile(qfilter, 1)
    return CompiledFilter(matches, frozenset(compiler.needs))


class _Compiler(Generic[R]):
    """Carries what is counted while a filter is walked."""

    def __init__(self, table: Table[R]) -> None:
        self.table = table
        self.needs: set[Need] = set()
        self.conditions = 0

    def compile(self, qfilter: object, depth: int) -> Callable[[R], bool]:
        if depth > MAX_DEPTH:
            raise errors.ParameterError(f"cannot use filter: more than {MAX_DEPTH} levels deep")
        match qfilter:
            case ["&", *parts] if parts:
                self._count(parts)
                return _all([self.compile(part, depth + 1) for part in parts])
            case ["|", *parts] if parts:
                self._count(parts)
                return _any(self._alternatives(parts, depth + 1))
            case ["!", part]:
                wrong = self.compile(part, depth + 1)
                return lambda row: not wrong(row)
            case ["?", str(name)]:
                return self._condition(name, lambda field: is_true, qfilter)
            case [str(sign), str(name), value] if sign in _BINARY:
                return self._condition(name, lambda field: test_of(field, sign, value), qfilter)
        raise _wrong(qfilter, _reason(qfilter))

    def _count(self, parts: Sequence[object]) -> None:
        self.conditions += len(parts)
        if self.conditions > MAX_CONDITIONS:
            raise errors.ParameterError(f"cannot use filter: more than {MAX_CONDITIONS} conditions")

    def _condition(self, name: str, make: Callable[[FieldRow[R]], Test], part: Sequence[object]) -> Callable[[R], bool]:
        try:
            field = self.table.field(name)
            test = make(field)
        except errors.ParameterError as err:
            raise _wrong(part, str(err)) from None
        return self._bound(field, test)

    def _bound(self, field: FieldRow[R], test: Test) -> Callable[[R], bool]:
        """Return the test of rows that a test of a field's values is."""
        if field.need is not None:
            self.needs.add(field.need)
        get = field.get
        return lambda row: test(get(row))

    def _alternatives(self, parts: Sequence[object], depth: int) -> list[Callable[[R], bool]]:
        """Compile the parts of an or; many names of one field become one look into a set."""
        wanted: dict[str, list[object]] = {}
        for part in parts:
            match part:
                case ["=" | "==", str(name), value] if name in self.table.fields:
                    wanted.setdefault(name, []).append(value)
        merged: dict[str, Callable[[R], bool]] = {}
        for name, values in wanted.items():
            matches = self._one_of(name, values)
            if matches is not None:
                merged[name] = matches
        rest = [part for part in parts if not _is_equality(part, merged)]
        return [*merged.values(), *(self.compile(part, depth) for part in rest)]

    def _one_of(self, name: str, values: list[object]) -> Callable[[R], bool] | None:
        if len(values) < 2:
            return None
        field = self.table.fields[name]
        try:
            test = one_of(field, values)
        except errors.ParameterError as err:
            raise _wrong(["==", name, values], str(err)) from None
        return None if test is None else self._bound(field, test)


def _is_equality(part: object, fields: Container[str]) -> bool:
    match part:
        case ["=" | "==", str(name), _] if name in fields:
            return True
    return False


def _all(tests: list[Callable[[R], bool]]) -> Callable[[R], bool]:
    if len(tests) == 1:
        return tests[0]
    return lambda row: all(test(row) for test in tests)


def _any(tests: list[Callable[[R], bool]]) -> Callable[[R], bool]:
    if len(tests) == 1:
        return tests[0]
    return lambda row: any(test(row) for test in tests)


def _wrong(part: object, reason: str) -> errors.ParameterError:
    try:
        shown = json.dumps(part)
    except (TypeError, ValueError, RecursionError):
        shown = repr(type(part))
    shown = shown if len(shown) <= 80 else f"{shown[:77]}..."
    return errors.ParameterError(f"cannot use filter {shown}: {reason}")


def _reason(part: object) -> str:
    match part:
        case ["&" | "|" as sign]:
            return f"{sign} needs at least one filter behind it"
        case ["!", *_]:
            return "! takes one filter"
        case ["?", *_]:
            return "? takes the name of a field"
        case [str(sign), *_] if sign in _BINARY:
            return f"{sign} takes the name of a field and a value"
        case [str(sign), *_]:
            return f"unknown operator {sign!r}"
    return "expected a list that starts with an operator"
