"""Where file-based disks may be: never outside of the allowed directories."""

from __future__ import annotations

import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganeti import errors
from ganeti.storage.paths import bad_directories, check_allowed, check_path, read_allowed
from ganeti.utils import files


@pytest.fixture
def base(tmp_path: os.PathLike[str]) -> str:
    directory = os.path.realpath(os.path.join(tmp_path, "allowed"))
    files.ensure_dir(os.path.join(directory, "web1"))
    return directory


@pytest.mark.parametrize(
    "path", ["", "x", "./x", "/a/../b", "/a//b", "//a", "/a/", "/a/./b", "/a\nb", "/a\0b", "/a/.."]
)
def test_path_that_is_not_plain_and_absolute_is_refused(path: str) -> None:
    with pytest.raises(errors.FileStoragePathError, match="cannot use file storage path"):
        check_path(path)


def test_path_too_long_for_the_system_is_refused() -> None:
    with pytest.raises(errors.FileStoragePathError):
        check_path("/" + "x" * 5000)


def test_path_below_an_allowed_directory_is_fine(base: str) -> None:
    assert check_allowed(f"{base}/web1/disk0", [base]) == f"{base}/web1/disk0"


@pytest.mark.parametrize("name", ["", "x", "-other/disk0"])
def test_path_that_only_begins_like_an_allowed_one_is_refused(base: str, name: str) -> None:
    with pytest.raises(errors.FileStoragePathError, match="not below an allowed directory"):
        check_allowed(f"{base}{name}", [base])


def test_allowed_directory_itself_is_accepted_only_when_asked_for(base: str) -> None:
    assert check_allowed(base, [base], exact=True) == base
    with pytest.raises(errors.FileStoragePathError):
        check_allowed(base, [base])


def test_link_out_of_the_allowed_directory_is_refused(base: str, tmp_path: os.PathLike[str]) -> None:
    files.ensure_dir(os.path.join(tmp_path, "secret"))
    os.symlink(os.path.join(tmp_path, "secret"), f"{base}/way-out")

    with pytest.raises(errors.FileStoragePathError, match=r"a symbolic link leads to .*/secret/disk0"):
        check_allowed(f"{base}/way-out/disk0", [base])


def test_allowed_directory_may_be_a_link(base: str, tmp_path: os.PathLike[str]) -> None:
    link = os.path.join(tmp_path, "link")
    os.symlink(base, link)

    assert check_allowed(f"{link}/web1/disk0", [link]) == f"{link}/web1/disk0"


def test_nothing_is_allowed_without_directories() -> None:
    with pytest.raises(errors.FileStoragePathError, match=r"\(none\)"):
        check_allowed("/srv/x/disk0", [])


@given(st.text(alphabet="/.ab", max_size=12))
def test_accepted_path_never_resolves_outside(name: str) -> None:
    path = f"/srv/allowed/{name}"

    try:
        check_allowed(path, ["/srv/allowed"])
    except errors.FileStoragePathError:
        return

    assert os.path.normpath(path).startswith("/srv/allowed/")


# --- the administrator's list ------------------------------------------------------------


def test_list_of_allowed_directories_is_read_without_comments(tmp_path: os.PathLike[str]) -> None:
    path = os.path.join(tmp_path, "list")
    files.write_file(path, "# storage\n/srv/a\n\n  /srv/b  # fast\n", mode=0o644)

    assert read_allowed(path, os.getuid()) == ["/srv/a", "/srv/b"]


def test_missing_list_is_no_list(tmp_path: os.PathLike[str]) -> None:
    assert read_allowed(os.path.join(tmp_path, "list"), os.getuid()) is None


@pytest.mark.parametrize("mode", [0o666, 0o664, 0o602])
def test_list_others_can_write_is_not_trusted(tmp_path: os.PathLike[str], mode: int) -> None:
    path = os.path.join(tmp_path, "list")
    files.write_file(path, "/srv/a\n", mode=mode)

    with pytest.raises(errors.FileStoragePathError, match="cannot trust"):
        read_allowed(path, os.getuid())


@pytest.mark.skipif(os.getuid() != 0, reason="files of others need root")
def test_list_of_another_user_is_not_trusted(tmp_path: os.PathLike[str]) -> None:
    path = os.path.join(tmp_path, "list")
    files.write_file(path, "/srv/a\n", mode=0o644, uid=65534)

    with pytest.raises(errors.FileStoragePathError, match="cannot trust"):
        read_allowed(path, os.getuid())


def test_directories_of_the_system_are_bad() -> None:
    bad = ["/", "/etc", "/etc/x", "/usr/lib/x", "/root", "relative", "/srv/../etc", "/dev/shm"]

    assert bad_directories([*bad, "/srv/ganeti/file-storage", "/var/lib/disks"]) == sorted(bad)
