import asyncio
import io
import os
import pathlib
import signal
import threading

import pytest

from ganeti import errors
from ganeti.cli import jobs
from ganeti.cli.command import load_program
from ganeti.cli.feedback import Console
from ganeti.cli.parse import Values
from ganeti.cli.session import Session
from ganeti.model.opcodes.test import OpTestDelay
from ganeti.paths import Paths
from test.support.cli import CannedMaster, Cli, Terminal
from test.support.luxi import luxi_served


class StepClock:
    """Goes on only when someone sleeps."""

    def __init__(self) -> None:
        self.now = 1_700_000_000.0
        self.naps: list[float] = []

    def time(self) -> float:
        return self.now

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float, /) -> None:
        self.naps.append(seconds)
        self.now += seconds


def session_at(socket: str, clock: StepClock, err: io.StringIO | None = None) -> Session:
    program = load_program("gnt-debug")
    console = Console(io.StringIO(), io.StringIO(), err or io.StringIO())
    environ = {"FORCE_LUXI_SOCKET": socket}
    return Session(program, program.commands[0], Paths("", "node1"), console, environ, clock)


def test_messages_of_a_job_are_shown_one_a_line_with_their_time(cli: Cli) -> None:
    stamp = [1_700_000_000, 5]
    cli.master.log = [
        [1, stamp, "message", "creating disks\nof all sizes"],
        [2, stamp, "message-list", ["first", "second"]],
        [3, stamp, "remote-import", {"port": 1}],
    ]

    lines = cli.run("gnt-debug delay 1").out.splitlines()

    assert [line[20:] for line in lines] == [
        "creating disks", "of all sizes", "first", "second", 'remote-import: {"port":1}',
    ]  # fmt: skip
    assert lines[0].startswith("2023-11-1")
    assert lines[1].startswith(" " * 20)


def test_submitted_job_is_not_waited_for(cli: Cli) -> None:
    cli.master.job_ends("error", ["OpExecError", ["never looked at"]])

    assert cli.run("gnt-debug delay --submit 1") == (0, "JobID: 1\n", "")


def test_id_of_a_job_can_be_printed_before_waiting(cli: Cli) -> None:
    assert cli.run("gnt-debug delay --print-jobid 1").out == "1\n"
    assert cli.run("gnt-debug delay --print-jobid --submit 1").out == "2\nJobID: 2\n"


def test_options_reach_the_opcode(cli: Cli) -> None:
    cli.run(["gnt-debug", "delay", "--dry-run", "--priority=low", "-d", "--reason", "why not", "-n", "node2", "1.5"])

    ((op,),) = cli.master.jobs
    assert (op["OP_ID"], op["duration"], op["on_nodes"]) == ("OP_TEST_DELAY", 1.5, ["node2"])
    assert (op["dry_run"], op["priority"], op["debug_level"]) == (True, 10, 1)
    assert [entry[:2] for entry in op["reason"]] == [["gnt:user", "why not"], ["gnt:client:gnt-debug", "delay"]]


def test_dry_run_says_that_nothing_was_changed(cli: Cli) -> None:
    assert "nothing was changed" in cli.run("gnt-debug delay --dry-run 1").err


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (["OpPrereqError", ["no such node", "unknown_entity"]], "no such node (unknown entity)"),
        (["OpPrereqError", ["instance web1 exists already", "already_exists"]], "instance web1 exists already"),
        (["OpExecError", ["the disk is full"]], "the disk is full"),
        ("just a text", "just a text"),
    ],
)
def test_error_of_a_job_is_told_and_sets_the_exit_code(cli: Cli, error: object, text: str) -> None:
    cli.master.job_ends("error", error)

    assert cli.run("gnt-debug delay 1") == (1, "", f"gnt-debug delay: {text}\n")


def test_canceled_job_is_told(cli: Cli) -> None:
    cli.master.job_ends("canceled", None)

    assert cli.run("gnt-debug delay 1") == (1, "", "gnt-debug delay: job 1 was canceled\n")


def test_job_that_is_gone_is_told(cli: Cli) -> None:
    ran = cli.run("gnt-job watch 77")

    assert ran.code == 1
    assert "job 77 is gone" in ran.err


def test_spinner_turns_only_on_a_terminal(cli: Cli) -> None:
    assert "\r" in cli.run("gnt-debug delay 1", terminal=True).err
    assert cli.run("gnt-debug delay 1").err == ""


def test_jobs_of_several_instances_are_followed_and_failures_told_by_name(cli: Cli) -> None:
    cli.master.tables["instance"] = [{"name": [0, n], "pnode": [0, "node1"]} for n in ("web1", "web2", "web3")]
    cli.master.job_ends("success", None)
    cli.master.job_ends("error", ["OpExecError", ["no memory"]])
    cli.master.job_ends("success", None)

    ran = cli.run("gnt-instance startup --force-multiple --all")

    assert ran.code == 1
    assert ran.err == "web2: no memory\n"
    assert [op["instance_name"] for (op,) in cli.master.jobs] == ["web1", "web2", "web3"]


def test_following_outlives_a_restart_of_the_master_daemon(tmp_path: pathlib.Path) -> None:
    path = str(tmp_path / "s")
    clock = StepClock()
    session = session_at(path, clock)
    master = CannedMaster()
    with luxi_served(path, master.handlers()):
        options = Values(submit_only=True)
        with pytest.raises(errors.JobSubmittedException):
            jobs.run_op(session, options, OpTestDelay(duration=1.0))
    restarted = threading.Event()

    class RestartingClock(StepClock):
        def sleep(self, seconds: float, /) -> None:
            super().sleep(seconds)
            if len(self.naps) == 2:
                restarted.set()
                assert up.wait(10)

    up = threading.Event()
    session.clock = RestartingClock()
    ended: list[jobs.Ended] = []
    follower = threading.Thread(target=lambda: ended.append(jobs.follow(session, 1)))
    follower.start()
    assert restarted.wait(10)
    with luxi_served(path, master.handlers()):
        up.set()
        follower.join(10)
    session.close()

    assert [end.status for end in ended] == ["success"]


def test_how_a_job_ended_is_told_even_if_the_master_daemon_is_restarted_just_then(tmp_path: pathlib.Path) -> None:
    path = str(tmp_path / "s")
    session = session_at(path, StepClock())
    master = CannedMaster()
    master.jobs.append([{}])
    asked, up = threading.Event(), threading.Event()

    async def never_answer(job_ids: object, fields: object) -> object:
        asked.set()
        return await asyncio.get_running_loop().create_future()

    class WaitingClock(StepClock):
        def sleep(self, seconds: float, /) -> None:
            super().sleep(seconds)
            assert up.wait(10)

    session.clock = WaitingClock()
    ended: list[jobs.Ended] = []
    follower = threading.Thread(target=lambda: ended.append(jobs.follow(session, 1)))
    with luxi_served(path, {**master.handlers(), "QueryJobs": never_answer}):
        follower.start()
        assert asked.wait(10)
    with luxi_served(path, master.handlers()):
        up.set()
        follower.join(10)
    session.close()

    assert [end.status for end in ended] == ["success"]


def test_follower_notices_soon_that_the_master_daemon_is_back(tmp_path: pathlib.Path) -> None:
    clock = StepClock()

    with pytest.raises(errors.NoMasterError):
        jobs.follow(session_at(str(tmp_path / "s"), clock), 12)

    assert max(clock.naps) <= 1.0


def test_master_daemon_that_stays_away_is_given_up_with_advice(tmp_path: pathlib.Path) -> None:
    err = io.StringIO()
    clock = StepClock()
    session = session_at(str(tmp_path / "s"), clock, err)

    with pytest.raises(errors.NoMasterError):
        jobs.follow(session, 12)

    assert sum(clock.naps) > 30
    assert "gnt-job watch 12 follows it, gnt-job cancel 12 ends it" in err.getvalue()


def test_interrupting_tells_how_to_go_on_and_the_job_goes_on(tmp_path: pathlib.Path) -> None:
    path = str(tmp_path / "s")
    err = io.StringIO()
    master = CannedMaster()
    handlers = master.handlers()

    async def wait(job_id: int, fields: object, prev_info: object, prev_serial: object, timeout: float) -> object:
        os.kill(os.getpid(), signal.SIGINT)
        await asyncio.sleep(10)
        return "nochange"

    handlers["WaitForJobChange"] = wait
    with luxi_served(path, handlers):
        session = session_at(path, StepClock(), err)
        with pytest.raises(KeyboardInterrupt):
            jobs.run_op(session, Values(), OpTestDelay(duration=1.0))
        session.close()

    assert err.getvalue() == "job 1 goes on: gnt-job watch 1 follows it, gnt-job cancel 1 ends it\n"
    assert len(master.jobs) == 1


def test_part_of_a_job_that_was_done_is_told(cli: Cli, tmp_path: pathlib.Path) -> None:
    file = tmp_path / "job"
    file.write_text('[{"OP_ID": "OP_TEST_DUMMY"}, {"OP_ID": "OP_TEST_DUMMY"}]')
    cli.master.job_ends("error", None, ["OpExecError", ["no"]], statuses=["success", "error"])

    cli.run(f"gnt-debug submit-job {file}")

    ran = cli.run("gnt-job watch 1")

    assert ran.code == 1
    assert ran.err == "gnt-job watch: no\n1 of 2 operations of the job had been done\n"


def test_terminal_is_left_clean_after_the_spinner() -> None:
    out, err = Terminal(), Terminal()
    console = Console(io.StringIO(), out, err)

    console.spin("job 1: running")
    console.show("done")

    assert err.getvalue().endswith("\r\x1b[K")
    assert out.getvalue() == "done\n"
