"""gnt-instance as an administrator uses it, on a running cluster."""

from __future__ import annotations

import json
import os
import pathlib
from collections.abc import Iterator

import pytest

from ganeti.utils import files
from test.support.admin import (
    SMALL,
    add_diskless,
    add_file,
    job_status,
    lines,
    listed,
    of_instance,
    refused,
    remove_all,
    submitted,
)
from test.support.cluster import Cluster


@pytest.fixture(autouse=True)
def tidy(cluster3: Cluster) -> Iterator[None]:
    """Instances of a test go with it, even when it fails."""
    yield
    remove_all(cluster3)


@pytest.fixture
def web(cluster3: Cluster) -> str:
    """A running instance without disks on node1."""
    return add_diskless(cluster3, "instance1")


@pytest.fixture
def store(cluster3: Cluster) -> str:
    """A running instance with a disk in a file on node2."""
    return add_file(cluster3, "instance2", "node2")


# --- making and removing --------------------------------------------------------------


ADD = "gnt-instance add -t diskless -o noop --no-nics -n node1 "


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("gnt-instance add instance9", "no operating system given: add -o NAME"),
        ("gnt-instance add -t file -o noop --no-nics -n node1 instance9", "no disk given: add --disk"),
        ("gnt-instance add -t bogus instance9", "option -t 'bogus': not one of"),
        ("gnt-instance add -t drbd -s 1g -o noop --no-nics -n node1 instance9", "drbd is not enabled in this cluster"),
        ("gnt-instance add -t drbd -s 1g -o noop -n node1:node2 instance9", "drbd is not enabled in this cluster"),
        ("gnt-instance add -t file -s 1g -o noop -n node1:node2 instance9", "template file has no secondary node"),
        ("gnt-instance add -t file -s 1x -o noop -n node1 instance9", "unknown unit x, use m, g or t"),
        ("gnt-instance add -t file --disk 0:mode=rw -o noop -n node1 instance9", "give size=..."),
        ("gnt-instance add -t file --disk x:size=1g -o noop -n node1 instance9", "a number comes first"),
        ("gnt-instance add -t file --disk 0:size=1g,foo=2 -o noop --no-nics -n node1 instance9", "disks[0].foo"),
        ("gnt-instance add -t diskless -o nosuch --no-nics -n node1 instance9", "cannot use OS nosuch on node node1:"),
        ("gnt-instance add -t file -s 4m -o image+nov --no-nics -n node1 instance9", "unknown variant nov"),
        ("gnt-instance add -t diskless -o noop --no-nics -n nosuch instance9", "node 'nosuch' is not known"),
        ("gnt-instance add -t diskless -o noop --no-nics instance9", "no node and no allocator given"),
        ("gnt-instance add -t diskless -o noop --no-nics -I nosuch instance9", "cannot run allocator nosuch"),
        ("gnt-instance add -t diskless -o noop --net 0:mac=zz -n node1 instance9", "nics[0].mac: expected a MAC"),
        ("gnt-instance add -t diskless -o noop --net 0:ip=1.2.3 -n node1 instance9", "nics[0].ip: expected an IP"),
        ("gnt-instance add -s 1g -o noop --no-nics -n node1 instance9", "diskless is the first enabled template"),
        (ADD + "-B mem=20g instance9", "beparams.mem: unknown parameter"),
        (ADD + "-B memory=20g instance9", "needs 20480 MiB of memory, node node1 has"),
        (ADD + "-B memory=99999999 instance9", "does not fit the policy of node node1's group"),
        (ADD + "-H fake:bogus=1 instance9", "hvparams.bogus: unknown parameter"),
        (ADD + "", "missing argument"),
        (ADD + "instance9 instance8", "too many arguments: instance8"),
    ],
)
def test_add_refuses_and_says_why(cluster3: Cluster, command: str, said: str) -> None:
    assert said in refused(cluster3, command)
    assert cluster3.ok("gnt-instance", "list", "--no-headers") == ""


def test_name_that_is_taken_is_refused(cluster3: Cluster, web: str) -> None:
    assert "instance1 exists already" in refused(cluster3, ADD + web)


def test_dry_run_creates_nothing_and_says_so_once(cluster3: Cluster) -> None:
    done = cluster3.cmd(*(ADD + "--dry-run instance9").split())

    assert done.exit_code == 0 and done.output.count("nothing was changed") == 1
    assert cluster3.ok("gnt-instance", "list", "--no-headers") == ""


def test_instance_with_a_disk_is_made_installed_and_removed_with_its_files(cluster3: Cluster) -> None:
    add_file(cluster3, "instance2", "node2")
    info = cluster3.ok("gnt-instance", "info", "instance2")
    disk = next(line.split()[-1] for line in info.splitlines() if "on primary" in line)
    assert disk.startswith(cluster3.paths(2).root) and os.path.getsize(disk) == 8 * 1024 * 1024

    cluster3.ok("gnt-instance", "remove", "-f", "instance2")

    assert not os.path.exists(os.path.dirname(disk))
    assert "'instance2' is not known" in refused(cluster3, "gnt-instance remove -f instance2")


def test_allocator_chooses_the_node_with_most_free_memory(cluster3: Cluster) -> None:
    add_diskless(cluster3, "instance1", "node1")
    add_diskless(cluster3, "instance2", "node2")

    cluster3.ok("gnt-instance", "add", "-t", "diskless", "-o", "noop", "-I", "most-free", *SMALL, "instance3")

    assert of_instance(cluster3, "instance3", "pnode") == ["node3"]


def test_batch_create_makes_all_instances_of_a_file(cluster3: Cluster, tmp_path: pathlib.Path) -> None:
    common = {"disk_template": "diskless", "os_type": "noop", "nics": [], "disks": [], "mode": "create"}
    wanted = [{**common, "instance_name": f"instance{n}", "beparams": {"minmem": 64, "maxmem": 64}} for n in (4, 5)]
    batch = tmp_path / "batch.json"
    batch.write_text(json.dumps(wanted))

    cluster3.ok("gnt-instance", "batch-create", "-I", "most-free", str(batch))

    assert [row["status"] for row in listed(cluster3, "gnt-instance list -o status")] == ["running", "running"]
    assert "instance4 exists already" in refused(cluster3, f"gnt-instance batch-create -I most-free {batch}")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("hello", "cannot read JSON"),
        ("{}", "expected a list"),
        ('[{"name": "x"}]', "[0].name: unknown field"),
        ('[{"instance_name": "../x"}]', "[0].instance_name"),
    ],
)
def test_batch_create_names_file_and_fault(cluster3: Cluster, tmp_path: pathlib.Path, content: str, said: str) -> None:
    batch = tmp_path / "batch.json"
    batch.write_text(content)

    told = refused(cluster3, f"gnt-instance batch-create {batch}")

    assert said in told and str(batch) in told


# --- looking ----------------------------------------------------------------------------


def test_list_shows_the_default_columns(cluster3: Cluster, web: str) -> None:
    head, row = lines(cluster3, "gnt-instance list")

    assert head.split() == ["Instance", "Hypervisor", "OS", "Primary_node", "Status", "Memory"]
    assert row.split() == ["instance1", "fake", "noop", "node1", "running", "64M"]


@pytest.mark.parametrize(
    ("options", "out"),
    [
        ("--no-headers -o name,oper_ram --units m", "instance1 64\n"),
        ("--no-headers -o name,oper_ram --units h", "instance1 64M\n"),
        ("--no-headers --separator=: -o name,status", "instance1:running\n"),
        ("--format=json -o name,status", '[\n  {"name":"instance1","status":"running"}\n]\n'),
        ("--format=yaml -o name,status", '- "name": "instance1"\n  "status": "running"\n'),
        ("--format=csv -o name,status", "name,status\ninstance1,running\n"),
        ("--no-headers -o name 'inst*'", "instance1\n"),
        ("--no-headers -o name --filter 'name =* \"inst*\"'", "instance1\n"),
        ("--no-headers -o name 'status == \"running\" and be/maxmem >= 64'", "instance1\n"),
        ("--no-headers -o name 'status != \"running\"'", ""),
    ],
)
def test_list_is_shaped_by_options(cluster3: Cluster, web: str, options: str, out: str) -> None:
    assert "\n".join([*lines(cluster3, f"gnt-instance list {options}"), ""]).lstrip("\n") == out


@pytest.mark.parametrize(
    ("command", "code", "said"),
    [
        ("gnt-instance list nosuch", 1, "unknown instance nosuch"),
        ("gnt-instance list -o name,foo", 14, "unknown field foo"),
        ("gnt-instance list --format xml", 1, "option --format 'xml': not one of"),
        ("gnt-instance list --units x", 1, "option --units 'x': not one of"),
        ("gnt-instance list --bogus", 1, "unknown option --bogus"),
        ("gnt-instance list 'status == running'", 1, "cannot parse filter: expected a text in quotes"),
        ("gnt-instance list --filter 'status =='", 1, "cannot parse filter"),
        ("gnt-instance list-fields name bogus", 14, "unknown field bogus"),
        ("gnt-instance info", 1, "name the instances, or give --all"),
        ("gnt-instance info nosuch", 1, "'nosuch' is not known"),
        ("gnt-instance list-tags nosuch", 1, "'nosuch' is not known"),
        ("gnt-instance strt x", 1, "unknown command strt (did you mean start?)"),
    ],
)
def test_looking_for_what_is_not_there_fails(cluster3: Cluster, command: str, code: int, said: str) -> None:
    assert said in refused(cluster3, command, code)


def test_list_fields_tells_of_each_field(cluster3: Cluster) -> None:
    told = lines(cluster3, "gnt-instance list-fields status oper_ram")

    assert [line.split()[0] for line in told] == ["Name", "status", "oper_ram"]


def test_info_shows_configuration_and_state(cluster3: Cluster, store: str) -> None:
    info = cluster3.ok("gnt-instance", "info", store)

    assert "Instance name: instance2\n" in info
    assert "State: configured to be up, actual state is up" in info
    assert "disk/0: file, size 8M" in info and "None" not in info
    assert "actual state" not in cluster3.ok("gnt-instance", "info", "-s", store)


def test_usage_is_shown_with_and_without_asking(cluster3: Cluster) -> None:
    assert cluster3.cmd("gnt-instance").exit_code == 1
    assert cluster3.ok("gnt-instance", "--help").startswith("Usage: gnt-instance COMMAND")
    assert "Usage: gnt-instance add" in cluster3.ok("gnt-instance", "add", "--help")
    assert "gnt-instance (ganeti " in cluster3.ok("gnt-instance", "--version")


# --- starting and stopping --------------------------------------------------------------


def test_instance_is_stopped_started_and_rebooted(cluster3: Cluster, web: str) -> None:
    cluster3.ok("gnt-instance", "shutdown", web)
    assert of_instance(cluster3, web, "status", "admin_state") == ["ADMIN_down", "down"]

    cluster3.ok("gnt-instance", "startup", web)
    assert of_instance(cluster3, web, "status", "admin_state") == ["running", "up"]

    for how in ("soft", "hard", "full"):
        cluster3.ok("gnt-instance", "reboot", "-t", how, web)
        assert of_instance(cluster3, web, "status") == ["running"]


def test_what_is_done_already_is_done_again_without_complaint(cluster3: Cluster, web: str) -> None:
    cluster3.ok("gnt-instance", "startup", web)
    cluster3.ok("gnt-instance", "shutdown", web)
    cluster3.ok("gnt-instance", "shutdown", web)


def test_many_at_once_are_asked_about(cluster3: Cluster, web: str, store: str) -> None:
    assert "not confirmed" in refused(cluster3, "gnt-instance shutdown --all", 13)
    assert of_instance(cluster3, web, "status") == ["running"]

    cluster3.ok("gnt-instance", "shutdown", "--all", "--force-multiple")
    assert [row["status"] for row in listed(cluster3, "gnt-instance list -o status")] == ["ADMIN_down"] * 2

    cluster3.ok("gnt-instance", "startup", "--force-multiple", "--node", "node1", "node2")
    assert [row["status"] for row in listed(cluster3, "gnt-instance list -o status")] == ["running"] * 2


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ("gnt-instance startup", "name at least one, or use --all"),
        ("gnt-instance startup nosuch", "'nosuch' is not known"),
        ("gnt-instance startup -H foo=1 instance1", "hvparams.foo: unknown parameter"),
        ("gnt-instance shutdown --timeout=abc instance1", "option --timeout 'abc': not a whole number"),
        ("gnt-instance shutdown --timeout=-1 instance1", "timeout: expected a whole number"),
        ("gnt-instance shutdown --priority=bogus instance1", "option --priority 'bogus': not one of"),
        ("gnt-instance reboot -t bogus instance1", "option -t 'bogus': not one of"),
        ("gnt-instance rename instance1", "missing argument"),
        ("gnt-instance rename instance1 instance1", "instance1"),
        ("gnt-instance rename instance1 nosuch.example.com", "it is marked up; stop it first"),
        ("gnt-instance reinstall -f instance1", "it has no disks"),
        ("gnt-instance console nosuch", "'nosuch' is not known"),
        ("gnt-instance modify instance1", "nothing to modify"),
        ("gnt-instance modify -B vcpus=0 instance1", "beparams.vcpus: expected a number from 1"),
        ("gnt-instance modify -B vcpus=many instance1", "beparams.vcpus: expected a whole number, got 'many'"),
        ("gnt-instance modify -B bogus=2 instance1", "beparams.bogus: unknown parameter"),
        ("gnt-instance modify -H bogus=2 instance1", "hvparams.bogus: unknown parameter"),
        ("gnt-instance modify -O bogus=2 instance1", "unknown parameter bogus"),
        ("gnt-instance modify -m 1g instance1", "runtime_mem"),
        ("gnt-instance modify --offline instance1", "it is marked up; stop it first"),
        ("gnt-instance failover -f instance1", "no node and no allocator given"),
        ("gnt-instance failover -f -n nosuch instance1", "'nosuch' is not known"),
        ("gnt-instance failover -f -n node1 instance1", "it is on node node1 already"),
        ("gnt-instance migrate -f -n node1 instance1", "it is on node node1 already"),
        ("gnt-instance migrate -f -n node2 -I most-free instance1", "give one of them"),
        ("gnt-instance add-tags instance1", "no tags given"),
        ("gnt-instance add-tags instance1 'a b'", "tags[0]: expected a tag"),
        ("gnt-instance remove-tags instance1 nosuch", "nosuch not found"),
    ],
)
def test_wrong_wishes_are_refused_and_change_nothing(cluster3: Cluster, web: str, command: str, said: str) -> None:
    before = listed(cluster3, "gnt-instance list -o name,pnode,status,serial_no")

    assert said in refused(cluster3, command)

    assert listed(cluster3, "gnt-instance list -o name,pnode,status,serial_no") == before


# --- changing ----------------------------------------------------------------------------


def test_parameters_are_changed(cluster3: Cluster, web: str) -> None:
    cluster3.ok("gnt-instance", "modify", "-B", "memory=128,vcpus=2", web)
    assert of_instance(cluster3, web, "be/maxmem", "be/minmem", "be/vcpus") == ["128", "128", "2"]

    cluster3.ok("gnt-instance", "modify", "-B", "vcpus=default", web)
    assert of_instance(cluster3, web, "be/vcpus") == ["1"]


def test_offline_instance_does_not_start(cluster3: Cluster, web: str) -> None:
    cluster3.ok("gnt-instance", "shutdown", web)
    cluster3.ok("gnt-instance", "modify", "--offline", web)
    assert of_instance(cluster3, web, "status") == ["ADMIN_offline"]

    assert "it is marked offline" in refused(cluster3, f"gnt-instance startup {web}")

    cluster3.ok("gnt-instance", "modify", "--online", web)
    cluster3.ok("gnt-instance", "startup", web)


def test_remedies_for_an_instance_of_an_offline_node_are_told_and_work(cluster3: Cluster) -> None:
    lost = add_diskless(cluster3, "instance3", "node3")
    cluster3.ok("gnt-instance", "shutdown", lost)  # so that nothing of it is left on the node
    cluster3.ok("gnt-node", "modify", "--offline=yes", "node3")
    try:
        told = refused(cluster3, f"gnt-instance shutdown {lost}")
        assert "node node3 is marked offline; --ignore-offline only marks the instance as down" in told
        cluster3.ok("gnt-instance", "shutdown", "--ignore-offline", lost)

        assert "or remove them" in refused(cluster3, "gnt-node remove node3")
        assert "use --ignore-failures to forget it" in refused(cluster3, f"gnt-instance remove -f {lost}")
        cluster3.ok("gnt-instance", "remove", "-f", "--ignore-failures", lost)
    finally:
        cluster3.ok("gnt-node", "add", "--readd", "node3")


def test_reinstall_writes_the_disk_anew(cluster3: Cluster, store: str) -> None:
    assert "it is marked up" in refused(cluster3, f"gnt-instance reinstall -f {store}")
    cluster3.ok("gnt-instance", "shutdown", store)
    assert "not confirmed" in refused(cluster3, f"gnt-instance reinstall {store}", 13)
    info = cluster3.ok("gnt-instance", "info", store)
    disk = next(line.split()[-1] for line in info.splitlines() if "on primary" in line)
    before = files.read_file(disk)
    with open(disk, "r+b") as file:
        file.write(b"what the guest wrote")

    cluster3.ok("gnt-instance", "reinstall", "-f", store)

    assert files.read_file(disk) == before
    cluster3.ok("gnt-instance", "reinstall", "-f", "-o", "noop", store)
    assert of_instance(cluster3, store, "os") == ["noop"]


def test_stopped_instance_is_renamed(cluster3: Cluster, store: str) -> None:
    cluster3.ok("gnt-instance", "shutdown", store)

    cluster3.ok("gnt-instance", "rename", store, "instance20")

    assert "'instance2' is not known" in refused(cluster3, "gnt-instance startup instance2")
    cluster3.ok("gnt-instance", "startup", "instance20")
    assert of_instance(cluster3, "instance20", "status") == ["running"]
    cluster3.ok("gnt-instance", "shutdown", "instance20")
    cluster3.ok("gnt-instance", "rename", "instance20", store)


def test_disks_grow_and_are_made_anew_where_an_allocator_says(cluster3: Cluster, store: str) -> None:
    cluster3.ok("gnt-instance", "grow-disk", store, "0", "8m")
    assert of_instance(cluster3, store, "disk.size/0") == ["16"]
    cluster3.ok("gnt-instance", "shutdown", store)
    (shown,) = lines(cluster3, f"gnt-instance activate-disks {store}")
    node, name, path = shown.split(":")
    assert (node, name, os.path.getsize(path)) == ("node2", "disk/0", 16 << 20)
    assert "is there on node node2" in refused(cluster3, f"gnt-instance recreate-disks -n node3 {store}")
    os.unlink(path)
    add_diskless(cluster3, "instance3", "node2", "-B", "memory=512")

    cluster3.ok("gnt-instance", "recreate-disks", "-I", "most-free", "--disk", "0:size=8m", store)

    assert of_instance(cluster3, store, "disk.size/0", "disks_active") == ["8", "N"]
    (anew,) = lines(cluster3, f"gnt-instance activate-disks {store}")
    assert anew.split(":")[0] == of_instance(cluster3, store, "pnode")[0] != "node2"
    cluster3.ok("gnt-instance", "reinstall", "-f", store)
    cluster3.ok("gnt-instance", "startup", store)


def test_tags_are_added_found_and_removed(cluster3: Cluster, web: str) -> None:
    cluster3.ok("gnt-instance", "add-tags", web, "owner:me", "tier:1")
    assert lines(cluster3, f"gnt-instance list-tags {web}") == ["owner:me", "tier:1"]
    assert lines(cluster3, "gnt-cluster search-tags ^owner") == ["/instances/instance1 owner:me"]

    cluster3.ok("gnt-instance", "remove-tags", web, "owner:me")
    assert lines(cluster3, f"gnt-instance list-tags {web}") == ["tier:1"]


# --- moving ------------------------------------------------------------------------------


def test_instance_fails_over_and_migrates(cluster3: Cluster, web: str) -> None:
    assert "not confirmed" in refused(cluster3, f"gnt-instance failover -n node2 {web}", 13)

    cluster3.ok("gnt-instance", "failover", "-f", "-n", "node2", web)
    assert of_instance(cluster3, web, "pnode", "status") == ["node2", "running"]

    cluster3.ok("gnt-instance", "migrate", "-f", "-n", "node3", web)
    assert of_instance(cluster3, web, "pnode", "status") == ["node3", "running"]

    cluster3.ok("gnt-instance", "migrate", "-f", "--non-live", "-I", "most-free", web)
    assert of_instance(cluster3, web, "status") == ["running"]


def test_disk_that_is_on_one_node_only_keeps_its_instance_there(cluster3: Cluster, store: str) -> None:
    for verb in ("failover", "migrate"):
        assert "its disks (file) are only on node node2" in refused(cluster3, f"gnt-instance {verb} -f {store}")


def test_shared_disk_goes_along(cluster3: Cluster) -> None:
    argv = ["-t", "sharedfile", "-s", "8m", "-o", "image+pattern", "-n", "node1", *SMALL]
    cluster3.ok("gnt-instance", "add", *argv, "instance6")

    cluster3.ok("gnt-instance", "migrate", "-f", "-n", "node2", "instance6")
    cluster3.ok("gnt-instance", "failover", "-f", "-n", "node3", "instance6")

    assert of_instance(cluster3, "instance6", "pnode", "status") == ["node3", "running"]


def test_console_tells_that_there_is_none_and_needs_a_running_instance(cluster3: Cluster, web: str) -> None:
    assert "no console" in cluster3.ok("gnt-instance", "console", web)
    assert "no console" in cluster3.ok("gnt-instance", "console", "--show-cmd", web)
    cluster3.ok("gnt-instance", "shutdown", web)

    assert "does not run" in refused(cluster3, f"gnt-instance console {web}")


# --- options of all that makes a job -------------------------------------------------------


def test_submit_prints_the_job_and_does_not_wait(cluster3: Cluster, web: str) -> None:
    job = submitted(cluster3, f"gnt-instance reboot {web}")

    cluster3.ok("gnt-job", "wait", str(job))
    assert job_status(cluster3, job) == "success"


def test_job_id_is_printed_while_waiting(cluster3: Cluster, web: str) -> None:
    out = cluster3.ok("gnt-instance", "reboot", "--print-jobid", web)

    job = int(out.splitlines()[0])
    assert job_status(cluster3, job) == "success"


def test_reason_and_priority_reach_the_job(cluster3: Cluster, web: str) -> None:
    job = submitted(cluster3, f"gnt-instance reboot --reason 'kernel update' --priority low {web}")
    cluster3.ok("gnt-job", "wait", str(job))

    (row,) = listed(cluster3, f"gnt-job list -o ops {job}")

    assert row["ops"][0]["priority"] == 10
    assert row["ops"][0]["reason"][0][:2] == ["gnt:user", "kernel update"]


def test_dry_runs_change_nothing(cluster3: Cluster, web: str) -> None:
    before = of_instance(cluster3, web, "status", "pnode", "serial_no")

    for command in ("shutdown", "reboot", "failover -f -n node2", "modify -B vcpus=2", "remove -f"):
        cluster3.ok("gnt-instance", *command.split(), "--dry-run", web)

    assert of_instance(cluster3, web, "status", "pnode", "serial_no") == before
