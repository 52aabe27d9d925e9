"""Files that were replaced are written anew, and nobody who reads one sees it change."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from ganeti.clock import SystemClock
from ganeti.utils import files
from ganeti.utils.spares import SPARE_AGE, SPARE_PREFIX, Spares
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
def base(tmp_path: Path) -> str:
    return str(tmp_path)


def _spares(base: str, limit: int = 4, **more: int) -> Spares:
    return Spares(QuickClock(), base, limit, **more)


def _spares_in(base: str) -> list[str]:
    return sorted(name for name in os.listdir(base) if name.startswith(SPARE_PREFIX))


def _visible(base: str) -> dict[str, bytes]:
    return {name: files.read_file(f"{base}/{name}") for name in os.listdir(base) if not name.startswith(".")}


def _inode(path: str) -> int:
    return os.stat(path).st_ino


def test_files_that_are_replaced_again_and_again_are_never_new_ones(base: str) -> None:
    spares, inodes = _spares(base), set()
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
    assert files.read_text(f"{base}/copy-after") == "one"


def test_a_spare_is_left_alone_until_the_times_of_files_have_moved_on(base: str) -> None:
    spares = Spares(StoppedClock(), base, 4)
    inodes = set()
    for number in range(5):
        files.write_file(f"{base}/file", f"{number}", spares=spares)
        inodes.add(_inode(f"{base}/file"))

    assert len(inodes) == 5
    assert len(_spares_in(base)) == 4


def test_every_content_has_a_signature_of_its_own(base: str) -> None:
    spares, seen = Spares(SystemClock(), base, 2), []
    for number in range(200):
        files.write_file(f"{base}/file", f"{number:3}", durable=True, spares=spares)
        seen.append(files.signature(f"{base}/file"))

    assert all(now != before for index, now in enumerate(seen) for before in seen[max(0, index - 4) : index])


def test_what_others_may_read_is_never_written_to_a_file_of_another_mode(base: str) -> None:
    spares = _spares(base)
    files.write_file(f"{base}/file", "1", mode=0o644, spares=spares)
    files.write_file(f"{base}/file", "2", mode=0o644, spares=spares)  # leaves a spare that all may read
    files.write_file(f"{base}/secret", "3", mode=0o600, spares=spares)
    os.chmod(f"{base}/secret", 0o666)
    files.write_file(f"{base}/secret", "4", mode=0o600, spares=spares)  # what it replaces is open to all

    assert os.stat(f"{base}/secret").st_mode & 0o777 == 0o600
    assert len(_spares_in(base)) == 1


def test_files_elsewhere_and_large_ones_are_not_kept(base: str) -> None:
    spares = _spares(base, largest=5)
    os.mkdir(f"{base}/sub")
    for _ in range(3):
        files.write_files([(f"{base}/sub/file", "x"), (f"{base}/large", "123456")], spares=spares)

    assert _spares_in(base) == [] == _spares_in(f"{base}/sub")


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
    assert files.read_text(f"{base}/.aside") == "1"


@pytest.mark.parametrize("error", DEATHS)
def test_death_at_any_step_leaves_each_file_as_it_was_or_as_it_was_to_be(base: str, error: object) -> None:
    names = [f"job-{number}" for number in range(3)]
    survived = False
    for number, disk in enumerate(sweep(error)):  # type: ignore[arg-type]  # one of DEATHS
        here = f"{base}/{number}"
        os.mkdir(here)
        spares = Spares(QuickClock(), here, 2)
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
        spares = Spares(QuickClock(), here, 2)
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


def test_writing_that_is_not_durable_leaves_no_spare(base: str) -> None:
    spares = _spares(base)
    for text in ("1", "2", "3"):
        files.write_file(f"{base}/file", text, durable=False, spares=spares)

    assert os.listdir(base) == ["file"]


def test_spares_of_processes_that_have_gone_are_left_over(base: str) -> None:
    theirs = f"{base}/{SPARE_PREFIX}{gone_process()}-0"
    mine = f"{base}/{SPARE_PREFIX}{os.getpid()}-0"
    odd = f"{base}/{SPARE_PREFIX}x"
    for path in (theirs, mine, odd):
        files.write_file(path, "")

    assert files.remove_leftovers(base, before=0) == [theirs]
    assert sorted(os.listdir(base)) == sorted(os.path.basename(path) for path in (mine, odd))


def test_the_disk_of_a_test_knows_what_a_spare_does(base: str) -> None:
    disk, spares = FaultyDisk(), _spares(base)
    for text in ("1", "2", "3"):
        disk.write_file(f"{base}/file", text, spares=spares)

    steps = [what for what, _ in disk.operations]
    assert steps.count("create") == 2
    assert steps[-7:] == ["open", "write", "sync", "close", "link", "rename", "sync_dir"]
