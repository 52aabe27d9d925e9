"""The watcher in a running cluster: what died runs again, what a job works on is left alone."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator

import pytest

from ganeti.bootstrap import daemons
from ganeti.luxi import methods
from ganeti.model.scalars import JobId
from ganeti.utils import files, json, process
from test.support import invariants
from test.support.admin import SMALL, add_diskless, job_status, of_instance, of_node, remove_all, submitted
from test.support.cluster import Cluster, running_cluster
from test.support.faults import write_script
from test.support.polling import until


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster whose daemons and instances die."""
    with running_cluster(tmp_path_factory.mktemp("watcher"), nodes=2) as found:
        yield found


@pytest.fixture(autouse=True)
def emptied(cluster: Cluster) -> Iterator[None]:
    """After each test there are no faults, no instances and no memory."""
    yield
    for node in cluster.nodes:
        inject(cluster, node)
        pid = cluster.pid(daemons.NODED, node)
        if pid is not None:
            os.kill(pid, signal.SIGCONT)
        files.remove_file(cluster.paths(node).watcher_daemons, missing_ok=True)
    cluster.ok("gnt-cluster", "watcher", "continue")
    remove_all(cluster)
    files.remove_file(cluster.paths(1).watcher_state(group(cluster)), missing_ok=True)


def inject(cluster: Cluster, node: str, *faults: dict[str, object]) -> None:
    """Have the hypervisor of a node do something wrong."""
    path = os.path.join(cluster.paths(node).run_dir, "fake-hypervisor-faults.json")
    files.write_file(path, json.dumps(list(faults)), durable=False)


def watch(cluster: Cluster, *options: str, node: str | None = None) -> str:
    """Run the watcher of a node (the master), which must say nothing; return what it wrote into its log."""
    path = cluster.paths(node or cluster.master).log_file("ganeti-watcher")
    before = files.read_text(path) if os.path.exists(path) else ""
    done = cluster.cmd("ganeti-watcher", *options, node=node)
    assert (done.exit_code, done.output) == (0, "")
    return files.read_text(path)[len(before) :]


def group(cluster: Cluster) -> str:
    """Return the uuid of the only node group."""
    return files.read_text(cluster.paths(1).ssconf_file("nodegroups")).split()[0]


def test_an_instance_that_crashed_is_started(cluster: Cluster) -> None:
    name = add_diskless(cluster, "instance1", "node2")
    inject(cluster, "node2", {"action": "crash", "instance": name, "times": 1})

    log = watch(cluster)

    assert of_instance(cluster, name, "status") == ["running"]
    assert f"started {name}" in log
    assert watch(cluster) == ""
    with cluster.luxi() as client:
        jobs = client.call(methods.query_jobs, None, ["ops"])
    sources = {op["OP_ID"]: [entry[0] for entry in op["reason"]] for ((op,),) in jobs}
    assert sources["OP_INSTANCE_STARTUP"][0] == "gnt:watcher"


def test_instances_are_written_down_with_their_status(cluster: Cluster) -> None:
    add_diskless(cluster, "instance1", "node2")
    add_diskless(cluster, "instance2", "node1")
    cluster.ok("gnt-instance", "shutdown", "instance2")

    watch(cluster)

    assert files.read_text(cluster.paths(1).instance_status) == "instance1 running\ninstance2 ADMIN_down\n"


def test_f20_an_instance_a_job_works_on_is_left_alone(cluster: Cluster) -> None:
    name = add_diskless(cluster, "instance1", "node2")
    cluster.ok("gnt-instance", "shutdown", name)
    inject(cluster, "node2", {"action": "slow", "operation": "start", "seconds": 6, "times": 1})
    job = submitted(cluster, f"gnt-instance startup {name}")
    until(lambda: of_instance(cluster, name, "status") == ["ERROR_down"], "it is marked up and does not run yet")

    log = watch(cluster, "--no-verify-disks")

    assert f"instance {name} is down, but a job works on it" in log
    assert "starting" not in log
    until(lambda: job_status(cluster, job) == "success", "the job ends")
    assert of_instance(cluster, name, "status") == ["running"]


def test_f21_an_instance_that_cannot_start_is_tried_a_few_times_and_told_once(cluster: Cluster) -> None:
    name = add_diskless(cluster, "instance1", "node2")
    inject(cluster, "node2", {"action": "fail", "operation": "start", "message": "no more event channels"},
           {"action": "crash", "instance": name, "times": 1})  # fmt: skip
    state = cluster.paths(1).watcher_state(group(cluster))

    logs = []
    for _ in range(8):
        logs.append(watch(cluster, "--no-verify-disks"))
        known = json.loads(files.read_file(state))
        known["instance"][name]["restart_when"] -= 3000  # as if the next run came so much later
        files.write_file(state, json.dumps(known))

    assert [log.count("no more event channels") for log in logs] == [1, 1, 1, 1, 1, 0, 0, 0]
    assert logs[5].count("\n") == 1
    assert "was started 5 times and is down again" in logs[5]
    assert logs[6:] == ["", ""]


def mirror(cluster: Cluster, name: str, second: str) -> None:
    """Have the disks of an instance lie on a second node, too: no storage there is mirrors any by itself."""
    path = cluster.paths(1).config_file
    cluster.kill_master(signal.SIGTERM)
    config = json.loads(files.read_file(path))
    (instance,) = [i for i in config["instances"].values() if i["name"] == name]
    (other,) = [uuid for uuid, node in config["nodes"].items() if node["name"].startswith(second)]
    for disk in instance["disks"]:
        config["disks"][disk]["nodes"].append(other)
    files.write_file(path, json.dumps(config), mode=0o640)
    cluster.start(daemons.MASTERD, 1)


def assembled(cluster: Cluster, node: str) -> list[str]:
    """Return what a node knows of its assembled disks."""
    cache = cluster.paths(node).bdev_cache_dir
    return [files.read_text(os.path.join(cache, name)).strip() for name in os.listdir(cache)]


def test_disks_are_activated_after_a_reboot_of_the_secondary_node(cluster: Cluster) -> None:
    options = ["-t", "sharedfile", "-s", "8m", "-o", "noop", "-n", "node1", *SMALL]
    cluster.ok("gnt-instance", "add", *options, "instance1")
    mirror(cluster, "instance1", "node2")
    watch(cluster)
    assert of_instance(cluster, "instance1", "snodes", "status") == ["node2", "running"]
    assert assembled(cluster, "node2") == ["instance1 secondary disk/0"]
    boot = of_node(cluster, "node2", "bootid")
    cluster.ok("gnt-node", "powercycle", "--yes", "node2")
    assert of_node(cluster, "node2", "bootid") != boot
    assert assembled(cluster, "node2") == []

    log = watch(cluster)

    assert "activated the disks of instance1" in log
    assert assembled(cluster, "node2") == ["instance1 secondary disk/0"]
    assert assembled(cluster, "node1") == ["instance1 primary disk/0"]
    assert watch(cluster) == ""
    remove_all(cluster)
    invariants.check(cluster)


@pytest.mark.parametrize(
    ("daemon", "node"), [(daemons.NODED, "node2"), (daemons.CONFD, "node2"), (daemons.RAPI, "node1")]
)
def test_a_daemon_that_was_killed_is_started(cluster: Cluster, daemon: str, node: str) -> None:
    cluster.kill(daemon, node)

    log = watch(cluster, node=node)

    assert f"started {daemon}" in log
    assert cluster.pid(daemon, node) is not None
    until(lambda: not cluster.cmd("gnt-cluster", "verify").failed, "the cluster is clean")


def test_a_master_daemon_that_was_killed_is_started_and_the_rest_of_the_run_goes_on(cluster: Cluster) -> None:
    name = add_diskless(cluster, "instance1", "node2")
    inject(cluster, "node2", {"action": "crash", "instance": name, "times": 1})
    cluster.kill_master()

    log = watch(cluster)

    assert "started ganeti-masterd" in log
    assert f"started {name}" in log


@pytest.mark.parametrize("daemon", [daemons.NODED, daemons.CONFD])
def test_f22_a_daemon_that_hangs_is_restarted_once(cluster: Cluster, daemon: str) -> None:
    before = cluster.pid(daemon, "node2")
    cluster.kill(daemon, "node2", signal.SIGSTOP)

    log = watch(cluster, node="node2")

    assert "gives no answer: restarting it" in log
    after = cluster.pid(daemon, "node2")
    assert after not in (None, before)
    assert watch(cluster, node="node2") == ""
    assert cluster.pid(daemon, "node2") == after


def test_f25_a_node_marked_offline_stops_its_instances_if_it_is_to(cluster: Cluster) -> None:
    for name in ("instance1", "instance2"):
        add_diskless(cluster, name, "node2")
    cluster.ok("gnt-cluster", "modify", "--maintain-node-health=yes")
    assert watch(cluster, node="node2") == "" and watch(cluster, node="node1") == ""
    cluster.ok("gnt-node", "modify", "-O", "yes", "node2")
    cluster.kill(daemons.CONFD, "node1", signal.SIGTERM)

    silent = watch(cluster, node="node2")
    before = invariants.instances_on(cluster, "node2")
    cluster.start(daemons.CONFD, "node1")
    told = watch(cluster, node="node2")

    assert "cannot tell whether this node is offline, what runs goes on: cannot get an answer" in silent
    assert before == ["instance1", "instance2"] and invariants.instances_on(cluster, "node2") == []
    assert "this node is marked offline: stopping instance instance1" in told
    cluster.ok("gnt-node", "modify", "-O", "no", "node2")
    cluster.ok("gnt-cluster", "modify", "--maintain-node-health=no")
    watch(cluster)
    assert of_instance(cluster, "instance1", "status") == ["running"]
    remove_all(cluster)
    invariants.check(cluster)


def test_f25_a_node_marked_offline_goes_on_if_it_is_not_to(cluster: Cluster) -> None:
    add_diskless(cluster, "instance1", "node2")
    cluster.ok("gnt-node", "modify", "-O", "yes", "node2")

    assert watch(cluster, node="node2") == ""

    assert invariants.instances_on(cluster, "node2") == ["instance1"]
    cluster.ok("gnt-node", "modify", "-O", "no", "node2")


def test_f24_what_ran_on_a_node_that_is_off_runs_elsewhere_if_its_tags_allow_it(cluster: Cluster) -> None:
    power = os.path.join(cluster.directory, "power")
    helper = write_script(os.path.join(cluster.directory, "oob"), f"cat {power}")
    cluster.ok("gnt-node", "modify", f"--node-parameters=oob_program={helper}", "node2")
    for name in ("instance1", "instance2", "instance3"):
        add_diskless(cluster, name, "node2")
    add_diskless(cluster, "instance4", "node1")
    cluster.ok("gnt-instance", "add-tags", "instance1", "ganeti:watcher:autorepair:failover")
    cluster.ok("gnt-instance", "add-tags", "instance2", "ganeti:watcher:autorepair:migrate")
    files.write_file(power, '{"powered": true}')
    cluster.kill(daemons.NODED, "node2")

    silent = watch(cluster)
    assert f"{helper} says that node2 is on; switch it off" in silent
    assert invariants.instances_on(cluster, "node2") == ["instance1", "instance2", "instance3"]

    for name in ("instance1", "instance2", "instance3"):
        os.unlink(os.path.join(cluster.paths("node2").fake_hypervisor_dir, name))
    files.write_file(power, '{"powered": false}')
    told = watch(cluster, "--no-verify-disks")

    assert f"automatic repair: {helper} says that node node2 is off: failing over instance1" in told
    assert of_instance(cluster, "instance1", "pnode", "status") == ["node1", "running"]
    assert of_instance(cluster, "instance2", "pnode") == of_instance(cluster, "instance3", "pnode") == ["node2"]
    assert invariants.instances_on(cluster, "node1") == ["instance1", "instance4"]
    job = max(int(line) for line in cluster.ok("gnt-job", "list", "--no-headers", "-o", "id").splitlines())
    trail = ["gnt:watcher", "gnt:opcode:instance_failover"]
    with cluster.luxi() as client:
        (((op,),),) = client.call(methods.query_jobs, [JobId(job)], ["ops"])
    assert [entry[0] for entry in op["reason"]] == trail
    shown = [line.strip() for line in cluster.ok("gnt-job", "info", str(job)).splitlines() if "gnt:" in line]
    assert f"gnt:watcher: automatic repair: {helper} says that node node2 is off" in shown[0]
    kept = json.loads(files.read_file(os.path.join(cluster.paths("node1").instance_reason_dir, "instance1")))
    assert [entry[0] for entry in kept] == [*trail, "gnt:daemon:noded"]
    assert "failing over" not in watch(cluster)

    cluster.start(daemons.NODED, "node2")
    watch(cluster)
    assert of_instance(cluster, "instance2", "status") == ["running"]
    cluster.ok("gnt-node", "modify", "--node-parameters=oob_program=default", "node2")
    remove_all(cluster)
    invariants.check(cluster)


def test_a_pause_is_kept_unless_it_is_to_be_ignored(cluster: Cluster) -> None:
    name = add_diskless(cluster, "instance1", "node2")
    inject(cluster, "node2", {"action": "crash", "instance": name, "times": 1})
    cluster.ok("gnt-cluster", "watcher", "pause", "1h")

    assert watch(cluster) == watch(cluster, node="node2") == ""
    assert of_instance(cluster, name, "status") == ["ERROR_down"]
    watch(cluster, "--ignore-pause")
    assert of_instance(cluster, name, "status") == ["running"]

    cluster.ok("gnt-cluster", "watcher", "continue")
    inject(cluster, "node2", {"action": "crash", "instance": name, "times": 1})
    watch(cluster)
    assert of_instance(cluster, name, "status") == ["running"]


def test_two_watchers_do_not_do_the_same(cluster: Cluster) -> None:
    paths = cluster.paths(1)
    name = add_diskless(cluster, "instance1", "node2")
    inject(cluster, "node2", {"action": "crash", "instance": name, "times": 1})

    with files.locked_file(paths.watcher_group_lock(group(cluster))):
        assert "looked after by another watcher" in watch(cluster)
    with process.PidFile(paths.pid_file("ganeti-watcher")):
        assert "another watcher looks after this node" in watch(cluster)
    with files.locked_file(paths.watcher_lock):
        assert "wants no watcher to run" in watch(cluster)

    assert of_instance(cluster, name, "status") == ["running"]  # only the group's lock keeps it down


def test_a_single_group_is_looked_after_by_name_and_an_unknown_one_refused(cluster: Cluster) -> None:
    name = add_diskless(cluster, "instance1", "node2")
    inject(cluster, "node2", {"action": "crash", "instance": name, "times": 1})

    assert f"started {name}" in watch(cluster, "--node-group", "default")
    assert cluster.cmd("ganeti-watcher", "-g", "nowhere").exit_code == 1


def test_groups_can_be_left_to_processes_of_their_own(cluster: Cluster) -> None:
    name = add_diskless(cluster, "instance1", "node2")
    inject(cluster, "node2", {"action": "crash", "instance": name, "times": 1})

    watch(cluster, "--no-wait-children")

    until(lambda: of_instance(cluster, name, "status") == ["running"], "it is started")
    until(lambda: not [line for line in cluster.processes().values() if "ganeti-watcher" in line], "the watchers end")


def test_old_jobs_are_archived(cluster: Cluster) -> None:
    add_diskless(cluster, "instance1", "node2")
    assert len(cluster.ok("gnt-job", "list", "--no-headers").splitlines()) > 1

    watch(cluster, "--job-age", "all", "--no-verify-disks")

    assert cluster.ok("gnt-job", "list", "--no-headers") == ""


def test_hooks_of_the_watcher_are_run_on_each_node(cluster: Cluster) -> None:
    paths = cluster.paths("node2")
    directory = os.path.join(paths.hooks_dir, "watcher")
    seen = os.path.join(paths.root, "seen")
    files.ensure_dir(directory)
    files.write_file(os.path.join(directory, "look"), f"#!/bin/sh\nenv >{seen}\n", mode=0o755)
    files.write_file(os.path.join(directory, "bad"), "#!/bin/sh\necho no; exit 1\n", mode=0o755)

    log = watch(cluster, node="node2")

    assert "hook bad failed: no" in log
    names = {line.partition("=")[0] for line in files.read_text(seen).splitlines()}
    assert "GANETI_OP_CODE" not in names
    assert "PATH" in names
    for name in ("look", "bad"):
        files.remove_file(os.path.join(directory, name))


def test_the_watchers_of_all_nodes_can_be_run(cluster: Cluster) -> None:
    cluster.kill(daemons.NODED, "node2")
    name = add_diskless(cluster, "instance1", "node1")
    inject(cluster, "node1", {"action": "crash", "instance": name, "times": 1})

    done = cluster.run("watcher-all")

    assert (done.exit_code, done.output) == (0, "")
    assert cluster.pid(daemons.NODED, "node2") is not None
    assert of_instance(cluster, name, "status") == ["running"]


def test_on_a_machine_that_is_no_node_nothing_is_done(cluster: Cluster) -> None:
    certificate = cluster.paths("node2").server_cert
    files.rename_files([(certificate, certificate + ".away")])
    try:
        assert watch(cluster, node="node2") == ""
    finally:
        files.rename_files([(certificate + ".away", certificate)])
