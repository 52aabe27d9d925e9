"""users-setup: makes the users and groups that the daemons of this package run as.

Which there are is in USERS and GROUPS; their names begin with what was configured
(`--with-user-prefix`).  What is there already stays; run it again after an update.
"""

from __future__ import annotations

import argparse
import grp
import pwd
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from ganeti import _autoconf, errors
from ganeti.utils import process

#: all daemons; users of the tools; each daemon with a user of its own
GROUPS = ("daemons", "admin", "masterd", "confd", "rapi")
_TIMEOUT = 60.0
_NOBODYS_SHELL = "/usr/sbin/nologin"


class User(NamedTuple):
    """A user, whose main group has the same name, and the groups it is in besides."""

    name: str
    groups: Sequence[str]


USERS = (
    # The master daemon makes files that confd reads.
    User("masterd", ("daemons", "confd", "admin")),
    User("confd", ("daemons",)),
    User("rapi", ("daemons", "admin")),
)


def commands(prefix: str, home: str) -> Iterator[Sequence[str]]:
    """Yield the commands that make what is missing, in their order."""
    for name in (prefix + group for group in GROUPS):
        if not _exists(grp.getgrnam, name):
            yield "groupadd", "--system", name
    for user in USERS:
        name = prefix + user.name
        if not _exists(pwd.getpwnam, name):
            yield (
                *("useradd", "--system", "--gid", name, "--no-create-home", "--home-dir", home),
                *("--shell", _NOBODYS_SHELL, name),
            )
        missing = [prefix + group for group in user.groups if not _is_member(name, prefix + group)]
        if missing:
            yield "usermod", "--append", "--groups", ",".join(missing), name


def main(argv: Sequence[str]) -> int:
    """Run the program; return its exit code."""
    parser = argparse.ArgumentParser("users-setup", description="Make the users and groups of the daemons.")
    parser.add_argument("--yes-do-it", action="store_true", help="make them; else only show the commands")
    options = parser.parse_args(argv[1:])
    if not _autoconf.USER_PREFIX:
        print("users-setup: all daemons run as root: the package was configured without --with-user-prefix")
        return 0
    try:
        for command in commands(_autoconf.USER_PREFIX, f"{_autoconf.LOCALSTATEDIR}/lib/ganeti"):
            print(" ".join(command), flush=True)
            if options.yes_do_it:
                done = process.run(command, timeout=_TIMEOUT)
                if done.failed:
                    raise errors.EnvironmentFailure(f"{command[0]}: {done.output.strip() or done.reason}")
    except errors.GenericError as err:
        print(f"users-setup: cannot make users: {err}", file=sys.stderr)
        return 1
    return 0


def _exists(find: Callable[[str], object], name: str) -> bool:
    try:
        find(name)
    except KeyError:
        return False
    return True


def _is_member(user: str, group: str) -> bool:
    try:
        return user in grp.getgrnam(group).gr_mem
    except KeyError:
        return False
