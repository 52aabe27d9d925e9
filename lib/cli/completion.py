"""The bash completion script, made from the command tables.

Names of instances, nodes, groups, systems and jobs are asked from the cluster when
the key is pressed; everything else is in the script.  Run as a program it writes the
script to standard output: `python3 -m ganeti.cli.completion`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence

from ganeti.cli.command import PROGRAMS, Argument, Command, Program, load_program
from ganeti.cli.options.row import Option
from ganeti.cli.parse import HELP_FLAGS, options_of
from ganeti.utils.text import shell_quote

_SOURCES: Mapping[str, str] = {
    "instance": "gnt-instance list --no-headers --output name",
    "node": "gnt-node list --no-headers --output name",
    "group": "gnt-group list --no-headers --output name",
    "network": "gnt-network list --no-headers --output name",
    "os": "gnt-os list --no-headers",
    "jobid": "gnt-job list --no-headers --output id",
}
"""Commands that print what an argument of a kind can be, one a line."""

_VALUES: Mapping[str, str] = {
    "one_instance": "instance",
    "one_node": "node",
    "inst_add_nodes": "node",
    "one_nodegroup": "group",
    "one_os": "os",
}
"""Kinds of option values."""

_HEADER = """\
# Completion of the gnt-* programs for bash; made from their tables, do not edit.

_gnt_offer() {
  COMPREPLY=( $(compgen -W "$1" -- "$cur") )
}

_gnt_files() {
  compopt -o filenames 2>/dev/null
  COMPREPLY=( $(compgen -f -- "$cur") )
}
"""


def bash_script(programs: Sequence[Program]) -> str:
    """Return the script for these programs."""
    parts = [_HEADER]
    for kind, source in _SOURCES.items():
        parts.append(f'_gnt_names_{kind}() {{\n  _gnt_offer "$({source} 2>/dev/null)"\n}}\n')
    parts += ["\n".join(_program(program)) + "\n" for program in programs]
    return "\n".join(parts)


def main(argv: Sequence[str] = sys.argv) -> int:
    """Write the script for all programs."""
    sys.stdout.write(bash_script([load_program(name) for name in PROGRAMS]))
    return 0


def _program(program: Program) -> Iterator[str]:
    function = f"_{program.name.replace('-', '_')}"
    names = sorted([*(c.name for c in program.commands), *program.aliases])
    yield f"{function}() {{"
    yield '  local cur="${COMP_WORDS[COMP_CWORD]}" prev="${COMP_WORDS[COMP_CWORD-1]}"'
    # Readline splits at "=": `--type=so` is three words.
    yield '  if [[ "$cur" == "=" ]]; then cur=""; fi'
    yield '  if [[ "$prev" == "=" ]]; then prev="${COMP_WORDS[COMP_CWORD-2]}"; fi'
    yield "  COMPREPLY=()"
    yield "  if (( COMP_CWORD == 1 )); then"
    yield f"    _gnt_offer {shell_quote(' '.join([*names, '--help', '--version']))}"
    yield "    return"
    yield "  fi"
    yield '  case "${COMP_WORDS[1]}" in'
    for command in program.commands:
        aliases = [alias for alias, name in program.aliases.items() if name == command.name]
        yield f"    {'|'.join([command.name, *aliases])})"
        yield from (f"      {line}" for line in _command(command))
        yield "      ;;"
    yield "  esac"
    yield "}"
    yield f"complete -F {function} {program.name}"


def _command(command: Command) -> Iterator[str]:
    options = options_of(command)
    valued = [option for option in options if option.takes_value]
    yield 'case "$prev" in'
    for option in valued:
        yield f"  {'|'.join(option.flags)}) {_value(option)}; return ;;"
    yield "esac"
    flags = [flag for option in options for flag in option.flags] + list(HELP_FLAGS)
    yield 'if [[ "$cur" == -* ]]; then'
    yield f"  _gnt_offer {shell_quote(' '.join(flags))}"
    yield "  return"
    yield "fi"
    yield from _arguments(command.arguments, valued)


def _value(option: Option) -> str:
    if option.choices:
        return f"_gnt_offer {shell_quote(' '.join(option.choices))}"
    if option.completes in _VALUES:
        return f"_gnt_names_{_VALUES[option.completes]}"
    if option.type == "bool":
        return "_gnt_offer 'yes no'"
    return "_gnt_files" if option.metavar == "FILE" or option.dest == "tags_source" else ":"


def _arguments(arguments: Sequence[Argument], valued: Sequence[Option]) -> Iterator[str]:
    """Offer what fits the first argument not given yet."""
    if not arguments:
        return
    if len(arguments) == 1:
        yield _argument(arguments[0])
        return
    taking = "|".join(flag for option in valued for flag in option.flags) or "-"
    yield "local place=0 word=2"
    yield "while (( word < COMP_CWORD )); do"
    yield '  case "${COMP_WORDS[word]}" in'
    yield f"    {taking}) (( word++ )) ;;"
    yield "    -*) ;;"
    yield "    *) (( place++ )) ;;"
    yield "  esac"
    yield "  (( word++ ))"
    yield "done"
    begin = 0
    for argument in arguments:
        end = None if argument.most is None else begin + argument.most
        condition = f"place >= {begin}" if end is None else f"place >= {begin} && place < {end}"
        yield f"if (( {condition} )); then {_argument(argument)}; fi"
        begin = end or begin


def _argument(argument: Argument) -> str:
    if argument.choices:
        return f"_gnt_offer {shell_quote(' '.join(argument.choices))}"
    if argument.kind in _SOURCES:
        return f"_gnt_names_{argument.kind}"
    return "_gnt_files" if argument.kind in ("file", "command") else ":"


if __name__ == "__main__":
    sys.exit(main())
