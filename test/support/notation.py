"""Reads the type notation of `spec/` ("list<tuple<enum:MODES, str+>>?") into nested tuples.

Two notations mean the same when they read the same.  As `spec/README.md` has it, text
and non-empty text are one, and so are lists and sets.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

Tree = tuple[Any, ...]

_WORD = re.compile(
    r"relative-jobid\(int<0\)|int>=0,<16|int>=0|int>0|jobid|str\+|str|int|float|bool|any|null|"
    r"ipv[46](?:address|network)|(?:private|secret)<any>"
)
_NAME = re.compile(r"\w+")


def read(text: str, enums: Mapping[str, Iterable[Any]], structs: Mapping[str, Tree] | None = None) -> Tree:
    """Return the meaning of a notation; `enums` gives values by name, `structs` meanings of other names."""
    reader = _Reader(text, enums, structs or {})
    tree = reader.union()
    if reader.rest:
        raise ValueError(f"cannot read {text!r}: {reader.rest!r} is left")
    return tree


def union(options: Iterable[Tree]) -> Tree:
    """Return the meaning of "any of these"."""
    flat: set[Tree] = set()
    for option in options:
        flat |= set(option[1]) if option[0] == "union" else {option}
    return flat.pop() if len(flat) == 1 else ("union", frozenset(flat))


class _Reader:
    def __init__(self, text: str, enums: Mapping[str, Iterable[Any]], structs: Mapping[str, Tree]) -> None:
        self.rest = text
        self.enums = enums
        self.structs = structs

    def union(self) -> Tree:
        options = [self.optional()]
        while self.skip(" | "):
            options.append(self.optional())
        return union(options)

    def optional(self) -> Tree:
        tree = self.atom()
        while self.skip("?"):
            tree = union([tree, ("null",)])
        return tree

    def atom(self) -> Tree:
        if self.skip("("):
            tree = self.union()
            self.need(")")
            return tree
        for word in ("list", "set"):
            if self.skip(f"{word}<"):
                return ("list", *self.several(">"))
            if self.skip(word):
                return ("list", ("any",))
        if self.skip("dict<"):
            return ("dict", *self.several(">"))
        if self.skip("dict"):
            return ("dict", ("str",), ("any",))
        if self.skip("tuple<"):
            return ("tuple", *self.several(">"))
        if self.skip("struct{"):
            return self.struct()
        if self.skip("enum:"):
            return ("enum", frozenset(self.enums[self.match(_NAME)]))
        found = _WORD.match(self.rest)
        if found:
            return (self.match(_WORD).replace("str+", "str"),)
        return self.structs[self.match(_NAME)]

    def struct(self) -> Tree:
        fields = {}
        while not self.skip("}"):
            self.skip(", ")
            name = self.match(_NAME)
            self.need(": ")
            fields[name] = self.union()
        return ("struct", frozenset(fields.items()))

    def several(self, end: str) -> list[Tree]:
        found = [self.union()]
        while self.skip(", "):
            found.append(self.union())
        self.need(end)
        return found

    def match(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self.rest)
        if not found:
            raise ValueError(f"cannot read a type at {self.rest!r}")
        self.rest = self.rest[found.end() :]
        return found.group()

    def skip(self, text: str) -> bool:
        if not self.rest.startswith(text):
            return False
        self.rest = self.rest[len(text) :]
        return True

    def need(self, text: str) -> None:
        if not self.skip(text):
            raise ValueError(f"cannot read a type: {text!r} expected at {self.rest!r}")
