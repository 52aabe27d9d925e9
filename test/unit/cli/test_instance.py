import json
import pathlib
from typing import Any

import pytest

from ganeti.cli.failures import UsageError
from ganeti.cli.instance.devices import changes, new_disks, new_nics
from test.support.cli import Cli


def only_op(cli: Cli) -> dict[str, Any]:
    ((op,),) = cli.master.jobs
    return op


@pytest.fixture
def cluster(cli: Cli) -> Cli:
    """Two nodes and three instances."""
    rows = [
        ("web1.example.com", "node1", ["node2"], ["web"]),
        ("web2.example.com", "node2", ["node1"], ["web"]),
        ("db1.example.com", "node2", [], []),
    ]
    cli.master.tables["instance"] = [
        {"name": [0, n], "pnode": [0, p], "snodes": [0, s], "tags": [0, t]} for n, p, s, t in rows
    ]
    cli.master.tables["node"] = [{"name": [0, "node1"], "tags": [0, ["a"]]}, {"name": [0, "node2"], "tags": [0, []]}]
    return cli


def test_instance_is_created_as_the_options_say(cli: Cli) -> None:
    ran = cli.run(
        "gnt-instance add -t drbd --disk 1:size=512,mode=ro --disk 0:size=1g -B memory=1g -H kvm:acpi=false "
        "-n node1:node2 -o image+min --no-start --tags a,b -O x=1 --os-parameters-secret pw=s web1"
    )

    op = only_op(cli)
    assert ran == (0, "", "")
    assert op["disks"] == [{"size": 1024}, {"size": 512, "mode": "ro"}]
    assert (op["pnode"], op["snode"], op["disk_template"]) == ("node1", "node2", "drbd")
    assert (op["hypervisor"], op["hvparams"], op["beparams"]) == ("kvm", {"acpi": "false"}, {"memory": "1g"})
    assert (op["os_type"], op["osparams"], op["osparams_secret"]) == ("image+min", {"x": "1"}, {"pw": "s"})
    assert (op["start"], op["tags"], op["nics"], op["mode"]) == (False, ["a", "b"], [{}], "create")


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("-o noop web1", "no disk given: add --disk 0:size=10g, or -t diskless"),
        ("-t diskless web1", "no operating system given"),
        ("-t diskless -o noop -n node1 -I hail web1", "give one of them"),
        ("-t nothing -o noop web1", "one of blockdev, diskless, drbd"),
        ("-t diskless -o noop ../web1", "instance_name: expected a name"),
    ],
)
def test_contradictions_are_told_before_anything_is_sent(cli: Cli, line: str, message: str) -> None:
    ran = cli.run(f"gnt-instance add {line}")

    assert ran.code == 1
    assert message in ran.err
    assert cli.master.jobs == []


@pytest.mark.parametrize(
    ("given", "size", "template", "message"),
    [
        ([("0", {"size": "1g"})], 1024, None, "give one of them"),
        ([("1", {"size": "1g"})], None, None, "have gaps: 1"),
        ([("0", {"mode": "rw"})], None, None, "give size=..., or adopt="),
        ([("0", {"size": "big"})], None, None, "size: cannot read size"),
        ([("0", False)], None, None, "write 0:key=value"),
        ([("x", {"size": "1"})], None, None, "a number comes first"),
        ([("0", {"size": "1"})], None, "diskless", "has no disks"),
    ],
)
def test_disks_that_cannot_be_are_refused(given: Any, size: int | None, template: str | None, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        new_disks(given, size, template)

    assert message in str(caught.value)


def test_new_instance_has_one_network_interface_unless_told_otherwise() -> None:
    assert new_nics([], False) == [{}]
    assert new_nics([], True) == []
    assert new_nics([("0", {"link": "br0"}), ("1", {})], False) == [{"link": "br0"}, {}]


def test_changes_of_devices_name_action_place_and_parameters() -> None:
    given: Any = [
        ("0", {"mode": "ro"}),
        ("-1", {"add": True, "size": "1g"}),
        ("data", {"remove": True}),
        ("add", {"size": "512"}),
        ("remove", {}),
    ]

    assert changes(given, "disk") == [
        ["modify", 0, {"mode": "ro"}],
        ["add", -1, {"size": 1024}],
        ["remove", "data", {}],
        ["add", -1, {"size": 512}],
        ["remove", -1, {}],
    ]


@pytest.mark.parametrize(
    ("ident", "params", "message"),
    [
        ("0", {"add": True, "remove": True}, "only one of add, remove"),
        ("0", {"remove": True, "mode": "ro"}, "takes no parameters"),
        ("0", {}, "nothing to modify"),
        ("0", {"add": "x"}, "takes no value"),
        ("0", None, "write 0:remove"),
    ],
)
def test_changes_that_make_no_sense_are_refused(ident: str, params: Any, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        changes([(ident, params)], "disk")


def test_what_was_modified_is_shown(cli: Cli) -> None:
    cli.master.job_ends("success", [["be/memory", 4096], ["disk/1", "add:size=1024"]])

    ran = cli.run("gnt-instance modify -B memory=4g --disk 1:add,size=1g --offline web1")

    op = only_op(cli)
    assert ran.out == "Modified instance web1\n - be/memory -> 4096\n - disk/1 -> add:size=1024\n"
    assert (op["beparams"], op["disks"], op["offline"]) == ({"memory": "4g"}, [["add", 1, {"size": 1024}]], True)


def test_modifying_nothing_is_refused(cli: Cli) -> None:
    ran = cli.run("gnt-instance modify --force web1")

    assert ran.code == 1
    assert "nothing to modify" in ran.err


@pytest.mark.parametrize(
    ("line", "names"),
    [
        ("web1 db1", ["web1", "db1"]),
        ("web*", ["web1", "web2"]),
        ("--all", ["db1", "web1", "web2"]),
        ("--node node1", ["web1", "web2"]),
        ("--primary node2", ["db1", "web2"]),
        ("--secondary node1", ["web2"]),
        ("--tags web", ["web1", "web2"]),
        ("--pri-node-tags a", ["web1"]),
    ],
)
def test_instances_are_selected_by_name_node_and_tag(cluster: Cli, line: str, names: list[str]) -> None:
    assert cluster.run(f"gnt-instance shutdown --force-multiple {line}").code == 0

    assert [op["instance_name"] for (op,) in cluster.master.jobs] == [f"{name}.example.com" for name in names]


def test_several_instances_are_named_and_asked_about(cluster: Cli) -> None:
    ran = cluster.run("gnt-instance shutdown --all", stdin="n\n")

    assert ran.code == 13
    assert "will affect 3 instances:\n  db1.example.com\n" in ran.err
    assert cluster.master.jobs == []


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("", "name at least one, or use --all"),
        ("--all web1", "name none"),
        ("web1 wbe2", "unknown or ambiguous instance wbe2"),
        ("--node node3", "unknown or ambiguous node node3 (did you mean node"),
        ("--tags nothing", "no instance matches"),
    ],
)
def test_wrong_selection_is_told(cluster: Cli, line: str, message: str) -> None:
    ran = cluster.run(f"gnt-instance startup {line}")

    assert ran.code == 1
    assert message in ran.err


@pytest.mark.parametrize("command", ["remove", "failover", "migrate"])
def test_nothing_is_asked_about_an_instance_that_is_not_there(cluster: Cli, command: str) -> None:
    ran = cluster.run(f"gnt-instance {command} wbe2", stdin="y\n")

    assert ran.code == 1
    assert "unknown or ambiguous instance wbe2" in ran.err
    assert "Continue?" not in ran.err + ran.out
    assert cluster.master.jobs == []


@pytest.mark.parametrize(
    ("status", "known"),
    [("running", "node1. If"), ("ERROR_nodedown", "does not answer"), ("ERROR_nodeoffline", "marked offline")],
)
def test_f23_word_of_the_administrator_in_place_of_proof_is_asked_for_in_strong_words(
    cluster: Cli, status: str, known: str
) -> None:
    for row in cluster.master.tables["instance"]:
        row["status"] = [0, status]

    ran = cluster.run("gnt-instance failover --ignore-consistency web1", stdin="n\n")

    assert ran.code == 13 and cluster.master.jobs == []
    assert "run twice and destroy its disks" in ran.err and known in ran.err
    assert "certain that node node1 is switched off?" in ran.err


def test_reboot_type_and_timeouts_are_passed_on(cli: Cli) -> None:
    cli.run("gnt-instance reboot -t full --shutdown-timeout 7 web1")

    op = only_op(cli)
    assert (op["reboot_type"], op["shutdown_timeout"], op["instance_name"]) == ("full", 7, "web1")


@pytest.mark.parametrize(
    ("line", "field", "value"),
    [
        ("migrate -f --non-live web1", "mode", "non-live"),
        ("migrate -f --migration-mode live web1", "mode", "live"),
        ("migrate -f -n node3 web1", "target_node", "node3"),
        ("migrate -f --no-runtime-changes web1", "allow_runtime_changes", False),
        ("failover -f --ignore-consistency web1", "ignore_consistency", True),
        ("rename --name-check web1 www1", "new_name", "www1"),
        ("remove -f --ignore-failures web1", "ignore_failures", True),
        ("startup --paused -H kernel_path=/x web1", "hvparams", {"kernel_path": "/x"}),
        ("shutdown --no-remember --timeout 3 web1", "timeout", 3),
        ("add-tags web1 a b", "tags", ["a", "b"]),
    ],
)
def test_option_becomes_a_field(cli: Cli, line: str, field: str, value: object) -> None:
    assert cli.run(f"gnt-instance {line}").code == 0

    assert only_op(cli)[field] == value


def test_several_are_reinstalled_after_two_questions(cluster: Cli) -> None:
    ran = cluster.run("gnt-instance reinstall -o noop --tags web", stdin="y\ny\n")

    assert ran.code == 0
    assert [op["os_type"] for (op,) in cluster.master.jobs] == ["noop", "noop"]


def test_console_tells_the_command_or_the_message(cli: Cli) -> None:
    cli.master.job_ends("success", {"instance": "web1", "kind": "msg", "message": "no console here"})
    cli.master.job_ends("success", {
        "instance": "web1", "kind": "ssh", "host": "node2", "user": "root", "command": ["socat", "a b"],
    })  # fmt: skip

    assert cli.run("gnt-instance console web1").out == "no console here\n"
    shown = cli.run("gnt-instance console --show-cmd web1").out
    assert "GANETI_HOSTNAME=node2" in shown
    assert shown.endswith("socat 'a b'\n")


def test_batch_file_without_nodes_is_placed_as_a_whole(cli: Cli, tmp_path: pathlib.Path) -> None:
    file = tmp_path / "batch.json"
    file.write_text(json.dumps([
        {"instance_name": name, "disk_template": "file", "disks": [{"size": "1g"}], "os_type": "noop"}
        for name in ("web1", "web2")
    ]))  # fmt: skip
    cli.master.job_ends("success", {"jobs": [[True, 1]], "allocatable": ["web1"], "failed": ["web2"]})

    ran = cli.run(f"gnt-instance batch-create -I hail {file}")

    op = only_op(cli)
    assert (op["OP_ID"], op["iallocator"]) == ("OP_INSTANCE_MULTI_ALLOC", "hail")
    assert [(i["instance_name"], i["disks"]) for i in op["instances"]] == [
        ("web1", [{"size": 1024}]),
        ("web2", [{"size": 1024}]),
    ]
    assert ran.code == 1
    assert "web2: the allocator found no place" in ran.err


def test_batch_file_that_is_not_there_is_told(cli: Cli, tmp_path: pathlib.Path) -> None:
    ran = cli.run(f"gnt-instance batch-create {tmp_path}/none")

    assert ran.code == 1
    assert f"cannot read instances from {tmp_path}/none: No such file or directory\n" in ran.err


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("nonsense", "cannot read JSON"),
        ("[]", "expected a list with an object per instance"),
        ('[{"disks": []}]', "[0].instance_name: required"),
        ('[{"instance_name": "a", "disks": [], "coluor": 1}]', "[0].coluor: unknown field"),
    ],
)
def test_wrong_batch_file_is_told_with_its_place(cli: Cli, tmp_path: pathlib.Path, text: str, message: str) -> None:
    file = tmp_path / "batch.json"
    file.write_text(text)

    ran = cli.run(f"gnt-instance batch-create {file}")

    assert ran.code == 1
    assert f"cannot read instances from {file}" in ran.err
    assert message in ran.err


def test_info_marks_what_follows_the_cluster_and_shows_the_state_of_disks(cli: Cli) -> None:
    disk = {
        "dev_type": "file", "size": 1024, "mode": "rw", "name": None, "uuid": "d-1", "logical_id": ["loop", "/f"],
        "pstatus": ["/dev/loop0", 7, 0, 12.5, 30, True, "ok"], "sstatus": None, "children": [],
    }  # fmt: skip
    cli.master.job_ends("success", {"web1": {
        "name": "web1", "uuid": "u-1", "serial_no": 3, "config_state": "up", "run_state": "down", "pnode": "node1",
        "pnode_group_name": "default", "snodes": ["node2"], "snodes_group_names": ["default"], "os": "noop",
        "hypervisor": "fake", "be_instance": {"vcpus": 2}, "be_actual": {"vcpus": 2, "maxmem": 128},
        "nics": [["eth", "n-1", None, "aa:00:00:12:34:56", "bridged", "br0", None, None, None]],
        "disk_template": "file", "disks": [disk], "tags": ["a", "b"],
    }})  # fmt: skip

    lines = cli.run("gnt-instance info web1").out.splitlines()

    assert "State: configured to be up, actual state is down" in lines
    assert "    - node2 (group default)" in lines
    assert "  maxmem: default (128)" in lines
    assert "  vcpus: 2" in lines
    assert "    MAC: aa:00:00:12:34:56" in lines
    assert "  - disk/0: file, size 1.0G" in lines
    assert "    on primary: /dev/loop0 (7:0) in sync to 12.5%, 30 s to go *degraded*" in lines
    assert "Tags: a, b" in lines


def test_active_disks_are_shown_with_node_and_path(cli: Cli) -> None:
    cli.master.job_ends("success", [["node1", "disk/0", "/srv/0"], ["node1", "disk/1", "/srv/1"]])

    ran = cli.run("gnt-instance activate-disks --ignore-size --wait-for-sync web1")

    op = only_op(cli)
    assert ran == (0, "node1:disk/0:/srv/0\nnode1:disk/1:/srv/1\n", "")
    assert (op["instance_name"], op["ignore_size"], op["wait_for_sync"]) == ("web1", True, True)


def test_disks_are_deactivated(cli: Cli) -> None:
    ran = cli.run("gnt-instance deactivate-disks --force web1")

    op = only_op(cli)
    assert ran == (0, "", "")
    assert (op["OP_ID"], op["force"]) == ("OP_INSTANCE_DEACTIVATE_DISKS", True)


@pytest.mark.parametrize(
    ("line", "fields"),
    [
        ("web1 1 2g", {"disk": 1, "amount": 2048, "absolute": False, "wait_for_sync": True}),
        ("--absolute --no-wait-for-sync web1 0 512", {"disk": 0, "amount": 512, "absolute": True}),
    ],
)
def test_a_disk_grows_as_the_arguments_say(cli: Cli, line: str, fields: dict[str, Any]) -> None:
    ran = cli.run(f"gnt-instance grow-disk {line}")

    op = only_op(cli)
    assert ran == (0, "", "")
    assert {key: op[key] for key in fields} == fields


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("grow-disk web1 first 1g", "cannot read disk 'first'"),
        ("grow-disk web1 0 much", "amount: cannot read size"),
        ("grow-disk web1 16 1g", "a disk index from 0 to 15"),
        ("recreate-disks --disk data web1", "a number comes first"),
        ("recreate-disks --disk no_0 web1", "a number comes first"),
        ("recreate-disks -n node1 -I any web1", "give one of them"),
    ],
)
def test_disks_that_make_no_sense_are_refused_before_anything_is_sent(cli: Cli, line: str, message: str) -> None:
    ran = cli.run(f"gnt-instance {line}")

    assert ran.code == 1
    assert message in ran.err
    assert cli.master.jobs == []


def test_lost_disks_are_made_anew_as_the_options_say(cli: Cli) -> None:
    ran = cli.run("gnt-instance recreate-disks --disk 2:size=1g,mode=ro --disk 0 -n node3 web1")

    op = only_op(cli)
    assert ran == (0, "", "")
    assert op["disks"] == [[2, {"size": 1024, "mode": "ro"}], [0, {}]]
    assert op["nodes"] == ["node3"]
