"""Programs end within their time, with all they started; daemons say how starting went."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from ganeti import errors
from ganeti.utils import files, process, process_async
from ganeti.utils.process import PartStatus, RunResult

Run = Callable[..., RunResult]


def _run_async(*args: object, **options: object) -> RunResult:
    return asyncio.run(process_async.run_async(*args, **options))  # type: ignore[arg-type]  # as given


@pytest.fixture(params=["run", "run_async"])
def run(request: pytest.FixtureRequest) -> Run:
    return process.run if request.param == "run" else _run_async


def test_result_tells_exit_code_and_output(run: Run) -> None:
    result = run(["sh", "-c", "echo out; echo err >&2; exit 3"])

    assert (result.exit_code, result.signal, result.stdout, result.stderr) == (3, None, "out\n", "err\n")
    assert result.output == "out\nerr\n"
    assert result.failed
    assert result.reason == "ended with exit code 3"


def test_success_is_no_failure(run: Run) -> None:
    assert not run(["true"]).failed


def test_result_tells_the_signal(run: Run) -> None:
    result = run(["sh", "-c", "kill -9 $$"])

    assert (result.exit_code, result.signal) == (None, 9)
    assert result.failed
    assert result.reason == "was ended by signal 9"


def test_large_input_and_output_do_not_block_each_other(run: Run) -> None:
    data = "0123456789" * 100_000

    assert run(["cat"], stdin=data).stdout == data


def test_input_nobody_reads_is_no_error(run: Run) -> None:
    assert not run(["true"], stdin="x" * 1_000_000).failed


def test_without_input_a_program_reads_nothing(run: Run) -> None:
    assert run(["cat"]).stdout == ""


def test_arguments_are_never_seen_by_a_shell(run: Run) -> None:
    assert run(["printf", "%s|", "$HOME;`id`", "a b"]).stdout == "$HOME;`id`|a b|"


def test_a_deadline_ends_the_program_and_all_it_started(run: Run, tmp_path: Path) -> None:
    pid_file = tmp_path / "pid"

    result = run(["sh", "-c", f"sleep 1000 & echo $! > {pid_file}; echo started; wait"], timeout=0.2)

    assert result.timed_out and result.failed
    assert result.stdout == "started\n"
    assert result.reason == "did not end within 0.2 s"
    pid = process.read_pid(os.fspath(pid_file))
    assert pid is not None
    assert process.kill(pid)  # SIGKILL is on its way: this waits for it


def test_a_program_that_ignores_the_polite_signal_is_killed(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (process, process_async):
        monkeypatch.setattr(module, "SECONDS_TO_END", 0.05)

    result = run(["sh", "-c", "trap '' TERM; while :; do sleep 0.01; done"], timeout=1)

    assert (result.timed_out, result.signal) == (True, signal.SIGKILL)


def test_a_daemon_that_keeps_the_pipe_does_not_hold_us(run: Run) -> None:
    result = run(["sh", "-c", "sleep 1000 & echo $!"], timeout=60)

    assert not result.failed
    assert process.kill(int(result.stdout))


def test_environment_is_added_to_or_replaced(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INHERITED", "1")

    assert "INHERITED=1" in run(["env"], env={"A": "b"}).stdout.splitlines()
    assert run(["/usr/bin/env"], env={"A": "b"}, reset_env=True).stdout == "A=b\n"


def test_output_can_go_to_a_file_that_is_appended_to(run: Run, tmp_path: Path) -> None:
    path = os.fspath(tmp_path / "log")

    for word in ("one", "two"):
        assert run(["sh", "-c", f"echo {word}; echo err >&2"], output_file=path).output == ""

    assert files.read_text(path) == "one\nerr\ntwo\nerr\n"


def test_directory_of_work_can_be_chosen(run: Run, tmp_path: Path) -> None:
    assert run(["pwd"], cwd=os.fspath(tmp_path)).stdout == f"{tmp_path}\n"


@pytest.mark.parametrize("argv", [["/no/such/program"], ["/"], ["a\0b"]])
def test_what_cannot_be_started_is_named(run: Run, argv: list[str]) -> None:
    with pytest.raises(errors.CommandError, match="cannot start "):
        run(argv)


def test_output_beyond_the_limit_is_dropped(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "OUTPUT_LIMIT", 1000)

    assert run(["head", "-c", "100000", "/dev/zero"]).stdout == "\0" * 1000


def test_output_that_is_no_text_is_kept_readable(run: Run) -> None:
    assert run(["printf", r"a\377b"]).stdout == "a\ufffdb"


def test_cancelling_ends_the_program(tmp_path: Path) -> None:
    fifo = os.fspath(tmp_path / "fifo")
    os.mkfifo(fifo)

    async def main() -> int:
        task = asyncio.create_task(process_async.run_async(["sh", "-c", f"echo $$ > {fifo}; sleep 1000"]))
        fd = await asyncio.to_thread(os.open, fifo, os.O_RDONLY)
        pid = int(await asyncio.to_thread(os.read, fd, 100))
        os.close(fd)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return pid

    assert not process.is_alive(asyncio.run(main()))


def test_a_process_can_go_on_as_another_program() -> None:
    script = "from ganeti.utils import process; print(1); process.become(['sh', '-c', 'echo $A'], {'A': '2'})"
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}

    assert process.run([sys.executable, "-c", script], env=environ).output == "1\n2\n"
    with pytest.raises(errors.CommandError, match="cannot start /no/such"):
        process.become(["/no/such"])


# --- directories of scripts ---------------------------------------------------------


def _script(directory: Path, name: str, text: str, mode: int = 0o755) -> None:
    path = directory / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(mode)


def test_scripts_run_in_the_order_of_their_names_and_odd_ones_are_skipped(tmp_path: Path) -> None:
    _script(tmp_path, "20-b", "echo b $A; exit 1")
    _script(tmp_path, "10-a", "echo a $A $HOME")
    _script(tmp_path, "30-plain", "echo no", mode=0o644)
    _script(tmp_path, "40.bak", "echo no")
    (tmp_path / "50-dir").mkdir()
    (tmp_path / "60-odd").write_text("neither script nor program")
    (tmp_path / "60-odd").chmod(0o755)

    result = process.run_parts(os.fspath(tmp_path), {"A": "x", "PATH": process.SEARCH_PATH})

    assert result[:5] == [
        ("10-a", PartStatus.SUCCESS, "a x\n"),
        ("20-b", PartStatus.FAIL, "b x\n"),
        ("30-plain", PartStatus.SKIP, ""),
        ("40.bak", PartStatus.SKIP, ""),
        ("50-dir", PartStatus.SKIP, ""),
    ]
    assert result[5][:2] == ("60-odd", PartStatus.FAIL)
    assert "cannot start" in result[5][2]


def test_a_script_that_hangs_fails(tmp_path: Path) -> None:
    _script(tmp_path, "hang", "echo started; exec /bin/sleep 1000")

    ((name, status, output),) = process.run_parts(os.fspath(tmp_path), {}, timeout=0.2)

    assert (name, status) == ("hang", PartStatus.FAIL)
    assert output == f"started\n{tmp_path}/hang did not end within 0.2 s"


def test_a_missing_directory_holds_no_scripts(tmp_path: Path) -> None:
    assert process.run_parts(os.fspath(tmp_path / "none"), {}) == []


# --- pid files and signals --------------------------------------------------------------


def test_only_one_process_holds_a_pid_file(tmp_path: Path) -> None:
    path = os.fspath(tmp_path / "pid")

    with process.PidFile(path):
        assert files.read_text(path) == f"{os.getpid()}\n"
        assert process.running_pid(path) == os.getpid()
        with pytest.raises(errors.PidFileLockError, match=f"it runs already, as process {os.getpid()} "):
            process.PidFile(path).acquire()
        assert process.running_pid(path) == os.getpid()

    assert not os.path.exists(path)
    assert process.running_pid(path) is None


def test_a_stale_pid_file_is_taken_over(tmp_path: Path) -> None:
    path = os.fspath(tmp_path / "pid")
    files.write_file(path, "123456789\n")

    assert process.read_pid(path) == 123456789
    assert process.running_pid(path) is None
    with process.PidFile(path):
        assert process.read_pid(path) == os.getpid()


@pytest.mark.parametrize("content", [b"", b"abc\n", b"-5\n", b"1" * 100, b"\xff"])
def test_a_damaged_pid_file_holds_no_pid(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "pid").write_bytes(content)

    assert process.read_pid(os.fspath(tmp_path / "pid")) is None


def test_a_killed_process_is_gone_when_kill_returns() -> None:
    with subprocess.Popen(["sleep", "1000"]) as child:
        assert process.is_alive(child.pid)

        assert process.kill(child.pid, timeout=20)

        assert not process.is_alive(child.pid)  # not reaped yet, but dead
        assert child.wait() == -signal.SIGTERM
    assert process.kill(child.pid)


def test_a_stubborn_process_is_killed_hard() -> None:
    script = "import signal,sys; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); signal.pause()"
    with subprocess.Popen([sys.executable, "-S", "-c", script], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        child.stdout.readline()

        assert process.kill(child.pid, timeout=0.05)

        assert child.wait() == -signal.SIGKILL


@pytest.mark.parametrize("pid", [1, 0, -1])
def test_more_than_one_process_is_never_killed(pid: int) -> None:
    with pytest.raises(errors.ProgrammerError):
        process.kill(pid)


# --- daemons ------------------------------------------------------------------------------

_DAEMON = """
import os, sys
from ganeti.utils import process
daemon = process.daemonize('ganeti-test', sys.argv[1])
{body}
"""


def _start_daemon(tmp_path: Path, body: str) -> RunResult:
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}
    script = _DAEMON.format(body=body)
    return process.run([sys.executable, "-c", script, os.fspath(tmp_path / "log")], env=environ, timeout=60)


def test_a_daemon_lives_on_in_its_own_session_with_its_output_in_the_log(tmp_path: Path) -> None:
    body = (
        f"with process.PidFile({os.fspath(tmp_path / 'pid')!r}):\n"
        "    print(os.getcwd(), os.getsid(0) != os.getpid(), repr(sys.stdin.read()), flush=True)\n"
        "    daemon.ready()\n"
        "    process.select.select([], [], [])\n"
    )

    result = _start_daemon(tmp_path, body)

    assert (result.exit_code, result.output) == (0, "")
    pid = process.running_pid(os.fspath(tmp_path / "pid"))
    assert pid is not None
    assert process.kill(pid)
    assert files.read_text(os.fspath(tmp_path / "log")) == "/ True ''\n"


def test_a_daemon_that_cannot_start_says_why(tmp_path: Path) -> None:
    result = _start_daemon(tmp_path, "daemon.failed('cannot bind port 1811: in use', 11)")

    assert (result.exit_code, result.stderr) == (11, "ganeti-test: cannot bind port 1811: in use\n")


def test_a_log_that_cannot_be_written_is_told_before_there_is_a_daemon(tmp_path: Path) -> None:
    missing = tmp_path / "none" / "log"

    with pytest.raises(FileNotFoundError) as caught:
        process.daemonize("ganeti-test", os.fspath(missing))

    assert process.why_not_started(caught.value) == (
        f"cannot start: {missing}: no such file or directory; daemon-util start makes the directories first"
    )
    assert process.why_not_started(errors.EnvironmentFailure("the port is taken")) == "the port is taken"


@pytest.mark.parametrize("body", ["os._exit(0)", "os.kill(os.getpid(), 9)", "raise SystemExit('x')"])
def test_a_daemon_that_dies_while_starting_is_a_failure(tmp_path: Path, body: str) -> None:
    result = _start_daemon(tmp_path, body)

    assert result.exit_code == 1
    assert "ended while it was starting" in result.stderr


def test_all_descriptors_but_those_to_keep_are_closed() -> None:
    script = """
import os, sys
from ganeti.utils import process
fds = [os.open("/dev/null", os.O_RDONLY) for _ in range(6)]
process.close_fds([fds[1], fds[4], 0])
print(*[i for i, fd in enumerate(fds) if os.path.exists(f"/proc/self/fd/{fd}")])
"""
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(p for p in sys.path if p)}

    assert process.run([sys.executable, "-c", script], env=environ).output == "1 4\n"


@pytest.mark.parametrize(("most", "expected"), [(100, 200), (250, 250), (10_000, 300)])
def test_daemon_may_open_as_many_files_as_the_hard_limit_permits(most: int, expected: int) -> None:
    program = (
        "import resource\n"
        "from ganeti.utils import process\n"
        "resource.setrlimit(resource.RLIMIT_NOFILE, (200, 300))\n"
        f"print(process.allow_descriptors({most}), *resource.getrlimit(resource.RLIMIT_NOFILE))"
    )

    result = subprocess.run([sys.executable, "-c", program], env={"PYTHONPATH": "build"}, capture_output=True)

    assert result.stdout.split() == [b"%d" % expected, b"%d" % expected, b"300"]
