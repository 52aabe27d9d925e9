"""The command line of one command: options first, then arguments.

Not argparse: its options may stand anywhere, so `gnt-cluster command ls -l` would
take `-l` for its own, and it refuses values that begin with a dash, such as
`-B -memory` or `--disk -1:remove` (rules: `spec/cli.json`, parser_rules).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import SimpleNamespace
from typing import Any, NamedTuple

from ganeti import errors
from ganeti.cli import values
from ganeti.cli.command import Argument, Command
from ganeti.cli.failures import UsageError
from ganeti.cli.options.row import Option
from ganeti.cli.options.table import COMMON, OPTIONS
from ganeti.utils.suggest import did_you_mean

HELP_FLAGS = ("-h", "--help")


class Values(SimpleNamespace):
    """The options of a command, by their dest."""

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"the command has no option {name}")

    def get(self, name: str) -> Any:
        """Return an option, None when the command does not have it."""
        return self.__dict__.get(name)


class Parsed(NamedTuple):
    """A command line that was understood; `notes` are to be told to the user."""

    options: Values
    args: list[str]
    notes: list[str]
    wants_help: bool = False


def options_of(command: Command) -> list[Option]:
    """Return the rows of all options of a command, its own ones first."""
    return [OPTIONS[name] for name in (*command.options, *COMMON)]


def parse(command: Command, argv: Sequence[str]) -> Parsed:
    """Read what follows the name of a command.

    Raises UsageError naming the option or argument, with what would be right.
    """
    rows = options_of(command)
    flags = {flag: row for row in rows for flag in row.flags}
    result = Parsed(Values(**{row.dest: row.start for row in rows if row.action != "ignored"}), [], [])
    rest = list(argv)
    while rest and rest[0].startswith("-") and rest[0] != "-":
        token = rest.pop(0)
        if token == "--":
            break
        if token in HELP_FLAGS:
            return result._replace(wants_help=True)
        _take_option(token, rest, flags, result)
    result.args.extend(rest)
    check_arguments(command.arguments, result.args)
    return result


def check_arguments(wanted: Sequence[Argument], given: Sequence[str]) -> None:
    """Refuse arguments that are too few, too many, or none of the possible words."""
    left = list(given)
    for argument in wanted:
        if len(left) < argument.least:
            if argument.choices:
                raise UsageError(f"missing argument: one of {', '.join(argument.choices)}")
            number = f"{argument.least} x " if argument.least > 1 else ""
            raise UsageError(f"missing argument: {number}{argument.word}")
        mine, left = left[: argument.most], left[argument.most :] if argument.most is not None else []
        if argument.kind == "choice":
            for word in mine:
                if word not in argument.choices:
                    raise UsageError(
                        f"argument {word!r} is not one of {', '.join(argument.choices)}"
                        f"{did_you_mean(word, argument.choices)}"
                    )
    if left:
        hint = "; options have to stand before arguments" if left[0].startswith("-") else ""
        raise UsageError(f"too many arguments: {' '.join(left)}{hint}")


def _take_option(token: str, rest: list[str], flags: Mapping[str, Option], result: Parsed) -> None:
    if token.startswith("--"):
        name, given, text = token.partition("=")
        flag = _full_flag(name, flags)
        row = flags[flag]
        if given and not row.takes_value:
            raise UsageError(f"option {flag} takes no value")
        _apply(row, flag, (text if given else _next(flag, row, rest)) if row.takes_value else "", result)
        return
    letters = token[1:]
    while letters:
        flag, letters = f"-{letters[0]}", letters[1:]
        if flag not in flags:
            raise UsageError(f"unknown option {flag}{_hint(token, flags)}")
        row = flags[flag]
        if row.takes_value:
            _apply(row, flag, letters or _next(flag, row, rest), result)
            return
        _apply(row, flag, "", result)


def _full_flag(name: str, flags: Mapping[str, Option]) -> str:
    """Return the flag that a long option or its beginning means."""
    if name in flags:
        return name
    begun = sorted(flag for flag in flags if flag.startswith(name) and len(name) > 2)
    if len({flags[flag].dest for flag in begun}) == 1:
        return begun[0]
    if begun:
        raise UsageError(f"option {name} can mean {', '.join(begun)}: write it out")
    raise UsageError(f"unknown option {name}{_hint(name, flags)}")


def _hint(name: str, flags: Mapping[str, Option]) -> str:
    return did_you_mean(name, flags) or "; --help shows the options"


def _next(flag: str, row: Option, rest: list[str]) -> str:
    if not rest:
        raise UsageError(f"option {flag} needs a value: {flag} {row.placeholder}")
    return rest.pop(0)


def _apply(row: Option, flag: str, text: str, result: Parsed) -> None:
    options = result.options.__dict__
    match row.action:
        case "store_true":
            options[row.dest] = True
        case "store_false":
            options[row.dest] = False
        case "store_const":
            options[row.dest] = row.const
        case "count":
            options[row.dest] += 1
        case "ignored":
            result.notes.append(f"option {flag}: {row.help[0].lower()}{row.help[1:]}")
        case "append":
            options[row.dest].append(_read(row, flag, text))
        case _:
            options[row.dest] = _read(row, flag, text)


def _read(row: Option, flag: str, text: str) -> object:
    try:
        return values.read(row, text)
    except errors.UserError as err:
        raise UsageError(f"option {flag} {text!r}: {err}") from err
