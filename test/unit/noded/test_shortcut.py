"""Calls that need no process."""

from __future__ import annotations

import os

import pytest

from ganeti.model.enums import HookPhase
from ganeti.noded.backend.hooks import Hooks
from ganeti.noded.context import NodeContext
from ganeti.noded.function_process import Answer
from ganeti.noded.shortcut import answer_at_once
from ganeti.paths import Paths
from ganeti.rpc import procedures as p
from ganeti.rpc.envelope import success
from ganeti.utils import files, json


def ask(paths: Paths, *args: object) -> Answer | None:
    return answer_at_once(p.hooks_runner, Hooks(NodeContext.of(paths)).hooks_runner, json.dumps_bytes(args))


def directory(paths: Paths) -> str:
    return os.path.join(paths.hooks_dir, "node-add-pre.d")


def test_hooks_of_a_path_without_scripts_are_answered_at_once(paths: Paths) -> None:
    assert ask(paths, "node-add", HookPhase.PRE, {}) == Answer(success([]))

    files.ensure_dir(directory(paths))

    assert ask(paths, "node-add", HookPhase.PRE, {}) == Answer(success([]))


def test_a_directory_with_anything_in_it_needs_a_process(paths: Paths) -> None:
    files.ensure_dir(directory(paths))
    files.write_file(os.path.join(directory(paths), "README"), "", durable=False)

    assert ask(paths, "node-add", HookPhase.PRE, {}) is None
    assert ask(paths, "node-add", HookPhase.POST, {}) == Answer(success([]))


@pytest.mark.parametrize("args", [("../x", "pre", {}), ("node-add", "later", {}), ("node-add",), (1, 2, 3)])
def test_what_is_wrong_is_left_to_the_handler(paths: Paths, args: tuple[object, ...]) -> None:
    assert ask(paths, *args) is None


def test_a_handler_without_a_shortcut_always_needs_a_process(paths: Paths) -> None:
    class Other:
        def hooks_runner(self, *args: object) -> None: ...

    assert answer_at_once(p.hooks_runner, Other().hooks_runner, b"[]") is None
