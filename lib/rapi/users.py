"""The users file: who may use the remote API, and how they show who they are.

A line is `USER PASSWORD [OPTION,...]`; `#` begins a comment.  The password may be plain
or `{CLEARTEXT}...`, `{HA1}` with the MD5 of `user:realm:password` in hex, or `{TOKEN}`
with the SHA-256 of a token in hex.  Options are `read`, `write` and names of roles;
the line `NAME {ROLE} RULE,...` makes a role, with rules `METHOD|METHOD:PATH[:TAG]` in
whose path and tag `*` stands for anything.  Forms: `spec/rapi.json`; tokens and roles
are ours, and other versions refuse logins by such lines.
"""

from __future__ import annotations

import fnmatch
import hashlib
import hmac
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

from ganeti import errors
from ganeti.rapi.replies import REALM

FILE_LIMIT = 4 * 1024 * 1024
RIGHTS = frozenset({"read", "write"})
VERBS = frozenset({"GET", "PUT", "POST", "DELETE"})

_scheme = re.compile(r"\{([^}]*)\}(.*)", re.DOTALL).fullmatch
_ha1 = re.compile(r"[0-9A-Fa-f]{32}").fullmatch
_digest = re.compile(r"[0-9A-Fa-f]{64}").fullmatch
_strange = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]").search


class Rule(NamedTuple):
    """What a role allows: methods on paths, perhaps only of objects with a tag; * stands for anything."""

    verbs: frozenset[str]
    path: str
    tag: str | None

    def covers(self, verb: str, path: str) -> bool:
        """Tell whether the rule is about this method of this path; the tag is another question."""
        return verb in self.verbs and fnmatch.fnmatchcase(path, self.path)

    def wants_one_of(self, tags: Sequence[str]) -> bool:
        """Tell whether an object with these tags is one the rule is about."""
        return self.tag is None or any(fnmatch.fnmatchcase(tag, self.tag) for tag in tags)


class User(NamedTuple):
    """A user; the secret is what the file says, in the form named by the scheme."""

    name: str
    scheme: str
    secret: str
    options: frozenset[str]

    def knows(self, password: str) -> bool:
        """Tell whether a password is this user's, in a time that says nothing about it."""
        match self.scheme:
            case "CLEARTEXT":
                return hmac.compare_digest(sha256(password), sha256(self.secret))
            case "HA1":
                return hmac.compare_digest(ha1(self.name, password), self.secret.lower())
            case "TOKEN":
                return hmac.compare_digest(sha256(password), self.secret.lower())
        return False


class Users(NamedTuple):
    """What a users file says; `tokens` are users by the SHA-256 of their token.

    `doubts` name lines that do not do what they seem to, never what is in them.
    """

    users: Mapping[str, User]
    tokens: Mapping[str, User]
    roles: Mapping[str, Sequence[Rule]]
    doubts: Sequence[str] = ()

    def rules_of(self, user: User) -> Iterator[Rule]:
        """Yield the rules of all roles of a user."""
        for option in sorted(user.options):
            yield from self.roles.get(option, ())


NOBODY = Users({}, {}, {})


def sha256(text: str) -> str:
    """Return the SHA-256 of a text in hex: the form in which tokens are kept."""
    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def ha1(name: str, password: str) -> str:
    """Return what is kept of a user's password as {HA1} (RFC 2617, 3.2.2.2)."""
    text = f"{name}:{REALM}:{password}".encode("utf-8", "surrogateescape")
    return hashlib.md5(text, usedforsecurity=False).hexdigest()


def parse_users(data: bytes) -> Users:
    """Read a users file.

    Raises ParseError saying which line is wrong, never what is in it.
    """
    try:
        text = data.decode()
    except UnicodeDecodeError as err:
        raise errors.ParseError(f"it is no text: byte {err.start} is not UTF-8") from None
    users: dict[str, User] = {}
    roles: dict[str, list[Rule]] = {}
    doubts: list[str] = []
    lines: dict[str, int] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if _strange(line):
            raise errors.ParseError(f"line {number} has control characters")
        stripped = line.strip()
        if not stripped or stripped.startswith("#"):
            continue
        match stripped.split(None, 2):
            case [name, "{ROLE}", rules]:
                roles.setdefault(name, []).extend(_rules(rules, number))
            case [name, secret, *rest]:
                users[name] = _user(name, secret, rest[0] if rest else "", number)
                lines[name] = number
            case _:
                doubts.append(f"line {number}: no password, so it is left out")
    if doubts and not users and not roles:
        raise errors.ParseError("none of its lines is that of a user")
    tokens = {user.secret.lower(): user for user in users.values() if user.scheme == "TOKEN"}
    rights = RIGHTS | roles.keys()
    doubts += [
        f"line {lines[user.name]}: a right is neither read nor write nor a role, so it gives none"
        for user in users.values()
        if not user.options <= rights
    ]
    return Users(users, tokens, roles, doubts)


def _user(name: str, secret: str, options: str, number: int) -> User:
    found = _scheme(secret)
    scheme, value = (found[1].upper(), found[2]) if found else ("CLEARTEXT", secret)
    if scheme == "HA1" and not _ha1(value):
        raise errors.ParseError(f"line {number}: {{HA1}} is not followed by 32 hex digits")
    if scheme == "TOKEN" and not _digest(value):
        raise errors.ParseError(f"line {number}: {{TOKEN}} is not followed by 64 hex digits, the SHA-256 of a token")
    if scheme == "CLEARTEXT" and not value:
        raise errors.ParseError(f"line {number}: {{CLEARTEXT}} is not followed by a password, without a space")
    if scheme == "ROLE":
        raise errors.ParseError(f"line {number}: {{ROLE}} stands alone, its rules follow after a space")
    return User(name, scheme, value, frozenset(word.strip() for word in options.split(",") if word.strip()))


def _rules(text: str, number: int) -> Iterator[Rule]:
    for rule in text.split(","):
        verbs, _, rest = rule.strip().partition(":")
        path, colon, tag = rest.partition(":")
        known = frozenset(verbs.upper().split("|"))
        if not known <= VERBS or not path.startswith("/") or (colon and not tag):
            raise errors.ParseError(f"line {number}: a rule of a role is METHOD|METHOD:/PATH[:TAG]")
        yield Rule(known, path, tag if colon else None)
