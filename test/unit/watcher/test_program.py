"""The command line of the watcher."""

from __future__ import annotations

import argparse
import json
import os

import pytest

from ganeti.paths import Paths
from ganeti.utils import files
from ganeti.watcher import program

_SPEC = os.path.join(os.path.dirname(__file__), "..", "..", "data", "spec", "cli.json")


def test_options_are_those_of_the_specification() -> None:
    with open(_SPEC, encoding="utf-8") as file:
        spec = json.load(file)
    wanted = {spec["options"][name]["l"] for name in spec["programs"]["ganeti-watcher"]["opts"]}

    ours = {flag for action in program.build_parser()._actions for flag in action.option_strings}

    assert {flag for flag in ours if flag.startswith("--")} == wanted


@pytest.mark.parametrize(
    ("text", "seconds"), [("90", 90), ("30m", 1800), ("6h", 21600), ("2d", 172800), ("1w", 604800), ("all", -1)]
)
def test_ages_have_units(text: str, seconds: int) -> None:
    assert program.read_age(text) == seconds


@pytest.mark.parametrize("text", ["", "h", "1y", "-3h", "1.5h", "\u0661h"])
def test_what_is_no_age_is_refused(text: str) -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="cannot read age"):
        program.read_age(text)


@pytest.mark.parametrize(("text", "until"), [("2000\n", 2000.0), ("1000\n", None), ("x", None), ("", None)])
def test_a_pause_ends_at_its_time_and_a_damaged_one_at_once(paths: Paths, text: str, until: float | None) -> None:
    files.write_file(paths.watcher_pause, text)

    assert program.paused_until(paths, 1000.0) == until
    files.remove_file(paths.watcher_pause)
    assert program.paused_until(paths, 0.0) is None
