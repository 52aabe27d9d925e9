"""gnt-job, gnt-debug and gnt-os as an administrator uses them, on a running cluster."""

from __future__ import annotations

import os
import pathlib
import signal
import subprocess
from collections.abc import Iterator

import pytest

from ganeti.luxi import methods
from test.support.admin import job_status, lines, listed, refused, submitted
from test.support.cluster import MARK, Cluster
from test.support.polling import until


@pytest.fixture
def long_job(cluster3: Cluster) -> Iterator[int]:
    """A job that runs until the end of the test."""
    job = submitted(cluster3, "gnt-debug delay 600")
    until(lambda: job_status(cluster3, job) == "running", f"job {job} runs")
    yield job
    cluster3.cmd("gnt-job", "cancel", "--kill", "--yes-do-it", str(job))
    until(lambda: job_status(cluster3, job) == "error", f"job {job} ends")


@pytest.fixture
def waiting_job(cluster3: Cluster, long_job: int) -> Iterator[int]:
    """A job that waits for another, until the end of the test."""
    job = submit(cluster3, {"OP_ID": "OP_TEST_DELAY", "duration": 1, "depends": [[long_job, []]]})
    yield job
    cluster3.cmd("gnt-job", "cancel", str(job))
    until(lambda: job_status(cluster3, job) == "canceled", f"job {job} is canceled")


def submit(cluster: Cluster, *ops: dict[str, object]) -> int:
    """Submit a job of opcodes that no command makes."""
    with cluster.luxi() as client:
        return client.call(methods.submit_job, ops)


# --- following --------------------------------------------------------------------------


def test_wait_and_watch_follow_a_job_to_its_end(cluster3: Cluster) -> None:
    job = submitted(cluster3, "gnt-debug delay 0.2")

    assert cluster3.ok("gnt-job", "wait", str(job)) == ""
    assert lines(cluster3, f"gnt-job watch {job}")[0] == f"Messages of job {job}:"
    assert job_status(cluster3, job) == "success"


def test_following_a_failed_job_tells_why_and_fails(cluster3: Cluster) -> None:
    job = submitted(cluster3, "gnt-instance startup nosuch")

    for verb in ("wait", "watch"):
        assert "'nosuch' is not known" in refused(cluster3, f"gnt-job {verb} {job}")


def test_interrupting_a_command_leaves_its_job_alone(cluster3: Cluster) -> None:
    last = max((row["id"] for row in listed(cluster3, "gnt-job list -o id")), default=0)
    environ = {**os.environ, MARK: cluster3.directory}
    wrapper = os.path.join(cluster3.directory, "cmd")
    with subprocess.Popen(
        [wrapper, "gnt-debug", "delay", "1.5"], env=environ, stderr=subprocess.PIPE, text=True
    ) as command:
        job = until(
            lambda: [row["id"] for row in listed(cluster3, "gnt-job list --running -o id") if row["id"] > last],
            "the job runs",
        )[0]

        command.send_signal(signal.SIGINT)
        _, said = command.communicate(timeout=30)

    assert command.returncode == 130
    assert f"job {job} goes on: gnt-job watch {job} follows it" in said
    cluster3.ok("gnt-job", "wait", str(job))
    assert job_status(cluster3, job) == "success"


@pytest.mark.parametrize(
    ("command", "code", "said"),
    [
        ("gnt-job info 999999", 1, "unknown job 999999"),
        ("gnt-job info", 1, "missing argument: JOBID"),
        ("gnt-job info abc", 1, "abc"),
        ("gnt-job list 999999", 1, "unknown job 999999"),
        ("gnt-job list abc", 1, "expected a whole number"),
        ("gnt-job list -o id,foo", 14, "unknown field foo"),
        ("gnt-job list-fields foo", 14, "unknown field foo"),
        ("gnt-job watch 999999", 1, "it does not exist, or has been archived"),
        ("gnt-job wait 999999", 1, "it does not exist, or has been archived"),
        ("gnt-job wait -- -5", 1, "-5"),
        ("gnt-job cancel 999999", 1, "cannot cancel job 999999: it is not in the queue"),
        ("gnt-job cancel", 1, "name jobs, or select them"),
        ("gnt-job archive 999999", 1, "cannot archive job 999999"),
        ("gnt-job autoarchive x", 1, "cannot read time 'x'"),
        ("gnt-job autoarchive", 1, "missing argument"),
        ("gnt-job change-priority --priority high 999999", 1, "it is not in the queue"),
        ("gnt-job change-priority 999999", 1, "no priority given"),
        ("gnt-job change-priority --priority urgent 999999", 1, "not one of low, normal, high"),
        ("gnt-debug delay", 1, "missing argument"),
        ("gnt-debug delay abc", 1, "'abc'"),
        ("gnt-debug delay -n nosuch 0.1", 1, "'nosuch' is not known"),
        ("gnt-debug submit-job /nonexistent", 1, "/nonexistent"),
        ("gnt-os info nosuch", 1, "unknown OS nosuch"),
        ("gnt-os list nosuch", 1, "too many arguments"),
    ],
)
def test_wrong_wishes_are_refused(cluster3: Cluster, command: str, code: int, said: str) -> None:
    assert said in refused(cluster3, command, code)


# --- steering ---------------------------------------------------------------------------


def test_running_job_is_listed_with_what_it_does(cluster3: Cluster, long_job: int) -> None:
    (row,) = listed(cluster3, "gnt-job list --running")

    assert row["id"] == long_job and row["status"] == "running" and "TEST_DELAY" in str(row["summary"])
    assert "it is running" in refused(cluster3, f"gnt-job cancel {long_job}")
    assert "has not ended" in refused(cluster3, f"gnt-job archive {long_job}")


def test_waiting_job_is_canceled_and_never_runs(cluster3: Cluster, waiting_job: int) -> None:
    cluster3.ok("gnt-job", "cancel", str(waiting_job))

    until(lambda: job_status(cluster3, waiting_job) == "canceled", "the job is canceled", 5)
    assert "it has ended (canceled)" in refused(cluster3, f"gnt-job cancel {waiting_job}")
    assert "was canceled" in refused(cluster3, f"gnt-job wait {waiting_job}")


def test_all_waiting_jobs_are_canceled_after_asking(cluster3: Cluster, waiting_job: int) -> None:
    assert "not confirmed" in refused(cluster3, "gnt-job cancel --pending", 13)
    assert job_status(cluster3, waiting_job) in ("queued", "waiting")

    cluster3.ok("gnt-job", "cancel", "--pending", "-f")

    until(lambda: job_status(cluster3, waiting_job) == "canceled", "the job is canceled", 5)


def test_priority_of_a_waiting_job_is_changed(cluster3: Cluster, waiting_job: int) -> None:
    cluster3.ok("gnt-job", "change-priority", "--priority", "high", str(waiting_job))

    assert [row["priority"] for row in listed(cluster3, f"gnt-job list -o priority {waiting_job}")] == [-10]


def test_archived_job_leaves_the_list_and_is_still_found(cluster3: Cluster) -> None:
    job = submitted(cluster3, "gnt-debug delay 0.01")
    cluster3.ok("gnt-job", "wait", str(job))

    cluster3.ok("gnt-job", "archive", str(job))

    assert job not in [row["id"] for row in listed(cluster3, "gnt-job list")]
    assert job in [row["id"] for row in listed(cluster3, "gnt-job list --archived") if row["archived"]]
    assert f"Job ID: {job}\n" in cluster3.ok("gnt-job", "info", str(job))
    assert "does not exist, or has not ended" in refused(cluster3, f"gnt-job archive {job}")


def test_all_that_ended_is_archived_and_no_more(cluster3: Cluster, long_job: int) -> None:
    job = submitted(cluster3, "gnt-debug delay 0.01")
    cluster3.ok("gnt-job", "wait", str(job))
    cluster3.ok("gnt-job", "autoarchive", "1d")
    assert job in [row["id"] for row in listed(cluster3, "gnt-job list")]

    assert "unchecked left" in cluster3.ok("gnt-job", "autoarchive", "all")

    assert [row["id"] for row in listed(cluster3, "gnt-job list")] == [long_job]


def test_job_list_is_filtered(cluster3: Cluster, long_job: int) -> None:
    bad = submitted(cluster3, "gnt-instance startup nosuch")
    cluster3.cmd("gnt-job", "wait", str(bad))

    assert long_job not in [row["id"] for row in listed(cluster3, "gnt-job list --error -o id")]
    assert bad in [row["id"] for row in listed(cluster3, "gnt-job list --finished -o id")]
    assert [row["id"] for row in listed(cluster3, "gnt-job list -o id 'status == \"running\"'")] == [long_job]


def test_info_shows_operations_and_their_errors(cluster3: Cluster) -> None:
    job = submitted(cluster3, "gnt-instance startup --reason 'after the storm' nosuch")
    cluster3.cmd("gnt-job", "wait", str(job))

    info = cluster3.ok("gnt-job", "info", str(job))

    assert "Status: error" in info and "OP_INSTANCE_STARTUP" in info
    assert "Result: OpPrereqError: instance 'nosuch' is not known" in info


# --- gnt-debug --------------------------------------------------------------------------


def test_delay_runs_on_nodes_too(cluster3: Cluster) -> None:
    cluster3.ok("gnt-debug", "delay", "--no-master", "-n", "node2", "-n", "node3", "-r", "2", "0.01")


def test_locks_show_owner_and_who_waits(cluster3: Cluster) -> None:
    op = {"OP_ID": "OP_TEST_DELAY", "duration": 1.5, "on_nodes": ["node2"], "no_locks": False}
    first = submit(cluster3, op)
    until(lambda: job_status(cluster3, first) == "running", "the first job runs")
    second = submit(cluster3, op)
    until(lambda: job_status(cluster3, second) == "waiting", "the second job waits")

    rows = {row["name"]: row for row in listed(cluster3, "gnt-debug locks -o name,mode,owner,pending")}

    assert rows["node/node2"]["mode"] == "exclusive"
    assert f"{first}/" in str(rows["node/node2"]["owner"]) and f"{second}/" in str(rows["node/node2"]["pending"])
    for job in (first, second):
        cluster3.ok("gnt-job", "wait", str(job))
    assert "node/node2" not in [row["name"] for row in listed(cluster3, "gnt-debug locks")]


def test_queue_passes_its_own_test(cluster3: Cluster) -> None:
    told = cluster3.ok("gnt-debug", "test-jobqueue")

    assert told.count("good: ") >= 5 and "BAD" not in told


def test_jobs_of_a_file_are_submitted_many_times(cluster3: Cluster, tmp_path: pathlib.Path) -> None:
    file = tmp_path / "job.json"
    file.write_text('[{"OP_ID": "OP_TEST_DELAY", "duration": 0.01}]')

    out = cluster3.ok("gnt-debug", "submit-job", "--job-repeat=3", "--op-repeat=2", "--timing-stats", str(file))

    assert "6 opcodes" in out


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("nonsense", "cannot read JSON"),
        ("{}", "expected a list of objects"),
        ('[{"OP_ID": "OP_FOO"}]', "unknown opcode 'OP_FOO'"),
        ('[{"OP_ID": "OP_TEST_DELAY"}]', "[0].duration"),
        ('[{"OP_ID": "OP_TEST_DELAY", "duration": 1, "foo": 2}]', "[0].foo"),
    ],
)
def test_file_with_a_wrong_job_is_refused(cluster3: Cluster, tmp_path: pathlib.Path, content: str, said: str) -> None:
    file = tmp_path / "job.json"
    file.write_text(content)

    told = refused(cluster3, f"gnt-debug submit-job {file}")

    assert said in told and str(file) in told


# --- gnt-os -----------------------------------------------------------------------------


def test_definitions_and_their_variants_are_listed(cluster3: Cluster) -> None:
    assert lines(cluster3, "gnt-os list --no-headers") == ["image+default", "image+pattern", "noop+default"]


def test_diagnose_tells_of_each_node(cluster3: Cluster) -> None:
    told = cluster3.ok("gnt-os", "diagnose")

    assert "OS: noop [global status: valid]" in told
    assert all(f"Node: {node}, status: VALID" in told for node in cluster3.nodes)


def test_info_tells_variants_and_parameters(cluster3: Cluster) -> None:
    told = cluster3.ok("gnt-os", "info", "image")

    assert "valid: yes" in told and "variants: default, pattern" in told and "size: MiB to fill" in told
