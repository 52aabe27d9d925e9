"""daemon-util, with daemons that do nothing but live and die."""

from __future__ import annotations

import os
import shutil
import sys
from collections.abc import Callable, Iterator

import pytest

from ganeti.paths import Paths
from ganeti.utils import files, process
from ganeti.utils.process import RunResult
from test.support.polling import until

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

Util = Callable[..., RunResult]

DAEMON = """#!{python}
import os, signal, sys
sys.path[:0] = {path!r}
from ganeti.paths import Paths
from ganeti.utils import files, process

name = os.path.basename(sys.argv[0])
paths = Paths.from_environ(os.environ)
if "--not-master" in sys.argv:
    sys.exit(11)
if "--broken" in sys.argv:
    sys.exit("no")
hups = []
signal.signal(signal.SIGHUP, lambda *_: files.write_file(paths.log_file(name) + ".rotated", ""))
if "--stubborn" in sys.argv:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
daemon = process.daemonize(name, paths.log_file(name))
with process.PidFile(paths.pid_file(name)):
    print(*sys.argv[1:], flush=True)
    daemon.ready()
    while True:
        signal.pause()
"""


@pytest.fixture
def programs(tmp_path: os.PathLike[str]) -> str:
    """Directory with daemon-util and two daemons, as in a source tree."""
    base = os.path.join(tmp_path, "programs")
    files.ensure_dir(os.path.join(base, "daemons"))
    files.ensure_dir(os.path.join(base, "tools"))
    shutil.copy(os.path.join(ROOT, "daemons", "daemon-util"), os.path.join(base, "daemons"))
    os.symlink(os.path.join(ROOT, "tools", "ensure-dirs"), os.path.join(base, "tools", "ensure-dirs"))
    text = DAEMON.format(python=sys.executable, path=[p for p in sys.path if p])
    for name in ("ganeti-noded", "ganeti-masterd"):
        files.write_file(os.path.join(base, "daemons", name), text, mode=0o755)
    return os.path.join(base, "daemons")


@pytest.fixture
def node(tmp_path: os.PathLike[str]) -> Paths:
    return Paths(os.path.join(tmp_path, "cluster", "node1"), "node1")


@pytest.fixture
def util(programs: str, node: Paths) -> Iterator[Util]:
    def run(*args: str, **env: str) -> RunResult:
        return process.run([os.path.join(programs, "daemon-util"), *args], env={**node.environ, **env}, timeout=60)

    yield run
    for name in ("ganeti-masterd", "ganeti-noded"):
        pid = process.running_pid(node.pid_file(name))
        if pid is not None:
            process.kill(pid, timeout=0.1)


def _said(node: Paths, name: str) -> list[str]:
    return files.read_text(node.log_file(name)).splitlines()


def test_a_daemon_is_started_checked_and_stopped(util: Util, node: Paths) -> None:
    assert util("check", "ganeti-noded").exit_code == 1
    assert util("status", "ganeti-noded").stdout == "ganeti-noded is not running\n"

    assert util("start", "ganeti-noded", "-d", "a b").exit_code == 0

    pid = process.running_pid(node.pid_file("ganeti-noded"))
    assert pid is not None
    assert _said(node, "ganeti-noded") == ["-d a b"]
    assert util("check", "ganeti-noded").exit_code == 0
    assert util("status", "ganeti-noded").stdout == f"ganeti-noded is running as process {pid}\n"
    assert util("stop", "ganeti-noded").exit_code == 0
    assert util("check", "ganeti-noded").exit_code == 1
    assert not process.is_alive(pid)
    assert util("stop", "ganeti-noded").exit_code == 0


def test_starting_makes_the_directories_of_the_node(util: Util, node: Paths) -> None:
    util("start", "ganeti-noded")

    assert os.path.isdir(node.socket_dir)
    assert os.path.isdir(node.queue_dir)


def test_arguments_come_from_the_defaults_file_the_environment_and_the_call(util: Util, node: Paths) -> None:
    files.ensure_dir(os.path.dirname(node.etc_default))
    files.write_file(node.etc_default, 'NODED_ARGS="-b 127.0.1.1 --no-mlock"\nMASTERD_ARGS=--other\n')

    util("start", "ganeti-noded", "-f", EXTRA_NODED_ARGS="-d --syslog")

    assert _said(node, "ganeti-noded") == ["-b 127.0.1.1 --no-mlock -d --syslog -f"]


def test_all_daemons_are_started_in_order_and_stopped_in_reverse(util: Util, node: Paths) -> None:
    assert util("list-start-daemons").stdout.split() == ["ganeti-noded", "ganeti-masterd"]
    assert util("list-stop-daemons").stdout.split() == ["ganeti-masterd", "ganeti-noded"]

    assert util("start-all").exit_code == 0
    assert util("status").exit_code == 0
    assert util("start-all").exit_code == 0  # nothing is started twice
    assert [len(_said(node, name)) for name in ("ganeti-noded", "ganeti-masterd")] == [1, 1]

    assert util("stop-all").exit_code == 0
    assert util("status").exit_code == 1


def test_restarted_and_checked_daemons_run(util: Util, node: Paths) -> None:
    util("check-and-start", "ganeti-noded")
    first = process.running_pid(node.pid_file("ganeti-noded"))
    util("check-and-start", "ganeti-noded")
    assert process.running_pid(node.pid_file("ganeti-noded")) == first

    util("restart", "ganeti-noded")

    assert process.running_pid(node.pid_file("ganeti-noded")) not in (None, first)


def test_that_a_node_is_not_the_master_is_no_failure_of_starting_all(util: Util) -> None:
    done = util("start-all", EXTRA_MASTERD_ARGS="--not-master")

    assert done.exit_code == 0
    assert util("check", "ganeti-noded").exit_code == 0
    assert util("start", "ganeti-masterd", "--not-master").exit_code == 11


def test_a_daemon_that_cannot_start_is_named(util: Util) -> None:
    done = util("start-all", EXTRA_NODED_ARGS="--broken")

    assert done.exit_code == 1
    assert "could not start ganeti-noded" in done.stderr
    assert util("check", "ganeti-masterd").exit_code == 0  # the others are started all the same


def test_only_the_daemons_of_the_master_are_started_and_stopped_with_it(util: Util) -> None:
    util("start", "ganeti-noded")

    assert util("start-master").exit_code == 0
    assert util("check", "ganeti-masterd").exit_code == 0
    assert util("stop-master").exit_code == 0
    assert util("check", "ganeti-masterd").exit_code == 1
    assert util("check", "ganeti-noded").exit_code == 0


def test_a_daemon_that_ignores_the_polite_signal_is_killed(programs: str, util: Util) -> None:
    path = os.path.join(programs, "daemon-util")
    files.write_file(path, files.read_text(path).replace("SECONDS_TO_STOP=30", "SECONDS_TO_STOP=0"), mode=0o755)
    util("start", "ganeti-noded", "--stubborn")

    done = util("stop", "ganeti-noded")

    assert done.exit_code == 0
    assert "killing it" in done.stderr
    assert util("check", "ganeti-noded").exit_code == 1


def test_a_stale_pid_file_is_no_running_daemon(util: Util, node: Paths) -> None:
    util("start", "ganeti-noded")
    util("stop", "ganeti-noded")
    files.write_file(node.pid_file("ganeti-noded"), f"{os.getpid()}\n")

    assert util("check", "ganeti-noded").exit_code == 1
    assert util("stop", "ganeti-noded").exit_code == 0
    assert util("start", "ganeti-noded").exit_code == 0


def test_logs_are_rotated_by_a_signal(util: Util, node: Paths) -> None:
    util("start", "ganeti-noded")
    rotated = node.log_file("ganeti-noded") + ".rotated"

    assert util("rotate-all-logs").exit_code == 0

    until(lambda: os.path.exists(rotated), "the daemon was told to open its log anew")
    assert util("stop", "ganeti-noded").exit_code == 0


def test_nodes_of_a_virtual_cluster_do_not_touch_each_other(util: Util, node: Paths) -> None:
    other = node.for_node("node2")
    util("start", "ganeti-noded")

    assert util("check", "ganeti-noded", **other.environ).exit_code == 1
    assert util("stop", "ganeti-noded", **other.environ).exit_code == 0
    assert util("check", "ganeti-noded").exit_code == 0


@pytest.mark.parametrize(
    ("args", "exit_code", "stdout"),
    [
        (["check-exitcode", "0"], 0, ""),
        (["check-exitcode", "11"], 0, "not master\n"),
        (["check-exitcode", "1"], 1, ""),
        (["is-daemon-name", "ganeti-noded"], 0, ""),
        (["is-daemon-name", "noded"], 1, ""),
        (["check-config"], 1, ""),
        (["start", "noded"], 1, ""),
        (["start", "../x"], 1, ""),
        (["start"], 1, ""),
        (["start_all"], 1, ""),
        (["-x"], 1, ""),
        (["usage"], 1, ""),
        ([], 1, ""),
    ],
)
def test_questions_are_answered_by_exit_codes(util: Util, args: list[str], exit_code: int, stdout: str) -> None:
    done = util(*args)

    assert (done.exit_code, done.stdout) == (exit_code, stdout)


def test_names_of_files_can_be_asked_for(util: Util, node: Paths, programs: str) -> None:
    assert util("daemon-pidfile", "ganeti-noded").stdout == node.pid_file("ganeti-noded") + "\n"
    assert util("daemon-executable", "ganeti-noded").stdout == f"{programs}/ganeti-noded\n"
    assert "start-all" in util("--help").stdout


def test_a_node_with_a_certificate_belongs_to_a_cluster(util: Util, node: Paths) -> None:
    files.ensure_dir(node.data_dir)
    files.write_file(node.server_cert, "x")

    assert util("check-config").exit_code == 0
