"""gnt-job, gnt-os, gnt-node, gnt-cluster and gnt-debug."""

import json
import pathlib
from typing import Any

import pytest

from ganeti.cli.tree import tree_lines
from test.support.cli import Cli


def only_op(cli: Cli) -> dict[str, Any]:
    ((op,),) = cli.master.jobs
    return op


@pytest.fixture
def queue(cli: Cli) -> Cli:
    rows = [(7, "queued"), (8, "running"), (9, "success")]
    cli.master.tables["job"] = [{"id": n, "status": s, "summary": ["TEST_DELAY(1)"]} for n, s in rows]
    return cli


@pytest.mark.parametrize(
    ("line", "call"),
    [
        ("gnt-job cancel 3", ("cancel", (3, False))),
        ("gnt-job cancel --kill --yes-do-it 3", ("cancel", (3, True))),
        ("gnt-job change-priority --priority high 3", ("priority", (3, -10))),
        ("gnt-job autoarchive 1d", ("auto_archive", 86400)),
        ("gnt-job autoarchive all", ("auto_archive", -1)),
        ("gnt-cluster queue drain", ("drain", True)),
        ("gnt-cluster queue undrain", ("drain", False)),
        ("gnt-cluster watcher continue", ("pause", None)),
    ],
)
def test_command_becomes_a_call(cli: Cli, line: str, call: object) -> None:
    assert cli.run(line).code == 0

    assert cli.master.calls == [call]


def test_jobs_are_canceled_by_state_after_a_question(queue: Cli) -> None:
    assert queue.run("gnt-job cancel --queued", stdin="n\n").code == 13
    ran = queue.run("gnt-job cancel --queued", stdin="y\n")

    assert ran.code == 0
    assert "  7 queued TEST_DELAY(1)\n" in ran.err
    assert queue.master.calls == [("cancel", (7, False))]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("cancel", "name jobs, or select them with one of --pending"),
        ("cancel --queued 3", "not both"),
        ("change-priority 3", "no priority given"),
        ("cancel x", "a job id is a number"),
        ("autoarchive soon", "such as 4h"),
        ("cancel 100", "Job 100 told"),
        ("archive 100", "cannot archive job 100"),
        ("info 5", "unknown job 5"),
    ],
)
def test_what_cannot_be_done_to_jobs_is_told(queue: Cli, line: str, message: str) -> None:
    ran = queue.run(f"gnt-job {line}")

    assert ran.code == 1
    assert message in ran.err


TRAIL = [
    ["gnt:user", "new disks", 1_700_000_000_250_000_000],
    ["gnt:client:gnt-debug", "delay", 1_700_000_000_250_001_000],
]


def test_job_info_shows_operations_results_and_messages(cli: Cli) -> None:
    stamp = [1_700_000_000, 250_000]
    cli.master.tables["job"] = [{
        "id": 5, "status": "error", "received_ts": stamp, "start_ts": stamp, "end_ts": None,
        "ops": [{"OP_ID": "OP_TEST_DELAY", "duration": 1.5, "comment": None, "reason": TRAIL}], "opstatus": ["error"],
        "opresult": [["OpExecError", ["it broke"]]], "opstart": [stamp], "opend": [None],
        "oplog": [[[1, stamp, "message", "going on"]]],
    }]  # fmt: skip

    lines = cli.run("gnt-job info 5").out.splitlines()

    assert lines[:2] == ["Job ID: 5", "Status: error"]
    assert "  - OP_TEST_DELAY: -" in lines
    assert "      duration: 1.5" in lines
    assert "    Result: OpExecError: it broke" in lines
    (user, client), begin = [line for line in lines if "gnt:" in line], lines.index("    Reason trail:")
    assert lines[begin + 1 : begin + 3] == [user, client]
    assert user.endswith(".250000 gnt:user: new disks") and client.endswith(".250001 gnt:client:gnt-debug: delay")
    assert lines[-1].endswith("going on")


@pytest.mark.parametrize(
    ("status", "qfilter"),
    [("--running", ["|", ["==", "status", "running"]]), ("--error", ["|", ["==", "status", "error"]])],
)
def test_jobs_are_listed_by_state(queue: Cli, status: str, qfilter: object) -> None:
    queue.master.tables["job"] = []

    queue.run(f"gnt-job list {status}")

    assert queue.master.queries == [("job", ["id", "status", "summary"], qfilter)]


def test_archived_jobs_are_asked_for_by_their_field(queue: Cli) -> None:
    queue.master.tables["job"] = []

    queue.run("gnt-job list --archived")

    assert queue.master.queries[0][1] == ["id", "status", "summary", "archived"]


def system(name: str, nodes: dict[str, Any], **changes: Any) -> list[Any]:
    row = {"valid": True, "variants": [], "parameters": [], "api_versions": [20], "hidden": False,
           "blacklisted": False, "os_hvp": {}, "osparams": {}, "trusted": True} | changes  # fmt: skip
    keys = ("valid", "variants", "parameters", "api_versions")
    more = ("hidden", "blacklisted", "os_hvp", "osparams", "trusted")
    return [name, *(row[k] for k in keys), nodes, *(row[k] for k in more)]


GOOD = [["/srv/os/image", True, "", ["a", "b"], [["size", "in MiB"]], [20], True]]
BAD = [["/srv/os/image", False, "no create script", [], [], [], True]]


def test_systems_are_listed_by_variant_and_states_are_not_asked_for_so_that_the_master_leaves_them_out(
    cli: Cli,
) -> None:
    cli.master.job_ends("success", [["image", ["a", "b"]], ["noop", []]])

    assert cli.run("gnt-os list").out == "Name\nimage+a\nimage+b\nnoop\n"
    assert only_op(cli)["output_fields"] == ["name", "variants"]


def test_diagnosis_shows_where_a_system_is_broken(cli: Cli) -> None:
    cli.master.job_ends("success", [system("image", {"node1": GOOD, "node2": BAD, "node3": []}, valid=False)])

    ran = cli.run("gnt-os diagnose")

    assert ran.code == 1
    assert ran.out.splitlines() == [
        "OS: image [global status: partial]",
        "  Node: node1, status: VALID (path: /srv/os/image) [variants: a, b]",
        "  Node: node2, status: INVALID (no create script) (path: /srv/os/image)",
        "  Node: node3, status: INVALID (not found)",
        "",
    ]


def test_defaults_of_a_system_are_set_with_the_cluster(cli: Cli) -> None:
    assert cli.run("gnt-os modify -H kvm:acpi=false -O a=1,-b --hidden yes image").code == 0

    op = only_op(cli)
    assert op["os_hvp"] == {"image": {"kvm": {"acpi": "false"}}}
    assert op["osparams"] == {"image": {"a": "1", "b": None}}
    assert (op["hidden_os"], op["blacklisted_os"]) == ([["add", "image"]], None)


@pytest.mark.parametrize(
    "line", ["gnt-os modify image", "gnt-node modify node1", "gnt-cluster modify", "gnt-cluster add-tags"]
)
def test_changing_nothing_is_refused(cli: Cli, line: str) -> None:
    ran = cli.run(line)

    assert ran.code == 1
    assert "nothing to modify" in ran.err or "no tags given" in ran.err
    assert cli.master.jobs == []


def test_a_node_is_reset_after_a_question(cli: Cli) -> None:
    cli.master.job_ends("success", "Reboot scheduled")

    assert cli.run("gnt-node powercycle node1", stdin="n\n").code == 13
    assert cli.master.jobs == []
    assert cli.run("gnt-node powercycle --force node1", stdin="y\n").out == "Reboot scheduled\n"
    assert cli.run("gnt-node powercycle --yes node2").code == 0

    asked = [(op["node_name"], op["force"]) for (op,) in cli.master.jobs]
    assert asked == [("node1", True), ("node2", False)]


@pytest.fixture
def full(cli: Cli) -> Cli:
    """A node with instances, and an empty one."""
    cli.master.tables["node"] = [
        {"name": [0, "node1"], "pinst_list": [0, ["web2", "web1"]], "sinst_list": [0, ["db1"]]},
        {"name": [0, "node2"], "pinst_list": [0, []], "sinst_list": [0, []]},
    ]
    return cli


@pytest.mark.parametrize(
    ("line", "fields"),
    [
        ("evacuate -f -I hail node1", {"mode": "all", "iallocator": "hail", "ignore_soft_errors": None}),
        ("evacuate -f -p --ignore-soft-errors node1", {"mode": "primary-only", "ignore_soft_errors": True}),
        ("evacuate -f -s -n node2 --early-release node1", {"mode": "secondary-only", "remote_node": "node2"}),
        ("migrate -f -n node2 --no-runtime-changes node1", {"target_node": "node2", "allow_runtime_changes": False}),
        ("migrate -f --non-live -I hail node1", {"mode": "non-live", "iallocator": "hail"}),
    ],
)
def test_instances_leave_a_node_as_the_options_say(full: Cli, line: str, fields: dict[str, Any]) -> None:
    full.master.job_ends("success", {"jobs": [[True, 2]]})
    full.master.spawns = 1

    assert full.run(f"gnt-node {line}").code == 0

    op = full.master.jobs[0][0]
    assert (op["node_name"], {key: op.get(key) for key in fields}) == ("node1", fields)


def test_instances_of_a_node_are_failed_over_one_by_one(full: Cli) -> None:
    ran = full.run("gnt-node failover -I hail --ignore-consistency node1", stdin="y\n")

    assert ran.code == 0 and "fail over instances web1, web2 from node node1" in ran.err
    assert [(op["instance_name"], op["iallocator"], op["ignore_consistency"]) for (op,) in full.master.jobs] == [
        ("web1", "hail", True),
        ("web2", "hail", True),
    ]


@pytest.mark.parametrize(
    ("line", "code", "said"),
    [
        ("evacuate -s -p node1", 1, "contradict each other"),
        ("evacuate -s -n node2 -I hail node1", 1, "give one of them"),
        ("evacuate -n node2 node1", 1, "give --secondary-only with it"),
        ("migrate -n node2 -I hail node1", 1, "give one of them"),
        ("migrate --non-live --migration-mode live node1", 1, "say the same"),
        ("migrate node9", 1, "'node9' is not known"),
        ("failover -I hail node2", 0, "No instance has to leave node node2"),
        ("evacuate -I hail node1", 13, "not confirmed"),
    ],
)
def test_nothing_leaves_a_node_that_need_not_or_must_not(full: Cli, line: str, code: int, said: str) -> None:
    ran = full.run(f"gnt-node {line}", stdin="n\n", terminal=True)

    assert (ran.code, full.master.jobs) == (code, [])
    assert said in ran.out + ran.err


def test_node_is_modified_as_the_options_say(cli: Cli) -> None:
    cli.master.job_ends("success", [["drained", True]])

    ran = cli.run("gnt-node modify -D yes -s 192.0.2.1 --disk-state plain/xenvg:disk_reserved=10 node1")

    op = only_op(cli)
    assert ran.out == "Modified node node1\n - drained -> Y\n"
    assert (op["drained"], op["offline"], op["secondary_ip"]) == (True, None, "192.0.2.1")
    assert op["disk_state"] == {"plain": {"xenvg": {"disk_reserved": "10"}}}


def test_storage_units_are_changed_and_repaired(cli: Cli) -> None:
    assert cli.run("gnt-node modify-storage --allocatable no node1 lvm-pv /dev/sdb1").code == 0
    assert cli.run("gnt-node repair-storage --ignore-consistency node1 lvm-vg xenvg").code == 0
    assert "nothing to modify" in cli.run("gnt-node modify-storage node1 lvm-pv /dev/sdb1").err

    (changed,), (repaired,) = cli.master.jobs
    assert (changed["storage_type"], changed["name"], changed["changes"]) == (
        "lvm-pv", "/dev/sdb1", {"allocatable": False},
    )  # fmt: skip
    assert (repaired["storage_type"], repaired["name"], repaired["ignore_consistency"]) == ("lvm-vg", "xenvg", True)


def test_sizes_of_disks_that_were_put_right_are_told(cli: Cli) -> None:
    cli.master.job_ends("success", [["web1", 0, "size", 1024]])

    assert cli.run("gnt-cluster repair-disk-sizes web1").out == "instance web1, disk 0: size is 1024 now\n"
    assert only_op(cli)["instances"] == ["web1"]


def test_storage_is_listed_like_everything_else(cli: Cli) -> None:
    cli.master.job_ends("success", [["node1", "file", "/srv/file", 2048, 1024, 1024, True]])

    ran = cli.run("gnt-node list-storage --separator : --storage-type file node1")

    assert ran.out.splitlines()[1] == "node1:file:/srv/file:2048:1024:1024:Y"
    assert (only_op(cli)["storage_type"], only_op(cli)["nodes"]) == ("file", ["node1"])
    assert cli.run("gnt-node list-storage -o sise").code == 14


def test_tags_come_from_arguments_and_a_file_and_are_listed_in_natural_order(cli: Cli, tmp_path: pathlib.Path) -> None:
    file = tmp_path / "tags"
    file.write_text("two\n\n three \n")

    assert cli.run(f"gnt-node add-tags --from {file} node1 one").code == 0
    assert cli.run("gnt-cluster remove-tags --from -", stdin="four\n").code == 0
    assert cli.run("gnt-node list-tags node1").out == "a9\na10\nb\n"

    assert [(op["OP_ID"], op["kind"], op["name"], op["tags"]) for (op,) in cli.master.jobs] == [
        ("OP_TAGS_SET", "node", "node1", ["one", "two", "three"]),
        ("OP_TAGS_DEL", "cluster", None, ["four"]),
    ]


def test_search_for_tags_that_finds_nothing_has_exit_code_1(cli: Cli) -> None:
    cli.master.job_ends("success", [["/nodes/node1", "a"]])
    cli.master.job_ends("success", [])

    assert cli.run("gnt-cluster search-tags a") == (0, "/nodes/node1 a\n", "")
    assert cli.run("gnt-cluster search-tags a").code == 1


def test_cluster_is_modified_as_the_options_say(cli: Cli) -> None:
    line = (
        "gnt-cluster modify -C 5 --enabled-disk-templates drbd,file -B vcpus=2 -N link=br0 --uid-pool 1000-1010 "
        "--ipolicy-std-specs memory-size=1g,cpu-count=1 --ipolicy-bounds-specs "
        "min:cpu-count=1,disk-size=1g/max:cpu-count=8,disk-size=1t --reserved-lvs= --master-netmask 24"
    )
    assert cli.run(line).code == 0

    op = only_op(cli)
    assert (op["candidate_pool_size"], op["enabled_disk_templates"]) == (5, ["drbd", "file"])
    assert (op["beparams"], op["nicparams"], op["uid_pool"]) == ({"vcpus": "2"}, {"link": "br0"}, [[1000, 1010]])
    assert op["ipolicy"]["std"] == {"memory-size": 1024, "cpu-count": 1}
    assert op["ipolicy"]["minmax"][0]["max"] == {"cpu-count": 8, "disk-size": 1048576}
    assert (op["reserved_lvs"], op["master_netmask"], op["hvparams"]) == ([], 24, None)


def test_turning_lvm_off_is_asked_about(cli: Cli) -> None:
    assert cli.run("gnt-cluster modify --vg-name=").code == 13
    assert cli.run("gnt-cluster modify --vg-name= --force").code == 0


@pytest.mark.parametrize(("found", "code"), [((True, True), 0), ((True, False), 1)])
def test_exit_code_of_verification_tells_whether_something_was_found(
    cli: Cli, found: tuple[bool, bool], code: int
) -> None:
    cli.master.spawns = 2
    cli.master.job_ends("success", {"jobs": [[True, 2], [True, 3]]})
    cli.master.job_ends("success", found[0])
    cli.master.job_ends("success", found[1])

    assert cli.run("gnt-cluster verify -I ENODESSH --no-nplus1-mem").code == code

    op = cli.master.jobs[0][0]
    assert (op["ignore_errors"], op["skip_checks"]) == (["ENODESSH"], ["nplusone_mem"])


def test_broken_disks_are_activated_and_lost_ones_told(cli: Cli) -> None:
    cli.master.spawns = 1
    cli.master.job_ends("success", {"jobs": [[True, 2]]})
    cli.master.job_ends("success", [{"node3": "unreachable"}, ["web2", "web1"], {"web2": [["node1", "xenvg/x"]]}])

    ran = cli.run("gnt-cluster verify-disks --no-strict")

    assert ran.code == 1
    assert ran.out == "Activating disks of instance web1\n"
    assert "node node3 cannot be asked: unreachable" in ran.err
    assert "  node1 xenvg/x" in ran.err
    assert [op["instance_name"] for (op,) in cli.master.jobs[2:]] == ["web1"]


def test_watcher_is_paused_for_a_time(cli: Cli) -> None:
    ran = cli.run("gnt-cluster watcher pause 1h")

    assert ran.out.startswith("The watcher is paused until 2")
    assert cli.run("gnt-cluster watcher info").out == "The watcher is not paused.\n"
    assert "for how long" in cli.run("gnt-cluster watcher pause").err


def test_state_of_the_queue_and_versions_are_shown(cli: Cli) -> None:
    assert cli.run("gnt-cluster queue info").out == "The drain flag is set\n"
    assert "Software version: 4.0.0\n" in cli.run("gnt-cluster version").out
    assert cli.run("gnt-cluster info").out == "Cluster name: cluster1\nTags: -\ncandidate pool size: 10\n"


def test_command_runs_on_all_nodes_the_master_last(cli: Cli) -> None:
    cli.master.tables["node"] = [
        {"name": [0, n], "pip": [0, "127.0.0.1"], "sip": [0, "127.0.0.1"], "master": [0, m], "offline": [0, o]}
        for n, m, o in (("node1", True, False), ("node2", False, False), ("node3", False, True))
    ]

    ran = cli.run(
        ["gnt-cluster", "command", "-M", "echo", "$GANETI_HOSTNAME;", "test", "$GANETI_HOSTNAME", "=", "node1"]
    )

    lines = [line for line in ran.out.splitlines() if not line.startswith("-")]
    assert lines == [
        "node: node2", "node2: node2", "return code = 1", "node: node1", "node1: node1", "return code = 0",
    ]  # fmt: skip
    assert ran.code == 1


def test_file_is_copied_to_the_same_place_on_other_nodes(cli: Cli) -> None:
    cli.master.tables["node"] = [
        {"name": [0, n], "pip": [0, "127.0.0.1"], "sip": [0, "127.0.0.1"], "master": [0, m], "offline": [0, False]}
        for n, m in (("node1.example.com", True), ("node2.example.com", False))
    ]
    for name in ("node1.example.com", "node2.example.com"):
        (cli.root.parent / name / "etc").mkdir(parents=True)
    file = cli.root / "etc/motd"
    file.write_text("hello")

    assert cli.run(f"gnt-cluster copyfile {file}") == (0, "", "")

    assert (cli.root.parent / "node2.example.com/etc/motd").read_text() == "hello"
    assert "no such file" in cli.run(f"gnt-cluster copyfile {file}x").err


def test_jobs_from_files_are_repeated_and_checked(cli: Cli, tmp_path: pathlib.Path) -> None:
    good, bad = tmp_path / "good", tmp_path / "bad"
    good.write_text(json.dumps([{"OP_ID": "OP_TEST_DELAY", "duration": 0.0, "reason": [["somebody", "", 1]]}]))
    bad.write_text(json.dumps([{"OP_ID": "OP_TEST_DELAY"}]))

    assert cli.run(f"gnt-debug submit-job --op-repeat 3 --job-repeat 2 --timing-stats {good}").code == 0
    assert [len(ops) for ops in cli.master.jobs] == [3, 3]
    cli.run(f"gnt-debug submit-job --each {good}")
    sources = [[entry[0] for entry in op["reason"]] for ops in cli.master.jobs for op in ops]
    assert sources == [["somebody", "gnt:client:gnt-debug"]] * 7
    assert "[0].duration: required" in cli.run(f"gnt-debug submit-job {bad}").err


def test_locks_are_shown_with_owners_and_waiting_jobs(cli: Cli) -> None:
    cli.master.tables["lock"] = [{
        "name": [0, "node/node1"], "mode": [0, "exclusive"], "owner": [0, ["12/JobProcess"]],
        "pending": [0, [["shared", ["13", "14"]]]],
    }]  # fmt: skip

    ran = cli.run("gnt-debug locks --no-headers")

    assert ran.out == "node/node1 exclusive 12/JobProcess shared:13,14\n"


def test_tree_of_values_is_indented_text() -> None:
    tree = [
        ("Name", "web1"),
        ("Tags", ["a", "b"]),
        ("Nothing", []),
        ("Empty", ""),
        ("On", True),
        ("Params", {"b": 1, "a": None}),
        ("Disks", [[("disk/0", "file"), ("size", 5)], [("disk/1", "file")]]),
        ("Log", ["one thing", "two"]),
        ("Text", "first\nsecond"),
    ]

    assert list(tree_lines(tree)) == [
        "Name: web1",
        "Tags: a, b",
        "Nothing: -",
        "Empty: -",
        "On: yes",
        "Params:",
        "  a: -",
        "  b: 1",
        "Disks:",
        "  - disk/0: file",
        "    size: 5",
        "  - disk/1: file",
        "Log:",
        "  - one thing",
        "  - two",
        "Text: first",
        "  second",
    ]
