"""What messages and help tell people to run, can be run."""

import ast
import os
import re
from collections.abc import Iterator

import pytest

import ganeti
from ganeti.cli.command import PROGRAMS, load_program

LIBRARY = os.path.dirname(os.path.abspath(ganeti.__file__))
#: asks for completions of arguments that other programs would have too
EXEMPT = {os.path.join("cli", "completion.py")}
_MENTION = re.compile(r"\b(gnt-[a-z]+) ([a-z][a-z-]*)")


def commands(name: str) -> set[str]:
    if name not in PROGRAMS:
        return set()
    program = load_program(name)
    return {command.name for command in program.commands} | set(program.aliases)


def mentions(path: str) -> Iterator[tuple[str, str]]:
    """Yield what the texts of a module say to run: its strings but the docstrings."""
    with open(path, encoding="utf-8") as source:
        tree = ast.parse(source.read())
    docstrings = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in docstrings:
            yield from _MENTION.findall(node.value)


def test_every_command_that_is_recommended_exists() -> None:
    found = [
        (os.path.relpath(path, LIBRARY), *said)
        for directory, _, names in os.walk(LIBRARY)
        for path in (os.path.join(directory, name) for name in names if name.endswith(".py"))
        if os.path.relpath(path, LIBRARY) not in EXEMPT
        for said in mentions(path)
    ]

    assert len(found) > 50
    assert [(path, name, command) for path, name, command in found if command not in commands(name)] == []


@pytest.mark.parametrize("name", PROGRAMS)
def test_examples_of_help_ask_for_what_is_there(name: str) -> None:
    examples = [command.example for command in load_program(name).commands]

    assert [line for line in examples if re.search(r"\b(drbd|plain|rbd|hail|kvm|xen)\b", line)] == []
