"""The directories of a node: makes them, corrects modes and owners.

What must be there and how are the tables DIRECTORIES and FILES, after `spec/files.json`.
"""

from __future__ import annotations

import grp
import os
import pwd
from collections.abc import Callable, Iterator
from typing import NamedTuple

from ganeti import _autoconf, errors
from ganeti.paths import Paths
from ganeti.utils import files

PathOf = Callable[[Paths], str]


class Row(NamedTuple):
    """A directory or file: where, mode, and owner where daemons run as users of their own."""

    path: PathOf
    mode: int
    user: str
    group: str


DIRECTORIES: tuple[Row, ...] = (
    Row(lambda p: p.data_dir, 0o755, "masterd", "masterd"),
    Row(lambda p: p.queue_dir, 0o750, "masterd", "daemons"),
    Row(lambda p: p.archive_dir, 0o750, "masterd", "daemons"),
    Row(lambda p: p.rapi_dir, 0o750, "rapi", "masterd"),
    Row(lambda p: p.run_dir, 0o775, "masterd", "daemons"),
    Row(lambda p: p.socket_dir, 0o770, "masterd", "daemons"),
    Row(lambda p: p.bdev_cache_dir, 0o755, "noded", "masterd"),
    Row(lambda p: p.uid_pool_dir, 0o750, "noded", "masterd"),
    Row(lambda p: p.instance_disks_dir, 0o755, "noded", "masterd"),
    Row(lambda p: p.instance_reason_dir, 0o755, "noded", "noded"),
    Row(lambda p: p.crypto_dir, 0o700, "noded", "masterd"),
    Row(lambda p: p.import_export_dir, 0o755, "noded", "masterd"),
    Row(lambda p: p.fake_hypervisor_dir, 0o775, "noded", "masterd"),
    Row(lambda p: p.chroot_hypervisor_dir, 0o775, "noded", "masterd"),
    Row(lambda p: p.lxc_hypervisor_dir, 0o775, "noded", "masterd"),
    Row(lambda p: p.kvm_hypervisor_dir, 0o775, "noded", "masterd"),
    Row(lambda p: p.log_dir, 0o770, "masterd", "daemons"),
    Row(lambda p: p.os_log_dir, 0o750, "noded", "daemons"),
    Row(lambda p: p.extstorage_log_dir, 0o750, "noded", "daemons"),
    Row(lambda p: f"{p.log_dir}/cleaner", 0o750, "noded", "noded"),
    Row(lambda p: f"{p.log_dir}/master-cleaner", 0o750, "masterd", "masterd"),
)

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
    Row(lambda p: p.watcher_pause, 0o644, "masterd", "masterd"),
    Row(lambda p: p.ssh_public_keys, 0o600, "masterd", "masterd"),
    Row(lambda p: p.rapi_users, 0o640, "rapi", "masterd"),
    Row(lambda p: p.queue_lock, 0o640, "masterd", "daemons"),
    Row(lambda p: p.queue_version, 0o640, "masterd", "daemons"),
    Row(lambda p: p.queue_serial, 0o640, "masterd", "daemons"),
    Row(lambda p: p.queue_drain, 0o644, "masterd", "daemons"),
    Row(lambda p: p.log_file("ganeti-masterd"), 0o600, "masterd", "masterd"),
    Row(lambda p: p.log_file("ganeti-noded"), 0o600, "noded", "masterd"),
    Row(lambda p: p.log_file("ganeti-confd"), 0o600, "confd", "masterd"),
    Row(lambda p: p.log_file("ganeti-rapi"), 0o600, "rapi", "masterd"),
)

SSCONF = Row(lambda p: p.ssconf_dir, 0o444, "noded", "noded")
JOB = Row(lambda p: p.queue_dir, 0o640, "masterd", "daemons")
BUCKET = Row(lambda p: p.archive_dir, 0o750, "masterd", "daemons")

#: made with their parents where missing, else left alone: they are not ours alone
SHARED_DIRECTORIES: tuple[PathOf, ...] = (
    lambda p: p.lock_dir,
    lambda p: p.config_dir,
    lambda p: os.path.dirname(p.etc_default),
)

#: the same, for disks of instances: nobody else is to read them
STORAGE_DIRECTORIES: tuple[PathOf, ...] = (
    lambda p: p.file_storage_dir,
    lambda p: p.shared_file_storage_dir,
)


def ensure(paths: Paths, *, full_run: bool = False) -> list[str]:
    """Make and correct everything of a node; return each path that was changed.

    `full_run` looks at every job file too.  Raises OSError, and EnvironmentFailure
    for a user or group that does not exist.
    """
    return list(_ensure(paths, full_run))


def _ensure(paths: Paths, full_run: bool) -> Iterator[str]:
    owners = _Owners()
    for places, mode in ((SHARED_DIRECTORIES, 0o755), (STORAGE_DIRECTORIES, 0o750)):
        for place in places:
            directory = place(paths)
            if not os.path.isdir(directory):
                files.ensure_dir(os.path.dirname(directory), 0o755)
                files.ensure_dir(directory, mode)
                yield directory
    for row in DIRECTORIES:
        path = row.path(paths)
        made = not os.path.isdir(path)
        if made:
            files.ensure_dir(os.path.dirname(path), 0o755)
            files.ensure_dir(path, row.mode)
        if owners.correct(path, row) or made:
            yield path
    for row in FILES:
        if owners.correct(row.path(paths), row):
            yield row.path(paths)
    yield from _each(paths.ssconf_dir, "ssconf_", SSCONF, owners)
    if full_run:
        yield from _each(paths.queue_dir, "job-", JOB, owners)
        for bucket in _numbers_in(paths.archive_dir):
            if owners.correct(bucket, BUCKET):
                yield bucket
            yield from _each(bucket, "job-", JOB, owners)


def _each(directory: str, prefix: str, row: Row, owners: _Owners) -> Iterator[str]:
    for name in sorted(os.listdir(directory)):
        path = os.path.join(directory, name)
        if name.startswith(prefix) and owners.correct(path, row):
            yield path


def _numbers_in(directory: str) -> list[str]:
    return sorted(os.path.join(directory, name) for name in os.listdir(directory) if name.isdigit())


class _Owners:
    """Numbers of users and groups; -1 (leave alone) where daemons have no users of their own."""

    def __init__(self) -> None:
        self.prefix = _autoconf.USER_PREFIX
        self.change = os.geteuid() == 0

    def correct(self, path: str, row: Row) -> bool:
        uid, gid = (self._uid(row.user), self._gid(row.group)) if self.change else (-1, -1)
        return files.set_permissions(path, row.mode, uid=uid, gid=gid)

    def _uid(self, user: str) -> int:
        if not self.prefix or user == "noded":
            return 0
        try:
            return pwd.getpwnam(self.prefix + user).pw_uid
        except KeyError:
            raise errors.EnvironmentFailure(f"cannot set owners: there is no user {self.prefix}{user}") from None

    def _gid(self, group: str) -> int:
        if not self.prefix or group == "noded":
            return 0
        try:
            return grp.getgrnam(self.prefix + group).gr_gid
        except KeyError:
            raise errors.EnvironmentFailure(f"cannot set owners: there is no group {self.prefix}{group}") from None
