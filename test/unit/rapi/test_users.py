"""The users file: its forms, and what is broken."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganeti import errors
from ganeti.rapi.users import Rule, parse_users, sha256

HA1 = hashlib.md5(b"jack:Ganeti Remote API:secret").hexdigest()


def only(text: str) -> tuple[str, frozenset[str]]:
    (user,) = parse_users(text.encode()).users.values()
    return user.name, user.options


@pytest.mark.parametrize(
    "secret", ["secret", "{CLEARTEXT}secret", "{cleartext}secret", f"{{HA1}}{HA1}", f"{{ha1}}{HA1.upper()}",
               f"{{TOKEN}}{sha256('secret')}"],
)  # fmt: skip
def test_a_password_is_known_in_each_form(secret: str) -> None:
    user = parse_users(f"jack {secret}".encode()).users["jack"]

    assert user.knows("secret")
    assert not user.knows("Secret")
    assert not user.knows("")
    assert not user.knows(secret) or secret == "secret"


def test_a_password_in_an_unknown_form_is_nobodys() -> None:
    user = parse_users(b"jack {SSHA}secret write").users["jack"]

    assert not user.knows("secret")
    assert not user.knows("{SSHA}secret")


@pytest.mark.parametrize(
    ("line", "options"),
    [
        ("jack pw", frozenset()),
        ("  jack \t pw \t write  ", {"write"}),
        ("jack pw read,write", {"read", "write"}),
        ("jack pw read, write,", {"read", "write"}),
        ("jack pw operators", {"operators"}),
    ],
)
def test_options_follow_the_password(line: str, options: set[str]) -> None:
    assert only(line) == ("jack", options)


def test_lines_that_do_not_do_what_they_seem_to_are_named_by_their_number_alone() -> None:
    text = b"# users\njack pw write\nsecretive\njill pw wirte\nops {ROLE} GET:/2/*\njim pw read,ops\n"

    doubts = parse_users(text).doubts

    assert [doubt.partition(":")[0] for doubt in doubts] == ["line 3", "line 4"]
    assert not any(word in doubt for doubt in doubts for word in ("secretive", "jill", "wirte"))


def test_comments_empty_and_short_lines_are_ignored() -> None:
    users = parse_users(b"# jill pw write\n\n  # more\njohn\njack pw write\n").users

    assert set(users) == {"jack"}


@pytest.mark.parametrize("data", [b"", b"\n\n", b"# nobody yet\n"])
def test_a_file_without_users_is_whole(data: bytes) -> None:
    assert parse_users(data).users == {}


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"\xff\xfe\x00garbage", "no text"),
        (b"jack pw write\njill \x00\x01\n", "line 2 has control characters"),
        (b"garbage\nmore\n", "none of its lines"),
        (b"jack {HA1}123 write", "line 1: {HA1}"),
        (b"jack {TOKEN}secrettoken write", "line 1: {TOKEN}"),
        (b"jack {CLEARTEXT} write", "line 1: {CLEARTEXT}"),
        (b"jack pw write\nweb {ROLE} GET", "line 2: a rule"),
        (b"web {ROLE} FETCH:/2/nodes", "a rule"),
        (b"web {ROLE} GET:2/nodes", "a rule"),
        (b"web {ROLE} GET:/2/nodes:", "a rule"),
        (b"web {ROLE}", "{ROLE} stands alone"),
    ],
)
def test_a_broken_file_is_refused_with_its_line_and_without_its_secrets(data: bytes, told: str) -> None:
    with pytest.raises(errors.ParseError) as caught:
        parse_users(data)

    assert told in str(caught.value)
    assert "secrettoken" not in str(caught.value)


def test_a_role_has_rules_of_methods_path_and_tag() -> None:
    users = parse_users(b"web {ROLE} GET|PUT:/2/instances/*:team:web*,POST:/2/instances\nweb {ROLE} GET:/2/os\n")

    assert users.users == {}
    assert users.roles["web"] == [
        Rule(frozenset({"GET", "PUT"}), "/2/instances/*", "team:web*"),
        Rule(frozenset({"POST"}), "/2/instances", None),
        Rule(frozenset({"GET"}), "/2/os", None),
    ]


def test_a_rule_covers_its_methods_on_its_paths() -> None:
    rule = Rule(frozenset({"PUT"}), "/2/instances/web*/startup", None)

    assert rule.covers("PUT", "/2/instances/web1/startup")
    assert not rule.covers("GET", "/2/instances/web1/startup")
    assert not rule.covers("PUT", "/2/instances/db1/startup")
    assert not rule.covers("PUT", "/2/instances/web1/shutdown")


def test_a_rule_with_a_tag_wants_an_object_that_has_it() -> None:
    rule = Rule(frozenset({"PUT"}), "/2/*", "team:*")

    assert rule.wants_one_of(["x", "team:web"])
    assert not rule.wants_one_of(["x"])
    assert not rule.wants_one_of([])


@given(st.binary(max_size=300))
def test_any_bytes_are_users_or_refused(data: bytes) -> None:
    try:
        users = parse_users(data)
    except errors.ParseError:
        return

    assert all(name and not name.startswith("#") for name in users.users)
