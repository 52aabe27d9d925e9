"""Scripts of others that fail, hang or talk nonsense: what they leave behind, and what the admin is told."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from ganeti.luxi import methods
from ganeti.utils import files, json
from test.support import invariants
from test.support.admin import (
    SMALL,
    add_diskless,
    job_status,
    lines,
    listed,
    of_instance,
    refused,
    remove_all,
    submitted,
)
from test.support.cluster import Cluster, running_cluster
from test.support.faults import define_os, hook, inject, remove_scripts, write_script
from test.support.polling import until

DISKLESS = ["gnt-instance", "add", "-t", "diskless", "-o", "noop", *SMALL]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster with scripts of its own."""
    with running_cluster(tmp_path_factory.mktemp("failures"), nodes=3) as found:
        yield found
        invariants.check(found)


@pytest.fixture(autouse=True)
def tidy(cluster: Cluster) -> Iterator[None]:
    """Hooks and instances of a test go with it."""
    yield
    remove_scripts(cluster)
    remove_all(cluster)


def allocator(cluster: Cluster, *body: str) -> None:
    """Install the allocator of the test."""
    write_script(os.path.join(cluster.directory, "iallocators", "mine"), *body)


def disk_files(cluster: Cluster) -> list[str]:
    """Return everything in the places of file disks, of all nodes."""
    found = []
    for node in cluster.nodes:
        for base, _, names in os.walk(cluster.paths(node).file_storage_dir):
            found += [os.path.join(base, name) for name in names if not name.startswith(".")]
    return found


# --- OS scripts --------------------------------------------------------------------------


ADD_FILE = "gnt-instance add -t file -s 4m --no-nics -B minmem=64,maxmem=64 -n node2"


def test_failing_create_script_leaves_nothing_and_its_words_are_shown(cluster: Cluster) -> None:
    define_os(
        cluster, "broken", "for n in 1 2 3; do echo line $n; done", "echo 'no such mirror: example.org' >&2", "exit 3"
    )

    told = refused(cluster, f"{ADD_FILE} -o broken instance1")

    assert "cannot install broken+default on instance instance1 on node node2" in told or "broken" in told
    assert "exit code 3" in told and "no such mirror: example.org" in told
    assert disk_files(cluster) == []
    assert cluster.ok("gnt-instance", "list", "--no-headers") == ""
    assert listed(cluster, "gnt-debug locks") == []
    cluster.ok("gnt-cluster", "verify")
    cluster.ok(*ADD_FILE.split(), "-o", "noop", "instance1")


def test_create_script_that_is_killed_is_told_as_such(cluster: Cluster) -> None:
    define_os(cluster, "killed", "kill -9 $$")

    told = refused(cluster, f"{ADD_FILE} -o killed instance1")

    assert "signal 9" in told or "SIGKILL" in told
    assert disk_files(cluster) == []


def test_script_that_talks_without_end_does_not_fill_the_answer(cluster: Cluster) -> None:
    define_os(cluster, "talker", "yes 'blah blah blah' | head -c 20000000", "echo the end", "exit 1")

    told = refused(cluster, f"{ADD_FILE} -o talker instance1")

    assert "the end" in told and len(told) < 100_000
    assert disk_files(cluster) == []


def test_failing_reinstall_keeps_instance_and_disk(cluster: Cluster) -> None:
    define_os(cluster, "broken", "echo cannot; exit 1")
    cluster.ok(*ADD_FILE.split(), "-o", "noop", "instance1")
    cluster.ok("gnt-instance", "shutdown", "instance1")
    before = disk_files(cluster)

    assert "cannot" in refused(cluster, "gnt-instance reinstall -f -o broken instance1")

    assert disk_files(cluster) == before
    assert of_instance(cluster, "instance1", "status") == ["ADMIN_down"]
    cluster.ok("gnt-instance", "reinstall", "-f", "-o", "noop", "instance1")
    cluster.ok("gnt-instance", "startup", "instance1")


def test_output_of_scripts_is_in_a_log_on_the_node(cluster: Cluster) -> None:
    define_os(cluster, "teller", "echo found the mirror; env | sort")
    cluster.ok(*ADD_FILE.split(), "-o", "teller", "instance1")

    (log,) = [
        name for name in os.listdir(cluster.paths("node2").os_log_dir) if "teller" in name and "instance1" in name
    ]

    text = files.read_text(os.path.join(cluster.paths("node2").os_log_dir, log))
    assert "found the mirror" in text and "INSTANCE_NAME=instance1" in text and "DISK_0_PATH=" in text


def test_broken_definition_is_told_by_diagnose_and_not_listed(cluster: Cluster) -> None:
    define_os(cluster, "half", "exit 0")
    os.remove(os.path.join(cluster.directory, "os", "half", "rename"))

    diagnosed = cluster.cmd("gnt-os", "diagnose")

    assert diagnosed.exit_code == 1
    assert "OS: half [global status: invalid]" in diagnosed.stdout and "no rename script" in diagnosed.stdout
    assert not [line for line in lines(cluster, "gnt-os list") if line.startswith("half")]
    assert "rename" in refused(cluster, f"{ADD_FILE} -o half instance1")


# --- hooks -------------------------------------------------------------------------------


def test_f42_failing_pre_hook_aborts_and_its_words_are_shown(cluster: Cluster) -> None:
    add_diskless(cluster, "instance1", "node2")
    hook(cluster, "node2", "instance-stop-pre.d", "10-no", "echo not on a friday; exit 1")

    told = refused(cluster, "gnt-instance shutdown instance1")

    assert "not on a friday" in told and "node2" in told and "instance-stop-pre.d/10-no" in told
    assert of_instance(cluster, "instance1", "status", "admin_state") == ["running", "up"]
    assert listed(cluster, "gnt-debug locks") == []
    invariants.check(cluster)


def test_f42_failing_pre_hook_keeps_an_instance_from_being_made(cluster: Cluster) -> None:
    hook(cluster, "node1", "instance-add-pre.d", "no", "exit 1")

    refused(cluster, f"{ADD_FILE} -o noop instance1")

    assert cluster.ok("gnt-instance", "list", "--no-headers") == "" and disk_files(cluster) == []
    invariants.check(cluster)


def test_f42_failing_post_hook_only_warns(cluster: Cluster) -> None:
    add_diskless(cluster, "instance1", "node2")
    hook(cluster, "node1", "instance-stop-post.d", "tell", "echo mail is down; exit 7")

    done = cluster.cmd("gnt-instance", "shutdown", "instance1")

    assert done.exit_code == 0
    assert "WARNING" in done.output and "mail is down" in done.output and "instance-stop-post.d/tell" in done.output
    assert of_instance(cluster, "instance1", "status") == ["ADMIN_down"]
    invariants.check(cluster)


def test_hooks_run_where_they_should_with_the_environment_they_should_have(cluster: Cluster) -> None:
    add_diskless(cluster, "instance1", "node2", "-B", "minmem=64,maxmem=64,vcpus=2")
    seen = os.path.join(cluster.directory, "seen")
    os.makedirs(seen)
    for node in cluster.nodes:
        for phase in ("pre", "post"):
            hook(
                cluster,
                node,
                f"instance-reboot-{phase}.d",
                "tell",
                f"env > {seen}/{node}-{phase}; cat >> {seen}/{node}-{phase}",
            )

    cluster.ok("gnt-instance", "reboot", "instance1")

    assert sorted(os.listdir(seen)) == ["node1-post", "node1-pre", "node2-post", "node2-pre"]
    pre = dict(line.split("=", 1) for line in files.read_text(f"{seen}/node2-pre").splitlines())
    post = dict(line.split("=", 1) for line in files.read_text(f"{seen}/node1-post").splitlines())
    wanted = {
        "PATH": "/sbin:/bin:/usr/sbin:/usr/bin",
        "GANETI_HOOKS_VERSION": "2",
        "GANETI_HOOKS_PATH": "instance-reboot",
        "GANETI_OP_CODE": "OP_INSTANCE_REBOOT",
        "GANETI_OBJECT_TYPE": "INSTANCE",
        "GANETI_CLUSTER": "cluster",
        "GANETI_MASTER": "node1",
        "GANETI_OP_TARGET": "instance1",
        "GANETI_INSTANCE_NAME": "instance1",
        "GANETI_INSTANCE_PRIMARY": "node2",
        "GANETI_INSTANCE_VCPUS": "2",
        "GANETI_INSTANCE_MAXMEM": "64",
        "GANETI_INSTANCE_DISK_COUNT": "0",
        "GANETI_INSTANCE_NIC_COUNT": "0",
        "GANETI_INSTANCE_BE_vcpus": "2",
        "GANETI_REBOOT_TYPE": "hard",
    }
    assert {key: pre.get(key) for key in wanted} == wanted
    assert pre["GANETI_HOOKS_PHASE"] == "pre" and post["GANETI_HOOKS_PHASE"] == "post"
    assert not [key for key in pre if key.startswith("GANETI_POST_")]
    assert post["GANETI_POST_INSTANCE_NAME"] == "instance1"
    assert "HOME" not in pre and "LANG" not in pre
    for name in os.listdir(seen):
        os.remove(os.path.join(seen, name))
    os.rmdir(seen)


def test_config_update_hook_runs_on_the_master_after_changes_only(cluster: Cluster) -> None:
    add_diskless(cluster, "instance1", "node2")
    seen = os.path.join(cluster.directory, "updates")
    for node in cluster.nodes:
        hook(cluster, node, "config-update-post.d", "tell", f"echo {node} $GANETI_OP_CODE >> {seen}", "exit 1")

    cluster.ok("gnt-debug", "delay", "0.01")
    assert not os.path.exists(seen)
    assert "WARNING" not in cluster.cmd("gnt-instance", "modify", "-B", "vcpus=2", "instance1").output

    assert files.read_text(seen).splitlines() == ["node1 OP_INSTANCE_SET_PARAMS"]
    os.remove(seen)


def test_files_that_are_no_hooks_are_not_run(cluster: Cluster) -> None:
    add_diskless(cluster, "instance1", "node2")
    seen = os.path.join(cluster.directory, "ran")
    path = hook(cluster, "node2", "instance-stop-pre.d", "not.a.name", f"touch {seen}; exit 1")
    os.chmod(hook(cluster, "node2", "instance-stop-pre.d", "not-executable", f"touch {seen}; exit 1"), 0o644)
    os.symlink(path, os.path.join(os.path.dirname(path), "dangling~"))

    cluster.ok("gnt-instance", "shutdown", "instance1")

    assert not os.path.exists(seen)


def test_f42_hanging_hook_holds_up_its_own_job_only_and_that_can_be_ended(cluster: Cluster) -> None:
    add_diskless(cluster, "instance1", "node2")
    add_diskless(cluster, "instance2", "node2")
    hang = os.path.join(cluster.directory, "hang")
    files.write_file(hang, "", durable=False)
    hook(
        cluster,
        "node2",
        "instance-stop-pre.d",
        "wait",
        f'test "$GANETI_INSTANCE_NAME" != instance1 || while test -e {hang}; do sleep 0.05; done',
    )
    job = submitted(cluster, "gnt-instance shutdown instance1")
    until(lambda: job_status(cluster, job) == "running", "the job runs its hooks")

    cluster.ok("gnt-instance", "shutdown", "instance2")
    assert listed(cluster, "gnt-instance list -o name,status")[1] == {"name": "instance2", "status": "ADMIN_down"}
    assert job_status(cluster, job) == "running"
    cluster.ok("gnt-job", "cancel", "--kill", "--yes-do-it", str(job))

    until(lambda: job_status(cluster, job) == "error", "the job ends", 10)
    assert of_instance(cluster, "instance1", "status") == ["running"]
    os.remove(hang)
    cluster.ok("gnt-instance", "shutdown", "instance1")
    invariants.check(cluster)


# --- allocators --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("echo the sky is falling >&2; exit 1", "the sky is falling"),
        ("exit 0", "mine"),
        ("echo hello", "mine"),
        ("echo '{}'", "mine"),
        ("echo '[]'", "mine"),
        ("echo '{\"success\": true}'", "mine"),
        ('echo \'{"success": "yes", "info": 1, "result": 5}\'', "mine"),
        ('echo \'{"success": true, "info": "", "result": []}\'', "mine"),
        ('echo \'{"success": true, "info": "", "result": ["nosuch"]}\'', "nosuch"),
        ('echo \'{"success": true, "info": "", "result": [5]}\'', "mine"),
        ('echo \'{"success": true, "info": "", "result": ["node1", "node2"]}\'', "mine"),
        ('echo \'{"success": false, "info": "no room left", "result": []}\'', "no room left"),
        ("kill -9 $$", "mine"),
        ("head -c 30000000 /dev/zero", "mine"),
        ("printf '\\377\\376\\200'", "mine"),
    ],
)
def test_f43_allocator_that_misbehaves_is_named_and_nothing_is_made(cluster: Cluster, body: str, said: str) -> None:
    allocator(cluster, body)

    told = refused(cluster, f"{' '.join(DISKLESS)} -I mine instance1")

    assert "mine" in told and said in told and len(told) < 20_000
    assert "bug" not in told and "Error" not in told, told
    assert cluster.ok("gnt-instance", "list", "--no-headers") == ""
    assert listed(cluster, "gnt-debug locks") == []


def test_allocator_is_asked_with_the_state_of_the_cluster(cluster: Cluster) -> None:
    add_diskless(cluster, "instance2", "node2")
    question = os.path.join(cluster.directory, "question")
    allocator(cluster, f"cp $1 {question}", 'echo \'{"success": true, "info": "", "result": ["node3"]}\'')

    cluster.ok(*DISKLESS, "-I", "mine", "instance1")

    assert of_instance(cluster, "instance1", "pnode") == ["node3"]
    asked = json.loads(files.read_file(question))
    assert asked["cluster_name"] == "cluster" and sorted(asked["nodes"]) == ["node1", "node2", "node3"]
    assert asked["request"]["type"] == "allocate" and asked["request"]["memory"] == 64
    assert asked["instances"]["instance2"]["nodes"] == ["node2"]
    assert asked["nodes"]["node2"]["total_memory"] == 4096


def test_default_allocator_is_used_where_none_is_named(cluster: Cluster) -> None:
    allocator(cluster, 'echo \'{"success": true, "info": "", "result": ["node2"]}\'')
    cluster.ok("gnt-cluster", "modify", "-I", "mine")

    cluster.ok(*DISKLESS, "instance1")

    assert of_instance(cluster, "instance1", "pnode") == ["node2"]
    cluster.ok("gnt-cluster", "modify", "-I", "")


# --- hypervisor --------------------------------------------------------------------------


def test_instance_that_cannot_start_is_made_and_told(cluster: Cluster) -> None:
    inject(cluster, "node2", {"action": "fail", "operation": "start", "message": "no KVM here", "times": 1})

    told = refused(cluster, f"{ADD_FILE} -o noop instance1")

    assert "cannot start instance instance1 on node node2" in told and "no KVM here" in told
    assert of_instance(cluster, "instance1", "status") == ["ERROR_down"]
    cluster.ok("gnt-instance", "startup", "instance1")


def test_f31_failed_migration_leaves_the_instance_running_on_one_node(cluster: Cluster) -> None:
    add_diskless(cluster, "instance1", "node2")
    inject(cluster, "node2", {"action": "fail", "operation": "migrate", "message": "link is down", "times": 1})

    told = refused(cluster, "gnt-instance migrate -f -n node3 instance1")

    assert "link is down" in told
    assert of_instance(cluster, "instance1", "pnode", "status") == ["node2", "running"]
    cluster.ok("gnt-cluster", "verify")
    cluster.ok("gnt-instance", "migrate", "-f", "-n", "node3", "instance1")
    invariants.check(cluster)


def test_slow_start_can_be_followed(cluster: Cluster) -> None:
    add_diskless(cluster, "instance1", "node2")
    cluster.ok("gnt-instance", "shutdown", "instance1")
    inject(cluster, "node2", {"action": "slow", "operation": "start", "seconds": 1, "times": 1})
    job = submitted(cluster, "gnt-instance startup instance1")

    with cluster.luxi() as client:
        until(lambda: client.call(methods.query_jobs, [job], ["status"]) == [["running"]], "the job runs")

    cluster.ok("gnt-job", "wait", str(job))
    assert of_instance(cluster, "instance1", "status") == ["running"]
