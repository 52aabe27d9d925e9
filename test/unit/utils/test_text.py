"""Sizes, names, lists and options as users write them."""

from __future__ import annotations

import shlex

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganeti import errors
from ganeti.utils import text

keys = st.text("abcdefgh_019", min_size=1, max_size=6).filter(lambda k: not k.startswith("no_"))
values = st.text(st.characters(codec="utf-8"), max_size=8)


@pytest.mark.parametrize(
    ("written", "mib"),
    [
        ("0", 0), ("1", 4), ("512", 512), ("512m", 512), ("513M", 516), ("20g", 20480), ("20GiB", 20480),
        ("1.5g", 1536), ("2t", 2 * 1024 * 1024), ("2Tb", 2 * 1024 * 1024), ("0.001g", 4), (" 8 m ", 8), ("1.0", 4),
    ],
)  # fmt: skip
def test_sizes_are_mib_rounded_up_to_multiples_of_four(written: str, mib: int) -> None:
    assert text.parse_unit(written) == mib


@pytest.mark.parametrize(
    "written", ["", "g", "-1", "1x", "1 1", "1,5g", "0x10", "1e3", "b", "1b", "1ib", "²", "١", "1gg", "nan"]
)
def test_what_is_no_size_is_refused_with_what_would_be_one(written: str) -> None:
    with pytest.raises(errors.UnitParseError, match=r"cannot read size .*: .*m, g or t"):
        text.parse_unit(written)


@given(st.integers(0, 10**30), st.sampled_from(["", "m", "G", "tib", "Mb"]))
def test_a_size_is_never_rounded_down_nor_by_four_or_more(number: int, unit: str) -> None:
    exact = number * {"": 1, "m": 1, "G": 1024, "tib": 1024**2, "Mb": 1}[unit]

    result = text.parse_unit(f"{number}{unit}")

    assert result % 4 == 0
    assert 0 <= result - exact < 4


@given(st.decimals(0, 10**6, places=3))
def test_decimal_sizes_are_exact(number: object) -> None:
    from_fraction = text.parse_unit(f"{number}g")

    assert from_fraction - 4 < float(str(number)) * 1024 <= from_fraction + 1e-6


@pytest.mark.parametrize(
    ("mib", "unit", "shown"),
    [
        (0, "h", "0M"), (1023, "h", "1023M"), (1024, "h", "1.0G"), (1536, "h", "1.5G"), (1024**2, "h", "1.0T"),
        (1536, "m", "1536"), (1536, "g", "1.5"), (1024**2, "t", "1.0"), (512, "t", "0.0"),
    ],
)  # fmt: skip
def test_sizes_are_shown_in_the_unit_asked_for(mib: int, unit: str, shown: str) -> None:
    assert text.format_unit(mib, unit) == shown


def test_sizes_are_shown_in_no_other_unit() -> None:
    with pytest.raises(errors.ProgrammerError):
        text.format_unit(1, "k")


def test_numbers_in_names_sort_by_value() -> None:
    names = ["node10", "node2", "node1.b", "node1", "a", "10", "9", ""]

    assert text.natural_sort(names) == ["", "9", "10", "a", "node1", "node1.b", "node2", "node10"]


@given(st.lists(st.text("ab.019", max_size=6)))
def test_natural_order_is_total_and_stable_under_shuffling(names: list[str]) -> None:
    once = text.natural_sort(names)

    assert sorted(once) == sorted(names)
    assert text.natural_sort(reversed(names)) == once
    assert text.natural_sort(once) == once


@given(st.text("ab", max_size=3), st.integers(0, 10**20), st.integers(0, 10**20), st.text("ab", max_size=3))
def test_names_that_differ_in_one_number_sort_by_it(head: str, one: int, other: int, tail: str) -> None:
    first, second = text.natural_key(f"{head}{one}{tail}"), text.natural_key(f"{head}{other}{tail}")

    assert (first < second) == (one < other)


@pytest.mark.parametrize(
    ("written", "parts"),
    [
        ("", [""]),
        ("a,b", ["a", "b"]),
        (r"a\,b,c", ["a,b", "c"]),
        (r"a\\,b", ["a\\", "b"]),
        (r"a\b\\\,", ["a\\b\\,"]),
        (",", ["", ""]),
        ("a\\", ["a\\"]),
    ],
)
def test_a_backslash_keeps_a_separator(written: str, parts: list[str]) -> None:
    assert text.split_escaped(written) == parts


@given(st.lists(st.text("ab,\\/ ", max_size=6), min_size=1), st.sampled_from([",", "/"]))
def test_what_is_joined_splits_into_the_same(parts: list[str], separator: str) -> None:
    assert text.split_escaped(text.join_escaped(parts, separator), separator) == parts


@given(st.text("ab,\\", max_size=12))
def test_splitting_loses_no_letter(written: str) -> None:
    assert "".join(text.split_escaped(written)).count("a") == written.count("a")


def test_an_empty_list_has_no_items() -> None:
    assert text.parse_list("") == []
    assert text.parse_list("a,,b") == ["a", "", "b"]


def test_options_mean_value_true_false_or_none() -> None:
    assert text.parse_keyval("a=1,b,no_c,-d,e=,f=x=y,no_g=1,h=\\,") == {
        "a": "1", "b": True, "c": False, "d": None, "e": "", "f": "x=y", "no_g": "1", "h": ",",
    }  # fmt: skip
    assert text.parse_keyval("") == {}


@pytest.mark.parametrize("written", ["a=1,a=2", "a,no_a", "-a,a=1", "=1", "a,,b", "no_", "-"])
def test_keys_are_given_once_and_not_empty(written: str) -> None:
    with pytest.raises(errors.ParameterError):
        text.parse_keyval(written)


@given(st.dictionaries(keys, values))
def test_written_options_read_back(options: dict[str, str]) -> None:
    written = text.join_escaped([f"{k}={v}" for k, v in options.items()]) if options else ""

    assert text.parse_keyval(written) == options


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("0:size=1g,mode=ro", ("0", {"size": "1g", "mode": "ro"})),
        ("kvm", ("kvm", {})),
        ("kvm:", ("kvm", {})),
        ("no_kvm", ("kvm", False)),
        ("-kvm", ("kvm", None)),
        ("-1:add", ("-1", {"add": True})),
        ("0:link=a:b", ("0", {"link": "a:b"})),
    ],
)
def test_an_identifier_goes_before_its_options(written: str, meant: object) -> None:
    assert text.parse_ident_keyval(written) == meant


@pytest.mark.parametrize("written", ["", ":a=1", "no_kvm:a=1", "-kvm:a=1"])
def test_an_identifier_that_is_taken_away_has_no_options(written: str) -> None:
    with pytest.raises(errors.ParameterError):
        text.parse_ident_keyval(written)


@pytest.mark.parametrize("name", ["node1", "node1.example.com", "a_b-c", "1", "a" * 255])
def test_host_names_are_names(name: str) -> None:
    assert text.is_valid_name(name)


@pytest.mark.parametrize(
    "name", ["", ".", "..", "a/b", "../a", "a..b", ".a", "a.", "-a", "A", "a b", "a\n", "ä", "a" * 256, "a\0"]
)
def test_what_could_leave_a_directory_is_no_name(name: str) -> None:
    assert not text.is_valid_name(name)


def test_a_short_name_means_the_one_name_it_begins() -> None:
    names = ["web1.example.com", "web10.example.com", "web1.example.org", "db.example.com", "db"]

    assert text.match_name("web10", names) == "web10.example.com"
    assert text.match_name("web10.example", names) == "web10.example.com"
    assert text.match_name("web1", names) is None
    assert text.match_name("db", names) == "db"
    assert text.match_name("DB", names) == "db"
    assert text.match_name("web", names) is None
    assert text.match_name("", names) is None
    assert text.matching_names("web1", names) == ["web1.example.com", "web1.example.org"]


@given(st.lists(st.text(max_size=8), min_size=1))
def test_quoted_words_are_one_word_each_to_a_shell(words: list[str]) -> None:
    assert shlex.split(text.shell_line(words)) == words


def test_counts_agree_with_their_noun() -> None:
    assert (text.plural(1, "node"), text.plural(0, "node")) == ("1 node", "0 nodes")


def test_what_a_terminal_would_obey_is_escaped():
    assert text.printable("two\r\nlines\tand \x1b[2J\x00\x9b\x7f ü") == "two\nlines\tand \\x1b[2J\\x00\\x9b\\x7f ü"
