"""Giving up root for good, once what only root could do is done."""

from __future__ import annotations

import contextlib
import os
import pwd
from collections.abc import Iterable

from ganeti import errors


def become_user(name: str, own: Iterable[str] = ()) -> None:
    """Be another user with all groups of that user, as the process and everything it starts.

    Files of `own` that are there become that user's before.  Raises EnvironmentFailure
    when there is no such user, OSError.
    """
    try:
        user = pwd.getpwnam(name)
    except KeyError:
        raise errors.EnvironmentFailure(f"cannot run as user {name}: there is no such user") from None
    for path in own:
        with contextlib.suppress(FileNotFoundError):
            os.chown(path, user.pw_uid, -1, follow_symlinks=False)
    os.setgroups(os.getgrouplist(name, user.pw_gid))
    os.setresgid(user.pw_gid, user.pw_gid, user.pw_gid)
    os.setresuid(user.pw_uid, user.pw_uid, user.pw_uid)
