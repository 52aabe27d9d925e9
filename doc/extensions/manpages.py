"""Manual pages, from the command tables and from what programs say of their options."""

import contextlib
import importlib
import io
import os

from markup import code, definitions, literal, prose, sentence, title

from ganeti.cli.command import load_program
from ganeti.cli.help import default_text, environment_variable
from ganeti.cli.options.table import OPTIONS
from ganeti.cli.parse import options_of

#: programs that are no gnt-*: where their main() is
OTHERS = {
    "confd-client": "ganeti.tools.confd_client",
    "ganeti-confd": "ganeti.confd.daemon",
    "ganeti-masterd": "ganeti.masterd.daemon",
    "ganeti-noded": "ganeti.noded.daemon",
    "ganeti-rapi": "ganeti.rapi.daemon",
    "ganeti-watcher": "ganeti.watcher.program",
    "ganeti-cleaner": "ganeti.tools.ganeti_cleaner",
    "vcluster-setup": "ganeti.tools.vcluster_setup",
    "vcluster-run": "ganeti.tools.vcluster_run",
    "ensure-dirs": "ganeti.tools.ensure_dirs",
}


def commands(name):
    """Return the sections of all commands of a gnt-* program."""
    program = load_program(name)
    lines = [sentence(program.summary), "", *title("Commands", "-")]
    for command in sorted(program.commands, key=lambda c: c.name):
        lines += one_command(program, command)
    if program.aliases:
        known = {a: real for a, real in program.aliases.items() if program.find(a)}
        names = ", ".join(f"{literal(alias)} is {literal(real)}" for alias, real in sorted(known.items()))
        lines += [*title("Other names of commands", "-"), f"{names}.", ""]
    return lines + common_options()


def one_command(program, command):
    """Return the section of one command."""
    lines = title(command.name, "~")
    lines += [literal(" ".join([program.name, command.name, "[OPTION...]", *map(usage, command.arguments)])), ""]
    lines += [sentence(command.summary), ""]
    for paragraph in filter(None, command.detail.split("\n\n")):
        lines += [prose(paragraph), ""]
    if command.fields:
        lines += [f"Columns unless ``-o`` is given: {', '.join(map(literal, command.fields))}.", ""]
    if command.environment_defaults:
        variable = environment_variable(program, command)
        lines += [f"Options in the environment variable {literal(variable)} are put first.", ""]
    own = [OPTIONS[name] for name in command.options]
    lines += definitions([(flags_of(option), meaning(option)) for option in own])
    return [*lines, "Example:", "", *code(command.example.splitlines())]


def usage(argument):
    """Return how an argument is written in a usage line."""
    word = argument.word
    needed = " ".join([word] * argument.least)
    if argument.most is None:
        return f"{needed}..." if needed else f"[{word}...]"
    return " ".join(filter(None, [needed, *[f"[{word}]"] * (argument.most - argument.least)]))


def flags_of(option):
    """Return the flags of an option with its value."""
    value = f" {option.placeholder}" if option.takes_value else ""
    return literal(", ".join(option.flags) + value)


def meaning(option):
    """Return what an option does, its choices and its default."""
    text = sentence(option.help)
    if option.choices:
        text += f" One of {', '.join(map(literal, option.choices))}."
    shown = default_text(option)
    return text + (f" Default: {literal(shown)}." if shown else "")


def common_options():
    """Return the section of the options every command has."""
    command = load_program("gnt-job").find("wait")
    own = set(command.options)
    items = [(flags_of(o), meaning(o)) for o in options_of(command) if o.id not in own]
    items.append(("``-h, --help``", "Show how the command is used, with an example."))
    return [*title("Options of every command", "-"), *definitions(items)]


def program_help(name):
    """Return what a program answers to --help, as a block."""
    return code(help_text(name).splitlines())


def help_text(name):
    """Return what a program answers to --help."""
    module = importlib.import_module(OTHERS[name])
    out = io.StringIO()
    before = os.environ.get("COLUMNS")
    os.environ["COLUMNS"] = "79"  # argparse breaks its lines there
    try:
        with contextlib.redirect_stdout(out), contextlib.suppress(SystemExit):
            module.main([name, "--help"])
    finally:
        if before is None:
            del os.environ["COLUMNS"]
        else:
            os.environ["COLUMNS"] = before
    return out.getvalue()
