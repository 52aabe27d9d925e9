"""The directories of a node."""

from __future__ import annotations

import json
import os
import stat

import pytest

from ganeti import errors, owners
from ganeti.bootstrap import directories
from ganeti.paths import Paths
from ganeti.utils import files

_SPEC = os.path.join(os.path.dirname(__file__), "..", "..", "data", "spec", "files.json")
with open(_SPEC, encoding="utf-8") as _file:
    ROWS = json.load(_file)["paths"]

#: parts of the tree that are not ours: 3.x daemons, xen, and the directories of uid pools of log rotation
ELSEWHERE = ("livelocks", "luxidmessages", "log/ganeti/xen", "log/ganeti/kvm", "queue/archive/B")


def _mode(path: str) -> int:
    return stat.S_IMODE(os.stat(path).st_mode)


@pytest.fixture
def bare(tmp_path: os.PathLike[str]) -> Paths:
    return Paths(os.path.join(tmp_path, "node1"), "node1")


def test_every_directory_is_made_with_the_mode_of_the_specification(bare: Paths) -> None:
    directories.ensure(bare)

    listed = [row for row in ROWS if row["type"] == "dir" and "mode" in row and "owner_split" in row]
    wanted = {row["path"]: int(row["mode"], 8) for row in listed if not row["path"].endswith(ELSEWHERE)}
    assert len(wanted) > 15
    assert {path: _mode(bare.root + path) for path in wanted} == wanted


def test_the_table_has_the_owners_of_the_specification(bare: Paths) -> None:
    specified = {row["path"]: row for row in ROWS if "owner_split" in row}

    wrong = []
    for row in (*directories.DIRECTORIES, *owners.FILES):
        path = row.path(bare).removeprefix(bare.root)
        wanted = specified[path]["owner_split"] if path in specified else ""
        if wanted and wanted.replace("(its primary group)", row.user) != f"{row.user}:{row.group}":
            wrong.append((path, row.user, row.group))

    assert wrong == []


def test_a_second_run_changes_nothing(bare: Paths) -> None:
    assert directories.ensure(bare) != []
    assert directories.ensure(bare) == []


def test_modes_of_what_is_there_are_corrected(bare: Paths) -> None:
    directories.ensure(bare)
    os.chmod(bare.queue_dir, 0o777)
    files.write_file(bare.server_cert, b"", mode=0o644)
    files.write_file(bare.ssconf_file("master_node"), b"", mode=0o600)

    changed = directories.ensure(bare)

    assert changed == [bare.queue_dir, bare.server_cert, bare.ssconf_file("master_node")]
    assert _mode(bare.queue_dir) == 0o750
    assert _mode(bare.server_cert) == 0o440


def test_job_files_are_looked_at_only_in_a_full_run(bare: Paths) -> None:
    directories.ensure(bare)
    files.ensure_dir(f"{bare.archive_dir}/0", 0o700)
    job_files = [bare.job_file(12), bare.archived_job_file(7)]
    for path in job_files:
        files.write_file(path, b"", mode=0o600)

    assert directories.ensure(bare) == []
    assert sorted(directories.ensure(bare, full_run=True)) == sorted([*job_files, f"{bare.archive_dir}/0"])
    assert {_mode(path) for path in job_files} == {0o640}


def test_directories_that_are_not_ours_alone_keep_their_mode(bare: Paths) -> None:
    files.ensure_dir(bare.lock_dir, 0o700)
    os.chmod(bare.lock_dir, 0o1777)

    directories.ensure(bare)

    assert _mode(bare.lock_dir) == 0o1777


def test_a_link_in_the_place_of_a_secret_is_not_followed(bare: Paths) -> None:
    directories.ensure(bare)
    files.write_file(f"{bare.root}/target", b"", mode=0o600)
    os.symlink(f"{bare.root}/target", bare.hmac_key)

    with pytest.raises(OSError, match="symbolic links"):
        directories.ensure(bare)

    assert _mode(f"{bare.root}/target") == 0o600


def test_a_missing_user_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("ganeti._autoconf.USER_PREFIX", "no-such-")

    with pytest.raises(errors.EnvironmentFailure, match="there is no user no-such-masterd; tools/users-setup makes"):
        owners.Owners(Paths("", "node1")).numbers(owners.JOB)


def test_in_a_virtual_cluster_everything_stays_with_whoever_runs_it(
    bare: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ganeti._autoconf.USER_PREFIX", "no-such-")

    directories.ensure(bare)

    assert os.stat(bare.queue_dir).st_uid == os.geteuid()
