"""Files that were replaced are written anew, and nobody who reads one sees it change."""

from __future__ import annotations

import errno
import fcntl
import mmap
import os
import signal
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Sequence

import pytest

from ganeti.clock import SystemClock
from ganeti.utils import files
from ganeti.utils.spares import LARGEST, SPARE_AGE, SPARE_PREFIX, Spares, spares_in
from test.support.disk import DEATHS, IO_ERROR, NO_SPACE, Crash, FaultyDisk, sweep
from test.support.processes import gone_process


class QuickClock(SystemClock):
    """Shows a time when spares are old enough each time it is looked at."""

    now = 0.0

    def monotonic(self) -> float:
        self.now += 2 * SPARE_AGE
        return self.now


class StoppedClock(SystemClock):
    """Shows the same time for ever."""

    def monotonic(self) -> float:
        return 0.0


@pytest.fixture
def base(spare_base: str) -> str:
    return spare_base


def _spares(base: str, limit: int = 4, mode: int = 0o600, largest: int = LARGEST) -> Spares:
    return Spares(QuickClock(), base, mode, limit, largest)


def _spares_in(base: str) -> list[str]:
    return sorted(name for name in os.listdir(base) if name.startswith(SPARE_PREFIX))


def _visible(base: str) -> dict[str, bytes]:
    return {name: files.read_file(f"{base}/{name}") for name in os.listdir(base) if not name.startswith(".")}


def _inode(path: str) -> int:
    return os.stat(path).st_ino


def test_files_that_are_replaced_again_and_again_are_never_new_ones(base: str) -> None:
    spares, inodes = _spares(base, mode=0o640), set()
    for number in range(20):
        text = f"{number}" * (1 + number % 3 * 10)
        files.write_file(f"{base}/file", text, mode=0o640, spares=spares)
        inodes.add(_inode(f"{base}/file"))
        assert files.read_text(f"{base}/file") == text

    assert len(inodes) == 2
    assert len(_spares_in(base)) == 1
    assert os.stat(f"{base}/file").st_mode & 0o777 == 0o640


def test_a_batch_leaves_as_many_spares_as_there_is_room_for(base: str) -> None:
    spares = _spares(base, limit=3)
    for round_ in range(4):
        files.write_files([(f"{base}/job-{n}", f"{round_}") for n in range(10)], spares=spares)
        assert _visible(base) == {f"job-{n}": f"{round_}".encode() for n in range(10)}
        assert len(_spares_in(base)) == (3 if round_ else 0)


def test_who_has_the_old_content_open_goes_on_reading_it(base: str) -> None:
    spares = _spares(base)
    files.write_file(f"{base}/file", "old", spares=spares)
    fd = os.open(f"{base}/file", os.O_RDONLY)
    try:
        for number in range(8):
            files.write_file(f"{base}/file", f"new {number}", spares=spares)
        assert os.read(fd, 100) == b"old"
    finally:
        os.close(fd)
    assert len(_spares_in(base)) == 1


def test_a_reader_in_another_process_goes_on_reading_the_old_content(base: str) -> None:
    spares = _spares(base)
    files.write_file(f"{base}/file", "old", spares=spares)
    reader = "import sys; f = open(sys.argv[1]); print(flush=True); sys.stdin.readline(); print(f.read())"
    command = [sys.executable, "-c", reader, f"{base}/file"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other:
        assert other.stdin and other.stdout and other.stdout.readline()
        for number in range(8):
            files.write_file(f"{base}/file", f"new {number}", spares=spares)
        told, _ = other.communicate("\n")
    assert told == "old\n"


def test_a_copy_made_by_a_hard_link_stays_as_it_was(base: str) -> None:
    spares = _spares(base)
    files.write_file(f"{base}/file", "kept", spares=spares)
    os.link(f"{base}/file", f"{base}/copy-before")
    files.write_file(f"{base}/file", "one", spares=spares)
    files.write_file(f"{base}/file", "two", spares=spares)
    (spare,) = _spares_in(base)
    os.link(f"{base}/{spare}", f"{base}/copy-after")
    for number in range(8):
        files.write_file(f"{base}/file", f"new {number}", spares=spares)

    assert files.read_text(f"{base}/copy-before") == "kept"
    assert files.read_file(f"{base}/copy-after") == bytes(3)


def test_a_spare_is_left_alone_until_the_times_of_files_have_moved_on(base: str) -> None:
    spares = Spares(StoppedClock(), base, 0o600, 4)
    inodes = set()
    for number in range(5):
        files.write_file(f"{base}/file", f"{number}", spares=spares)
        inodes.add(_inode(f"{base}/file"))

    assert len(inodes) == 5
    assert len(_spares_in(base)) == 4


def test_every_content_has_a_signature_of_its_own(base: str) -> None:
    spares, seen = Spares(SystemClock(), base, 0o600, 2), []
    for number in range(200):
        files.write_file(f"{base}/file", f"{number:3}", durable=True, spares=spares)
        seen.append(files.signature(f"{base}/file"))

    assert all(now != before for index, now in enumerate(seen) for before in seen[max(0, index - 4) : index])


def test_what_a_file_held_is_erased_when_it_was_replaced(base: str) -> None:
    spares = _spares(base)
    for text in ("secret", "public"):
        files.write_file(f"{base}/file", text, spares=spares)

    (spare,) = _spares_in(base)
    assert files.read_file(f"{base}/{spare}") == bytes(len("secret"))


def test_a_file_whose_mode_was_changed_is_not_kept(base: str) -> None:
    spares = _spares(base)
    files.write_file(f"{base}/secret", "1", spares=spares)
    os.chmod(f"{base}/secret", 0o666)
    files.write_file(f"{base}/secret", "2", spares=spares)
    files.write_file(f"{base}/open", "3", mode=0o644, spares=spares)
    files.write_file(f"{base}/open", "4", mode=0o644, spares=spares)

    assert _spares_in(base) == []
    assert os.stat(f"{base}/secret").st_mode & 0o777 == 0o600


@pytest.mark.parametrize("change", ["mode", "access list", "name"])
def test_a_spare_that_others_may_read_now_is_not_written_to(base: str, change: str) -> None:
    spares = _spares(base)
    for text in ("1", "2"):
        files.write_file(f"{base}/file", text, spares=spares)
    (spare,) = (f"{base}/{name}" for name in _spares_in(base))
    if change == "mode":
        os.chmod(spare, 0o666)
    elif change == "access list":
        _allow_user(spare, 1234)
    else:
        os.link(spare, f"{base}/theirs")

    files.write_file(f"{base}/file", "3", spares=spares)

    assert files.read_text(f"{base}/file") == "3"
    assert os.stat(f"{base}/file").st_mode & 0o777 == 0o600
    assert "system.posix_acl_access" not in os.listxattr(f"{base}/file")
    assert change != "name" or files.read_file(f"{base}/theirs") == bytes(1)


def _allow_user(path: str, uid: int) -> None:
    """Let a user read a file, by its access list (acl(5), version 2: tag, rights, id of each entry)."""
    nobody = 0xFFFFFFFF
    entries = [(0x01, 6, nobody), (0x02, 4, uid), (0x04, 0, nobody), (0x10, 4, nobody), (0x20, 0, nobody)]
    value = struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)
    os.setxattr(path, "system.posix_acl_access", value)


def test_a_reader_that_mapped_the_old_content_goes_on_seeing_it(base: str) -> None:
    spares = _spares(base)
    files.write_file(f"{base}/file", "old", spares=spares)
    with open(f"{base}/file", "rb") as file:
        seen = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
    with seen:
        for number in range(8):
            files.write_file(f"{base}/file", f"new {number}", spares=spares)
        assert seen[:] == b"old"


def test_who_opens_by_an_old_name_what_was_written_anew_reads_what_has_the_name(
    base: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    files.write_file(f"{base}/file", "of the file")
    files.write_file(f"{base}/other", "of another")
    names = [f"{base}/other"]  # what the name led to when it was looked up
    really = os.open

    def late(path: str, *args: int) -> int:
        return really(names.pop() if names else path, *args)

    with monkeypatch.context() as patched:
        patched.setattr(os, "open", late)
        assert files.read_file(f"{base}/file") == b"of the file"
    assert names == []


def test_reading_waits_while_a_file_is_looked_at(base: str, monkeypatch: pytest.MonkeyPatch) -> None:
    files.write_file(f"{base}/file", "content")
    fd = os.open(f"{base}/file", os.O_WRONLY)
    fcntl.fcntl(fd, fcntl.F_SETSIG, signal.SIGURG)
    fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_WRLCK)
    timer = threading.Timer(0.03, os.close, [fd])
    timer.start()

    assert files.read_file(f"{base}/file") == b"content"
    timer.join()


def test_where_nobody_tells_who_reads_a_file_there_are_no_spares(base: str) -> None:
    spares = _spares(base)
    assert spares.room == 4
    with open(os.devnull, "wb") as file:  # of no device a lease is given
        assert not spares.is_unread(file.fileno())
    assert spares.room == 0
    assert Spares(SystemClock(), "/proc/self", 0o600, 4).room == 0
    assert Spares(SystemClock(), "/nowhere", 0o600, 4).room == 0


def test_on_a_full_disk_what_is_there_is_replaced_and_nothing_is_added(base: str) -> None:
    class Full(files.Disk):
        def _create(self, path: str, mode: int) -> int:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), path)

    spares = _spares(base)
    for text in ("1", "2"):
        files.write_file(f"{base}/file", text, spares=spares)
    with pytest.raises(OSError, match="No space left"):
        Full().write_file(f"{base}/another", "x", spares=spares)
    Full().write_file(f"{base}/file", "3", spares=spares)

    assert _visible(base) == {"file": b"3"}


def test_a_file_that_is_too_large_is_not_kept(base: str) -> None:
    spares = _spares(base, largest=5)
    for text, kept in (("123456", []), ("12345", []), ("1", [5]), ("2", [1])):
        files.write_file(f"{base}/file", text, spares=spares)
        assert [os.path.getsize(f"{base}/{name}") for name in _spares_in(base)] == kept


def test_a_file_of_any_size_is_erased_whole(base: str) -> None:
    spares, size = _spares(base, largest=4 << 20), (2 << 20) + 17
    for letter in "ab":
        files.write_file(f"{base}/file", letter * size, spares=spares)

    assert [files.read_file(f"{base}/{name}") for name in _spares_in(base)] == [bytes(size)]


def test_files_elsewhere_are_not_kept(base: str) -> None:
    spares = _spares(base)
    os.mkdir(f"{base}/sub")
    for _ in range(3):
        files.write_file(f"{base}/sub/file", "x", spares=spares)

    assert _spares_in(base) == [] == _spares_in(f"{base}/sub")


def test_a_spare_that_is_cleared_away_while_it_is_written_does_no_harm(base: str) -> None:
    class Cleared(files.Disk):
        def _write(self, fd: int, parts: Sequence[bytes | memoryview]) -> None:
            super()._write(fd, parts)
            for path in spares_in(base):
                os.unlink(path)

    spares = _spares(base)
    for number in range(6):
        Cleared().write_file(f"{base}/file", f"{number}", spares=spares)
    assert files.read_text(f"{base}/file") == "5"


@pytest.mark.parametrize("stand_in", ["nothing", "link", "fifo", "directory", "another file"])
def test_a_spare_that_somebody_else_changed_is_not_written_to(base: str, stand_in: str) -> None:
    spares = _spares(base)
    files.write_file(f"{base}/precious", "as it was")
    for text in ("1", "2"):
        files.write_file(f"{base}/file", text, spares=spares)
    (spare,) = (f"{base}/{name}" for name in _spares_in(base))
    os.rename(spare, f"{base}/.aside")
    if stand_in == "link":
        os.symlink(f"{base}/precious", spare)
    elif stand_in == "fifo":
        os.mkfifo(spare)
    elif stand_in == "directory":
        os.mkdir(spare)
    elif stand_in == "another file":
        files.write_file(spare, "theirs")

    files.write_file(f"{base}/file", "3", spares=spares)

    assert files.read_text(f"{base}/file") == "3"
    assert files.read_text(f"{base}/precious") == "as it was"
    assert files.read_file(f"{base}/.aside") == bytes(1)


@pytest.mark.parametrize("error", DEATHS)
def test_death_at_any_step_leaves_each_file_as_it_was_or_as_it_was_to_be(base: str, error: object) -> None:
    names = [f"job-{number}" for number in range(3)]
    survived = False
    for number, disk in enumerate(sweep(error)):  # type: ignore[arg-type]  # one of DEATHS
        here = f"{base}/{number}"
        os.mkdir(here)
        spares = Spares(QuickClock(), here, 0o600, 2)
        before = dict.fromkeys(names, b"old")
        files.write_files([(f"{here}/{name}", b"old") for name in names])
        survived = False
        try:
            for round_ in range(4):
                after = {name: f"{round_} {name} ".encode() * (300 - 70 * round_) for name in names}
                disk.write_files([(f"{here}/{name}", after[name]) for name in names], spares=spares)
                before = after
        except Crash:
            found = _visible(here)
            assert found.keys() == before.keys()
            assert all(found[name] in (before[name], after[name]) for name in names)
        else:
            survived = True
            assert _visible(here) == before

    assert survived


@pytest.mark.parametrize("lasting", [False, True])
@pytest.mark.parametrize("error", [NO_SPACE, IO_ERROR])
def test_a_failure_at_any_step_leaves_no_file_mixed_and_no_spare_that_nobody_knows(
    base: str, error: int, lasting: bool
) -> None:
    for number, disk in enumerate(sweep(error, lasting=lasting)):
        here = f"{base}/{number}"
        os.mkdir(here)
        spares = Spares(QuickClock(), here, 0o600, 2)
        for round_ in range(4):
            try:
                disk.write_files([(f"{here}/{name}", f"{round_} {name} " * 99) for name in "abc"], spares=spares)
            except OSError:
                disk.repair()
        assert all(content.split()[1].decode() == name for name, content in _visible(here).items())
        files.write_files([(f"{here}/{name}", "end") for name in "abc"], spares=spares)

        assert _visible(here) == dict.fromkeys("abc", b"end")
        assert len(_spares_in(here)) == 2 - spares.room
        assert {name for name in os.listdir(here) if name.startswith(files.TEMPORARY_PREFIX)} == set()


def test_a_spare_that_was_one_for_long_is_not_cleared_away_as_an_interrupted_write(base: str) -> None:
    class Clearing(files.Disk):
        def _open_spare(self, path: str) -> int:
            if path.startswith(f"{base}/{files.TEMPORARY_PREFIX}"):
                assert files.remove_leftovers(base, before=time.time() - 60) == []
            return super()._open_spare(path)

    spares = _spares(base)
    for text in ("1", "2"):
        files.write_file(f"{base}/file", text, spares=spares)
    for name in _spares_in(base):
        os.utime(f"{base}/{name}", (1, 1))
    Clearing().write_file(f"{base}/file", "3", spares=spares)

    assert files.read_text(f"{base}/file") == "3"
    assert len(_spares_in(base)) == 1


@pytest.mark.parametrize("error", [KeyboardInterrupt, MemoryError])
def test_an_error_of_any_kind_leaves_no_old_content_behind(base: str, error: type[BaseException]) -> None:
    class Ending(files.Disk):
        def _sync_dir(self, path: str) -> None:
            raise error

    files.write_file(f"{base}/file", "secret")
    with pytest.raises(error):
        Ending().write_file(f"{base}/file", "public", spares=_spares(base))

    assert _spares_in(base) == []


def test_writing_that_is_not_durable_leaves_no_spare(base: str) -> None:
    spares = _spares(base)
    for text in ("1", "2", "3"):
        files.write_file(f"{base}/file", text, durable=False, spares=spares)

    assert os.listdir(base) == ["file"]


def test_spares_of_processes_that_have_gone_are_left_over(base: str) -> None:
    spares = _spares(base)
    for text in ("1", "2"):
        files.write_file(f"{base}/file", text, spares=spares)
    (mine,) = _spares_in(base)
    born = mine.split("-")[2]
    theirs = f"{base}/{SPARE_PREFIX}{gone_process()}-{born}-0"
    of_an_earlier_life = f"{base}/{SPARE_PREFIX}{os.getpid()}-{int(born) - 1}-0"
    odd = f"{base}/{SPARE_PREFIX}x"
    for path in (theirs, of_an_earlier_life, odd):
        files.write_file(path, "")

    assert sorted(files.remove_leftovers(base, before=0)) == sorted((theirs, of_an_earlier_life))
    assert sorted(os.listdir(base)) == sorted((mine, os.path.basename(odd), "file"))


def test_the_disk_of_a_test_knows_what_a_spare_does(base: str) -> None:
    disk, spares = FaultyDisk(), _spares(base)
    for text in ("1", "2", "3"):
        disk.write_file(f"{base}/file", text, spares=spares)

    steps = [what for what, _ in disk.operations]
    assert steps.count("create") == 2
    taken = ["rename", "open", "write", "sync", "close"]
    assert steps[-11:] == [*taken, "link", "rename", "sync_dir", "open", "write", "close"]
