"""Calls declared once for both ends."""

from __future__ import annotations

import types
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganeti import errors
from ganeti.procedure import Procedure, procedure, table_of
from ganeti.schema import Record
from ganeti.utils import json


class Disk(Record):
    size: int


@procedure(timeout=60)
def resize(disk: Disk, amount: int, dry_run: bool = False, tags: Sequence[str] = ()) -> Mapping[str, Disk] | None:
    "Make a disk larger."
    return None


@procedure(timeout=5, name="Ping", inline=True, offline=True)
def ping() -> None:
    "Answer."


def test_a_stub_becomes_a_row_of_the_table() -> None:
    assert (resize.name, resize.timeout, resize.inline, resize.offline) == ("resize", 60, False, False)
    assert (ping.name, ping.timeout, ping.inline, ping.offline) == ("Ping", 5, True, True)
    assert resize.doc == "Make a disk larger."
    assert {name: t.notation for name, t in resize.arguments.items()} == {
        "disk": "Disk", "amount": "int", "dry_run": "bool", "tags": "list<str>",
    }  # fmt: skip
    assert resize.answer.notation == "dict<str, Disk>?"


@given(st.integers(), st.integers(), st.booleans(), st.lists(st.text(), max_size=3).map(tuple))
def test_arguments_arrive_as_they_were_sent(size: int, amount: int, dry_run: bool, tags: tuple[str, ...]) -> None:
    sent = json.loads(json.dumps(resize.encode_arguments(Disk(size=size), amount, tags=tags, dry_run=dry_run)))

    assert resize.decode_arguments(sent) == [Disk(size=size), amount, dry_run, tags]


def test_defaults_travel_and_fill_what_an_older_caller_leaves_out() -> None:
    assert resize.encode_arguments(Disk(size=1), 2) == [{"size": 1}, 2, False, []]
    assert resize.decode_arguments([{"size": 1}, 2]) == [Disk(size=1), 2, False, ()]


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ([{"size": "x"}, 2], "resize.disk.size: expected a whole number, got 'x'"),
        ([{"size": 1}, "y"], "resize.amount: expected a whole number, got 'y'"),
        ([{"size": 1}], "resize.amount: required, but missing"),
        ([], "resize.disk: required, but missing"),
        ([{"size": 1}, 1, False, [], 5], "resize: takes 4 arguments, got 5"),
        ({"disk": 1}, "resize: arguments must be a list"),
        ("ab", "resize: arguments must be a list"),
        (None, "resize: arguments must be a list"),
    ],
)
def test_what_is_wrong_is_named(values: Any, message: str) -> None:
    with pytest.raises(errors.ParameterError) as caught:
        resize.decode_arguments(values)

    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("args", "kwargs"), [((), {}), ((Disk(size=1), 1, False, (), 5), {}), ((Disk(size=1),), {"amout": 1})]
)
def test_a_call_that_does_not_fit_is_refused_before_it_is_sent(args: Any, kwargs: Any) -> None:
    with pytest.raises(TypeError, match=r"resize takes \(disk, amount, dry_run, tags\)"):
        resize.encode_arguments(*args, **kwargs)


def test_answers_arrive_as_they_were_sent() -> None:
    sent = resize.encode_answer({"a": Disk(size=1)})

    assert sent == {"a": {"size": 1}}
    assert resize.decode_answer(sent) == {"a": Disk(size=1)}
    assert resize.decode_answer(None) is None
    assert ping.decode_answer(ping.encode_answer(None)) is None


def test_an_answer_of_another_type_is_an_error_that_names_the_call() -> None:
    with pytest.raises(errors.ParameterError, match=r"^answer of resize\.a\.size: expected a whole number"):
        resize.decode_answer({"a": {"size": None}})


def test_a_handler_has_the_parameters_of_its_procedure() -> None:
    class Backend:
        def resize(self, disk: Disk, amount: int, dry_run: bool, tags: Sequence[str]) -> None: ...

        def wrong(self, disk: Disk, size: int, dry_run: bool, tags: Sequence[str]) -> None: ...

    def plain(disk: Disk, amount: int, dry_run: bool, tags: Sequence[str]) -> None:
        local = 1
        del local

    resize.check_handler(Backend().resize)
    resize.check_handler(plain)
    with pytest.raises(errors.ProgrammerError, match="handler of resize takes"):
        resize.check_handler(Backend().wrong)


def test_a_module_of_stubs_is_a_table_by_wire_name() -> None:
    module = types.ModuleType("table")
    module.__dict__.update(resize=resize, ping=ping, other=1)

    table: dict[str, Procedure[..., Any]] = table_of(module)

    assert table == {"resize": resize, "Ping": ping}
