"""Damaged, foreign and unwritable files of real daemons; the numbers are those of the list of faults."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator

import pytest

from ganeti.bootstrap import daemons
from ganeti.model.scalars import JobId
from ganeti.utils import files, json
from ganeti.utils.digest import short_digest
from test.support import invariants
from test.support.admin import add_diskless, job_status, of_instance, refused, remove_all, submitted
from test.support.cluster import Cluster, running_cluster
from test.support.faults import add_tags, all_final, delay, disk_takes_nothing, fill, small_disk, statuses, submit
from test.support.polling import until


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster whose disks are damaged and full."""
    with running_cluster(tmp_path_factory.mktemp("faults-config"), nodes=3) as found:
        yield found


@pytest.fixture(autouse=True)
def healed(cluster: Cluster) -> Iterator[None]:
    """After each test everything runs again, is empty and holds what it should."""
    yield
    for node in cluster.nodes:
        cluster.start(daemons.NODED, node)
    cluster.start(daemons.MASTERD, "node1")
    remove_all(cluster)
    invariants.check(cluster, leftovers=True)


def stop_master(cluster: Cluster) -> None:
    cluster.ok("daemon-util", "stop", daemons.MASTERD)


def start_refused(cluster: Cluster) -> str:
    """Start the master daemon, which must refuse; return what it says, the same both ways to start it."""
    done = cluster.cmd("ganeti-masterd", "-f")
    started = cluster.cmd("daemon-util", "start", daemons.MASTERD)
    assert done.exit_code == 1 and started.exit_code != 0 and cluster.pid() is None
    assert "Traceback" not in done.output and done.stderr.strip() in started.output
    return done.stderr


def serial_of(cluster: Cluster, node: str) -> int:
    return int(json.loads(files.read_file(cluster.paths(node).config_file))["serial_no"])


# --- the configuration --------------------------------------------------------------------


@pytest.mark.parametrize("damage", ["empty", "truncated", "bit-flipped"])
def test_f02_damaged_configuration_names_the_newest_good_copy_and_one_command_restores_it(
    cluster: Cluster, damage: str
) -> None:
    cluster.ok("daemon-util", "stop", daemons.NODED, node=3)
    add_diskless(cluster, "instance1", "node2")
    stop_master(cluster)
    cluster.start(daemons.NODED, "node3")
    path = cluster.paths(1).config_file
    good = files.read_file(path)
    assert serial_of(cluster, "node3") < serial_of(cluster, "node2") == serial_of(cluster, "node1")
    bad = {
        "empty": b"",
        "truncated": good[: len(good) // 2],
        "bit-flipped": good.replace(b'"serial_no"', b'"serial\xdfno"', 1),
    }[damage]
    files.write_file(path, bad, durable=False)

    told = start_refused(cluster)
    (restore,) = set(re.findall(r"(ganeti-masterd --restore-config) puts", told))
    done = cluster.ok(*restore.split())

    assert path in told
    assert f"that of node2: serial {serial_of(cluster, 'node2')} of " in told
    assert f"checksum {short_digest(good)}" in told and "node3: serial" not in told
    assert files.read_file(path) == good and "the copy of node2: serial" in done
    assert files.read_file(f"{path}.before-restore") == bad
    cluster.start(daemons.MASTERD, "node1")
    assert of_instance(cluster, "instance1", "pnode", "status") == ["node2", "running"]


def test_f02_nothing_is_restored_while_a_candidate_that_may_know_more_is_silent(cluster: Cluster) -> None:
    stop_master(cluster)
    cluster.ok("daemon-util", "stop", daemons.NODED, node=2)
    path = cluster.paths(1).config_file
    files.write_file(path, b"", durable=False)

    told = refused(cluster, "ganeti-masterd --restore-config")

    assert "node2 may have a newer copy" in told and "--restore-config=node3" in told
    assert files.read_file(path) == b""
    cluster.ok("ganeti-masterd", "--restore-config=node3")
    assert files.read_file(path) == files.read_file(cluster.paths(3).config_file)


def test_f02_good_configuration_is_not_replaced_by_mistake(cluster: Cluster) -> None:
    assert "it runs already, as process" in refused(cluster, "ganeti-masterd --restore-config")
    stop_master(cluster)
    before = files.read_file(cluster.paths(1).config_file)

    told = refused(cluster, "ganeti-masterd --restore-config")
    nobody = refused(cluster, "ganeti-masterd --restore-config=nobody")

    assert "it is good and has serial" in told and "--restore-config=node2" in told
    assert "nobody is no other master candidate (they are: node2, node3)" in nobody
    assert files.read_file(cluster.paths(1).config_file) == before


def test_f02_damaged_copies_are_named_and_not_taken(cluster: Cluster) -> None:
    stop_master(cluster)
    for node in cluster.nodes:
        os.rename(cluster.paths(node).config_file, cluster.paths(node).config_file + ".good")
        files.write_file(cluster.paths(node).config_file, b"garbage", durable=False)

    told = start_refused(cluster)

    assert "no candidate has a good one (node2: the file is damaged" in told
    assert "cannot restore" in refused(cluster, "ganeti-masterd --restore-config")
    for node in cluster.nodes:
        os.rename(cluster.paths(node).config_file + ".good", cluster.paths(node).config_file)


def test_f50_configuration_of_another_cluster_is_refused(cluster: Cluster) -> None:
    stop_master(cluster)
    path = cluster.paths(1).config_file
    good = files.read_file(path)
    data = json.loads(good)
    data["cluster"]["uuid"] = "11111111-2222-4333-8444-555555555555"
    files.write_file(path, json.dumps_bytes(data), durable=False)

    told = start_refused(cluster)

    assert path in told and "11111111-2222-4333-8444-555555555555" in told and "--restore-config=NODE" in told
    assert cluster.cmd("ganeti-masterd", "-f", "--no-voting", "--yes-do-it", timeout=20).exit_code == 1
    cluster.ok("ganeti-masterd", "--restore-config=node2")
    assert files.read_file(path) == good


def test_f50_configuration_of_another_node_does_not_make_a_master(cluster: Cluster) -> None:
    done = cluster.cmd("ganeti-masterd", "-f", node=2)

    assert done.exit_code == 11 and "names node1 as the master, this is node2" in done.stderr
    assert cluster.pid(daemons.MASTERD, "node2") is None


# --- disks that take nothing ---------------------------------------------------------------


def test_f15_full_disk_on_the_master_refuses_jobs_with_text_and_recovers(cluster: Cluster) -> None:
    stop_master(cluster)
    cluster.kill(daemons.NODED, "node1")
    with small_disk(cluster, "node1") as directory:
        cluster.start(daemons.NODED, "node1")
        cluster.start(daemons.MASTERD, "node1")
        with cluster.luxi() as client:
            running = submit(client, delay(4))
            changing = submit(client, add_tags("too-late") | {"depends": [[running, []]]})
        until(lambda: job_status(cluster, running) == "running", "the job runs")

        ballast = fill(directory)

        told = refused(cluster, "gnt-cluster add-tags refused")
        assert "cannot submit job" in told and "No space left on device" in told
        until(lambda: all_final(cluster, [running, changing]), "what ran has ended")
        assert statuses(cluster, [running, changing]) == ["success", "error"]
        assert "No space left" in refused(cluster, f"gnt-job wait {changing}")
        assert len(cluster.ok("gnt-node", "list", "--no-headers").splitlines()) == 3
        os.remove(ballast)
        cluster.ok("gnt-cluster", "add-tags", "roomy")
        assert cluster.ok("gnt-cluster", "list-tags").split() == ["roomy"]
        cluster.ok("gnt-cluster", "remove-tags", "roomy")
        invariants.check(cluster, [running, changing])
        for job, end in ((running, b'"success"'), (changing, b'"error"')):
            until(lambda end=end, job=job: end in files.read_file(cluster.paths(1).job_file(JobId(job))), "written")
        cluster.kill_master()
        cluster.start(daemons.MASTERD, "node1")
        assert statuses(cluster, [running, changing]) == ["success", "error"]
        stop_master(cluster)
        cluster.kill(daemons.NODED, "node1")


def test_f15_unwritable_disk_on_the_master_loses_nothing(cluster: Cluster) -> None:
    job = submitted(cluster, "gnt-debug delay --no-locks 1")
    until(lambda: job_status(cluster, job) == "running", "the job runs")

    with disk_takes_nothing(cluster, "node1"):
        assert "cannot submit job" in refused(cluster, "gnt-cluster add-tags refused")
        until(lambda: job_status(cluster, job) == "success", "the job has ended")

    cluster.ok("gnt-cluster", "add-tags", "accepted")
    cluster.ok("gnt-cluster", "remove-tags", "accepted")
    invariants.check(cluster, [job])


def test_f15_unwritable_disk_on_a_node_fails_what_is_done_there_and_holds_up_nobody(cluster: Cluster) -> None:
    add = "gnt-instance add -t file -s 4m -o noop --no-nics -B minmem=64,maxmem=64 -n node2 instance1"

    with disk_takes_nothing(cluster, "node2"):
        told = refused(cluster, add)
        cluster.ok("gnt-cluster", "add-tags", "meanwhile")
        job = submitted(cluster, "gnt-debug delay --no-locks 0.01")
        cluster.ok("gnt-job", "wait", str(job))
        assert b"meanwhile" in files.read_file(cluster.paths("node3").config_file)
        assert b"meanwhile" not in files.read_file(cluster.paths("node2").config_file)

    assert "node2" in told and "instance1" in told
    assert cluster.ok("gnt-instance", "list", "--no-headers") == ""
    cluster.ok(*add.split())
    assert of_instance(cluster, "instance1", "status") == ["running"]
    cluster.ok("gnt-cluster", "remove-tags", "meanwhile")
    invariants.check(cluster, [job])
