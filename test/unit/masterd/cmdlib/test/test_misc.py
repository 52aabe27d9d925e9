"""Units for tests of clients take whatever JSON they are given."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from ganeti import errors
from ganeti.masterd.cmdlib.base import Jobs
from ganeti.masterd.cmdlib.test.misc import LUTestDummy
from ganeti.model.opcodes.test import OpTestDummy


class Told:
    """A job that keeps what is written to its log."""

    def __init__(self) -> None:
        self.messages: list[object] = []

    def log(self, kind: object, message: object) -> None:
        self.messages.append(message)


def answer(**fields: object) -> tuple[object, list[object]]:
    """Return the result of OP_TEST_DUMMY and what it logged."""
    told = Told()
    nothing: Any = None
    call: Any = told
    unit = LUTestDummy(OpTestDummy(**fields), nothing, call, lambda level: ())  # type: ignore[arg-type]  # any JSON

    async def run() -> object:
        return await unit.execute(await unit.check(nothing))

    return asyncio.run(run()), told.messages


@pytest.mark.parametrize(
    ("messages", "logged"),
    [(None, []), ("one", ["one"]), (["one", 2], ["one", 2]), (7, [7]), (True, [True]), ({"a": 1}, [{"a": 1}])],
)
def test_any_message_is_logged(messages: object, logged: list[object]) -> None:
    assert answer(messages=messages, result="r") == ("r", logged)


@pytest.mark.parametrize("wanted", [5, "x", True, [5], ["x"], [{}]])
def test_jobs_that_are_no_lists_are_refused(wanted: object) -> None:
    with pytest.raises(errors.OpPrereqError, match="expected a list"):
        answer(submit_jobs=wanted)


def test_jobs_are_asked_for() -> None:
    result, _ = answer(submit_jobs=[[{"OP_ID": "OP_TEST_DELAY", "duration": 1}]])

    assert isinstance(result, Jobs)
    assert [[op.OP_ID for op in job] for job in result.jobs] == [["OP_TEST_DELAY"]]
