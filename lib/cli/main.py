"""Entry of every `gnt-*` program: find the command, read its options, run it, exit.

Which program it is depends on the name it was started by.  Imports of what a command
needs happen when its function is resolved, no sooner.
"""

from __future__ import annotations

import os
import shlex
import signal
import sys
from collections.abc import Mapping, Sequence

from ganeti import _autoconf, errors
from ganeti.cli.command import PROGRAMS, Command, Program, load_program, resolve
from ganeti.cli.failures import ExitCode, UsageError, describe
from ganeti.cli.feedback import Console
from ganeti.cli.help import command_help, environment_variable, program_help
from ganeti.cli.parse import HELP_FLAGS, Parsed, parse
from ganeti.paths import Paths
from ganeti.utils.suggest import did_you_mean

#: who wants to move something shall not be led to remove it
_NEVER_GUESSED = {"remove", "destroy"}
_SESSION = "ganeti.cli.session:Session"  # by name: --help needs no client


def main(argv: Sequence[str] = sys.argv) -> int:
    """Run the program that `argv[0]` names; returns its exit code."""
    name = os.path.basename(argv[0])
    console = Console(sys.stdin, sys.stdout, sys.stderr)
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)  # `gnt-instance list | head` just ends
    if name not in PROGRAMS:
        console.say(f"unknown program {name}: it has to be started as one of {', '.join(PROGRAMS)}")
        return ExitCode.FAILURE
    return run_program(load_program(name), argv[1:], console, os.environ)


def run_program(program: Program, argv: Sequence[str], console: Console, environ: Mapping[str, str]) -> int:
    """Run one program with these arguments; returns its exit code."""
    first = argv[0] if argv else ""
    if first in HELP_FLAGS:
        console.out(program_help(program))
        return ExitCode.SUCCESS
    if first == "--version":
        console.out(f"{program.name} (ganeti {_autoconf.VCS_VERSION}) {_autoconf.VERSION}")
        return ExitCode.SUCCESS
    command = program.find(first)
    if command is None:
        console.out(program_help(program))
        if first:
            names = {c.name for c in program.commands}.union(program.aliases) - _NEVER_GUESSED
            console.say(f"{program.name}: unknown command {first}{did_you_mean(first, names)}")
        return ExitCode.FAILURE
    try:
        parsed = parse(command, [*_environment_arguments(program, command, environ), *argv[1:]])
    except UsageError as err:
        console.say(f"{program.name} {command.name}: {err}")
        console.say(f"{program.name} {command.name} --help shows how to use it")
        return ExitCode.FAILURE
    if parsed.wants_help:
        console.out(command_help(program, command))
        return ExitCode.SUCCESS
    for note in parsed.notes:
        console.warn(note)
    return _run(program, command, parsed, console, environ)


def _run(program: Program, command: Command, parsed: Parsed, console: Console, environ: Mapping[str, str]) -> int:
    paths = Paths("", "")
    session = None
    try:
        paths = Paths.from_environ(environ)
        session = resolve(_SESSION)(program, command, paths, console, environ)
        code = resolve(command.run)(session, parsed.options, parsed.args)
        console.flush()
        return int(code)
    except errors.GenericError as err:
        text, exit_code = describe(err, paths)
        console.say("\n".join([f"{program.name} {command.name}: {text}", *getattr(err, "__notes__", [])]))
        if parsed.options.debug:
            raise
        return exit_code
    except errors.JobSubmittedException:
        return ExitCode.SUCCESS
    except KeyboardInterrupt:
        console.say("interrupted")
        return ExitCode.INTERRUPTED
    finally:
        if session is not None:
            session.close()


def _environment_arguments(program: Program, command: Command, environ: Mapping[str, str]) -> list[str]:
    """Return the arguments a user always wants with this command."""
    if not command.environment_defaults:
        return []
    variable = environment_variable(program, command)
    try:
        return shlex.split(environ.get(variable, ""))
    except ValueError as err:
        raise UsageError(f"cannot read environment variable {variable}: {err}") from err
