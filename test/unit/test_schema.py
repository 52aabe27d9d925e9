"""Records: construction, validation with paths, wire form, documentation."""

from __future__ import annotations

import copy
import enum
import pickle
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal, NewType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganeti import errors
from ganeti.schema import Check, Record, cached, describe, extra_of, fields_of, param, replace
from ganeti.schema_types import constrain, type_of
from ganeti.utils import json

Size = NewType("Size", int)
constrain(Size, Check("size", "a size", lambda v: v >= 0))


class Colour(enum.StrEnum):
    RED = "red"
    BLUE = "blue"


class Level(enum.IntEnum):
    LOW = 1


class Disk(Record):
    """A disk."""

    size: Size = param(doc="Size in MiB")
    mode: Literal["rw", "ro"] = param(default="rw", doc="Access")


class Box(Record):
    """One field of every kind."""

    NAME: ClassVar[str] = "box"

    name: str
    count: int = 0
    ratio: float = 1.0
    flag: bool = False
    colour: Colour = Colour.RED
    level: Level | None = None
    disks: Sequence[Disk] = param(factory=tuple)
    by_name: Mapping[str, Disk] = param(factory=dict)
    tags: frozenset[str] = param(default=frozenset())
    pair: tuple[str, int] | None = None
    either: int | str = 0
    anything: Any = None
    small: Annotated[int, Check("small", "at most 9", lambda v: v <= 9)] = 0


class Loose(Record, omit_none=True, keep_unknown=True):
    """Like the records of the configuration."""

    a: int = param(doc="A number")
    b: str | None = param(default=None)
    from_: str | None = param(default=None, wire="from")
    password: str | None = param(default=None, secret=True)
    runtime: Any = param(default=None, stored=False)


disks = st.builds(Disk, size=st.integers(0, 2**60).map(Size), mode=st.sampled_from(["rw", "ro"]))
json_values = st.recursive(
    st.none() | st.integers() | st.text(max_size=3),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(max_size=3), inner),
)
whole = st.integers(1 - 2**63, 2**63 - 1)
boxes = st.builds(
    Box,
    name=st.text(),
    count=whole,
    ratio=st.floats(allow_nan=False, allow_infinity=False),
    flag=st.booleans(),
    colour=st.sampled_from(Colour),
    level=st.none() | st.sampled_from(Level),
    disks=st.lists(disks, max_size=3).map(tuple),
    by_name=st.dictionaries(st.text(), disks, max_size=3),
    tags=st.frozensets(st.text(), max_size=3),
    pair=st.none() | st.tuples(st.text(), whole),
    either=whole | st.text(),
    small=st.integers(1 - 2**63, 9),
)


@given(boxes)
def test_a_record_comes_back_from_json_as_it_was(box: Box) -> None:
    received = Box.from_wire(json.loads(json.dumps(box.to_wire())))

    assert received == box
    assert received.to_wire() == box.to_wire()
    assert type(received.disks) is tuple
    assert type(received.colour) is Colour


@given(boxes)
def test_a_record_survives_copies(box: Box) -> None:
    assert pickle.loads(pickle.dumps(box)) == copy.deepcopy(box) == replace(box) == box


GOOD = {"name": "x", "disks": [{"size": 1}], "by_name": {"k": {"size": 2}}}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"name": 1}, "name: expected text, got 1"),
        ({"name": None}, "name: expected text, got None"),
        ({"count": "1"}, "count: expected a whole number, got '1'"),
        ({"count": 1.0}, "count: expected a whole number, got 1.0"),
        ({"count": True}, "count: expected a whole number, got True"),
        ({"ratio": "x"}, "ratio: expected a number, got 'x'"),
        ({"count": 2**63}, "count: expected a whole number below 2**63, got 9223372036854775808"),
        ({"ratio": float("nan")}, "ratio: expected a finite number, got nan"),
        ({"ratio": float("inf")}, "ratio: expected a finite number, got inf"),
        (
            {"ratio": 10**400},
            "ratio: expected a number, got 100000000000000000000000000000000000000000000000000000000...",
        ),
        ({"ratio": True}, "ratio: expected a number, got True"),
        ({"flag": 1}, "flag: expected true or false, got 1"),
        ({"colour": "green"}, "colour: expected one of red, blue, got 'green'"),
        ({"colour": []}, "colour: expected one of red, blue, got []"),
        ({"level": True}, "level: expected one of 1, got True"),
        ({"disks": {"size": 1}}, "disks: expected a list, got {'size': 1}"),
        ({"disks": "ab"}, "disks: expected a list, got 'ab'"),
        ({"disks": [{"size": 1}, {"size": "x"}]}, "disks[1].size: expected a whole number, got 'x'"),
        ({"disks": [{"size": -1}]}, "disks[0].size: expected a size, got -1"),
        ({"disks": [{}]}, "disks[0].size: required, but missing"),
        ({"disks": [{"size": 1, "mode": "x"}]}, "disks[0].mode: expected one of rw, ro, got 'x'"),
        ({"disks": [7]}, "disks[0]: expected an object, got 7"),
        ({"disks": [{"size": 1, "sise": 1}]}, "disks[0].sise: unknown field of Disk (did you mean size?)"),
        ({"by_name": {"k": {"size": None}}}, "by_name.k.size: expected a whole number, got None"),
        ({"by_name": [1]}, "by_name: expected an object, got [1]"),
        ({"pair": ["a"]}, "pair: expected a list of 2 items, got ['a']"),
        ({"pair": ["a", "b"]}, "pair[1]: expected a whole number, got 'b'"),
        ({"either": 1.5}, "either: expected a whole number or text, got 1.5"),
        ({"small": 10}, "small: expected at most 9, got 10"),
        ({"tags": [1]}, "tags[0]: expected text, got 1"),
    ],
)
def test_what_is_wrong_is_named_with_its_path(change: dict[str, Any], message: str) -> None:
    with pytest.raises(errors.ParameterError) as caught:
        Box.from_wire({**GOOD, **change})

    assert str(caught.value) == message


def test_the_path_goes_on_from_the_callers() -> None:
    with pytest.raises(errors.ParameterError, match=r"^ops\[0\]\.name: "):
        Box.from_wire({"name": 1}, "ops[0]")


@given(json_values)
def test_anything_else_is_a_parameter_error_and_nothing_worse(value: object) -> None:
    for data in (value, {"name": value}, {**GOOD, "disks": value}, {**GOOD, "either": value, "tags": value}):
        try:
            Box.from_wire(data)
        except errors.ParameterError:
            continue


def test_long_values_are_cut_in_messages() -> None:
    with pytest.raises(errors.ParameterError) as caught:
        Box.from_wire({"name": ["x"] * 10_000})

    assert len(str(caught.value)) < 120


def test_a_whole_number_is_a_number() -> None:
    box = Box.from_wire({"name": "x", "ratio": 2})

    assert (box.ratio, type(box.ratio)) == (2.0, float)


def test_missing_fields_take_their_default_and_containers_a_fresh_one() -> None:
    one, other = Box(name="a"), Box(name="b")

    assert one.count == 0
    assert one.by_name == {}
    assert one.by_name is not other.by_name


@pytest.mark.parametrize(
    ("values", "message"),
    [({}, "Box: missing name"), ({"name": "x", "nam": 1}, "Box: unknown nam")],
)
def test_a_constructor_names_what_is_missing_or_unknown(values: dict[str, Any], message: str) -> None:
    with pytest.raises(TypeError, match=message):
        Box(**values)


def test_a_record_is_frozen() -> None:
    box = Box(name="x")

    with pytest.raises(AttributeError, match=r"use replace\(\) to change name"):
        box.name = "y"  # type: ignore[misc]  # that is what is tested
    with pytest.raises(AttributeError, match="frozen"):
        del box.name


def test_a_replaced_field_leaves_the_old_record_alone() -> None:
    old = Loose.from_wire({"a": 1, "later": [1]})

    new = replace(old, a=2)

    assert (old.a, new.a) == (1, 2)
    assert new.to_wire() == {"a": 2, "later": [1]}
    with pytest.raises(TypeError, match="unknown c"):
        replace(old, c=1)


def test_unknown_keys_are_kept_where_the_record_says_so() -> None:
    record = Loose.from_wire({"a": 1, "later": {"x": 1}})

    assert extra_of(record) == {"later": {"x": 1}}
    assert record.to_wire() == {"a": 1, "later": {"x": 1}}
    assert pickle.loads(pickle.dumps(record)).to_wire() == record.to_wire()
    assert record != Loose(a=1)


def test_names_outside_can_differ_and_none_can_be_left_out() -> None:
    assert Loose(a=1, from_="x").to_wire() == {"a": 1, "from": "x"}
    assert Loose.from_wire({"a": 1, "from": "x"}).from_ == "x"


def test_fields_that_are_not_stored_never_leave_the_process() -> None:
    assert Loose(a=1, runtime="x").to_wire() == {"a": 1}
    assert Loose.from_wire({"a": 1, "runtime": "x"}).runtime is None


def test_secrets_are_not_shown() -> None:
    assert "hunter2" not in repr(Loose(a=1, password="hunter2"))
    assert Loose(a=1, password="hunter2").to_wire()["password"] == "hunter2"


def test_error_about_a_secret_does_not_repeat_it() -> None:
    class Account(Record):
        passwords: Mapping[str, str] | None = param(default=None, secret=True)

    for wrong in ("hush", ["hush"], {"key": ["hush"]}):
        with pytest.raises(errors.ParameterError, match=r"^passwords: expected .*, got something else$") as caught:
            Account.from_wire({"passwords": wrong})
        assert "hush" not in str(caught.value)


def test_records_of_different_classes_are_never_equal() -> None:
    class Other(Record):
        size: int
        mode: str = "rw"

    assert Other(size=1) != Disk(size=Size(1))
    assert Disk(size=Size(1)) == Disk(size=Size(1))
    assert len({Disk(size=Size(1)), Disk(size=Size(1))}) == 1


def test_a_subclass_has_the_fields_of_its_base_first() -> None:
    class Special(Disk, omit_none=True):
        extra: str | None = None

    assert [field.name for field in fields_of(Special)] == ["size", "mode", "extra"]
    assert Special(size=Size(1)).to_wire() == {"size": 1, "mode": "rw"}


def test_a_cached_value_is_made_once_and_not_inherited_by_copies() -> None:
    made: list[int] = []

    def make(record: Loose) -> int:
        made.append(record.a)
        return record.a

    record = Loose(a=1)

    assert [cached(record, make), cached(record, make), cached(replace(record, a=2), make)] == [1, 1, 2]
    assert made == [1, 2]


def test_a_reference_page_has_a_row_per_field() -> None:
    assert list(describe(Disk)) == [
        ("size", "size", "required", "Size in MiB"),
        ("mode", "'rw' | 'ro'", "'rw'", "Access"),
    ]
    assert [row[0] for row in describe(Loose)][2] == "from"


@pytest.mark.parametrize(
    ("annotation", "notation"),
    [
        (str, "str"), (int | None, "int?"), (int | str | None, "(int | str)?"), (list[str], "list<str>"),
        (Sequence[Disk], "list<Disk>"), (Mapping[str, int], "dict<str, int>"), (dict[str, Any], "dict"),
        (tuple[str, int], "tuple<str, int>"), (tuple[str, ...], "list<str>"), (frozenset[str], "set<str>"),
        (Colour, "enum:Colour"), (Any, "any"), (None, "null"), (Size, "size"), (list, "list"),
    ],
)  # fmt: skip
def test_types_have_a_short_form(annotation: Any, notation: str) -> None:
    assert type_of(annotation).notation == notation


@pytest.mark.parametrize("annotation", [object(), bytes, set[bytes], complex])
def test_types_without_wire_form_are_refused(annotation: Any) -> None:
    with pytest.raises(TypeError, match="no wire form"):
        type_of(annotation)


def test_values_of_no_declared_type_are_written_as_what_they_are() -> None:
    box = Box(name="x", anything={Colour.RED: [Disk(size=Size(1)), {"b", "a"}, (Level.LOW, None)]})

    assert box.to_wire()["anything"] == {"red": [{"size": 1, "mode": "rw"}, ["a", "b"], [1, None]]}
