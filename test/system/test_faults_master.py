"""The master is lost in every way there is; the numbers are those of the list of faults."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import pytest

from ganeti import errors, mastership
from ganeti.bootstrap import daemons
from ganeti.luxi import methods
from ganeti.luxi.client import Client
from ganeti.utils import files
from test.support import invariants
from test.support.admin import of_node, submitted
from test.support.cluster import MARK, Cluster, running_cluster
from test.support.faults import add_tags, delay, submit
from test.support.mastership import followed, freeze, jobs_of, masters, power_off, power_on, settle, thaw, version
from test.support.polling import until

CLIENTS = 5
JOBS = 100

MakeCluster = Callable[[int], AbstractContextManager[Cluster]]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster whose masters come and go."""
    with running_cluster(tmp_path_factory.mktemp("faults-master"), nodes=5) as found:
        yield found


@pytest.fixture
def healed(cluster: Cluster) -> Iterator[None]:
    """After each test all nodes are up, and the first is the master."""
    yield
    thaw(cluster, *cluster.nodes)
    power_on(cluster, *cluster.nodes)
    cluster.ok("gnt-cluster", "master-failover", node=1)
    followed(cluster, "node1")


class Work(threading.Thread):
    """A client that has changes made, and keeps its own log of what was acknowledged."""

    def __init__(self, path: str, name: str) -> None:
        super().__init__()
        self._path = path
        self._name = name
        #: jobs that were taken
        self.jobs: list[int] = []
        #: changes that were said to be done
        self.tags: list[str] = []

    def run(self) -> None:
        """Work until the master is gone."""
        with Client(self._path, connect_timeout=0.1) as client:
            try:
                for number in range(10 * JOBS):
                    self.jobs.append(submit(client, delay(0.02)))
                    tag = f"{self._name}-{number}"
                    self.jobs.append(changing := submit(client, add_tags(tag)))
                    if self._succeeded(client, changing):
                        self.tags.append(tag)
            except errors.LuxiError:
                return

    def _succeeded(self, client: Client, job: int) -> bool:
        known: object = None
        while True:
            answer = client.call(methods.wait_for_job_change, job, ["status"], known, None, 10.0)
            if isinstance(answer, (list, tuple)):
                known = answer[0]
                status = answer[0][0]
                if status in invariants.FINAL:
                    return status == "success"


# --- the death of the master, with work under way -----------------------------------------------


@pytest.mark.usefixtures("healed")
def test_f03_nothing_acknowledged_is_lost_when_the_master_dies_under_load(cluster: Cluster) -> None:
    work = [Work(cluster.paths(1).master_socket, f"client{number}") for number in range(CLIENTS)]
    for client in work:
        client.start()
    until(lambda: sum(len(client.jobs) for client in work) > JOBS, "the master is busy", 60)

    power_off(cluster, "node1")
    for client in work:
        client.join(60)
    said = cluster.ok("gnt-cluster", "master-failover", node=2)

    assert "node2 is the master now" in said
    acknowledged = [job for client in work for job in client.jobs]
    assert len(set(acknowledged)) == len(acknowledged) > JOBS
    known = jobs_of(cluster, "node2")
    assert [job for job in acknowledged if job not in known] == []
    tags = set(cluster.ok("gnt-cluster", "list-tags", node=2).split())
    assert sum(len(client.tags) for client in work) > 0
    assert [tag for client in work for tag in client.tags if tag not in tags] == []
    until(lambda: set(jobs_of(cluster, "node2").values()) <= invariants.FINAL, "all jobs have ended", 60)

    power_on(cluster, "node1")
    refused = cluster.cmd("ganeti-masterd", "-f", node=1)
    assert refused.exit_code == 11, refused.output
    settle(cluster, "node2", acknowledged)


@pytest.mark.usefixtures("healed")
def test_f03_candidate_that_was_down_fetches_what_it_missed(cluster: Cluster) -> None:
    power_off(cluster, "node2")
    cluster.ok("gnt-cluster", "add-tags", "missed")
    job = submitted(cluster, "gnt-debug delay 0.01")
    cluster.ok("gnt-job", "wait", str(job))
    power_off(cluster, "node1")
    cluster.start(daemons.NODED, "node2")
    assert b"missed" not in files.read_file(cluster.paths(2).config_file)

    said = cluster.ok("gnt-cluster", "master-failover", node=2)

    assert "comes from node" in said
    assert "missed" in cluster.ok("gnt-cluster", "list-tags", node=2)
    assert jobs_of(cluster, "node2")[job] == "success"
    power_on(cluster, "node1", "node2")
    settle(cluster, "node2", [job])


# --- the old master returns -----------------------------------------------------------------------


@pytest.mark.usefixtures("healed")
def test_f04_old_master_that_returns_starts_nothing_of_a_master_and_its_commands_refuse(cluster: Cluster) -> None:
    power_off(cluster, "node1")
    cluster.ok("gnt-cluster", "master-failover", node=2)

    power_on(cluster, "node1")

    assert [cluster.pid(daemon, "node1") for daemon in (daemons.MASTERD, "ganeti-rapi")] == [None, None]
    for command in (("gnt-node", "list"), ("gnt-cluster", "info"), ("gnt-cluster", "add-tags", "x")):
        done = cluster.cmd(*command, node=1)
        assert done.exit_code in (1, 11) and "master" in done.stderr, done.output
    settle(cluster, "node2")
    for command in (("gnt-node", "list"), ("gnt-job", "list"), ("gnt-cluster", "add-tags", "x")):
        done = cluster.cmd(*command, node=1)
        assert done.exit_code == 11 and "run the command on node2" in done.stderr, done.output


@pytest.mark.usefixtures("healed")
def test_f04_remote_api_of_an_old_master_ends_when_its_node_hears_of_the_new_one(cluster: Cluster) -> None:
    power_off(cluster, "node1")
    cluster.ok("gnt-cluster", "master-failover", node=2)
    cluster.start(daemons.RAPI, "node1")  # nobody has told this node yet
    assert cluster.pid(daemons.RAPI, "node1") is not None

    power_on(cluster, "node1")

    until(lambda: cluster.pid(daemons.RAPI, "node1") is None, "the remote API of the old master ends", 60)
    assert cluster.pid(daemons.RAPI, "node2") is not None


@pytest.mark.usefixtures("healed")
def test_f04_old_master_that_was_frozen_acknowledges_nothing_and_ends(cluster: Cluster) -> None:
    freeze(cluster, "node1")
    cluster.ok("gnt-cluster", "master-failover", node=2)
    environ = {**os.environ, MARK: cluster.directory}
    argv = [os.path.join(cluster.paths(1).root, "cmd"), "gnt-cluster", "add-tags", "lost"]

    with subprocess.Popen(argv, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as late:
        thaw(cluster, "node1")
        late.communicate(timeout=90)

    assert late.returncode != 0
    until(lambda: cluster.pid(daemons.MASTERD, "node1") is None, "the old master daemon ends", 60)
    settle(cluster, "node2")
    assert "lost" not in cluster.ok("gnt-cluster", "list-tags", node=2)


# --- a split, and clusters of two -------------------------------------------------------------------


@pytest.mark.usefixtures("healed")
def test_f05_minority_is_refused_without_force_and_the_majority_goes_on(cluster: Cluster) -> None:
    # Seen from node4 and node5 the other three are gone.
    freeze(cluster, "node1", "node2", "node3")
    told = cluster.cmd("gnt-cluster", "master-failover", node=4, timeout=120)
    thaw(cluster, "node1", "node2", "node3")

    assert told.exit_code == 1
    assert "only 2 of 5 nodes answer, more than half are needed" in told.stderr and "--no-voting" in told.stderr
    assert masters(cluster) == ["node1"]
    assert {mastership.read(cluster.paths(node)).term for node in cluster.nodes} == {
        mastership.read(cluster.paths(1)).term
    }
    until(lambda: not cluster.cmd("gnt-cluster", "add-tags", "on").failed, "the majority goes on", 60)
    settle(cluster, "node1")


def test_f06_two_nodes_master_dead_is_explained_and_the_way_without_a_vote_works(
    tmp_path: os.PathLike[str],
) -> None:
    with running_cluster(tmp_path, nodes=2) as cluster:
        cluster.ok("gnt-cluster", "add-tags", "kept")
        power_off(cluster, "node1")

        told = cluster.cmd("gnt-cluster", "master-failover", node=2)
        asked = cluster.cmd("gnt-cluster", "master-failover", "--no-voting", node=2)
        assert told.exit_code == 1 and "one node of two is no majority" in told.stderr
        assert "is off and stays off, use --no-voting" in told.stderr
        assert asked.exit_code == 13 and "make sure that it is switched off" in asked.output, asked.output
        assert cluster.pid(daemons.MASTERD, "node2") is None

        cluster.ok("gnt-cluster", "master-failover", "--no-voting", "--yes-do-it", node=2)

        assert cluster.pid(daemons.MASTERD, "node2") is not None and masters(cluster) == ["node2"]
        assert "kept" in cluster.ok("gnt-cluster", "list-tags", node=2)
        cluster.ok("gnt-debug", "delay", "0.01", node=2)
        power_on(cluster, "node1")
        settle(cluster, "node2")
        assert version(cluster, "node1")[0] == 1


# --- again and again ----------------------------------------------------------------------------------


@pytest.mark.usefixtures("healed")
def test_f07_failovers_one_after_the_other_and_at_once_leave_one_master(cluster: Cluster) -> None:
    for number in (2, 1):  # the second has been it before
        cluster.ok("gnt-cluster", "master-failover", node=number)
        assert "is the master already" in cluster.ok("gnt-cluster", "master-failover", node=number)
        assert masters(cluster) == [f"node{number}"]

    both = [
        threading.Thread(target=cluster.cmd, args=("gnt-cluster", "master-failover"), kwargs={"node": number})
        for number in (2, 3)
    ]
    for thread in both:
        thread.start()
    cluster.cmd("ganeti-watcher", node=1)
    for thread in both:
        thread.join(120)
    if not masters(cluster):  # each kept the other from a majority
        cluster.ok("gnt-cluster", "master-failover", node=2)

    (last,) = masters(cluster)
    settle(cluster, last)


@pytest.mark.usefixtures("healed")
def test_f07_failover_killed_half_way_is_run_again(cluster: Cluster) -> None:
    environ = {**os.environ, MARK: cluster.directory}
    argv = [os.path.join(cluster.paths(2).root, "cmd"), "gnt-cluster", "master-failover"]
    power_off(cluster, "node1")

    with subprocess.Popen(argv, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as first:
        until(lambda: mastership.read(cluster.paths(3)).master == "node2", "a node has promised")
        first.send_signal(signal.SIGKILL)
    cluster.ok("gnt-cluster", "master-failover", node=2)

    power_on(cluster, "node1")
    settle(cluster, "node2")


@pytest.mark.usefixtures("healed")
def test_failover_from_a_master_that_works_is_a_handover(cluster: Cluster) -> None:
    cluster.ok("gnt-cluster", "add-tags", "before")

    said = cluster.ok("gnt-cluster", "master-failover", node=3)

    assert "node3 is the master now" in said
    assert masters(cluster) == ["node3"] and cluster.pid(daemons.MASTERD, "node1") is None
    assert "before" in cluster.ok("gnt-cluster", "list-tags", node=3)
    until(lambda: version(cluster, "node1") == version(cluster, "node3"), "the old master is a candidate like others")


# --- without anybody's word -------------------------------------------------------------------------------


def watch(cluster: Cluster, *nodes: str) -> None:
    """Run the watcher of nodes, as long after the last time as it is when cron does."""
    for node in nodes:
        found = mastership.read_absence(cluster.paths(node))
        if found is not None:
            mastership.note_absence(cluster.paths(node), found._replace(since=found.since - 300))
        done = cluster.cmd("ganeti-watcher", node=node, timeout=120)
        assert not done.failed, files.read_text(cluster.paths(node).log_file("ganeti-watcher"))


@pytest.mark.usefixtures("healed")
def test_f24_lost_master_is_replaced_by_the_watcher_where_that_is_wanted_and_most_nodes_miss_it(
    cluster: Cluster,
) -> None:
    cluster.ok("gnt-cluster", "modify", "--automatic-failover=2")
    power_off(cluster, "node1")
    for _ in range(2):
        watch(cluster, "node2", "node3")
    assert masters(cluster) == []  # two of five miss it

    watch(cluster, "node4")
    assert masters(cluster) == []  # the third has just begun
    watch(cluster, "node4")

    (new,) = masters(cluster)
    assert new == "node4"
    assert f"{new} takes its place" in files.read_text(cluster.paths(new).log_file("ganeti-watcher"))
    power_on(cluster, "node1")
    settle(cluster, new)
    watch(cluster, "node1", "node2")
    assert masters(cluster) == [new]
    cluster.ok("gnt-cluster", "modify", "--automatic-failover=0", node=new)


# --- candidates ------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("healed")
def test_f40_pool_of_candidates_is_kept_full_or_the_change_refused(cluster: Cluster) -> None:
    cluster.ok("gnt-cluster", "modify", "--candidate-pool-size=3")
    for node in ("node4", "node5"):
        cluster.ok("gnt-node", "modify", "-C", "no", node)
    assert not os.path.exists(cluster.paths(4).config_file)

    refused = cluster.cmd("gnt-node", "modify", "-C", "no", "node2")
    assert refused.exit_code == 1 and "--auto-promote" in refused.stderr, refused.output
    cluster.ok("gnt-node", "modify", "-C", "no", "--auto-promote", "node2")
    assert sum(of_node(cluster, node, "master_candidate") == ["Y"] for node in cluster.nodes) == 3
    promoted = next(node for node in ("node4", "node5") if of_node(cluster, node, "role") == ["C"])
    power_off(cluster, "node3")
    cluster.ok("gnt-node", "modify", "--offline=yes", "--auto-promote", "node3")

    roles = {node: of_node(cluster, node, "role") for node in cluster.nodes}
    assert sorted(role for (role,) in roles.values()) == ["C", "C", "M", "O", "R"], roles
    candidates = [node for node, (role,) in roles.items() if role == "C"]
    for node in candidates:
        assert version(cluster, node) == version(cluster, "node1")
    power_off(cluster, "node1")
    cluster.ok("gnt-cluster", "master-failover", node=promoted)
    power_on(cluster, "node1", "node3")
    cluster.ok("gnt-node", "modify", "--offline=no", "node3", node=promoted)
    cluster.ok("gnt-cluster", "modify", "--candidate-pool-size=10", node=promoted)
    settle(cluster, promoted)
