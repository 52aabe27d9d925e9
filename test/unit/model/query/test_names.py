"""Words of a command line: names or a filter."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganeti import errors
from ganeti.model.query.names import filter_of_names, filter_of_words, glob_to_regexp, is_filter_text, names_in_filter


def unused(text: str) -> list[object]:
    raise AssertionError(f"must not be parsed: {text}")


@pytest.mark.parametrize("word", ["web1", "web1.example.com", "web*", "we?1", "instance-1_x", "12", "a:b", "x@y"])
def test_names_and_patterns_are_no_filters(word):
    assert not is_filter_text(word)


@pytest.mark.parametrize("word", ['name=="x"', "not offline", "(a)", "a/b", "x=1", "a<b", "a~b", "tab\there"])
def test_what_no_name_contains_makes_a_filter(word):
    assert is_filter_text(word)


def test_no_words_mean_everything():
    assert filter_of_words([], "name", unused) is None


def test_names_are_looked_for_one_by_one():
    found = filter_of_words(["web1", "db*"], "name", unused)

    assert found == ["|", ["==", "name", "web1"], ["=~", "name", "^db.*$"]]


def test_one_word_that_looks_like_a_filter_is_parsed():
    assert filter_of_words(["a == 1"], "name", lambda text: ["parsed", text]) == ["parsed", "a == 1"]


def test_forced_filter_may_look_like_a_name():
    assert filter_of_words(["offline"], "name", lambda text: ["?", text], force=True) == ["?", "offline"]


@pytest.mark.parametrize("words", [[], ["a", "b"]])
def test_forced_filter_is_one_word(words):
    with pytest.raises(errors.ParameterError, match="expected one argument"):
        filter_of_words(words, "name", unused, force=True)


def test_numbers_are_looked_for_as_numbers():
    assert filter_of_names(["12", "7"], "id", numeric=True) == ["|", ["==", "id", 12], ["==", "id", 7]]


@pytest.mark.parametrize("word", ["web1", "1*", "1.5"])
def test_words_that_are_no_numbers_are_refused(word):
    with pytest.raises(errors.ParameterError, match="whole number"):
        filter_of_names([word], "id", numeric=True)


@given(st.text(alphabet="ab.*?", max_size=8), st.text(alphabet="ab.", max_size=8))
def test_pattern_matches_what_its_letters_and_wildcards_say(pattern, text):
    def matches(p: str, t: str) -> bool:
        if not p:
            return not t
        if p[0] == "*":
            return any(matches(p[1:], t[i:]) for i in range(len(t) + 1))
        return bool(t) and p[0] in ("?", t[0]) and matches(p[1:], t[1:])

    assert bool(re.search(glob_to_regexp(pattern), text)) == matches(pattern, text)


@pytest.mark.parametrize(
    ("qfilter", "names"),
    [
        (["==", "name", "a"], ["a"]),
        (["=", "name", "a"], ["a"]),
        (["|", ["==", "name", "a"], ["==", "name", "b"]], ["a", "b"]),
        (["|", ["|", ["==", "name", "b"]], ["==", "name", "a"], ["==", "name", "b"]], ["b", "a"]),
        (["|", ["==", "name", 5]], ["5"]),
        (["|", ["==", "name", "a"], ["=~", "name", "b"]], None),
        (["==", "os", "a"], None),
        (["&", ["==", "name", "a"]], None),
        (["!", ["==", "name", "a"]], None),
        (["|"], None),
        (None, None),
    ],
)
def test_names_asked_for_are_found_in_simple_filters_only(qfilter, names):
    assert names_in_filter(qfilter, "name") == names
