"""Whose files are: users and groups of the daemons, where they have some of their own (`spec/files.json`).

A prefix is configured, `gnt-` for example: then there are users gnt-masterd, gnt-confd
and gnt-rapi, a group for each, and groups gnt-daemons and gnt-admin; `tools/users-setup`
makes them.  The node daemon stays root.  Without a prefix everything is of root, or of
whoever runs it; so it is in virtual clusters.
"""

from __future__ import annotations

import grp
import os
import pwd
from collections.abc import Callable
from typing import NamedTuple

from ganeti import _autoconf, errors
from ganeti.paths import Paths
from ganeti.utils import files

PathOf = Callable[[Paths], str]
#: user or group that stays as it is
UNCHANGED = -1


class Row(NamedTuple):
    """A directory or file: where, mode, and owner where daemons run as users of their own."""

    path: PathOf
    mode: int
    user: str
    group: str


#: corrected where they are; who needs them makes them
FILES: tuple[Row, ...] = (
    Row(lambda p: p.config_file, 0o640, "masterd", "confd"),
    Row(lambda p: p.server_cert, 0o440, "masterd", "masterd"),
    Row(lambda p: p.client_cert, 0o440, "masterd", "masterd"),
    Row(lambda p: p.rapi_cert, 0o440, "rapi", "masterd"),
    Row(lambda p: p.spice_cert, 0o440, "noded", "masterd"),
    Row(lambda p: p.spice_ca, 0o440, "noded", "masterd"),
    Row(lambda p: p.hmac_key, 0o440, "confd", "masterd"),
    Row(lambda p: p.domain_secret, 0o640, "masterd", "masterd"),
    Row(lambda p: p.known_hosts, 0o644, "masterd", "masterd"),
    Row(lambda p: p.mastership_file, 0o600, "masterd", "masterd"),
    Row(lambda p: p.watcher_pause, 0o644, "masterd", "masterd"),
    Row(lambda p: p.ssh_public_keys, 0o600, "masterd", "masterd"),
    Row(lambda p: p.rapi_users, 0o640, "rapi", "masterd"),
    Row(lambda p: p.queue_lock, 0o640, "masterd", "daemons"),
    Row(lambda p: p.queue_version, 0o640, "masterd", "daemons"),
    Row(lambda p: p.queue_serial, 0o640, "masterd", "daemons"),
    Row(lambda p: p.queue_drain, 0o644, "masterd", "daemons"),
    Row(lambda p: p.pid_file("ganeti-masterd"), 0o600, "masterd", "masterd"),
    Row(lambda p: p.pid_file("ganeti-confd"), 0o600, "confd", "confd"),
    Row(lambda p: p.pid_file("ganeti-rapi"), 0o600, "rapi", "rapi"),
    Row(lambda p: p.log_file("ganeti-masterd"), 0o600, "masterd", "masterd"),
    Row(lambda p: p.log_file("ganeti-noded"), 0o600, "noded", "masterd"),
    Row(lambda p: p.log_file("ganeti-confd"), 0o600, "confd", "masterd"),
    Row(lambda p: p.log_file("ganeti-rapi"), 0o600, "rapi", "masterd"),
)

SOCKET = Row(lambda p: p.master_socket, 0o660, "masterd", "daemons")
SSCONF = Row(lambda p: p.ssconf_dir, 0o444, "noded", "noded")
JOB = Row(lambda p: p.queue_dir, 0o640, "masterd", "daemons")
BUCKET = Row(lambda p: p.archive_dir, 0o750, "masterd", "daemons")


def are_separate(paths: Paths) -> bool:
    """Tell whether the daemons of a node have users of their own."""
    return bool(_autoconf.USER_PREFIX) and not paths.is_virtual


class Owners:
    """Numbers of users and groups of a node; UNCHANGED where daemons have no users of their own."""

    def __init__(self, paths: Paths) -> None:
        self._paths = paths
        self._separate = are_separate(paths)
        self._by_path = {row.path(paths): row for row in FILES}

    def of(self, path: str) -> tuple[int, int]:
        """Return user and group of a file by its path, those of whoever writes it where the tables say nothing.

        Raises EnvironmentFailure for a user or group that does not exist.
        """
        row = self._by_path.get(path)
        if row is None and path.startswith(f"{self._paths.queue_dir}/"):
            row = JOB
        return (UNCHANGED, UNCHANGED) if row is None else self.numbers(row)

    def numbers(self, row: Row) -> tuple[int, int]:
        """Return user and group of a row.

        Raises EnvironmentFailure for a user or group that does not exist.
        """
        if not self._separate:
            return UNCHANGED, UNCHANGED
        return self._user(row.user), self._group(row.group)

    def give(self, path: str) -> None:
        """Give a file that root has made to the one the tables name."""
        uid, gid = self.of(path)
        os.chown(path, uid, gid, follow_symlinks=False)

    def correct(self, path: str, row: Row) -> bool:
        """Correct mode and, as root, owner of what is at a path; tell whether that was needed."""
        uid, gid = self.numbers(row) if os.geteuid() == 0 else (UNCHANGED, UNCHANGED)
        if uid == UNCHANGED and os.geteuid() == 0:
            uid = gid = 0
        return files.set_permissions(path, row.mode, uid=uid, gid=gid)

    def _user(self, user: str) -> int:
        if user == "noded":
            return 0
        try:
            return pwd.getpwnam(_autoconf.USER_PREFIX + user).pw_uid
        except KeyError:
            raise _missing("user", user) from None

    def _group(self, group: str) -> int:
        if group == "noded":
            return 0
        try:
            return grp.getgrnam(_autoconf.USER_PREFIX + group).gr_gid
        except KeyError:
            raise _missing("group", group) from None


def _missing(kind: str, name: str) -> errors.EnvironmentFailure:
    return errors.EnvironmentFailure(
        f"cannot set owners: there is no {kind} {_autoconf.USER_PREFIX}{name}; tools/users-setup makes them"
    )


class OwnedDisk(files.Disk):
    """A disk whose files are made for those they belong to, by whichever daemon."""

    def __init__(self, owners: Owners) -> None:
        self._owners = owners

    def _owner_of(self, path: str, uid: int, gid: int) -> tuple[int, int]:
        return self._owners.of(path) if uid == gid == UNCHANGED else (uid, gid)

    def _mkdir(self, path: str, mode: int) -> None:
        super()._mkdir(path, mode)
        uid, gid = self._owners.of(path)
        if uid != UNCHANGED:
            os.chown(path, uid, gid)


def disk_of(paths: Paths) -> files.Disk:
    """Return the disk to write files of a node with."""
    return OwnedDisk(Owners(paths)) if are_separate(paths) else files.Disk()
