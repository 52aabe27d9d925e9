"""Logs: where lines go and what is in them."""

from __future__ import annotations

import asyncio
import logging
import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from ganeti.utils import files, log


@pytest.fixture(autouse=True)
def root_logger_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    for handler in handlers:
        root.removeHandler(handler)
    yield
    for handler in list(root.handlers):
        root.removeHandler(handler)
        handler.close()
    for handler in handlers:
        root.addHandler(handler)
    root.setLevel(level)


def _lines(path: Path) -> list[str]:
    return files.read_text(os.fspath(path)).splitlines()


def test_lines_name_program_process_and_level(tmp_path: Path) -> None:
    log.setup("ganeti-noded", os.fspath(tmp_path / "log"))

    logging.getLogger("x").info("node %s is up", "node1")
    logging.getLogger("x").debug("not shown")

    (line,) = _lines(tmp_path / "log")
    assert line.endswith(f": ganeti-noded pid={os.getpid()} INFO node node1 is up")
    assert stat.S_IMODE((tmp_path / "log").stat().st_mode) == 0o600


def test_each_task_has_its_own_context(tmp_path: Path) -> None:
    log.setup("ganeti-masterd", os.fspath(tmp_path / "log"), debug=True)

    async def job(number: int) -> None:
        log.context.set(f"job {number}")
        await asyncio.sleep(0)
        logging.getLogger("x").debug("at work")

    async def both() -> None:
        await asyncio.gather(job(1), job(2))

    asyncio.run(both())

    shown = [line.partition(f"pid={os.getpid()}")[2] for line in _lines(tmp_path / "log")]
    assert sorted(line for line in shown if "work" in line) == ["/job 1 DEBUG at work", "/job 2 DEBUG at work"]


def test_a_message_cannot_forge_a_line(tmp_path: Path) -> None:
    log.setup("p", os.fspath(tmp_path / "log"))

    logging.getLogger("x").warning("one\n2024: p pid=1 INFO two")

    assert [line.startswith("  ") for line in _lines(tmp_path / "log")] == [False, True]


def test_a_rotated_log_is_opened_anew(tmp_path: Path) -> None:
    log.setup("p", os.fspath(tmp_path / "log"))
    logging.getLogger("x").info("one")
    (tmp_path / "log").rename(tmp_path / "log.1")

    log.reopen()
    logging.getLogger("x").info("two")

    assert _lines(tmp_path / "log.1")[0].endswith("one")
    assert _lines(tmp_path / "log")[0].endswith("two")


def test_setting_up_again_replaces_the_first_log(tmp_path: Path) -> None:
    log.setup("p", os.fspath(tmp_path / "one"))
    log.setup("p", os.fspath(tmp_path / "two"))

    logging.getLogger("x").info("hello")

    assert _lines(tmp_path / "one") == []
    assert len(_lines(tmp_path / "two")) == 1


def test_foreground_shows_on_the_terminal_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    log.setup("p", os.fspath(tmp_path / "log"), foreground=True)

    logging.getLogger("x").info("hello")

    assert "hello" in capsys.readouterr().err
    assert len(_lines(tmp_path / "log")) == 1


def test_without_a_place_only_warnings_are_shown(capsys: pytest.CaptureFixture[str]) -> None:
    log.setup("p", None)

    logging.getLogger("x").info("quiet")
    logging.getLogger("x").warning("loud")

    shown = capsys.readouterr().err
    assert "quiet" not in shown
    assert "loud" in shown
