"""Too many clients, too many jobs, slow jobs, and deaths under all of them; numbers are those of the list of faults."""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Iterator

import pytest

from ganeti import _autoconf
from ganeti.bootstrap import daemons
from ganeti.luxi import methods
from test.soak.kill_rounds import Killer, Load
from test.soak.luxi_garbage import Attack
from test.support import invariants, long_queue
from test.support.admin import remove_all
from test.support.cluster import Cluster, running_cluster
from test.support.faults import creation, define_os, delay, remove_scripts, statuses, submit
from test.support.luxi_raw import END, Raw, many_descriptors
from test.support.polling import until

MIB = 1024


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster that has a hard time."""
    with running_cluster(tmp_path_factory.mktemp("hostile"), nodes=3) as found:
        yield found


@pytest.fixture(autouse=True)
def healed(cluster: Cluster) -> Iterator[None]:
    """After each test everything runs, is empty and holds what it should."""
    yield
    cluster.start(daemons.MASTERD, "node1")
    remove_all(cluster)
    remove_scripts(cluster)
    invariants.check(cluster, leftovers=True)


def of_status(cluster: Cluster, name: str) -> int:
    """Return a figure of the memory of the master daemon, in KiB."""
    with open(f"/proc/{cluster.pid()}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith(f"{name}:"))


def descriptors(cluster: Cluster) -> int:
    return len(os.listdir(f"/proc/{cluster.pid()}/fd"))


# --- clients --------------------------------------------------------------------------------


def flood(connection: Raw, data: bytes) -> None:
    """Send until it is all sent, nobody takes any more, or the daemon hangs up."""
    connection._socket.setblocking(False)
    with contextlib.suppress(OSError):
        connection._socket.sendall(data)


def test_f45_a_thousand_idle_slow_and_rude_clients_harm_nobody_else(cluster: Cluster) -> None:
    begun, pid = of_status(cluster, "VmRSS"), cluster.pid()
    request = json.dumps({"method": "QueryFields", "args": ["instance", None]}).encode() + END
    with many_descriptors(4096), contextlib.ExitStack() as hang_up:

        def connect() -> Raw:
            return hang_up.enter_context(contextlib.closing(Raw(cluster)))

        for _ in range(1000):
            connect()
        for _ in range(100):
            connect().send(b'{"method": "QueryJ')
        for _ in range(20):
            flood(connect(), request * 1000)  # and takes no answer
        for _ in range(10):
            flood(connect(), b"\xff\x03garbage\x03" * 1000)
        huge = b"[" + b"1," * (1 << 20)
        for _ in range(3):
            with contextlib.suppress(OSError):
                rude = connect()
                for _ in range(50):  # 100 MB
                    rude.send(huge)

        with cluster.luxi() as client:
            for _ in range(50):
                assert client.call(methods.query_config_values, ["cluster_name"]) == ["cluster"]
            jobs = [submit(client, delay(0.01)) for _ in range(10)]
        cluster.ok("gnt-job", "wait", str(jobs[-1]))
        grown = of_status(cluster, "VmHWM") - begun
    assert cluster.pid() == pid and grown < 400 * MIB
    until(lambda: descriptors(cluster) < 100, "the daemon has closed the connections")


def test_f45_garbage_made_by_a_grammar_harms_nobody(cluster: Cluster, hypothesis_seed: int) -> None:
    report = Attack(cluster, hypothesis_seed).run(lambda sent: sent > 3000)

    assert report.answers > 500


def test_listing_and_submitting_go_on_while_fifteen_instances_are_reinstalled(cluster: Cluster) -> None:
    names = [f"instance{number}" for number in range(1, 16)]
    nodes = cluster.nodes * 5
    marks = os.path.join(cluster.directory, "marks")
    os.makedirs(marks)
    go_on = os.path.join(marks, "go-on")
    define_os(
        cluster, "slow", f"touch {marks}/$INSTANCE_NAME", f"while ! test -e {go_on}; do sleep 0.1; done", "exit 0"
    )
    with cluster.luxi() as client:
        creating = [
            submit(client, {**creation(name, node, "file"), "start": False})
            for name, node in zip(names, nodes, strict=True)
        ]
        until(lambda: statuses(cluster, creating) == ["success"] * 15, "the instances are there", 60)
        installing = [submit(client, reinstallation(name)) for name in names]
        until(lambda: set(names) <= set(os.listdir(marks)), "fifteen scripts run", 60)

        for _ in range(5):
            cluster.ok("gnt-job", "list")
        jobs = [submit(client, delay(0.01)) for _ in range(20)]
        until(lambda: statuses(cluster, jobs) == ["success"] * 20, "other jobs run")

        # All of it while every script was running: none was waited for.
        assert statuses(cluster, installing) == ["running"] * 15
        with open(go_on, "w"):
            pass
        until(lambda: statuses(cluster, installing) == ["success"] * 15, "the instances are reinstalled")


def reinstallation(name: str) -> dict[str, object]:
    """Return an opcode that installs the OS whose script waits."""
    return {"OP_ID": "OP_INSTANCE_REINSTALL", "instance_name": name, "os_type": "slow"}


# --- jobs -----------------------------------------------------------------------------------


def test_f13_a_long_queue_is_taken_over_with_few_descriptors(cluster: Cluster) -> None:
    with cluster.luxi() as client:
        newest = max(row[0] for row in client.call(methods.query_jobs, None, ["id"]))
    cluster.kill_master()
    waiting = long_queue.fill(cluster.paths(1), first=newest + 1, archived=3000, ended=1450, queued=50)
    util = os.path.join(_autoconf.PKGLIBDIR, "daemon-util")

    begun = time.monotonic()
    few = ("/bin/sh", "-c", 'ulimit -n 256 && exec "$@"', "sh")  # far fewer than there are jobs
    cluster.ok(*few, util, "start", daemons.MASTERD)
    took = time.monotonic() - begun

    with cluster.luxi() as client:
        most, ended = 0, False
        while not ended:
            most = max(most, descriptors(cluster))
            rows = client.call(methods.query_jobs, list(waiting), ["status"])
            ended = all(row is not None and row[0] in invariants.FINAL for row in rows)
        assert [row[0] for row in rows] == ["error"] + ["success"] * 49
        assert submit(client, delay(0.0)) == waiting.stop
        assert client.call(methods.auto_archive_jobs, -1, 60)[1] == 0
    assert most < 100 and took < 30
    cluster.restart_master()  # with as many descriptors as usual


def test_what_was_acknowledged_is_kept_however_often_the_master_daemon_is_killed(
    cluster: Cluster, hypothesis_seed: int
) -> None:
    killer = Killer(cluster, hypothesis_seed, Load(jobs=60, unfinished=40, shortest=0.2, longest=0.5))

    rounds = [killer.play() for _ in range(2)]

    assert all(played.acknowledged >= played.unfinished > 0 for played in rounds)
