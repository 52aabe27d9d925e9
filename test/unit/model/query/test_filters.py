"""What filters mean, and what they refuse."""

from __future__ import annotations

import contextlib
import warnings
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganeti import errors
from ganeti.model.enums import FieldKind, QueryResource
from ganeti.model.query import table as t
from ganeti.model.query.filters import MAX_CONDITIONS, MAX_DEPTH, compile_filter
from ganeti.model.query.language import parse
from ganeti.model.query.table import FieldRow, Match, Need, Table

KINDS = [kind for kind in FieldKind if kind is not FieldKind.UNKNOWN]


def field(name: str, kind: FieldKind, match: Match | None = None, need: Need | None = None) -> FieldRow[dict[str, Any]]:
    return FieldRow(name, name, kind, "", lambda row: row.get(name), need, match)


TABLE = Table(
    QueryResource.INSTANCE,
    "name",
    [
        *(field(kind.value, kind) for kind in KINDS),
        field("name", FieldKind.TEXT, Match.HOSTNAME),
        field("ip", FieldKind.TEXT, Match.IP),
        field("id", FieldKind.NUMBER, Match.JOB_ID),
        field("ts", FieldKind.OTHER, Match.TIMESTAMP),
        field("status", FieldKind.TEXT, need=Need.LIVE),
    ],
)


def holds(text: str, /, **row: Any) -> bool:
    return compile_filter(parse(text), TABLE).matches(row)


def test_comparisons_mean_what_they_say():
    assert holds("number < 3", number=2)
    assert not holds("number < 3", number=3)
    assert holds("number <= 3 and number >= 3 and number == 3", number=3)
    assert holds("number != 3", number=4)
    assert holds('text > "a"', text="b")
    assert holds("bool", bool=True)
    assert not holds("bool", bool=False)
    assert holds("bool == false", bool=False)


def test_legacy_equality_is_equality():
    assert compile_filter(["=", "number", 3], TABLE).matches({"number": 3})


def test_logic_combines():
    assert holds("bool and not number == 3", bool=True, number=4)
    assert not holds("bool and number == 3", bool=False, number=3)
    assert holds("bool or number == 3", bool=False, number=3)
    assert not holds("not (bool or number == 3)", bool=True, number=4)


def test_regular_expression_may_match_anywhere():
    assert holds("text =~ m/eb[0-9]/", text="web1")
    assert holds("text =~ m/WEB/i", text="web1")
    assert not holds("text =~ m/^eb/", text="web1")


def test_contained_in_a_list_or_in_a_text():
    assert holds('"a" in other', other=["a", "b"])
    assert not holds('"a" in other', other=["ab"])
    assert holds('"a" in other', other={"a": 1})
    assert holds('"eb" in text', text="web")
    assert not holds('"a" in other', other=3)


@pytest.mark.parametrize("value", [t.UNAVAIL, t.NODATA, t.OFFLINE, None])
def test_missing_value_equals_null_alone(value):
    assert holds("number == null", number=value)
    assert holds("number != 3", number=value)
    for text in ("number == 3", "number < 3", "number > 3", "number", "number != null"):
        assert not holds(text, number=value)


@pytest.mark.parametrize("wanted", ["web1", "WEB1", "web1.example", "web1.example.com"])
def test_short_name_matches_full_name(wanted):
    assert holds(f'name == "{wanted}"', name="Web1.example.com")


@pytest.mark.parametrize("wanted", ["web", "web1.ex", "example.com", "web1.example.com.org", ""])
def test_part_of_a_label_is_no_short_name(wanted):
    assert not holds(f'name == "{wanted}"', name="web1.example.com")


def test_addresses_match_in_any_spelling():
    assert holds('ip == "2001:DB8::0:1"', ip="2001:db8::1")
    assert holds('ip == "192.0.2.1"', ip="192.0.2.1")
    assert not holds('ip == "192.0.2.1"', ip="192.0.2.10")
    assert holds('ip == "no address"', ip="no address")


def test_job_ids_match_as_text_and_as_number():
    assert holds('id == "12"', id=12)
    assert holds("id > 11", id=12)
    with pytest.raises(errors.ParameterError, match="compared with a number"):
        holds('id == "x"', id=12)


def test_moments_are_compared_as_seconds():
    assert holds("ts < 10.6", ts=[10, 500_000])
    assert holds("ts == 10.5", ts=[10, 500_000])
    assert holds("ts != 10", ts=[10, 1])
    assert compile_filter([">=", "ts", [10, 500_000]], TABLE).matches({"ts": [10, 500_000]})
    assert not holds("ts < 10", ts=None)


@pytest.mark.parametrize(
    "odd",
    [10**400, [10**400, 1], [1, 10**400], float("nan"), float("inf"), [1, 2, 3], "1", True],
    ids=lambda odd: f"{odd!r:.20}",
)
def test_what_is_no_moment_is_before_and_after_none(odd):
    assert not holds("ts < 10 or ts >= 10", ts=odd)


def test_many_names_are_one_look_and_mean_the_same():
    names = [f"web{i}" for i in range(100)]
    matches = compile_filter(["|", *(["==", "name", name] for name in names)], TABLE).matches

    assert matches({"name": "web7.example.com"})
    assert matches({"name": "WEB7"})
    assert not matches({"name": "web100"})
    assert not matches({"name": t.UNAVAIL})


def test_many_alternatives_of_one_field_leave_the_others_in_force():
    text = "number == 1 or number == 2 or bool or number > 10"

    assert [holds(text, number=n, bool=False) for n in (1, 2, 3, 11)] == [True, True, False, True]
    assert holds(text, number=5, bool=True)


def test_needs_of_a_filter_are_known():
    assert compile_filter(parse('status == "running" or number == 1'), TABLE).needs == {Need.LIVE}
    assert compile_filter(parse('status == "a" or status == "b"'), TABLE).needs == {Need.LIVE}
    assert compile_filter(parse("number == 1"), TABLE).needs == frozenset()


@pytest.mark.parametrize(
    ("qfilter", "says"),
    [
        (["==", "nmae", "x"], "unknown field 'nmae' of resource instance (did you mean name?)"),
        (["?", "zzz"], "unknown field 'zzz'"),
        (["<", "bool", True], "field bool is true or false: it has no <"),
        (["=~", "number", "x"], "field number (number) is no text: it has no =~"),
        (["=[]", "unit", 3], "field unit (unit) is no list"),
        (["==", "number", "3"], "field number (number) is compared with a number, not '3'"),
        (["==", "number", True], "compared with a number, not True"),
        (["==", "text", 3], "field text (text) is compared with text in quotes, not 3"),
        (["==", "bool", 1], "compared with true or false"),
        (["<", "other", [1]], "compared with a number or text in quotes"),
        (["<", "number", None], "compared with a number"),
        (["==", "ts", "now"], "seconds or [seconds, microseconds]"),
        (["=~", "text", "("], "cannot read regular expression '('"),
        (["=~", "text", "x" * 2000], "longer than"),
        (["=~", "text", 3], "a regular expression"),
        (["@", "text", 3], "unknown operator '@'"),
        (["&"], "& needs at least one filter"),
        (["!", ["?", "bool"], ["?", "bool"]], "! takes one filter"),
        (["==", "text"], "== takes the name of a field and a value"),
        (["?"], "? takes the name of a field"),
        ([], "expected a list that starts with an operator"),
        ("name", "expected a list that starts with an operator"),
        ({"a": 1}, "expected a list that starts with an operator"),
        (["|", ["?", "bool"], ["==", "name", 3]], "compared with text"),
        (["|", ["==", "name", "a"], ["==", "name", 3]], "compared with text"),
    ],
)
def test_wrong_filter_is_refused_with_the_part_that_is_wrong(qfilter, says):
    with pytest.raises(errors.ParameterError) as caught:
        compile_filter(qfilter, TABLE)

    assert "cannot use filter" in str(caught.value)
    assert says in str(caught.value)


def test_depth_is_limited():
    qfilter: list[object] = ["?", "bool"]
    for _ in range(MAX_DEPTH - 1):
        qfilter = ["!", qfilter]
    compile_filter(qfilter, TABLE)

    with pytest.raises(errors.ParameterError, match="levels deep"):
        compile_filter(["!", qfilter], TABLE)


def test_size_is_limited():
    compile_filter(["|", *[["==", "name", "a"]] * MAX_CONDITIONS], TABLE)

    with pytest.raises(errors.ParameterError, match="conditions"):
        compile_filter(["|", *[["==", "name", "a"]] * (MAX_CONDITIONS + 1)], TABLE)


odd_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from([t.NODATA, t.OFFLINE, t.UNAVAIL, t.UNKNOWN, "web1.example.com", "192.0.2.1", 10**400]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.tuples(inner, inner) | st.dictionaries(st.text(max_size=3), inner, max_size=2)
    ),
    max_leaves=5,
)
odd_filters = st.recursive(
    st.tuples(st.just("?"), st.sampled_from(sorted(TABLE.fields))).map(list)
    | st.tuples(
        st.sampled_from(["=", "==", "!=", "<", "<=", ">", ">=", "=~", "=[]"]),
        st.sampled_from(sorted(TABLE.fields)),
        odd_values,
    ).map(list),
    lambda inner: (
        st.tuples(st.just("!"), inner).map(list)
        | st.tuples(st.sampled_from("&|"), st.lists(inner, max_size=3)).map(lambda pair: [pair[0], *pair[1]])
    ),
    max_leaves=6,
)


@given(odd_filters, st.dictionaries(st.sampled_from(sorted(TABLE.fields)), odd_values))
def test_odd_filters_are_refused_and_odd_values_never_match_by_falling_over(qfilter, row):
    with warnings.catch_warnings(), contextlib.suppress(errors.ParameterError):
        warnings.simplefilter("ignore", FutureWarning)  # of re, about expressions that look odd
        assert isinstance(compile_filter(qfilter, TABLE).matches(row), bool)


@given(odd_filters, st.dictionaries(st.sampled_from(sorted(TABLE.fields)), odd_values))
def test_not_is_the_opposite(qfilter, row):
    with warnings.catch_warnings(), contextlib.suppress(errors.ParameterError):
        warnings.simplefilter("ignore", FutureWarning)
        matches = compile_filter(qfilter, TABLE).matches
        assert compile_filter(["!", qfilter], TABLE).matches(row) is not matches(row)
