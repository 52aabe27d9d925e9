"""What ganeti-cleaner removes, and what it leaves."""

from __future__ import annotations

import os

import pytest

from ganeti.clock import SystemClock
from ganeti.paths import Paths
from ganeti.tools import ganeti_cleaner
from ganeti.utils import files, x509
from ganeti.utils.spares import SPARE_PREFIX, Spares
from test.support.processes import gone_process

DAY = 86400
NOW = 2_000_000_000.0


def put(path: str, age: float, content: bytes = b"x") -> str:
    files.ensure_dir(os.path.dirname(path))
    files.write_file(path, content, durable=False)
    os.utime(path, (NOW - age, NOW - age))
    return path


def left(*paths: str) -> list[bool]:
    return [os.path.exists(path) for path in paths]


def test_help_shows_what_is_for_people_and_completion_gets_the_rest(capsys: pytest.CaptureFixture[str]) -> None:
    assert "--help-completion" not in ganeti_cleaner.build_parser().format_help()
    assert ganeti_cleaner.main(["ganeti-cleaner", "--help-completion"]) == 0
    assert capsys.readouterr().out == "choices=node,master 1 1\n"


def test_archived_jobs_are_removed_after_three_weeks(paths: Paths) -> None:
    old, new = put(paths.archived_job_file(17), 22 * DAY), put(paths.archived_job_file(10018), 20 * DAY)
    current, other = put(paths.job_file(16), 90 * DAY), put(f"{paths.archive_dir}/0/notes", 90 * DAY)

    assert ganeti_cleaner.clean(paths, "master", NOW)

    assert left(old, new, current, other) == [False, True, True, True]


def test_files_of_groups_that_are_watched_no_more_are_removed(paths: Paths) -> None:
    old = put(paths.watcher_state("gone"), 22 * DAY), put(paths.watcher_instance_status("gone"), 22 * DAY)
    kept = put(paths.watcher_state("here"), DAY), put(paths.watcher_pause, 90 * DAY), put(paths.config_file, 90 * DAY)

    assert ganeti_cleaner.clean(paths, "node", NOW)

    assert left(*old, *kept) == [False, False, True, True, True]


def test_spare_files_are_removed_when_the_daemon_they_were_of_has_gone(paths: Paths) -> None:
    gone = [put(f"{place}/{SPARE_PREFIX}{gone_process()}-1-7", 0) for place in (paths.data_dir, paths.queue_dir)]
    kept = put(Spares(SystemClock(), paths.queue_dir, 0o640, 1).new_name(), 90 * DAY)

    assert ganeti_cleaner.clean(paths, "node", NOW)

    assert left(*gone, kept) == [False, False, True]


def test_expired_keys_of_moves_are_removed(paths: Paths) -> None:
    pem = x509.create_self_signed("node1", 1, ca=False)
    now = x509.expiry(pem).timestamp()
    cert = put(f"{paths.crypto_dir}/x509-1/cert", 0, pem)
    put(f"{paths.crypto_dir}/x509-1/key", 0)
    other = put(f"{paths.crypto_dir}/other/cert", 0, pem)

    ganeti_cleaner.clean(paths, "node", now - 60)
    assert left(cert) == [True]
    ganeti_cleaner.clean(paths, "node", now + 60)

    assert left(os.path.dirname(cert), other) == [False, True]


def test_keys_that_are_only_half_made_are_kept_for_a_while(paths: Paths) -> None:
    directory = os.path.dirname(put(f"{paths.crypto_dir}/x509-2/key", 0))
    os.utime(directory, (NOW, NOW))

    ganeti_cleaner.clean(paths, "node", NOW + DAY)
    assert left(directory) == [True]
    ganeti_cleaner.clean(paths, "node", NOW + 22 * DAY)

    assert left(directory) == [False]


@pytest.mark.parametrize(("what", "name"), [("node", "cleaner"), ("master", "master-cleaner")])
def test_the_newest_logs_are_kept(paths: Paths, what: str, name: str) -> None:
    logs = [put(f"{paths.log_dir}/{name}/cleaner-2026-01-{day:02}T00_00.1.log", 0) for day in range(1, 61)]

    ganeti_cleaner.clean(paths, what, NOW)

    assert left(*logs) == [False] * 10 + [True] * 50


def test_on_a_machine_that_is_no_node_there_is_nothing_to_do(paths: Paths) -> None:
    assert ganeti_cleaner.clean(paths.for_node("other"), "node", NOW)
    assert ganeti_cleaner.clean(paths.for_node("other"), "master", NOW)
