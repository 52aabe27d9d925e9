"""The text form of filters."""

from __future__ import annotations

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganeti import errors
from ganeti.model.query.language import MAX_TEXT, parse, unparse

WORDS = {"and", "or", "not", "in", "true", "false", "null"}

field_names = st.from_regex(r"[A-Za-z_][A-Za-z0-9_./]{0,15}", fullmatch=True).filter(lambda name: name not in WORDS)
values = (
    st.text(max_size=20) | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.booleans() | st.none()
)
conditions = (
    st.tuples(st.just("?"), field_names)
    | st.tuples(st.sampled_from(["==", "!=", "<", "<=", ">", ">=", "=[]"]), field_names, values)
    | st.tuples(st.just("=~"), field_names, st.text(max_size=20))
).map(list)
filters = st.recursive(
    conditions,
    lambda inner: (
        st.tuples(st.just("!"), inner).map(list)
        | st.tuples(st.sampled_from("&|"), st.lists(inner, min_size=2, max_size=4)).map(lambda t: [t[0], *t[1]])
    ),
    max_leaves=8,
)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('name == "web1"', ["==", "name", "web1"]),
        ("name = 'web1'", ["==", "name", "web1"]),
        ("be/vcpus != -3", ["!=", "be/vcpus", -3]),
        ("mtime >= 1.5e3", [">=", "mtime", 1500.0]),
        ("nic.ip/0 <= null", ["<=", "nic.ip/0", None]),
        ("admin_up == true", ["==", "admin_up", True]),
        ("offline", ["?", "offline"]),
        ("not offline", ["!", ["?", "offline"]]),
        ("name =~ m/^web/", ["=~", "name", "^web"]),
        ("name =~ m/^web/i", ["=~", "name", "(?i)^web"]),
        ("name =~ m#a/b#si", ["=~", "name", "(?is)a/b"]),
        ("name =~ m|a|", ["=~", "name", "a"]),
        ("name =~ m^a^", ["=~", "name", "a"]),
        ('name =~ "a/#^|b"', ["=~", "name", "a/#^|b"]),
        ("name !~ /x/", ["!", ["=~", "name", "x"]]),
        ('name =* "web?.*"', ["=~", "name", r"^web.\..*$"]),
        ('name !* "a"', ["!", ["=~", "name", "^a$"]]),
        ('"x" in tags', ["=[]", "tags", "x"]),
        ('"x" not in tags', ["!", ["=[]", "tags", "x"]]),
        ("a and b or c", ["|", ["&", ["?", "a"], ["?", "b"]], ["?", "c"]]),
        ("a and (b or c)", ["&", ["?", "a"], ["|", ["?", "b"], ["?", "c"]]]),
        ("a or b or c", ["|", ["?", "a"], ["?", "b"], ["?", "c"]]),
        ("not a == 1 and b", ["&", ["!", ["==", "a", 1]], ["?", "b"]]),
        ("notes == 1", ["==", "notes", 1]),
        ("  a\nand\tb ", ["&", ["?", "a"], ["?", "b"]]),
        (r'a == "x\"y\\z\n"', ["==", "a", 'x"y\\z\n']),
    ],
)
def test_text_becomes_filter(text, expected):
    assert parse(text) == expected


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "expected a condition at column 1"),
        ("name ==", "expected a text in quotes, a number, true, false or null at column 8"),
        ("name == web1", "text in quotes"),
        ('name == "web1', "text in quotes"),
        ("(a or b", 'expected ")" at column 8'),
        ("a b", 'expected an operator, "and", "or" or the end at column 3'),
        ("a and", "expected a condition at column 6"),
        ("name =~ m/a/x", "regular expression flags i and s only"),
        ("name =~ web", "regular expression"),
        ("and", "expected a condition"),
        ("x == 1.x", "a number"),
    ],
)
def test_error_says_what_was_expected_and_where(text, says):
    with pytest.raises(errors.QueryFilterParseError) as caught:
        parse(text)

    assert says in str(caught.value)


def test_error_marks_the_place_in_the_text():
    with pytest.raises(errors.QueryFilterParseError) as caught:
        parse("name == x")

    text, mark = caught.value.args[1].split("\n")
    assert text[mark.index("^")] == "x"


@pytest.mark.parametrize("text", ["(" * 500 + "a" + ")" * 500, "not " * 1000 + "a", "x" * (MAX_TEXT + 1)])
def test_too_much_is_refused_without_falling_over(text):
    with pytest.raises(errors.QueryFilterParseError):
        parse(text)


@given(filters)
def test_written_filter_reads_as_the_same(qfilter):
    assert parse(unparse(qfilter)) == qfilter


@given(st.text(alphabet="ab01 =~!<>*()\"'/#m.-\\\n", max_size=30))
def test_any_text_is_read_or_refused(text):
    with contextlib.suppress(errors.QueryFilterParseError):
        unparse(parse(text))


@pytest.mark.parametrize("qfilter", [[], ["&"], ["==", "a", ["x"]], ["==", "a", float("inf")], "a", ["@", "a", 1]])
def test_what_has_no_text_form_is_refused(qfilter):
    with pytest.raises(errors.ParameterError, match="cannot write filter as text"):
        unparse(qfilter)
