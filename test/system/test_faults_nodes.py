"""Node daemons, scripts and calls that hang, die and come twice; the numbers are those of the list of faults."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from ganeti import ssconf
from ganeti.bootstrap import daemons
from ganeti.model.enums import DiskTemplate, HookPhase
from ganeti.model.objects.disk import Disk
from ganeti.model.scalars import MiB, NodeName, Uuid
from ganeti.rpc import procedures as p
from ganeti.rpc import sync
from ganeti.rpc.curl import CredentialFiles
from ganeti.rpc.curl_engine import CurlEngine
from ganeti.rpc.result import NodeResult
from ganeti.rpc.transport import DEFAULT_PORT, Call, Endpoint, Response, start_request
from ganeti.utils import files, json, net
from test.support import invariants
from test.support.admin import (
    add_diskless,
    add_file,
    job_status,
    listed,
    of_instance,
    refused,
    remove_all,
    submitted,
)
from test.support.cluster import Cluster, running_cluster
from test.support.faults import define_os, hook, inject, remove_scripts, slow_startup, write_script
from test.support.polling import until

#: seconds within which what needs a node that is frozen has to be given up
BOUND = 30.0


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster whose nodes are frozen and killed."""
    with running_cluster(tmp_path_factory.mktemp("faults-nodes"), nodes=3) as found:
        yield found


@pytest.fixture(autouse=True)
def healed(cluster: Cluster) -> Iterator[None]:
    """After each test everything runs again, is empty and holds what it should."""
    yield
    remove_scripts(cluster)
    for node in cluster.nodes:
        inject(cluster, node)
        if (pid := cluster.pid(daemons.NODED, node)) is not None:
            os.kill(pid, signal.SIGCONT)
        cluster.start(daemons.NODED, node)
    remove_all(cluster)
    invariants.check(cluster)


def credentials(cluster: Cluster) -> CredentialFiles:
    return CredentialFiles(cluster.paths(1).server_cert, cluster.paths(1).client_cert)


def address(cluster: Cluster, node: str) -> str:
    return net.look_up(node, cluster.paths(1)).ip


def cluster_uuid(cluster: Cluster) -> str:
    return ssconf.read_ssconf(cluster.paths(1), "cluster_uuid")


# --- nodes that hang and die -----------------------------------------------------------------


def test_f16_frozen_node_daemon_is_waited_for_once_and_named_and_others_are_not_held_up(cluster: Cluster) -> None:
    add_diskless(cluster, "instance1", "node2")
    add_diskless(cluster, "instance2", "node3")
    cluster.kill(daemons.NODED, "node3", signal.SIGSTOP)

    begun = time.monotonic()
    rows = {row["name"]: row["mfree"] for row in listed(cluster, "gnt-node list -o name,mfree")}
    instances = dict(row.values() for row in listed(cluster, "gnt-instance list -o name,status"))
    nodes = cluster.ok("gnt-node", "list", "--no-headers", "--separator=|", "-o", "name,mfree")
    listed_in = time.monotonic() - begun
    job = submitted(cluster, "gnt-instance reboot instance2")
    cluster.ok("gnt-instance", "reboot", "instance1")
    cluster.ok("gnt-cluster", "add-tags", "meanwhile")
    done_in = time.monotonic() - begun - listed_in

    assert rows["node3"] is None and rows["node2"] is not None and rows["node1"] is not None
    assert instances == {"instance1": "running", "instance2": "ERROR_nodedown"}
    assert "node3|?" in nodes.splitlines()
    # Three lists wait for five seconds in all, the first change for eight.
    assert listed_in < BOUND / 2 and done_in < BOUND
    until(lambda: job_status(cluster, job) == "error", "the job ends", BOUND)
    told = refused(cluster, f"gnt-job wait {job}")
    assert "on node node3: node daemon at" in told and "within" in told

    cluster.kill(daemons.NODED, "node3", signal.SIGCONT)
    until(lambda: listed(cluster, "gnt-node list -o mfree node3")[0]["mfree"], "node3 answers again")
    cluster.ok("gnt-instance", "reboot", "instance2")
    cluster.ok("gnt-cluster", "remove-tags", "meanwhile")


def test_f17_node_daemon_that_dies_during_a_call_fails_the_job_and_names_it(cluster: Cluster) -> None:
    job = slow_startup(cluster)

    cluster.kill(daemons.NODED, "node2")
    cluster.start(daemons.NODED, "node2")

    until(lambda: job_status(cluster, job) == "error", "the job ends", BOUND)
    told = refused(cluster, f"gnt-job wait {job}")
    assert "cannot start instance instance1 on node node2" in told and "instance_start" in told
    cluster.ok("gnt-instance", "startup", "instance1")
    assert of_instance(cluster, "instance1", "status") == ["running"]


# --- instances of nodes that may be down ----------------------------------------------------------


def test_f23_instance_of_a_node_marked_offline_by_mistake_is_started_nowhere_else(cluster: Cluster) -> None:
    add_diskless(cluster, "instance1", "node2")
    cluster.ok("gnt-node", "modify", "-O", "yes", "node2")

    told = refused(cluster, "gnt-instance failover -f -n node3 instance1")
    asked = cluster.cmd("gnt-instance", "failover", "--ignore-consistency", "-n", "node3", "instance1")

    assert "it runs on node node2, which is marked offline by mistake" in told
    assert "gnt-node modify --offline=no node2" in told
    assert "node node2, which is marked offline" in asked.output and "will run twice" in asked.output
    assert "not confirmed" in asked.stderr
    assert of_instance(cluster, "instance1", "pnode") == ["node2"]
    assert running_on(cluster) == {"node2": ["instance1"]}

    cluster.ok("gnt-node", "modify", "-O", "no", "node2")
    cluster.ok("gnt-instance", "failover", "-f", "-n", "node3", "instance1")
    assert of_instance(cluster, "instance1", "pnode", "status") == ["node3", "running"]
    assert running_on(cluster) == {"node3": ["instance1"]}


def test_f23_instance_of_a_silent_node_goes_on_there_until_the_node_is_proved_off(cluster: Cluster) -> None:
    add_diskless(cluster, "instance1", "node2")
    helper = write_script(os.path.join(cluster.directory, "oob"), f"cat {cluster.directory}/power")
    cluster.ok("gnt-node", "modify", f"--node-parameters=oob_program={helper}", "node2")
    cluster.kill(daemons.NODED, "node2")

    files.write_file(os.path.join(cluster.directory, "power"), '{"powered": true}')
    told = refused(cluster, "gnt-instance failover -f -n node3 instance1")
    assert "may still run on node node2" in told and f"{helper} says that it is on" in told
    assert "--ignore-consistency" in told
    assert running_on(cluster) == {"node2": ["instance1"]}

    power_cut(cluster, "node2", "instance1")
    files.write_file(os.path.join(cluster.directory, "power"), '{"powered": false}')
    cluster.ok("gnt-instance", "failover", "-f", "-n", "node3", "instance1")
    assert running_on(cluster) == {"node3": ["instance1"]}
    assert of_instance(cluster, "instance1", "pnode", "status") == ["node3", "running"]
    cluster.start(daemons.NODED, "node2")
    cluster.ok("gnt-node", "modify", "--node-parameters=oob_program=default", "node2")


def test_f23_primary_node_changes_only_if_the_instance_starts(cluster: Cluster) -> None:
    add_diskless(cluster, "instance1", "node2")
    inject(cluster, "node3", {"action": "fail", "operation": "start", "message": "no more event channels"})

    told = refused(cluster, "gnt-instance failover -f -n node3 instance1")

    assert "no more event channels" in told
    assert of_instance(cluster, "instance1", "pnode", "status") == ["node2", "ERROR_down"]
    cluster.ok("gnt-instance", "startup", "instance1")
    assert running_on(cluster) == {"node2": ["instance1"]}


def running_on(cluster: Cluster) -> dict[str, list[str]]:
    """Return what runs on the nodes where something does."""
    found = {node: invariants.instances_on(cluster, node) for node in cluster.nodes}
    return {node: names for node, names in found.items() if names}


def power_cut(cluster: Cluster, node: str, *instances: str) -> None:
    """Let instances of a node whose daemon does not run be gone."""
    for name in instances:
        os.unlink(os.path.join(cluster.paths(node).fake_hypervisor_dir, name))


# --- calls that come twice, or to the wrong disk ------------------------------------------------


def test_f48_call_that_comes_again_is_carried_out_once(cluster: Cluster) -> None:
    seen = os.path.join(cluster.directory, "seen")
    hook(cluster, "node2", "instance-start-pre.d", "count", f"echo ran >> {seen}; sleep 0.3")
    body = json.dumps_bytes(p.hooks_runner.encode_arguments("instance-start", HookPhase.PRE, {}))
    call = Call("hooks_runner", body, 60, cluster_uuid(cluster))
    endpoint = Endpoint(address(cluster, "node2"), DEFAULT_PORT)

    async def send_thrice_and_later_again() -> list[bytes]:
        engine = CurlEngine(credentials(cluster))
        request = start_request(call, "key-of-f48", 20, 20)
        try:
            at_once = await asyncio.gather(*(engine.send(endpoint, request) for _ in range(3)))
            later = await engine.send(endpoint, request)
            return [answer.body for answer in (*at_once, later) if isinstance(answer, Response)]
        finally:
            await engine.close()

    bodies = asyncio.run(send_thrice_and_later_again())

    assert len(bodies) == 4 and len(set(bodies)) == 1 and b"true" in bodies[0]
    assert files.read_text(seen) == "ran\n"


def test_f49_destructive_call_for_another_disk_than_lies_there_is_refused(cluster: Cluster) -> None:
    add_file(cluster, "instance1", "node2")
    path = next(
        line.split()[-1]
        for line in cluster.ok("gnt-instance", "info", "instance1").splitlines()
        if "on primary" in line
    )
    before = files.read_file(path)
    virtual = cluster.paths("node2").virtualize(path)
    wrong = Disk(
        uuid=Uuid("11111111-2222-4333-8444-555555555555"),
        dev_type=DiskTemplate.FILE,
        logical_id=("loop", virtual),
        iv_name="disk/0",
        size=MiB(8),
    )

    def call(proc: object, *args: object) -> NodeResult[object]:
        where = address(cluster, "node2")
        return sync.call_sync(NodeName("node2"), where, credentials(cluster), cluster_uuid(cluster), proc, *args)  # type: ignore[arg-type]  # several

    refusals = [
        call(p.blockdev_remove, wrong),
        call(p.blockdev_wipe, wrong, 0, 8),
        call(p.blockdev_grow, wrong, 8, False, True, False),
        call(p.blockdev_rename, [(wrong, ("loop", f"{virtual}.new"))]),
        call(p.blockdev_create, wrong, 8, "instance1", True, "", False),
    ]

    assert all("instance1" in str(each.failure) or "holds disk" in str(each.failure) for each in refusals)
    assert all(each.failure is not None for each in refusals)
    assert files.read_file(path) == before


# --- hooks and scripts that hang, fail and babble ---------------------------------------------------


def test_f42_hanging_hook_is_ended_on_the_node_when_its_job_is_killed(cluster: Cluster) -> None:
    add_diskless(cluster, "instance1", "node2")
    begun = os.path.join(cluster.directory, "begun")
    hook(cluster, "node2", "instance-stop-pre.d", "hang", f"touch {begun}", "sleep 1000 &", "sleep 2000")
    job = submitted(cluster, "gnt-instance shutdown instance1")
    until(lambda: os.path.exists(begun), "the hook runs")
    assert any("hang" in line for line in invariants.strangers(cluster).values())

    cluster.ok("gnt-job", "cancel", "--kill", "--yes-do-it", str(job))

    until(lambda: job_status(cluster, job) == "error", "the job ends", 10)
    until(lambda: invariants.strangers(cluster) == {}, "the hook is gone, and what it started")
    assert of_instance(cluster, "instance1", "status") == ["running"]
    os.remove(begun)


def test_f42_hanging_hook_is_ended_after_its_time_pre_aborts_and_post_warns(cluster: Cluster) -> None:
    add_diskless(cluster, "instance1", "node2")
    cluster.kill(daemons.NODED, "node2", signal.SIGTERM)
    cluster.start(daemons.NODED, "node2", "--hook-seconds=0.5")
    path = hook(cluster, "node2", "instance-stop-pre.d", "hang", "echo mounting; sleep 2000")

    told = refused(cluster, "gnt-instance shutdown instance1")

    assert "instance-stop-pre.d/hang" in told and "mounting" in told and "did not end within 0.5 s" in told
    assert of_instance(cluster, "instance1", "status") == ["running"]
    os.remove(path)
    hook(cluster, "node2", "instance-stop-post.d", "hang", "sleep 2000")
    done = cluster.cmd("gnt-instance", "shutdown", "instance1")
    assert done.exit_code == 0 and "did not end within 0.5 s" in done.output
    assert of_instance(cluster, "instance1", "status") == ["ADMIN_down"]
    cluster.kill(daemons.NODED, "node2", signal.SIGTERM)


def hanging_os_script(cluster: Cluster) -> int:
    """Have an OS script run on node2 that never ends; return the job that wants it."""
    begun = os.path.join(cluster.directory, "begun")
    define_os(cluster, "hanging", f"touch {begun}", "sleep 3000")
    job = submitted(
        cluster, "gnt-instance add -t file -s 4m --no-nics -B minmem=64,maxmem=64 -n node2 -o hanging instance1"
    )
    until(lambda: os.path.exists(begun), "the script runs")
    os.remove(begun)
    return job


def test_hanging_os_script_ends_with_its_job_and_leaves_nothing(cluster: Cluster) -> None:
    job = hanging_os_script(cluster)

    cluster.ok("gnt-job", "cancel", "--kill", "--yes-do-it", str(job))

    until(lambda: job_status(cluster, job) == "error", "the job ends", 10)
    until(lambda: invariants.strangers(cluster) == {}, "the script is gone")
    assert listed(cluster, "gnt-instance list -o name") == []


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_f17_a_creation_that_a_restart_of_the_node_daemon_cut_off_leaves_nothing(cluster: Cluster, number: int) -> None:
    job = hanging_os_script(cluster)
    storage = cluster.paths("node2").file_storage_dir
    assert os.listdir(storage) == ["instance1"]

    cluster.kill(daemons.NODED, "node2", number)
    cluster.start(daemons.NODED, "node2")

    until(lambda: job_status(cluster, job) == "error", "the job ends", 60)
    until(lambda: invariants.strangers(cluster) == {}, "the script is gone", 20)
    assert os.listdir(storage) == [] == listed(cluster, "gnt-instance list -o name")


def test_f09_os_script_of_a_master_daemon_that_was_killed_is_ended_before_jobs_run_again(cluster: Cluster) -> None:
    job = hanging_os_script(cluster)

    cluster.kill_master()
    cluster.start(daemons.MASTERD, "node1")

    until(lambda: invariants.strangers(cluster) == {}, "the script is gone", 20)
    assert job_status(cluster, job) == "error"
    assert of_instance(cluster, "instance1", "status") == ["ADMIN_down"]


def test_os_script_that_prints_binary_harms_nobody(cluster: Cluster) -> None:
    define_os(
        cluster, "binary", "head -c 30000 /dev/urandom", "printf '\\000\\377\\033[2J\\n'", "echo the end", "exit 1"
    )

    add = "gnt-instance add -t file -s 4m --no-nics -B minmem=64,maxmem=64 -n node2 -o binary instance1"
    told = refused(cluster, add)

    assert "the end" in told and "\0" not in told and "\033" not in told
    assert listed(cluster, "gnt-instance list -o name") == []


# --- what a node daemon needs and does not find -------------------------------------------------------


def test_vanished_files_of_a_node_are_named(cluster: Cluster) -> None:
    paths = cluster.paths("node2")
    cluster.kill(daemons.NODED, "node2", signal.SIGTERM)
    with gone(paths.server_cert):
        done = cluster.cmd("ganeti-noded", "-f", node=2)
    assert done.exit_code == 1 and paths.server_cert in done.stderr and "Traceback" not in done.output

    cluster.start(daemons.NODED, "node2")
    with gone(paths.ssconf_file("master_candidates_certs")):
        told = cluster.cmd("gnt-cluster", "verify").stdout
    assert "node2" in told and "ssconf_master_candidates_certs" in told


def test_master_whose_certificate_vanished_goes_on_with_what_it_held(cluster: Cluster) -> None:
    certificate, log = cluster.paths(1).client_cert, cluster.paths(1).log_file(daemons.MASTERD)

    def noticed() -> bool:
        cluster.ok("gnt-debug", "delay", "--no-master", "-n", "node2", "0.01")
        return certificate in files.read_text(log)

    with gone(certificate):
        cluster.kill(daemons.NODED, "node2", signal.SIGTERM)  # so that a new connection is needed
        cluster.start(daemons.NODED, "node2")
        until(noticed, "the master says that its certificate is gone")


@contextmanager
def gone(path: str) -> Iterator[None]:
    """Have a file vanish for a while."""
    os.rename(path, f"{path}.aside")
    try:
        yield
    finally:
        os.rename(f"{path}.aside", path)
