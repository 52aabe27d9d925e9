"""The tables against the specification."""

import json
import pathlib
from typing import Any

import pytest

from ganeti.cli.command import PROGRAMS, Command, Program, load_program, resolve
from ganeti.cli.options.row import Option
from ganeti.cli.options.table import COMMON, OPTIONS

SPEC: dict[str, Any] = json.loads((pathlib.Path(__file__).parents[2] / "data/spec/cli.json").read_text())

#: options the specification does not have, by command
OURS = {"list-format", "automatic-failover"}
MORE = {
    "gnt-job list": {"units"},
    "gnt-os list": {"separator"},
    "gnt-debug locks": set(),
}

COMMANDS = [(load_program(name), command) for name in PROGRAMS for command in load_program(name).commands]


def title(value: object) -> str:
    return value.name if isinstance(value, Program | Command) else str(value)


def spec_of(program: Program, command: Command) -> dict[str, Any]:
    row: dict[str, Any] = SPEC["scripts"][program.name]["commands"][command.name]
    return row


@pytest.mark.parametrize(("program", "command"), COMMANDS, ids=title)
def test_command_takes_the_options_of_the_specification(program: Program, command: Command) -> None:
    wanted = set(spec_of(program, command)["opts"])
    more = OURS | MORE.get(f"{program.name} {command.name}", set())

    assert len(set(command.options)) == len(command.options)
    assert wanted <= set(command.options) <= wanted | more


@pytest.mark.parametrize(("program", "command"), COMMANDS, ids=title)
def test_command_takes_the_arguments_of_the_specification(program: Program, command: Command) -> None:
    assert list(command.args) == spec_of(program, command)["args"]


@pytest.mark.parametrize("name", PROGRAMS)
def test_aliases_and_default_arguments_are_those_of_the_specification(name: str) -> None:
    program, spec = load_program(name), SPEC["scripts"][name]

    assert program.aliases == spec["aliases"]
    assert [c.name for c in program.commands if c.environment_defaults] == spec.get("default_args_env_for", [])


@pytest.mark.parametrize(("program", "command"), COMMANDS, ids=title)
def test_list_shows_the_columns_of_the_specification(program: Program, command: Command) -> None:
    assert list(command.fields) == SPEC["default_list_fields"].get(f"{program.name} {command.name}", [])


def test_common_options_are_those_of_the_specification() -> None:
    assert list(COMMON) == SPEC["common_opts"]


def spec_options() -> list[tuple[Option, dict[str, Any]]]:
    return [(row, SPEC["options"][row.id]) for row in OPTIONS.values() if row.id not in OURS]


@pytest.mark.parametrize(("row", "spec"), spec_options(), ids=lambda v: v.id if isinstance(v, Option) else "")
def test_option_is_as_in_the_specification(row: Option, spec: dict[str, Any]) -> None:
    long = spec.get("l", [])
    flags = [*([spec["s"]] if "s" in spec else []), *([long] if isinstance(long, str) else long)]
    assert list(row.flags) == flags
    if spec.get("act") == "callback":
        assert (row.action, row.type) in [("ignored", "string"), ("store", "priority")]
    else:
        assert row.action == spec.get("act", "store")
        assert row.type == spec.get("type", "string")
        assert row.dest == spec["dest"]
    assert list(row.choices) == spec.get("choices", [])
    assert row.metavar == spec.get("metavar", "")
    default = spec.get("default")
    assert row.start == (int(default) if row.type == "int" and default is not None else default) or (
        default is None and not row.start
    )
    assert row.const == (tuple(spec["const"]) if isinstance(spec.get("const"), list) else spec.get("const"))
    assert row.completes == spec.get("completes", "")


def test_every_option_of_every_command_of_the_specification_is_in_the_table() -> None:
    used = {o for script in SPEC["scripts"].values() for c in script["commands"].values() for o in c["opts"]}

    assert used <= OPTIONS.keys()


@pytest.mark.parametrize(("program", "command"), COMMANDS, ids=title)
def test_function_of_a_command_exists(program: Program, command: Command) -> None:
    assert callable(resolve(command.run))


@pytest.mark.parametrize(("program", "command"), COMMANDS, ids=title)
def test_flags_of_a_command_do_not_clash(program: Program, command: Command) -> None:
    flags = [flag for name in (*command.options, *COMMON) for flag in OPTIONS[name].flags]

    assert len(flags) == len(set(flags))
