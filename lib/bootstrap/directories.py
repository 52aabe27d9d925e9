"""The directories of a node: makes them, corrects modes and owners.

What must be there and how are the table DIRECTORIES and those of `ganeti.owners`, after `spec/files.json`.
"""

from __future__ import annotations

import os
from collections.abc import Iterator

from ganeti.owners import BUCKET, FILES, JOB, SSCONF, Owners, PathOf, Row
from ganeti.paths import Paths
from ganeti.utils import files

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
    owners = Owners(paths)
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


def _each(directory: str, prefix: str, row: Row, owners: Owners) -> Iterator[str]:
    for name in sorted(os.listdir(directory)):
        path = os.path.join(directory, name)
        if name.startswith(prefix) and owners.correct(path, row):
            yield path


def _numbers_in(directory: str) -> list[str]:
    return sorted(os.path.join(directory, name) for name in os.listdir(directory) if name.isdigit())
