"""Files of the master that are damaged when it starts: refused and named, or lost alone."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator

import pytest

from ganeti.bootstrap import daemons
from ganeti.luxi import methods
from ganeti.model.scalars import JobId
from ganeti.utils import files, json
from test.support import invariants
from test.support.admin import job_status, listed, refused, remove_all, submitted
from test.support.cluster import Cluster, running_cluster
from test.support.polling import until


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster whose files are damaged."""
    with running_cluster(tmp_path_factory.mktemp("damage"), nodes=2) as found:
        yield found
        invariants.check(found)


@pytest.fixture
def stopped(cluster: Cluster) -> Iterator[Cluster]:
    """The cluster with its master daemon stopped; its configuration is put back after the test."""
    if cluster.pid() is not None:
        cluster.ok("daemon-util", "stop", daemons.MASTERD)
    good = files.read_file(cluster.paths(1).config_file)
    yield cluster
    if cluster.pid() is None:
        files.write_file(cluster.paths(1).config_file, good, durable=False)
        cluster.start(daemons.MASTERD, "node1")
    remove_all(cluster)


def refusal(cluster: Cluster) -> str:
    """Start the master daemon, which must refuse; return what it says, the same both ways to start it."""
    done = cluster.cmd("ganeti-masterd", "-f")
    assert done.exit_code == 1, done.output
    assert "Traceback" not in done.output
    started = cluster.cmd("daemon-util", "start", daemons.MASTERD)
    assert started.exit_code != 0 and cluster.pid() is None
    assert done.stderr.strip() in started.output
    return done.stderr


# --- the configuration ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "the file is empty"),
        (b"\n \n", "the file is empty"),
        (b"\0" * 4096, "damaged"),
        (b"garbage", "damaged"),
        (b"\xff\xfe\x80", "damaged"),
        (b"[]", "not an object"),
        (b"{}", "it names no version"),
        (b'{"version": 3010000}', "cluster"),
        (b'{"version": 3010000, "cluster": 5}', "cluster"),
        (b'{"version": 99990000}', "version"),
        (b"[" * 100_000, "damaged"),
    ],
)
def test_f02_configuration_that_is_none_is_refused_with_file_and_remedy(
    stopped: Cluster, content: bytes, said: str
) -> None:
    path = stopped.paths(1).config_file
    files.write_file(path, content, durable=False)

    told = refusal(stopped)

    assert path in told and said in told
    assert "ganeti-masterd --restore-config" in told or b"9999" in content
    assert files.read_file(path) == content


def test_f02_truncated_configuration_is_refused_wherever_it_is_cut(stopped: Cluster, hypothesis_seed: int) -> None:
    path = stopped.paths(1).config_file
    good = files.read_file(path)
    chance = random.Random(hypothesis_seed)

    for length in [1, len(good) // 2, chance.randrange(2, len(good) - 2), len(good.rstrip()) - 1]:
        files.write_file(path, good[:length], durable=False)
        assert path in refusal(stopped)


def test_configuration_that_contradicts_itself_is_refused(stopped: Cluster) -> None:
    path = stopped.paths(1).config_file
    data = json.loads(files.read_file(path))
    data["cluster"]["master_node"] = "11111111-2222-4333-8444-555555555555"
    files.write_file(path, json.dumps_bytes(data), durable=False)

    told = refusal(stopped)

    assert path in told and "11111111-2222-4333-8444-555555555555" in told


def test_f02_flipped_bits_never_make_it_crash(stopped: Cluster, hypothesis_seed: int) -> None:
    path = stopped.paths(1).config_file
    good = files.read_file(path)
    chance = random.Random(hypothesis_seed)
    for _ in range(8):
        bad = bytearray(good)
        bad[chance.randrange(len(bad))] ^= 1 << chance.randrange(8)
        files.write_file(path, bytes(bad), durable=False)

        done = stopped.cmd("ganeti-masterd", "-f", timeout=3)

        assert "Traceback" not in done.output, done.output
        assert done.timed_out or (done.exit_code in (1, 11) and done.stderr), done.output


def test_missing_configuration_is_refused(stopped: Cluster) -> None:
    os.remove(stopped.paths(1).config_file)

    assert "no such file" in refusal(stopped)


# --- the queue --------------------------------------------------------------------------


@pytest.mark.parametrize("content", [b"", b"{", b"garbage", b"[]", b"null", b"\0" * 100, b'{"id": 1}', b'{"ops": "x"}'])
def test_f14_damaged_job_is_lost_alone(cluster: Cluster, content: bytes) -> None:
    bad, good = submitted(cluster, "gnt-debug delay 0.01"), submitted(cluster, "gnt-debug delay 0.02")
    for job in (bad, good):
        cluster.ok("gnt-job", "wait", str(job))
    cluster.ok("daemon-util", "stop", daemons.MASTERD)
    path = cluster.paths(1).job_file(JobId(bad))
    files.write_file(path, content, durable=False)

    cluster.start(daemons.MASTERD, "node1")

    assert job_status(cluster, good) == "success"
    assert bad not in [row["id"] for row in listed(cluster, "gnt-job list -o id")]
    assert f"job {bad}" in refused(cluster, f"gnt-job info {bad}")
    aside = cluster.paths(1).archived_job_file(JobId(bad))
    assert files.read_file(aside) == content
    assert f"job {bad}" in files.read_text(cluster.paths(1).log_file(daemons.MASTERD))
    newer = submitted(cluster, "gnt-debug delay 0.01")
    assert newer > good
    cluster.ok("gnt-job", "wait", str(newer))
    invariants.check(cluster, [good, newer])


def test_job_numbers_are_not_given_twice_when_the_serial_file_is_lost(cluster: Cluster) -> None:
    job = submitted(cluster, "gnt-debug delay 0.01")
    cluster.ok("gnt-job", "wait", str(job))
    for content in (b"", b"x", b"-1", b"1", None):
        cluster.ok("daemon-util", "stop", daemons.MASTERD)
        if content is None:
            os.remove(cluster.paths(1).queue_serial)
        else:
            files.write_file(cluster.paths(1).queue_serial, content, durable=False)
        cluster.start(daemons.MASTERD, "node1")

        newer = submitted(cluster, "gnt-debug delay 0.01")

        assert newer > job
        job = newer


def test_queue_of_another_version_is_refused(stopped: Cluster) -> None:
    path = stopped.paths(1).queue_version
    files.write_file(path, "2\n", durable=False)

    told = refusal(stopped)

    assert path in told and "version 2" in told
    files.write_file(path, "1\n", durable=False)


def test_queue_that_was_drained_stays_so_over_a_restart(cluster: Cluster) -> None:
    cluster.ok("gnt-cluster", "queue", "drain")
    cluster.restart_master()

    assert cluster.ok("gnt-cluster", "queue", "info") == "The drain flag is set\n"

    cluster.ok("gnt-cluster", "queue", "undrain")


def test_many_jobs_are_read_quickly_and_all(cluster: Cluster) -> None:
    with cluster.luxi() as client:
        op = {"OP_ID": "OP_TEST_DUMMY", "result": None, "messages": [], "fail": False}
        answers = client.call(methods.submit_many_jobs, [[op] for _ in range(1000)])
        jobs = [int(job) for _, job in answers]
        until(lambda: client.call(methods.query_jobs, jobs[-1:], ["status"]) == [["success"]], "the jobs have ended")

    cluster.kill_master()
    cluster.start(daemons.MASTERD, "node1")

    with cluster.luxi() as client:
        until(lambda: {row[0] for row in client.call(methods.query_jobs, jobs, ["status"])} == {"success"}, "all ended")
    cluster.ok("gnt-job", "autoarchive", "all")
