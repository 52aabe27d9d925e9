"""Giving up root for good, once what only root could do is done."""

from __future__ import annotations

import os
import pwd

from ganeti import errors


def become_user(name: str) -> None:
    """Be another user with all groups of that user, as the process and everything it starts.

    Raises EnvironmentFailure when there is no such user, OSError.
    """
    try:
        user = pwd.getpwnam(name)
    except KeyError:
        raise errors.EnvironmentFailure(f"cannot run as user {name}: there is no such user") from None
    os.setgroups(os.getgrouplist(name, user.pw_gid))
    os.setresgid(user.pw_gid, user.pw_gid, user.pw_gid)
    os.setresuid(user.pw_uid, user.pw_uid, user.pw_uid)
