"""Who may do what: logins by Basic authentication or a token, rights by options and roles.

Nothing that is answered tells an unknown user from a wrong password, or a resource that
is not there from one that is not allowed.
"""

from __future__ import annotations

import base64
import binascii
import logging
from collections.abc import Mapping
from http import HTTPStatus

from ganeti import errors
from ganeti.luxi import methods
from ganeti.model.enums import TagKind
from ganeti.rapi.master import Master
from ganeti.rapi.replies import Refusal, login_wanted
from ganeti.rapi.routing import Match
from ganeti.rapi.table import Access, Method
from ganeti.rapi.users import FILE_LIMIT, NOBODY, User, Users, parse_users, sha256
from ganeti.utils import files, watch

log = logging.getLogger(__name__)

#: variables of paths that name something with tags
_TAGGED: Mapping[str, TagKind] = {
    "instance": TagKind.INSTANCE,
    "node": TagKind.NODE,
    "group": TagKind.NODEGROUP,
    "network": TagKind.NETWORK,
}
#: compared with when there is no such user, so that this takes as long
_STRANGER = User("", "CLEARTEXT", "", frozenset())


class UsersFile:
    """The users file as last read without fault; a new one that is broken changes nothing."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.current = NOBODY
        self._seen = files.signature(self.path)

    def changed(self) -> bool:
        """Tell whether the file is not the one that was read last."""
        return files.signature(self.path) != self._seen

    def load(self) -> None:
        """Read the file; without it there are no users.  What is wrong with it goes to the log."""
        self._seen = files.signature(self.path)  # before reading: a change meanwhile is then seen as one
        try:
            data = files.read_file(self.path, FILE_LIMIT)
        except FileNotFoundError:
            log.warning("there is no users file %s: nobody can log in", self.path)
            self.current = NOBODY
            return
        except (OSError, errors.GenericError) as err:
            log.error("cannot read the users file %s: %s; the last good one stays in force", self.path, err)
            return
        try:
            self.current = parse_users(data)
        except errors.ParseError as err:
            log.error("cannot use the users file %s: %s; the last good one stays in force", self.path, err)
            return
        for doubt in self.current.doubts:
            log.warning("users file %s, %s", self.path, doubt)
        log.info("users file %s: users %d, roles %d", self.path, len(self.current.users), len(self.current.roles))

    async def follow(self) -> None:
        """Read the file again whenever it was changed, for ever."""
        await watch.follow(self.path, self._look)

    def _look(self) -> None:
        if self.changed():
            self.load()


class Doorkeeper:
    """Decides about requests by the users of a file; `always` wants a login even where none is needed."""

    def __init__(self, file: UsersFile, *, always: bool = False) -> None:
        self._file = file
        self._always = always

    async def admit(self, header: str | None, verb: str, method: Method, match: Match, master: Master) -> str:
        """Return the name of who asks, "" for anybody.

        Raises Refusal: 401 without a right login, 403 without the right to do it.
        """
        if header is None:
            if self._always or method.access is not Access.NONE:
                raise login_wanted()
            return ""
        users = self._file.current
        user = identify(users, header)
        if user is None:
            raise login_wanted()
        if method.access is Access.NONE or user.options.intersection(method.access.value):
            return user.name
        if not await _allowed_by_role(users, user, verb, match, master):
            raise Refusal(HTTPStatus.FORBIDDEN)
        return user.name


def identify(users: Users, header: str) -> User | None:
    """Return the user an Authorization header is right for."""
    kind, _, credentials = header.strip().partition(" ")
    match kind.lower():
        case "basic":
            return _by_password(users, credentials.strip())
        case "bearer":
            return users.tokens.get(sha256(credentials.strip()))
    return None


def _by_password(users: Users, credentials: str) -> User | None:
    try:
        text = base64.b64decode(credentials, validate=True).decode("utf-8", "surrogateescape")
    except (binascii.Error, ValueError):
        return None
    name, _, password = text.partition(":")
    user = users.users.get(name, _STRANGER)
    return user if user.knows(password) and user is not _STRANGER else None


async def _allowed_by_role(users: Users, user: User, verb: str, match: Match, master: Master) -> bool:
    path = match.path()
    rules = [rule for rule in users.rules_of(user) if rule.covers(verb, path)]
    if any(rule.tag is None for rule in rules):
        return True
    tagged = [(kind, match.variables[name]) for name, kind in _TAGGED.items() if name in match.variables]
    if not rules or not tagged:
        return False
    try:
        tags = await master.call(methods.query_tags, *tagged[0])
    except errors.OpPrereqError:  # there is none of this name: not for this user to know
        return False
    return any(rule.wants_one_of(tags) for rule in rules)
