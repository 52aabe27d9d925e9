"""Daemons that are killed or frozen in the middle of their work: nothing acknowledged is lost, nothing hangs."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import threading
import time
from collections.abc import Iterator

import pytest

from ganeti import errors
from ganeti.bootstrap import daemons
from ganeti.luxi.client import Client
from ganeti.utils import files, json
from test.support import invariants
from test.support.admin import add_diskless, job_status, listed, of_instance, refused, remove_all, submitted
from test.support.cluster import MARK, Cluster, running_cluster
from test.support.faults import all_final, being_started, delay, inject, slow_startup, statuses, submit
from test.support.polling import until

#: seconds within which a call to a node that is gone or frozen has to be given up
BOUND = 60.0


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster whose daemons are killed."""
    with running_cluster(tmp_path_factory.mktemp("kill"), nodes=3) as found:
        yield found


@pytest.fixture(autouse=True)
def healed(cluster: Cluster) -> Iterator[None]:
    """After each test everything runs again, is empty and clean."""
    yield
    for node in cluster.nodes:
        pid = cluster.pid(daemons.NODED, node)
        if pid is None:
            cluster.start(daemons.NODED, node)
        else:
            os.kill(pid, signal.SIGCONT)
        inject(cluster, node)
    cluster.start(daemons.MASTERD, "node1")
    cluster.cmd("gnt-job", "cancel", "--pending", "-f")
    for row in listed(cluster, "gnt-job list --running -o id"):
        cluster.cmd("gnt-job", "cancel", "--kill", "--yes-do-it", str(row["id"]))
    remove_all(cluster)
    invariants.check(cluster, leftovers=True)


# --- the master daemon ------------------------------------------------------------------


def test_f09_jobs_survive_the_death_of_the_master_daemon(cluster: Cluster) -> None:
    lock = {"on_nodes": ["node2"], "no_locks": False}
    with cluster.luxi() as client:
        running = submit(client, delay(600, **lock))
        until(lambda: job_status(cluster, running) == "running", "the job runs")
        waiting = submit(client, delay(0.01, **lock))
        until(lambda: job_status(cluster, waiting) == "waiting", "the job waits for the lock")
        dependent = submit(client, delay(0.01, depends=[[waiting, ["success"]]]))
        ended = submit(client, delay(0.01))
        until(lambda: job_status(cluster, ended) == "success", "the job has ended")

        cluster.kill_master()
    assert "daemon does not run" in refused(cluster, "gnt-job list")
    cluster.start(daemons.MASTERD, "node1")

    jobs = [running, waiting, dependent, ended]
    until(lambda: all_final(cluster, jobs), "all jobs have ended")
    assert statuses(cluster, jobs) == ["error", "success", "success", "success"]
    told = refused(cluster, f"gnt-job wait {running}")
    assert "master daemon" in told, told
    assert listed(cluster, "gnt-debug locks") == []


def test_f09_every_acknowledged_job_is_there_after_the_master_daemon_was_killed(cluster: Cluster) -> None:
    acknowledged: list[int] = []
    path = cluster.paths(1).master_socket

    def keep_submitting() -> None:
        with Client(path, connect_timeout=0.1) as client:
            try:
                while True:
                    acknowledged.append(submit(client, delay(0.001)))
            except errors.LuxiError:
                return

    threads = [threading.Thread(target=keep_submitting) for _ in range(4)]
    for thread in threads:
        thread.start()
    until(lambda: len(acknowledged) > 50, "jobs are submitted")
    cluster.kill_master()
    for thread in threads:
        thread.join(30)
    cluster.start(daemons.MASTERD, "node1")

    until(lambda: all_final(cluster, acknowledged), "all jobs have ended")
    assert "lost" not in statuses(cluster, acknowledged)
    assert len(set(acknowledged)) == len(acknowledged)
    # One that was running when the daemon died may not have had its end written.
    assert statuses(cluster, acknowledged).count("error") <= 25


def test_f01_configuration_is_whole_whenever_the_master_is_killed(cluster: Cluster, hypothesis_seed: int) -> None:
    chance = random.Random(hypothesis_seed)
    add_diskless(cluster, "instance1")
    serial = 0
    for turn in range(3):
        with cluster.luxi() as client:
            jobs = [
                submit(
                    client,
                    {"OP_ID": "OP_TAGS_SET", "kind": "instance", "name": "instance1", "tags": [f"t{turn}-{number}"]},
                )
                for number in range(15)
            ]
            time.sleep(chance.random() * 0.15)  # somewhere in the middle of it
            cluster.kill_master()
        done = json.loads(files.read_file(cluster.paths(1).config_file))
        assert done["serial_no"] >= serial
        serial = done["serial_no"]
        cluster.start(daemons.MASTERD, "node1")
        until(lambda jobs=jobs: all_final(cluster, jobs), "all jobs have ended")

        tags = set(cluster.ok("gnt-instance", "list-tags", "instance1").split())
        for number, status in enumerate(statuses(cluster, jobs)):
            assert status in ("success", "error")
            assert status != "success" or f"t{turn}-{number}" in tags
    cluster.ok("gnt-cluster", "verify")
    for node in ("node2", "node3"):
        until(
            lambda node=node: (
                files.read_file(cluster.paths(node).config_file) == files.read_file(cluster.paths(1).config_file)
            ),
            f"{node} has caught up",
        )


def test_creation_cut_off_by_the_death_of_the_master_daemon_can_be_cleaned_away(cluster: Cluster) -> None:
    inject(cluster, "node2", {"action": "slow", "operation": "start", "seconds": 3, "times": 1})
    job = submitted(
        cluster, "gnt-instance add -t file -s 4m -o noop --no-nics -B minmem=64,maxmem=64 -n node2 instance1"
    )
    until(lambda: "starting instance" in cluster.ok("gnt-job", "info", str(job)), "the instance is being started")

    cluster.kill_master()
    cluster.start(daemons.MASTERD, "node1")

    until(lambda: job_status(cluster, job) == "error", "the job has ended")
    assert listed(cluster, "gnt-instance list -o name,admin_state") == [{"name": "instance1", "admin_state": "up"}]
    cluster.ok("gnt-instance", "remove", "-f", "--shutdown-timeout=0", "instance1")
    cluster.ok("gnt-cluster", "verify")


@pytest.mark.parametrize("end", ["job", "master daemon"])
def test_f10_start_that_no_job_waits_for_any_more_leaves_no_instance_running_twice(cluster: Cluster, end: str) -> None:
    add_diskless(cluster, "instance1", "node2")
    cluster.ok("gnt-instance", "shutdown", "--timeout=0", "instance1")
    inject(cluster, "node2", {"action": "slow", "operation": "start", "seconds": 4, "times": 1})
    job = submitted(cluster, "gnt-instance startup instance1")
    until(lambda: being_started(cluster, "node2"), "the instance is being started")

    if end == "job":
        cluster.ok("gnt-job", "cancel", "--kill", "--yes-do-it", str(job))
    else:
        cluster.kill_master()
        cluster.start(daemons.MASTERD, "node1")
    until(lambda: job_status(cluster, job) == "error", "the job has ended")
    cluster.ok("gnt-instance", "failover", "-f", "--shutdown-timeout=0", "-n", "node3", "instance1")

    until(lambda: not invariants.strangers(cluster), "the start has ended")
    assert {node: invariants.instances_on(cluster, node) for node in ("node2", "node3")} == {
        "node2": [],
        "node3": ["instance1"],
    }


def test_f09_command_that_follows_a_job_goes_on_after_a_restart(cluster: Cluster) -> None:
    blocker = submitted(cluster, "gnt-debug delay 600")
    until(lambda: job_status(cluster, blocker) == "running", "the job runs")
    with cluster.luxi() as client:
        job = submit(client, delay(0.05, depends=[[blocker, ["error", "success"]]]))
    environ = {**os.environ, MARK: cluster.directory}
    argv = [os.path.join(cluster.directory, "cmd"), "gnt-job", "wait", str(job)]
    with subprocess.Popen(argv, env=environ, stderr=subprocess.PIPE, text=True) as follower:
        cluster.kill_master()
        cluster.start(daemons.MASTERD, "node1")

        _, said = follower.communicate(timeout=2 * BOUND)

    assert follower.returncode == 0, said
    assert job_status(cluster, blocker) == "error" and job_status(cluster, job) == "success"


def test_told_to_stop_the_master_daemon_lets_running_jobs_end_and_keeps_the_others(cluster: Cluster) -> None:
    lock = {"on_nodes": ["node2"], "no_locks": False}
    with cluster.luxi() as client:
        running = submit(client, delay(1.0, **lock))
        until(lambda: job_status(cluster, running) == "running", "the job runs")
        waiting = submit(client, delay(0.01, **lock))
        until(lambda: job_status(cluster, waiting) == "waiting", "the job waits")

    cluster.restart_master()

    until(lambda: all_final(cluster, [running, waiting]), "both jobs have ended")
    assert statuses(cluster, [running, waiting]) == ["success", "success"]


def test_what_a_killed_master_daemon_leaves_does_not_keep_it_from_starting(cluster: Cluster) -> None:
    paths = cluster.paths(1)
    cluster.kill_master()
    assert os.path.exists(paths.master_socket) and os.path.exists(paths.pid_file(daemons.MASTERD))
    for path in (paths.config_file, paths.queue_serial, paths.job_file(1)):
        files.write_file(f"{path}.half-written.new", "junk", durable=False)

    cluster.start(daemons.MASTERD, "node1")

    cluster.ok("gnt-debug", "delay", "0.01")
    assert [name for name in os.listdir(paths.queue_dir) if name.endswith(".new")] in (
        [],
        ["job-1.half-written.new", "serial.half-written.new"],
        ["serial.half-written.new", "job-1.half-written.new"],
    )
    for base in (paths.data_dir, paths.queue_dir):
        for name in os.listdir(base):
            if name.endswith(".half-written.new"):
                os.remove(os.path.join(base, name))


def test_f50_second_master_daemon_on_the_same_directory_is_refused(cluster: Cluster) -> None:
    pid, path = cluster.pid(), cluster.paths(1).pid_file(daemons.MASTERD)

    done = cluster.cmd("ganeti-masterd", "-f")
    os.rename(path, f"{path}.aside")
    nameless = cluster.cmd("ganeti-masterd", "-f")
    os.rename(f"{path}.aside", path)

    assert done.exit_code == 1 and str(pid) in done.stderr, done.output
    assert nameless.exit_code == 1, nameless.output
    assert f"cannot lock {cluster.paths(1).queue_lock}: held by another process" in nameless.stderr
    assert cluster.pid() == pid
    cluster.ok("gnt-debug", "delay", "0.01")


# --- node daemons -----------------------------------------------------------------------


def test_f19_changes_are_acknowledged_while_a_candidate_is_down_and_reach_it_later(cluster: Cluster) -> None:
    cluster.kill(daemons.NODED, "node3")

    cluster.ok("gnt-cluster", "add-tags", "while-down")
    job = submitted(cluster, "gnt-debug delay 0.01")
    cluster.ok("gnt-job", "wait", str(job))

    assert b"while-down" in files.read_file(cluster.paths("node2").config_file)
    cluster.start(daemons.NODED, "node3")
    until(lambda: b"while-down" in files.read_file(cluster.paths("node3").config_file), "node3 has caught up", BOUND)
    until(lambda: os.path.exists(cluster.paths("node3").job_file(job)), "node3 has the job", BOUND)
    cluster.ok("gnt-cluster", "remove-tags", "while-down")


def test_f10_function_process_killed_alone_is_the_error_of_its_call_only(cluster: Cluster) -> None:
    daemon = cluster.pid(daemons.NODED, "node2")
    before = cluster.processes()
    job = slow_startup(cluster)

    for pid in set(cluster.processes()) - set(before):
        os.kill(pid, signal.SIGKILL)

    until(lambda: job_status(cluster, job) == "error", "the job ends", BOUND)
    assert "instance1 on node node2" in refused(cluster, f"gnt-job wait {job}")
    assert cluster.pid(daemons.NODED, "node2") == daemon
    cluster.ok("gnt-instance", "startup", "instance1")


# --- several at once --------------------------------------------------------------------


def test_f17_master_and_node_daemon_killed_together_come_back(cluster: Cluster) -> None:
    job = slow_startup(cluster)
    with cluster.luxi() as client:
        queued = [submit(client, delay(0.01)) for _ in range(30)]

    cluster.kill(daemons.NODED, "node2")
    cluster.kill_master()
    cluster.start(daemons.MASTERD, "node1")
    cluster.start(daemons.NODED, "node2")

    until(lambda: all_final(cluster, [job, *queued]), "all jobs have ended")
    assert statuses(cluster, [job]) == ["error"] and "lost" not in statuses(cluster, queued)
    cluster.ok("gnt-instance", "startup", "instance1")


def test_f09_everything_killed_at_once_comes_back(cluster: Cluster) -> None:
    add_diskless(cluster, "instance1", "node2")
    with cluster.luxi() as client:
        queued = [submit(client, delay(0.01)) for _ in range(30)]

    for pid in cluster.processes():
        os.kill(pid, signal.SIGKILL)
    until(lambda: not cluster.processes(), "all are dead")
    started = cluster.run("start-all", "-q")

    assert not started.failed, started.output
    until(lambda: cluster.pid() is not None and not cluster.cmd("gnt-job", "list").failed, "the master serves")
    until(lambda: all_final(cluster, queued), "all jobs have ended")
    assert "lost" not in statuses(cluster, queued)
    assert of_instance(cluster, "instance1", "pnode") == ["node2"]
