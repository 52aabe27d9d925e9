"""Files are replaced whole or not at all, whatever happens meanwhile."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import subprocess
import sys
import threading
from pathlib import Path
from subprocess import PIPE

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganeti import errors
from ganeti.utils import files
from test.support.disk import CRASH, DEATHS, IO_ERROR, NO_SPACE, POWER_CUT, Crash, FaultyDisk, sweep

FAILURES = [NO_SPACE, IO_ERROR]


def _mode(path: str) -> int:
    return stat.S_IMODE(os.stat(path).st_mode)


def _contents(directory: str) -> dict[str, bytes]:
    return {name: files.read_file(os.path.join(directory, name)) for name in sorted(os.listdir(directory))}


def _visible(directory: str) -> dict[str, bytes]:
    return {n: c for n, c in _contents(directory).items() if not n.startswith(files.TEMPORARY_PREFIX)}


@pytest.fixture
def base(tmp_path: Path) -> str:
    return str(tmp_path)


def test_written_file_reads_back_and_belongs_to_its_owner_alone(base: str) -> None:
    files.write_file(f"{base}/key", "sécret")

    assert files.read_text(f"{base}/key") == "sécret"
    assert _mode(f"{base}/key") == 0o600
    assert os.listdir(base) == ["key"]


@pytest.mark.parametrize("mode", [0o400, 0o440, 0o600, 0o640, 0o644, 0o755])
@pytest.mark.parametrize("umask", [0o000, 0o077])
def test_mode_is_as_asked_whatever_the_umask(base: str, mode: int, umask: int) -> None:
    before = os.umask(umask)
    try:
        files.write_file(f"{base}/file", b"x", mode=mode)
    finally:
        os.umask(before)

    assert _mode(f"{base}/file") == mode


def test_content_is_never_readable_by_others_before_the_file_has_its_owner(base: str) -> None:
    seen = []

    class Watching(FaultyDisk):
        def _step(self, what: str, path: str) -> None:
            super()._step(what, path)
            if what in ("owner", "mode", "write"):
                seen.append((what, _mode(path)))

    Watching().write_file(f"{base}/file", b"x", mode=0o644, uid=os.getuid(), gid=os.getgid())

    assert seen == [("owner", 0o600), ("mode", 0o600), ("write", 0o644)]


def test_replacing_keeps_readers_of_the_old_content_undisturbed(base: str) -> None:
    files.write_file(f"{base}/file", b"old")
    fd = os.open(f"{base}/file", os.O_RDONLY)
    try:
        files.write_file(f"{base}/file", b"new")
        assert os.read(fd, 10) == b"old"
    finally:
        os.close(fd)


@pytest.mark.parametrize("lasting", [False, True])
@pytest.mark.parametrize("error", FAILURES)
def test_failed_write_leaves_the_old_content_or_the_new_and_nothing_else(base: str, error: int, lasting: bool) -> None:
    for disk in sweep(error, lasting=lasting):
        files.write_file(f"{base}/file", b"old", durable=False)
        try:
            disk.write_file(f"{base}/file", b"new" * 1000, mode=0o640)
        except OSError as err:
            assert err.errno == error
            assert _contents(base)["file"] in (b"old", b"new" * 1000)
        else:
            assert not disk.failed
            assert _contents(base)["file"] == b"new" * 1000

        assert os.listdir(base) == ["file"]


@pytest.mark.parametrize("error", DEATHS)
def test_death_while_writing_leaves_the_old_content_or_the_new(base: str, error: object) -> None:
    survived = False
    for disk in sweep(error):  # type: ignore[arg-type]  # one of DEATHS
        files.write_file(f"{base}/file", b"old", durable=False)
        try:
            disk.write_file(f"{base}/file", b"new" * 1000)
        except Crash:
            assert _visible(base)["file"] in (b"old", b"new" * 1000)
            files.remove_leftovers(base, before=2.0**40)
        else:
            survived = True
            assert _contents(base) == {"file": b"new" * 1000}

    assert survived
    assert os.listdir(base) == ["file"]


@pytest.mark.parametrize("error", DEATHS)
def test_group_commit_cut_off_anywhere_mixes_no_file(base: str, error: object) -> None:
    names = [f"job-{i}" for i in range(4)]
    for disk in sweep(error):  # type: ignore[arg-type]  # one of DEATHS
        files.write_files([(f"{base}/{n}", f"old {n}") for n in names], durable=False)
        new = {n: f"new {n}".encode() * 500 for n in names}
        try:
            disk.write_files([(f"{base}/{n}", new[n]) for n in names])
        except Crash:
            for name, content in _visible(base).items():
                assert content in (f"old {name}".encode(), new[name])
        else:
            assert _visible(base) == new
        files.remove_leftovers(base, before=2.0**40)
        assert os.listdir(base) and sorted(os.listdir(base)) == names


def test_group_commit_that_returned_survives_a_power_cut(base: str) -> None:
    disk = FaultyDisk(None, POWER_CUT)
    disk.write_files([(f"{base}/{i}", b"x") for i in range(5)])
    disk.fail_at = len(disk.operations)

    with pytest.raises(Crash):
        disk.write_file(f"{base}/next", b"y")

    assert _visible(base) == {str(i): b"x" for i in range(5)}


def test_write_that_is_not_durable_may_be_lost_but_not_torn_by_kill(base: str) -> None:
    disk = FaultyDisk()
    disk.write_file(f"{base}/file", b"x", durable=False)

    assert [what for what, _ in disk.operations] == ["create", "write", "close", "rename"]


def test_group_commit_syncs_each_directory_once(base: str) -> None:
    disk = FaultyDisk()
    os.mkdir(f"{base}/sub")

    disk.write_files([(f"{base}/{i}", b"x") for i in range(3)] + [(f"{base}/sub/{i}", b"x") for i in range(3)])

    assert [path for what, path in disk.operations if what == "sync_dir"] == [base, f"{base}/sub"]


@pytest.mark.parametrize("error", FAILURES)
def test_failed_group_commit_leaves_no_temporary_files(base: str, error: int) -> None:
    for disk in sweep(error, lasting=True):
        files.write_files([(f"{base}/{i}", b"old") for i in range(3)], durable=False)
        try:
            disk.write_files([(f"{base}/{i}", b"new") for i in range(3)])
        except OSError:
            assert disk.failed

        assert set(_contents(base).values()) <= {b"old", b"new"}
        assert sorted(os.listdir(base)) == ["0", "1", "2"]


def test_many_files_are_synced_by_threads_and_their_error_rises(base: str) -> None:
    class Failing(files.Disk):
        def __init__(self) -> None:
            self.threads: set[int] = set()
            self.together = threading.Barrier(3, timeout=10)

        def _sync(self, fd: int) -> None:
            self.threads.add(threading.get_ident())
            self.together.wait()
            raise OSError(errno.EIO, "no more")

    disk = Failing()

    with pytest.raises(OSError, match="no more"):
        disk.write_files([(f"{base}/{i}", b"x") for i in range(3)])

    assert len(disk.threads) == 3
    assert os.listdir(base) == []


@given(st.dictionaries(st.text("abc", min_size=1, max_size=3), st.binary(max_size=20), max_size=8))
def test_group_commit_writes_what_was_given(
    tmp_path_factory: pytest.TempPathFactory, contents: dict[str, bytes]
) -> None:
    base = str(tmp_path_factory.mktemp("files"))

    files.write_files([(f"{base}/{n}", c) for n, c in contents.items()], durable=False)

    assert _contents(base) == contents


def test_renames_make_directories_and_sync_targets_before_sources(base: str) -> None:
    disk = FaultyDisk()
    files.write_files([(f"{base}/job-{i}", str(i)) for i in (1, 2)], durable=False)

    disk.rename_files([(f"{base}/job-{i}", f"{base}/archive/0/job-{i}") for i in (1, 2)])

    assert _contents(f"{base}/archive/0") == {"job-1": b"1", "job-2": b"2"}
    assert [p for w, p in disk.operations if w == "sync_dir"][-2:] == [f"{base}/archive/0", base]


@pytest.mark.parametrize("error", [*DEATHS, *FAILURES])
def test_rename_cut_off_anywhere_loses_no_file(base: str, error: object) -> None:
    names = ["job-1", "job-2"]
    for number, disk in enumerate(sweep(error)):  # type: ignore[arg-type]  # DEATHS and FAILURES
        here = f"{base}/{number}"
        files.ensure_dir(here)
        files.write_files([(f"{here}/{n}", n) for n in names], durable=False)
        with contextlib.suppress(Crash, OSError):
            disk.rename_files([(f"{here}/{n}", f"{here}/old/{n}") for n in names])

        for name in names:
            there = [p for p in (f"{here}/{name}", f"{here}/old/{name}") if os.path.exists(p)]
            assert [files.read_text(p) for p in there] == [name]


def test_removing_a_missing_file_is_an_error_only_when_asked(base: str) -> None:
    files.remove_file(f"{base}/none", missing_ok=True)

    with pytest.raises(FileNotFoundError):
        files.remove_file(f"{base}/none")


def test_directories_are_made_with_parents_and_keep_their_mode(base: str) -> None:
    files.ensure_dir(f"{base}/a/b/c", 0o700)
    os.chmod(f"{base}/a", 0o755)
    files.ensure_dir(f"{base}/a/b", 0o700)
    files.ensure_dir(f"{base}/a", 0o700)

    assert _mode(f"{base}/a/b/c") == 0o700
    assert _mode(f"{base}/a") == 0o755


def test_a_file_in_the_place_of_a_directory_is_an_error(base: str) -> None:
    files.write_file(f"{base}/file", b"")

    with pytest.raises((FileExistsError, NotADirectoryError)):
        files.ensure_dir(f"{base}/file")


def test_reading_more_than_the_limit_is_an_error(base: str) -> None:
    files.write_file(f"{base}/file", b"x" * 101)

    assert len(files.read_file(f"{base}/file", 101)) == 101
    with pytest.raises(OSError, match="larger than 100 bytes") as caught:
        files.read_file(f"{base}/file", 100)
    assert caught.value.errno == errno.EFBIG


def test_reading_a_fifo_or_a_directory_does_not_hang(base: str) -> None:
    os.mkfifo(f"{base}/fifo")

    for path in (f"{base}/fifo", base):
        with pytest.raises(OSError, match="not a plain file"):
            files.read_file(path)


def test_files_of_proc_are_read_though_they_say_they_are_empty() -> None:
    assert files.read_file("/proc/self/stat").startswith(str(os.getpid()).encode())


def test_leftovers_are_removed_once_they_are_old(base: str) -> None:
    disk = FaultyDisk(1, CRASH)
    with pytest.raises(Crash):
        disk.write_file(f"{base}/file", b"x")
    files.write_file(f"{base}/other", b"y")
    (leftover,) = (p for p in os.listdir(base) if p != "other")
    written = os.stat(f"{base}/{leftover}").st_mtime

    assert files.remove_leftovers(base, before=written - 1) == []
    assert files.remove_leftovers(base, before=written + 1) == [f"{base}/{leftover}"]
    assert os.listdir(base) == ["other"]


def test_created_file_is_of_zeros_and_never_replaces_one(base: str) -> None:
    files.create_file(f"{base}/disk", 5000)

    assert files.read_file(f"{base}/disk") == bytes(5000)
    with pytest.raises(FileExistsError):
        files.create_file(f"{base}/disk", 1)
    assert os.path.getsize(f"{base}/disk") == 5000


@pytest.mark.parametrize("error", FAILURES)
def test_failed_creation_leaves_no_file(base: str, error: int) -> None:
    for disk in sweep(error):
        try:
            disk.create_file(f"{base}/disk", 5000, mode=0o640, allocate=True)
        except OSError:
            # the last step makes the name durable: the file is complete by then
            assert not os.path.exists(f"{base}/disk") or disk.operations[-1][0] == "sync_dir"
        if os.path.exists(f"{base}/disk"):
            os.unlink(f"{base}/disk")


def test_resized_file_keeps_its_content(base: str) -> None:
    files.write_file(f"{base}/disk", b"abc")

    files.resize_file(f"{base}/disk", 6, allocate=True)

    assert files.read_file(f"{base}/disk") == b"abc\0\0\0"


def test_a_size_no_file_can_have_is_an_error_of_the_system_and_leaves_nothing(base: str) -> None:
    files.write_file(f"{base}/disk", b"abc")
    for size in (2**63, 2**80):
        with pytest.raises(OSError) as found:
            files.create_file(f"{base}/new", size)
        assert found.value.errno == errno.EFBIG
        with pytest.raises(OSError) as found:
            files.resize_file(f"{base}/disk", size)
        assert found.value.errno == errno.EFBIG

    assert _contents(base) == {"disk": b"abc"}


def test_exclusive_lock_keeps_others_out_and_shared_locks_do_not(base: str) -> None:
    path = f"{base}/lock"
    with files.locked_file(path):
        with pytest.raises(errors.LockError, match="held by another process"):
            with files.locked_file(path, shared=True, timeout=0):
                pass
    with files.locked_file(path, shared=True), files.locked_file(path, shared=True, timeout=0):
        with pytest.raises(errors.LockError):
            with files.locked_file(path, timeout=0):
                pass
    assert _mode(path) == 0o600


def test_a_waiting_lock_is_granted_when_the_holder_lets_go(base: str) -> None:
    path = f"{base}/lock"
    fd = files.open_lockable(path)
    assert files.try_lock(fd)
    timer = threading.Timer(0.01, os.close, [fd])
    timer.start()

    with files.locked_file(path, timeout=10):
        timer.join()


def test_a_locked_name_keeps_another_process_out_of_it_alone(base: str) -> None:
    path = f"{base}/lock"
    holder = "import fcntl, os, sys, zlib; place = zlib.crc32(b'one'); fd = os.open(sys.argv[1], os.O_RDWR)"
    holder += "; fcntl.lockf(fd, fcntl.LOCK_EX, 1, place); print(flush=True); sys.stdin.read()"
    os.close(files.open_lockable(path))
    with subprocess.Popen([sys.executable, "-c", holder, path], stdin=PIPE, stdout=PIPE) as other:
        assert other.stdin and other.stdout and other.stdout.readline()
        with files.locked_name(path, "two", timeout=0):
            pass
        with pytest.raises(errors.LockError, match=f"cannot lock one in {path}: held by another process"):
            with files.locked_name(path, "one", timeout=0):
                pass
        other.stdin.close()
        with files.locked_name(path, "one", timeout=60):
            pass


def test_logs_are_appended_to_and_private(base: str) -> None:
    for line in ("one\n", "two\n"):
        with files.open_log(f"{base}/log") as log:
            log.write(line)

    assert files.read_text(f"{base}/log") == "one\ntwo\n"
    assert _mode(f"{base}/log") == 0o600


def test_a_log_is_never_what_a_link_leads_to(base: str) -> None:
    files.write_file(f"{base}/precious", "as it was\n")
    os.symlink(f"{base}/precious", f"{base}/log")

    with pytest.raises(OSError, match="symbolic links"):
        files.open_log(f"{base}/log")

    assert files.read_text(f"{base}/precious") == "as it was\n"


def test_a_temporary_file_is_private_and_gone_afterwards(base: str) -> None:
    with files.temporary_file("question", "x.", base) as path:
        assert files.read_text(path) == "question"
        assert _mode(path) == 0o600
        assert os.path.basename(path).startswith("x.")

    assert os.listdir(base) == []


def test_permissions_are_corrected_only_where_needed(base: str) -> None:
    files.write_file(f"{base}/file", b"")

    assert files.set_permissions(f"{base}/file", 0o640)
    assert not files.set_permissions(f"{base}/file", 0o640, uid=os.getuid(), gid=-1)
    assert not files.set_permissions(f"{base}/none", 0o640)
    assert _mode(f"{base}/file") == 0o640


def test_permissions_of_what_a_link_leads_to_are_never_changed(base: str) -> None:
    files.write_file(f"{base}/file", b"")
    os.symlink(f"{base}/file", f"{base}/link")

    with pytest.raises(OSError, match="symbolic links"):
        files.set_permissions(f"{base}/link", 0o666)

    assert _mode(f"{base}/file") == 0o600
