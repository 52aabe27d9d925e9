"""What a program and a command are: the rows that parsing, help and completion are made of.

A command's `run` names its function as "module:function"; it is imported only when
the command is chosen, so that `--help` of a program costs nothing but its table.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from typing import Any, NamedTuple


class Argument(NamedTuple):
    """A kind of positional argument and how many of it there may be (`most` None: any number)."""

    kind: str
    least: int
    most: int | None
    choices: tuple[str, ...] = ()

    @property
    def word(self) -> str:
        """What stands for it in help and messages."""
        if self.choices:
            return "|".join(self.choices)
        return self.kind.upper()


class Command(NamedTuple):
    """One command of a program.

    `args` are written as in `spec/cli.json`: "node 0..*", "choice 1..1 in drain|undrain|info".
    `unknown` is what an argument of that kind is called in help and messages.
    `fields` are the columns a list command shows unless told otherwise.  With
    `environment_defaults` further arguments are taken from a variable such as
    GNT_INSTANCE_LIST.
    """

    name: str
    run: str
    summary: str
    example: str
    args: tuple[str, ...] = ()
    options: tuple[str, ...] = ()
    detail: str = ""
    fields: tuple[str, ...] = ()
    environment_defaults: bool = False
    unknown: str = "arg"

    @property
    def arguments(self) -> tuple[Argument, ...]:
        """The positional arguments, in order."""
        named = (_argument(text) for text in self.args)
        return tuple(a._replace(kind=self.unknown) if a.kind == "unknown" else a for a in named)


class Program(NamedTuple):
    """One `gnt-*` program; `aliases` are further names of its commands."""

    name: str
    summary: str
    commands: tuple[Command, ...]
    aliases: Mapping[str, str]

    def find(self, name: str) -> Command | None:
        """Return the command of this name or alias, None when there is none."""
        wanted = self.aliases.get(name, name)
        return next((c for c in self.commands if c.name == wanted), None)


PROGRAMS: Mapping[str, str] = {
    name: f"ganeti.cli.{name.replace('-', '_')}:PROGRAM"
    for name in ("gnt-cluster", "gnt-node", "gnt-instance", "gnt-group", "gnt-job", "gnt-os", "gnt-debug")
}
"""Where the table of each program is."""


def resolve(target: str) -> Any:
    """Import what "module:name" names."""
    module, _, name = target.partition(":")
    return getattr(importlib.import_module(module), name)


def load_program(name: str) -> Program:
    """Import the table of a program."""
    program = resolve(PROGRAMS[name])
    assert isinstance(program, Program)
    return program


def _argument(text: str) -> Argument:
    """Read "kind least..most" or "kind least..most in a|b"."""
    kind, counts, *choices = text.split(" ", 2)
    least, _, most = counts.partition("..")
    words = tuple(choices[0].removeprefix("in ").split("|")) if choices else ()
    return Argument(kind, int(least), None if most == "*" else int(most), words)
