"""What `--help` shows: made from the tables, meant to teach."""

from __future__ import annotations

import textwrap
from collections.abc import Iterator

from ganeti.cli.command import Argument, Command, Program
from ganeti.cli.options.row import Option
from ganeti.cli.parse import options_of

WIDTH = 79
_COLUMN = 26


def program_help(program: Program) -> str:
    """Return the help of a program: what it is for and its commands."""
    longest = max(len(c.name) for c in program.commands)
    aliases = {name: [a for a, real in program.aliases.items() if real == name] for name in program.aliases.values()}
    lines = [
        f"Usage: {program.name} COMMAND [OPTION...] [ARGUMENT...]",
        "",
        *textwrap.wrap(program.summary, WIDTH),
        "",
        "Commands:",
    ]
    for command in sorted(program.commands, key=lambda c: c.name):
        also = f" (also: {', '.join(aliases[command.name])})" if command.name in aliases else ""
        lines += textwrap.wrap(
            command.summary + also,
            WIDTH,
            initial_indent=f"  {command.name:<{longest}}  ",
            subsequent_indent=" " * (longest + 4),
        )
    lines += ["", f"{program.name} COMMAND --help tells more about a command, with an example."]
    return "\n".join(lines)


def command_help(program: Program, command: Command) -> str:
    """Return the help of a command: usage, what it does, its options with defaults, an example."""
    usage = " ".join([f"Usage: {program.name} {command.name} [OPTION...]", *map(_usage, command.arguments)])
    lines = [usage, "", *textwrap.wrap(command.summary, WIDTH)]
    for paragraph in filter(None, command.detail.split("\n\n")):
        lines += ["", *textwrap.wrap(" ".join(paragraph.split()), WIDTH)]
    if command.fields:
        lines += ["", *textwrap.wrap(f"Columns unless -o is given: {', '.join(command.fields)}.", WIDTH)]
    if command.environment_defaults:
        variable = environment_variable(program, command)
        lines += ["", *textwrap.wrap(f"Options in the environment variable {variable} are put first.", WIDTH)]
    lines += ["", "Options:"]
    for option in options_of(command):
        lines += _option(option)
    lines += _entry("-h, --help", "Show this help")
    lines += ["", "Example:", *(f"  {line}" for line in command.example.splitlines())]
    return "\n".join(lines)


def environment_variable(program: Program, command: Command) -> str:
    """Return the name of the variable that holds further arguments of a command."""
    return f"{program.name}_{command.name}".upper().replace("-", "_")


def _usage(argument: Argument) -> str:
    word = argument.word
    needed = " ".join([word] * argument.least)
    if argument.most is None:
        return f"{needed}..." if needed else f"[{word}...]"
    return " ".join(filter(None, [needed, *[f"[{word}]"] * (argument.most - argument.least)]))


def _option(option: Option) -> Iterator[str]:
    shorts = [f for f in option.flags if not f.startswith("--")]
    longs = [f for f in option.flags if f.startswith("--")]
    value = f" {option.placeholder}" if option.takes_value else ""
    flags = ", ".join(shorts + longs) if shorts else "    " + ", ".join(longs)
    text = option.help
    if option.choices and option.metavar and not set(option.choices) <= set(option.metavar.split("|")):
        text += f" (one of {', '.join(option.choices)})"
    shown = default_text(option)
    yield from _entry(flags + value, f"{text} (default: {shown})" if shown else text)


def default_text(option: Option) -> str:
    """Return how the default of an option is shown, nothing when there is none."""
    if not option.takes_value or option.default in (None, "", {}, []):
        return ""
    return str(option.default)


def _entry(flags: str, text: str) -> Iterator[str]:
    head = f"  {flags}"
    lines = textwrap.wrap(text, WIDTH - _COLUMN)
    if len(head) > _COLUMN - 2:
        yield head
    else:
        yield f"{head:<{_COLUMN}}{lines.pop(0)}"
    for line in lines:
        yield " " * _COLUMN + line
