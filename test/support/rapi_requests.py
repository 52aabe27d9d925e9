"""The request that each method of the client of the remote API makes."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from ganeti.rapi import client as rapi
from ganeti.rapi.client import GanetiRapiClient

FILTER = "0f6ad3f7-5a5f-4bcb-a1ff-f1dd1eb9b0e1"


class Row(NamedTuple):
    """A call, and the request that it makes."""

    call: Callable[[GanetiRapiClient], object]
    method: str
    resource: str
    query: dict[str, list[str]] = {}
    body: object = None


DISKS, NICS = [{"size": 512}], [{"mode": "bridged"}]
ROWS = [
    Row(lambda c: c.GetVersion(), "GET", "/version"),
    Row(lambda c: c.GetFeatures(), "GET", "/2/features"),
    Row(lambda c: c.GetOperatingSystems(), "GET", "/2/os"),
    Row(lambda c: c.GetInfo(), "GET", "/2/info"),
    Row(lambda c: c.RedistributeConfig(reason="new key"), "PUT", "/2/redistribute-config", {"reason": ["new key"]}),
    Row(lambda c: c.ModifyCluster(candidate_pool_size=3), "PUT", "/2/modify", {}, {"candidate_pool_size": 3}),
    Row(lambda c: c.GetClusterTags(), "GET", "/2/tags"),
    Row(lambda c: c.AddClusterTags(["a", "b"], dry_run=True), "PUT", "/2/tags", {"tag": ["a", "b"], "dry-run": ["1"]}),
    Row(lambda c: c.DeleteClusterTags(["a"]), "DELETE", "/2/tags", {"tag": ["a"]}),
    Row(lambda c: c.Query("node", ["name"]), "PUT", "/2/query/node", {}, {"fields": ["name"]}),
    Row(
        lambda c: c.Query("node", ["name"], ["=", "name", "n1"]),
        "PUT",
        "/2/query/node",
        {},
        {"fields": ["name"], "qfilter": ["=", "name", "n1"]},
    ),
    Row(lambda c: c.QueryFields("job"), "GET", "/2/query/job/fields"),
    Row(lambda c: c.QueryFields("job", ["id", "status"]), "GET", "/2/query/job/fields", {"fields": ["id,status"]}),
    Row(lambda c: c.GetFilters(bulk=True), "GET", "/2/filters", {"bulk": ["1"]}),
    Row(lambda c: c.GetFilter(FILTER), "GET", f"/2/filters/{FILTER}"),
    Row(
        lambda c: c.AddFilter(1, [["jobid", [">", "id", 5]]], "REJECT"),
        "POST",
        "/2/filters",
        {},
        {"priority": 1, "predicates": [["jobid", [">", "id", 5]]], "action": "REJECT"},
    ),
    Row(
        lambda c: c.ReplaceFilter(FILTER, 2, [], "ACCEPT", [["gnt:user", "why", 1]]),
        "PUT",
        f"/2/filters/{FILTER}",
        {},
        {"priority": 2, "predicates": [], "action": "ACCEPT", "reason": [["gnt:user", "why", 1]]},
    ),
    Row(lambda c: c.DeleteFilter(FILTER), "DELETE", f"/2/filters/{FILTER}"),
    # instances
    Row(lambda c: c.GetInstances(bulk=True), "GET", "/2/instances", {"bulk": ["1"]}),
    Row(lambda c: c.GetInstance("web1"), "GET", "/2/instances/web1"),
    Row(lambda c: c.GetInstanceInfo("web1", static=True), "GET", "/2/instances/web1/info", {"static": ["1"]}),
    Row(
        lambda c: c.CreateInstance("create", "web1", "file", DISKS, NICS, dry_run=True, os="noop", pnode="n1"),
        "POST",
        "/2/instances",
        {"dry-run": ["1"]},
        {
            "__version__": 1,
            "mode": "create",
            "name": "web1",
            "disk_template": "file",
            "disks": DISKS,
            "nics": NICS,
            "os": "noop",
            "pnode": "n1",
        },
    ),
    Row(
        lambda c: c.InstancesMultiAlloc(
            [rapi.InstanceAllocation("create", "web1", "diskless", [], [], os="noop")], iallocator="hail"
        ),
        "POST",
        "/2/instances-multi-alloc",
        {},
        {
            "instances": [
                {"mode": "create", "name": "web1", "disk_template": "diskless", "disks": [], "nics": [], "os": "noop"}
            ],
            "iallocator": "hail",
        },
    ),
    Row(lambda c: c.DeleteInstance("web1"), "DELETE", "/2/instances/web1"),
    Row(
        lambda c: c.DeleteInstance("web1", shutdown_timeout=1),
        "DELETE",
        "/2/instances/web1",
        {},
        {"shutdown_timeout": 1},
    ),
    Row(
        lambda c: c.ModifyInstance("web1", beparams={"memory": 256}),
        "PUT",
        "/2/instances/web1/modify",
        {},
        {"beparams": {"memory": 256}},
    ),
    Row(
        lambda c: c.ActivateInstanceDisks("web1", ignore_size=True),
        "PUT",
        "/2/instances/web1/activate-disks",
        {"ignore_size": ["1"]},
    ),
    Row(lambda c: c.DeactivateInstanceDisks("web1"), "PUT", "/2/instances/web1/deactivate-disks"),
    Row(
        lambda c: c.RecreateInstanceDisks("web1", [0], ["n1"]),
        "POST",
        "/2/instances/web1/recreate-disks",
        {},
        {"disks": [0], "nodes": ["n1"]},
    ),
    Row(
        lambda c: c.GrowInstanceDisk("web1", 1, 1024, wait_for_sync=False),
        "POST",
        "/2/instances/web1/disk/1/grow",
        {},
        {"amount": 1024, "wait_for_sync": False},
    ),
    Row(
        lambda c: c.ReplaceInstanceDisks("web1", [0, 1], remote_node="n3"),
        "POST",
        "/2/instances/web1/replace-disks",
        {},
        {"mode": "replace_auto", "disks": [0, 1], "remote_node": "n3"},
    ),
    Row(lambda c: c.GetInstanceTags("web1"), "GET", "/2/instances/web1/tags"),
    Row(lambda c: c.AddInstanceTags("web1", ["a"]), "PUT", "/2/instances/web1/tags", {"tag": ["a"]}),
    Row(lambda c: c.DeleteInstanceTags("web1", ["a"]), "DELETE", "/2/instances/web1/tags", {"tag": ["a"]}),
    Row(
        lambda c: c.RebootInstance("web1", "soft", ignore_secondaries=False, reason="kernel"),
        "POST",
        "/2/instances/web1/reboot",
        {"type": ["soft"], "ignore_secondaries": ["0"], "reason": ["kernel"]},
    ),
    Row(
        lambda c: c.ShutdownInstance("web1", no_remember=True, timeout=5),
        "PUT",
        "/2/instances/web1/shutdown",
        {"no_remember": ["1"]},
        {"timeout": 5},
    ),
    Row(
        lambda c: c.StartupInstance("web1", dry_run=True, force=True),
        "PUT",
        "/2/instances/web1/startup",
        {"dry-run": ["1"], "force": ["1"]},
    ),
    Row(
        lambda c: c.ReinstallInstance("web1", "noop", no_startup=True),
        "POST",
        "/2/instances/web1/reinstall",
        {},
        {"os": "noop", "start": False, "osparams": None},
    ),
    Row(
        lambda c: c.RenameInstance("web1", "web2", ip_check=False),
        "PUT",
        "/2/instances/web1/rename",
        {},
        {"new_name": "web2", "ip_check": False},
    ),
    Row(
        lambda c: c.MigrateInstance("web1", mode="live", allow_failover=True),
        "PUT",
        "/2/instances/web1/migrate",
        {},
        {"mode": "live", "allow_failover": True},
    ),
    Row(lambda c: c.FailoverInstance("web1"), "PUT", "/2/instances/web1/failover", {}, {}),
    Row(lambda c: c.PrepareExport("web1", "local"), "PUT", "/2/instances/web1/prepare-export", {"mode": ["local"]}),
    Row(
        lambda c: c.ExportInstance("web1", "local", "n2", shutdown=True),
        "PUT",
        "/2/instances/web1/export",
        {},
        {"mode": "local", "destination": "n2", "shutdown": True},
    ),
    Row(lambda c: c.GetInstanceConsole("web1"), "GET", "/2/instances/web1/console"),
    # jobs
    Row(lambda c: c.GetJobs(bulk=True), "GET", "/2/jobs", {"bulk": ["1"]}),
    Row(lambda c: c.GetJobStatus(12), "GET", "/2/jobs/12"),
    Row(lambda c: c.CancelJob(12), "DELETE", "/2/jobs/12"),
    Row(
        lambda c: c.WaitForJobChange(12, ["status"], ["queued"], 3),
        "GET",
        "/2/jobs/12/wait",
        {},
        {"fields": ["status"], "previous_job_info": ["queued"], "previous_log_serial": 3},
    ),
    # nodes
    Row(lambda c: c.GetNodes(bulk=True), "GET", "/2/nodes", {"bulk": ["1"]}),
    Row(lambda c: c.GetNode("n1"), "GET", "/2/nodes/n1"),
    Row(
        lambda c: c.EvacuateNode("n1", iallocator="hail", mode="all"),
        "POST",
        "/2/nodes/n1/evacuate",
        {},
        {"iallocator": "hail", "mode": "all"},
    ),
    Row(lambda c: c.MigrateNode("n1", mode="live"), "POST", "/2/nodes/n1/migrate", {}, {"mode": "live"}),
    Row(lambda c: c.GetNodeRole("n1"), "GET", "/2/nodes/n1/role"),
    Row(
        lambda c: c.SetNodeRole("n1", "drained", force=True, auto_promote=True),
        "PUT",
        "/2/nodes/n1/role",
        {"force": ["1"], "auto-promote": ["1"]},
        "drained",
    ),
    Row(lambda c: c.PowercycleNode("n1", force=True), "POST", "/2/nodes/n1/powercycle", {"force": ["1"]}),
    Row(lambda c: c.ModifyNode("n1", drained=True), "POST", "/2/nodes/n1/modify", {}, {"drained": True}),
    Row(
        lambda c: c.GetNodeStorageUnits("n1", "file", ["name", "size"]),
        "GET",
        "/2/nodes/n1/storage",
        {"storage_type": ["file"], "output_fields": ["name,size"]},
    ),
    Row(
        lambda c: c.ModifyNodeStorageUnits("n1", "lvm-pv", "sda", allocatable=False),
        "PUT",
        "/2/nodes/n1/storage/modify",
        {"storage_type": ["lvm-pv"], "name": ["sda"], "allocatable": ["0"]},
    ),
    Row(
        lambda c: c.RepairNodeStorageUnits("n1", "lvm-vg", "xenvg"),
        "PUT",
        "/2/nodes/n1/storage/repair",
        {"storage_type": ["lvm-vg"], "name": ["xenvg"]},
    ),
    Row(lambda c: c.GetNodeTags("n1"), "GET", "/2/nodes/n1/tags"),
    Row(lambda c: c.AddNodeTags("n1", ["a"]), "PUT", "/2/nodes/n1/tags", {"tag": ["a"]}),
    Row(lambda c: c.DeleteNodeTags("n1", ["a"]), "DELETE", "/2/nodes/n1/tags", {"tag": ["a"]}),
    # groups
    Row(lambda c: c.GetGroups(bulk=True), "GET", "/2/groups", {"bulk": ["1"]}),
    Row(lambda c: c.GetGroup("g1"), "GET", "/2/groups/g1"),
    Row(
        lambda c: c.CreateGroup("g1", "preferred", ndparams={}),
        "POST",
        "/2/groups",
        {},
        {"name": "g1", "alloc_policy": "preferred", "ndparams": {}},
    ),
    Row(lambda c: c.ModifyGroup("g1", ndparams={}), "PUT", "/2/groups/g1/modify", {}, {"ndparams": {}}),
    Row(lambda c: c.DeleteGroup("g1", dry_run=True), "DELETE", "/2/groups/g1", {"dry-run": ["1"]}),
    Row(lambda c: c.RenameGroup("g1", "g2"), "PUT", "/2/groups/g1/rename", {}, {"new_name": "g2"}),
    Row(
        lambda c: c.AssignGroupNodes("g1", ["n1"], force=True),
        "PUT",
        "/2/groups/g1/assign-nodes",
        {"force": ["1"]},
        {"nodes": ["n1"]},
    ),
    Row(lambda c: c.GetGroupTags("g1"), "GET", "/2/groups/g1/tags"),
    Row(lambda c: c.AddGroupTags("g1", ["a"]), "PUT", "/2/groups/g1/tags", {"tag": ["a"]}),
    Row(lambda c: c.DeleteGroupTags("g1", ["a"]), "DELETE", "/2/groups/g1/tags", {"tag": ["a"]}),
    # networks
    Row(lambda c: c.GetNetworks(bulk=True), "GET", "/2/networks", {"bulk": ["1"]}),
    Row(lambda c: c.GetNetwork("lan"), "GET", "/2/networks/lan"),
    Row(
        lambda c: c.CreateNetwork("lan", "10.0.0.0/24", gateway="10.0.0.1", tags=["a"]),
        "POST",
        "/2/networks",
        {},
        {"network_name": "lan", "network": "10.0.0.0/24", "gateway": "10.0.0.1", "tags": ["a"]},
    ),
    Row(
        lambda c: c.ConnectNetwork("lan", "g1", "bridged", "br0"),
        "PUT",
        "/2/networks/lan/connect",
        {},
        {"group_name": "g1", "network_mode": "bridged", "network_link": "br0"},
    ),
    Row(lambda c: c.DisconnectNetwork("lan", "g1"), "PUT", "/2/networks/lan/disconnect", {}, {"group_name": "g1"}),
    Row(
        lambda c: c.ModifyNetwork("lan", gateway="10.0.0.2"),
        "PUT",
        "/2/networks/lan/modify",
        {},
        {"gateway": "10.0.0.2"},
    ),
    Row(lambda c: c.RenameNetwork("lan", "wan"), "PUT", "/2/networks/lan/rename", {}, {"new_name": "wan"}),
    Row(lambda c: c.DeleteNetwork("lan"), "DELETE", "/2/networks/lan"),
    Row(lambda c: c.GetNetworkTags("lan"), "GET", "/2/networks/lan/tags"),
    Row(lambda c: c.AddNetworkTags("lan", ["a"]), "PUT", "/2/networks/lan/tags", {"tag": ["a"]}),
    Row(lambda c: c.DeleteNetworkTags("lan", ["a"]), "DELETE", "/2/networks/lan/tags", {"tag": ["a"]}),
]
