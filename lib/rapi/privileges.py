"""Giving up root for good, once what only root could do is done."""

from __future__ import annotations

import grp
import os
import pwd

from ganeti import errors


def become_user(name: str, group: str = "") -> None:
    """Be another user with all groups of that user, as the process and everything it starts.

    `group` is the main group, if not the user's own.  Raises EnvironmentFailure when
    there is no such user or group.
    """
    try:
        user = pwd.getpwnam(name)
    except KeyError:
        raise errors.EnvironmentFailure(f"cannot run as user {name}: there is no such user") from None
    try:
        gid = grp.getgrnam(group).gr_gid if group else user.pw_gid
    except KeyError:
        raise errors.EnvironmentFailure(f"cannot run as group {group}: there is no such group") from None
    os.setgroups(os.getgrouplist(name, gid))
    os.setresgid(gid, gid, gid)
    os.setresuid(user.pw_uid, user.pw_uid, user.pw_uid)
