"""What requests become: opcodes with the fields of path, arguments and body, or a refusal."""

from __future__ import annotations

import asyncio
import os
from typing import Any

import pytest

from test.support.rapi import Answer, api_served

INSTANCE, NODE, GROUP, NETWORK = "/2/instances/web1", "/2/nodes/node1", "/2/groups/g1", "/2/networks/n1"
NEW = {"__version__": 1, "mode": "create", "name": "web1", "os": "noop", "disk_template": "diskless",
       "disks": [], "nics": []}  # fmt: skip


def asked(tmp_path: os.PathLike[str], verb: str, path: str, body: Any = None) -> tuple[Answer, list[Any]]:
    async def run() -> tuple[Answer, list[Any]]:
        async with api_served(tmp_path) as api:
            answer = await api.ask(verb, path, body)
            return answer, [op for job in api.jobs for op in job]

    return asyncio.run(run())


@pytest.mark.parametrize(
    ("verb", "path", "body", "op", "fields"),
    [
        ("POST", "/2/instances", NEW, "INSTANCE_CREATE", {"instance_name": "web1", "os_type": "noop"}),
        ("POST", "/2/instances?dry-run=1", NEW, "INSTANCE_CREATE", {"dry_run": True}),
        ("DELETE", INSTANCE, None, "INSTANCE_REMOVE", {"instance_name": "web1", "ignore_failures": False}),
        ("DELETE", INSTANCE, {"shutdown_timeout": 5}, "INSTANCE_REMOVE", {"shutdown_timeout": 5}),
        ("GET", f"{INSTANCE}/info?static=1", None, "INSTANCE_QUERY_DATA", {"instances": ["web1"], "static": True}),
        ("POST", f"{INSTANCE}/reboot", None, "INSTANCE_REBOOT", {"reboot_type": "hard", "ignore_secondaries": False}),
        ("POST", f"{INSTANCE}/reboot?type=soft&ignore_secondaries=1", None, "INSTANCE_REBOOT",
         {"reboot_type": "soft", "ignore_secondaries": True}),
        ("POST", f"{INSTANCE}/reboot", {"reboot_type": "full"}, "INSTANCE_REBOOT", {"reboot_type": "full"}),
        ("PUT", f"{INSTANCE}/shutdown?no_remember=1", {"timeout": 7}, "INSTANCE_SHUTDOWN",
         {"no_remember": True, "timeout": 7}),
        ("PUT", f"{INSTANCE}/startup?force=1", None, "INSTANCE_STARTUP", {"force": True, "no_remember": False}),
        ("POST", f"{INSTANCE}/replace-disks?mode=replace_on_primary&disks=0,2", None, "INSTANCE_REPLACE_DISKS",
         {"mode": "replace_on_primary", "disks": [0, 2]}),
        ("POST", f"{INSTANCE}/replace-disks", {"mode": "replace_auto", "disks": "1,2"}, "INSTANCE_REPLACE_DISKS",
         {"disks": [1, 2]}),
        ("POST", f"{INSTANCE}/replace-disks", {"mode": "replace_new_secondary", "remote_node": "node3", "disks": [0]},
         "INSTANCE_REPLACE_DISKS", {"remote_node": "node3", "disks": [0]}),
        ("PUT", f"{INSTANCE}/activate-disks?ignore_size=1", None, "INSTANCE_ACTIVATE_DISKS", {"ignore_size": True}),
        ("PUT", f"{INSTANCE}/deactivate-disks?force=1", None, "INSTANCE_DEACTIVATE_DISKS", {"force": True}),
        ("POST", f"{INSTANCE}/recreate-disks", {"nodes": ["node2"]}, "INSTANCE_RECREATE_DISKS", {"nodes": ["node2"]}),
        ("PUT", f"{INSTANCE}/prepare-export?mode=local", None, "BACKUP_PREPARE", {"mode": "local"}),
        ("PUT", f"{INSTANCE}/export", {"mode": "local", "destination": "node2"}, "BACKUP_EXPORT",
         {"target_node": "node2"}),
        ("PUT", f"{INSTANCE}/migrate", {"mode": "live", "cleanup": False}, "INSTANCE_MIGRATE", {"mode": "live"}),
        ("PUT", f"{INSTANCE}/failover", {"ignore_consistency": True}, "INSTANCE_FAILOVER",
         {"ignore_consistency": True}),
        ("PUT", f"{INSTANCE}/rename", {"new_name": "web2", "ip_check": False}, "INSTANCE_RENAME", {"new_name": "web2"}),
        ("PUT", f"{INSTANCE}/modify", {"custom_beparams": {"memory": 128}}, "INSTANCE_SET_PARAMS",
         {"beparams": {"memory": 128}}),
        ("PUT", f"{INSTANCE}/modify", {"hvparams": {"usb_devices": "a b"}}, "INSTANCE_SET_PARAMS",
         {"hvparams": {"usb_devices": "a,b"}}),
        ("POST", f"{INSTANCE}/disk/2/grow", {"amount": 512, "wait_for_sync": False}, "INSTANCE_GROW_DISK",
         {"disk": 2, "amount": 512, "wait_for_sync": False}),
        ("PUT", f"{INSTANCE}/tags?tag=a&tag=b", None, "TAGS_SET",
         {"kind": "instance", "name": "web1", "tags": ["a", "b"]}),
        ("DELETE", "/2/tags?tag=a", None, "TAGS_DEL", {"kind": "cluster", "tags": ["a"]}),
        ("POST", f"{NODE}/powercycle?force=1", None, "NODE_POWERCYCLE", {"node_name": "node1", "force": True}),
        ("POST", f"{NODE}/evacuate", {"mode": "all", "remote_node": "node2"}, "NODE_EVACUATE",
         {"mode": "all", "remote_node": "node2"}),
        ("POST", f"{NODE}/migrate?mode=live", None, "NODE_MIGRATE", {"mode": "live"}),
        ("POST", f"{NODE}/migrate?live=0", None, "NODE_MIGRATE", {"mode": "non-live"}),
        ("POST", f"{NODE}/migrate", {"mode": "live", "target_node": "node2"}, "NODE_MIGRATE", {"target_node": "node2"}),
        ("POST", f"{NODE}/modify", {"offline": True}, "NODE_SET_PARAMS", {"offline": True}),
        ("PUT", f"{NODE}/role?force=1&auto-promote=1", "regular", "NODE_SET_PARAMS",
         {"master_candidate": False, "offline": False, "drained": False, "force": True, "auto_promote": True}),
        ("PUT", f"{NODE}/role", "offline", "NODE_SET_PARAMS", {"offline": True, "force": False}),
        ("GET", f"{NODE}/storage?storage_type=file&output_fields=name,free", None, "NODE_QUERY_STORAGE",
         {"nodes": ["node1"], "storage_type": "file", "output_fields": ["name", "free"]}),
        ("PUT", f"{NODE}/storage/modify?storage_type=lvm-pv&name=/dev/sda&allocatable=0", None, "NODE_MODIFY_STORAGE",
         {"name": "/dev/sda", "changes": {"allocatable": False}}),
        ("PUT", f"{NODE}/storage/repair?storage_type=lvm-vg&name=xenvg", None, "REPAIR_NODE_STORAGE",
         {"name": "xenvg"}),
        ("POST", "/2/groups", {"name": "g1", "alloc_policy": "preferred"}, "GROUP_ADD", {"group_name": "g1"}),
        ("POST", "/2/groups", {"group_name": "g1"}, "GROUP_ADD", {"group_name": "g1"}),
        ("PUT", f"{GROUP}/modify", {"custom_ndparams": {"ssh_port": 23}}, "GROUP_SET_PARAMS",
         {"ndparams": {"ssh_port": 23}}),
        ("PUT", f"{GROUP}/rename", {"new_name": "g2"}, "GROUP_RENAME", {"group_name": "g1", "new_name": "g2"}),
        ("PUT", f"{GROUP}/assign-nodes?force=1", {"nodes": ["node1"]}, "GROUP_ASSIGN_NODES",
         {"nodes": ["node1"], "force": True}),
        ("DELETE", GROUP, None, "GROUP_REMOVE", {"group_name": "g1"}),
        ("POST", "/2/networks", {"network_name": "n1", "network": "192.0.2.0/24"}, "NETWORK_ADD",
         {"network_name": "n1", "network": "192.0.2.0/24"}),
        ("PUT", f"{NETWORK}/connect", {"group_name": "g1", "network_mode": "bridged", "network_link": "br0"},
         "NETWORK_CONNECT", {"network_name": "n1", "group_name": "g1"}),
        ("PUT", f"{NETWORK}/disconnect", {"group_name": "g1"}, "NETWORK_DISCONNECT", {"group_name": "g1"}),
        ("PUT", "/2/modify", {"candidate_pool_size": 5}, "CLUSTER_SET_PARAMS", {"candidate_pool_size": 5}),
        ("PUT", "/2/redistribute-config", None, "CLUSTER_REDIST_CONF", {}),
        # Keys and arguments that all of them take.
        ("PUT", f"{INSTANCE}/startup", {"depends": [[-1, []]]}, "INSTANCE_STARTUP", {"depends": [[-1, []]]}),
        ("PUT", f"{NODE}/storage/repair?name=a&storage_type=lvm-vg", {"depends": [[7, ["success"]]]},
         "REPAIR_NODE_STORAGE", {"depends": [[7, ["success"]]]}),
        ("POST", f"{NODE}/powercycle?dry-run=1", None, "NODE_POWERCYCLE", {"dry_run": True}),
    ],
)  # fmt: skip
def test_a_request_is_an_opcode(
    tmp_path: os.PathLike[str], verb: str, path: str, body: Any, op: str, fields: dict[str, Any]
) -> None:
    answer, ops = asked(tmp_path, verb, path, body)

    assert (answer.status, answer.value) == (200, 1), answer
    (submitted,) = ops
    assert submitted["OP_ID"] == f"OP_{op}"
    assert {name: submitted.get(name) for name in fields} == fields
    (source,) = submitted["reason"]
    assert source[0].startswith("gnt:library:rlib2:")


@pytest.mark.parametrize(
    ("query", "body", "ops"),
    [
        ("", None, ["SHUTDOWN", "REINSTALL", "STARTUP"]),
        ("?nostartup=1&os=noop", None, ["SHUTDOWN", "REINSTALL"]),
        ("", {"os": "noop", "start": False, "osparams": None}, ["SHUTDOWN", "REINSTALL"]),
        ("", {"os": "noop", "start": True}, ["SHUTDOWN", "REINSTALL", "STARTUP"]),
        ("?dry-run=1", {"os": "noop", "depends": [[3, []]]}, ["SHUTDOWN", "REINSTALL", "STARTUP"]),
    ],
)
def test_a_reinstallation_is_one_job_of_several_opcodes(
    tmp_path: os.PathLike[str], query: str, body: Any, ops: list[str]
) -> None:
    answer, submitted = asked(tmp_path, "POST", f"{INSTANCE}/reinstall{query}", body)

    assert answer.status == 200
    assert [op["OP_ID"] for op in submitted] == [f"OP_INSTANCE_{name}" for name in ops]
    assert {op["instance_name"] for op in submitted} == {"web1"}
    assert submitted[1].get("os_type") == ("noop" if "noop" in f"{query}{body}" else None)
    assert {op.get("dry_run", False) for op in submitted} == {"dry-run" in query}
    assert [op["depends"] for op in submitted if "depends" in op] == ([[[3, []]]] if body and "depends" in body else [])


def test_several_instances_have_the_names_of_the_interface_each(tmp_path: os.PathLike[str]) -> None:
    body = {"instances": [NEW, {**NEW, "name": "web2"}], "iallocator": "hail"}

    answer, (op,) = asked(tmp_path, "POST", "/2/instances-multi-alloc", body)

    assert answer.status == 200
    assert [one["instance_name"] for one in op["instances"]] == ["web1", "web2"]
    assert {one["OP_ID"] for one in op["instances"]} == {"OP_INSTANCE_CREATE"}
    assert not any("__version__" in one or "os" in one for one in op["instances"])


@pytest.mark.parametrize(
    ("verb", "path", "body"),
    [
        ("POST", "/2/instances", {name: value for name, value in NEW.items() if name != "__version__"}),
        ("POST", "/2/instances", {**NEW, "__version__": 2}),
        ("POST", "/2/instances", {**NEW, "instance_name": "web2"}),
        ("POST", "/2/instances?dry-run=1", {**NEW, "dry_run": False}),
        ("POST", "/2/instances", {**NEW, "OP_ID": "OP_CLUSTER_DESTROY"}),
        ("POST", "/2/instances", {**NEW, "nonsense": 1}),
        ("POST", "/2/instances", {**NEW, "name": "../etc"}),
        ("POST", "/2/instances-multi-alloc", {"instances": "web1"}),
        ("DELETE", INSTANCE, {"ignore_failures": True}),
        ("DELETE", INSTANCE, {"instance_name": "other"}),
        ("PUT", f"{INSTANCE}/modify", {"beparams": {}, "custom_beparams": {}}),
        ("PUT", f"{INSTANCE}/modify", ["beparams"]),
        ("PUT", f"{INSTANCE}/prepare-export", None),
        ("POST", f"{INSTANCE}/reboot?type=violent", None),
        ("POST", f"{INSTANCE}/reinstall?os=noop", {"os": "noop"}),
        ("POST", f"{INSTANCE}/reinstall", {"start": "yes"}),
        ("POST", f"{INSTANCE}/disk/0/grow", {"disk": 1, "amount": 5}),
        ("POST", f"{INSTANCE}/replace-disks?disks=a", None),
        ("POST", f"{NODE}/migrate?live=1&mode=live", None),
        ("PUT", f"{NODE}/role", "master"),
        ("PUT", f"{NODE}/role", {"role": "offline"}),
        ("GET", f"{NODE}/storage?storage_type=file", None),
        ("PUT", f"{INSTANCE}/startup", {"depends": "7"}),
        ("PUT", "/2/tags", None),
        ("PUT", "/2/redistribute-config?dry-run=maybe", None),
    ],
)
def test_what_makes_no_sense_is_refused_and_nothing_submitted(
    tmp_path: os.PathLike[str], verb: str, path: str, body: Any
) -> None:
    answer, ops = asked(tmp_path, verb, path, body)

    assert (answer.status, ops) == (400, [])
    assert answer.value["code"] == 400 and answer.value["message"]


def test_compression_tools_are_not_for_the_remote_api(tmp_path: os.PathLike[str]) -> None:
    assert asked(tmp_path, "PUT", "/2/modify", {"compression_tools": ["gzip"]})[0].status == 403
    assert asked(tmp_path, "PUT", "/2/modify?compression_tools=1", {})[0].status == 403


def test_reasons_stand_before_that_of_the_interface(tmp_path: os.PathLike[str]) -> None:
    body = {"reason": [["me", "because", 7]]}

    _, (op,) = asked(tmp_path, "PUT", f"{INSTANCE}/shutdown?reason=maintenance", body)

    assert [entry[:2] for entry in op["reason"]] == [
        ["me", "because"],
        ["gnt:user", "maintenance"],
        ["gnt:library:rlib2:instances_name_shutdown", ""],
    ]
