"""The RAPI client: every resource is reached, with what belongs into the request."""

from __future__ import annotations

import inspect
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import pytest

from ganeti.rapi import client as rapi
from ganeti.rapi.client import GanetiRapiClient
from test.support.http_recorder import Answer, Asked, Recorder, recorder

HERE = os.path.dirname(os.path.abspath(__file__))
LIB = os.path.join(HERE, *[".."] * 3, "lib")
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


@pytest.fixture(scope="module")
def served() -> Iterator[Recorder]:
    with recorder() as server:
        yield server


@pytest.fixture
def server(served: Recorder) -> Recorder:
    served.asked.clear()
    served.answer = lambda asked: Answer(b"1")
    return served


def client_of(server: Recorder, **options: Any) -> GanetiRapiClient:
    return GanetiRapiClient("127.0.0.1", server.port, tls=False, **options)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.method} {row.resource}")
def test_a_method_makes_the_request_of_its_resource(server: Recorder, row: Row) -> None:
    with client_of(server) as client:
        row.call(client)

    (asked,) = server.asked
    assert (asked.method, asked.path, asked.query) == (row.method, row.resource, row.query)
    assert (json.loads(asked.body) if asked.body else None) == row.body
    assert asked.headers.get("content-type") == (None if row.body is None else "application/json")


def test_every_resource_of_the_specification_has_a_method() -> None:
    with open(os.path.join(HERE, *[".."] * 2, "data", "spec", "rapi.json"), encoding="utf-8") as file:
        resources = json.load(file)["resources"]
    methods = ("GET", "PUT", "POST", "DELETE")
    specified = {(m, path) for path, row in resources.items() for m in methods if m in row and path not in ("/", "/2")}
    # as good as the same thing, with a filter
    specified.discard(("GET", "/2/query/<query_res>"))

    reached = {(row.method, _template(row.resource, resources)) for row in ROWS}

    assert reached == specified


def test_every_method_of_the_client_is_in_the_table_of_this_test() -> None:
    other = {"WaitForJobCompletion", "WaitForJobResult", "WatchEvents", "GetMetrics", "GetOpenApi"}
    public = {name for name, _ in inspect.getmembers(GanetiRapiClient, inspect.isfunction) if name[0].isupper()}

    tested = {name for row in ROWS for name in row.call.__code__.co_names if name[0].isupper()}

    assert public == tested & public | other


def _template(path: str, resources: dict[str, Any]) -> str:
    fixed = [resource for resource in resources if resource == path]
    found = [r for r in resources if re.fullmatch(re.sub("<[a-z_]+>", "[^/]+", r), path)]
    return (fixed or found)[0]


def test_names_of_a_list_are_returned_without_their_addresses(server: Recorder) -> None:
    server.answer = lambda asked: Answer(b'[{"id": "web1", "uri": "/2/instances/web1"}]')

    with client_of(server) as client:
        assert client.GetInstances() == ["web1"]


def test_one_connection_serves_many_requests(server: Recorder) -> None:
    before = server.connections

    with client_of(server) as client:
        for _ in range(5):
            client.GetVersion()

    assert server.connections == before + 1


def test_user_and_password_are_sent_and_may_hold_anything(server: Recorder) -> None:
    with client_of(server, username="jack", password="a:b ü") as client:
        client.GetVersion()

    assert server.asked[0].headers["authorization"].startswith("Basic ")


def test_a_token_is_sent(server: Recorder) -> None:
    with client_of(server, token="abc.123") as client:
        client.GetVersion()

    assert server.asked[0].headers["authorization"] == "Bearer abc.123"


@pytest.mark.parametrize(
    "options", [{"token": "a\r\nX: y"}, {"token": "a", "username": "b"}, {"password": "without user"}], ids=str
)
def test_a_login_that_makes_no_sense_is_refused_before_anything_is_sent(
    server: Recorder, options: dict[str, Any]
) -> None:
    with pytest.raises(rapi.ClientError):
        client_of(server, **options)

    assert server.asked == []


def test_names_cannot_reach_another_resource(server: Recorder) -> None:
    with client_of(server) as client:
        client.GetInstance("a/b?c#d%e")
        for name in ("", ".", ".."):
            with pytest.raises(rapi.ClientError):
                client.GetInstance(name)

    assert [asked.path for asked in server.asked] == ["/2/instances/a%2Fb%3Fc%23d%25e"]


def test_a_parameter_given_twice_is_refused(server: Recorder) -> None:
    with client_of(server) as client, pytest.raises(rapi.ClientError, match="given twice: __version__"):
        client.CreateInstance("create", "web1", "file", [], [], __version__=0)


def test_tags_are_never_the_letters_of_a_string(server: Recorder) -> None:
    with client_of(server) as client, pytest.raises(rapi.ClientError, match="a list"):
        client.AddClusterTags("tag")


ERRORS = [
    (400, b'{"code": 400, "message": "disks: required", "explain": "Bad request syntax"}', "disks: required"),
    (401, b'{"code": 401, "message": "Unauthorized", "explain": ""}', "a user name and password are needed"),
    (403, b'{"code": 403, "message": "Forbidden", "explain": ""}', "may not do that"),
    (404, b'{"code": 404, "message": "instance web9 is not known"}', "instance web9 is not known"),
    (501, b'{"code": 501, "message": "not supported by this version"}', "not supported by this version"),
    (502, b"<html>Bad gateway</html>", "Bad gateway"),
    (503, b"", "503"),
]


@pytest.mark.parametrize(("status", "body", "told"), ERRORS, ids=lambda value: str(value)[:3])
def test_a_refusal_is_an_error_with_its_code_and_reason(server: Recorder, status: int, body: bytes, told: str) -> None:
    server.answer = lambda asked: Answer(body, status)

    with client_of(server) as client, pytest.raises(rapi.GanetiApiError) as caught:
        client.GetInstance("web9")

    assert caught.value.code == status
    assert "/2/instances/web9" in str(caught.value) and told in str(caught.value)


def test_the_error_of_a_wrong_login_says_so_and_not_the_password(server: Recorder) -> None:
    server.answer = lambda asked: Answer(b"{}", 401)

    with client_of(server, username="jack", password="geheim") as client, pytest.raises(rapi.GanetiApiError) as caught:
        client.GetInfo()

    assert "user name or password is wrong" in str(caught.value)
    assert "geheim" not in str(caught.value)


def test_an_answer_that_is_no_json_is_an_error(server: Recorder) -> None:
    server.answer = lambda asked: Answer(b"<html>hello</html>")

    with client_of(server) as client, pytest.raises(rapi.GanetiApiError, match="is this a RAPI server"):
        client.GetInfo()


def test_redirections_are_not_followed(server: Recorder) -> None:
    server.answer = lambda asked: Answer(b"", 302, {"Location": "/2/elsewhere"})

    with client_of(server, username="jack", password="pw") as client, pytest.raises(rapi.GanetiApiError) as caught:
        client.GetInfo()

    assert caught.value.code == 302
    assert len(server.asked) == 1


def test_a_server_that_is_not_there_is_an_error_without_a_code() -> None:
    with recorder() as gone:
        pass

    with client_of(gone) as client, pytest.raises(rapi.GanetiApiError) as caught:
        client.GetInfo()

    assert caught.value.code is None
    assert f"127.0.0.1:{gone.port}" in str(caught.value)


def test_the_handle_can_be_adjusted(server: Recorder) -> None:
    seen: list[object] = []

    with client_of(server, curl_config_fn=lambda curl, logger: seen.append(curl)) as client:
        client.GetVersion()

    assert len(seen) == 1


def test_stands_alone(tmp_path: os.PathLike[str]) -> None:
    for name in (
        "__init__.py",
        *(f"rapi/{n}" for n in os.listdir(os.path.join(LIB, "rapi")) if n.startswith("client")),
    ):
        target = os.path.join(tmp_path, "ganeti", name)
        os.makedirs(os.path.dirname(target), exist_ok=True)
        shutil.copy(os.path.join(LIB, name), target)
    site = os.path.dirname(os.path.dirname(sys.modules["pycurl"].__file__ or ""))
    places = [os.fspath(tmp_path), *[p for p in sys.path if "site-packages" in p or p == site]]
    script = f"import sys; sys.path[:0] = {places!r}\nimport ganeti.rapi.client\nprint(*sys.modules)"

    done = subprocess.run([sys.executable, "-IS", "-c", script], capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
    ours = {name for name in done.stdout.split() if name.startswith("ganeti.") and ".client" not in name}
    assert ours == {"ganeti.rapi"}


# --- waiting ----------------------------------------------------------------------------------


class Hours:
    """A time that passes when somebody waits."""

    def __init__(self) -> None:
        self.now = 0.0
        self.pauses: list[float] = []

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float, /) -> None:
        self.pauses.append(seconds)
        self.now += seconds


def job(status: str, result: object = None) -> bytes:
    return json.dumps({"id": 12, "status": status, "opstatus": [status], "opresult": [result]}).encode()


def waiting(server: Recorder, states: list[bytes], **options: Any) -> tuple[GanetiRapiClient, Hours]:
    """Return a client whose job goes through these states, one at each look."""
    left = list(states)

    def answer(asked: Asked) -> Answer:
        if asked.path.endswith("/wait"):
            return options.get("wait", Answer(b"null"))
        return Answer(left.pop(0) if len(left) > 1 else left[0])

    server.answer = answer
    client, hours = client_of(server), Hours()
    client._time = hours
    return client, hours


def test_waiting_for_a_job_ends_with_it(server: Recorder) -> None:
    client, hours = waiting(server, [job("queued"), job("running"), job("success")])

    assert client.WaitForJobCompletion(12)

    assert hours.pauses == []
    waits = [json.loads(asked.body) for asked in server.asked if asked.path == "/2/jobs/12/wait"]
    assert [wait["previous_job_info"] for wait in waits] == [["queued"], ["running"]]
    client.close()


@pytest.mark.parametrize("status", ["error", "canceled"])
def test_a_job_that_failed_did_not_complete(server: Recorder, status: str) -> None:
    client, _ = waiting(server, [job(status)])

    assert not client.WaitForJobCompletion(12)
    client.close()


def test_who_may_not_wait_at_the_server_looks_now_and_then(server: Recorder) -> None:
    refused = Answer(b"{}", 403)
    client, hours = waiting(server, [job("queued")] * 4 + [job("success")], wait=refused)

    assert client.WaitForJobCompletion(12, period=7)

    assert hours.pauses == [7, 7, 7]
    client.close()


def test_waiting_ends_when_there_are_no_retries_left(server: Recorder) -> None:
    client, hours = waiting(server, [job("running")])

    assert not client.WaitForJobCompletion(12, period=2, retries=3)

    assert sum(hours.pauses) == 6
    client.close()


def test_the_results_of_a_job_are_returned(server: Recorder) -> None:
    client, _ = waiting(server, [job("success", {"answer": 42})])

    assert client.WaitForJobResult(12) == [{"answer": 42}]
    client.close()


def test_a_job_that_failed_raises_what_its_opcode_says(server: Recorder) -> None:
    client, _ = waiting(server, [job("error", ["OpPrereqError", ["instance 'web9' is not known", "unknown_entity"]])])

    with pytest.raises(rapi.JobError, match="job 12 ended in error: instance 'web9' is not known") as caught:
        client.WaitForJobResult(12)

    assert caught.value.job["status"] == "error"
    client.close()


def test_a_job_that_takes_too_long_raises(server: Recorder) -> None:
    client, _ = waiting(server, [job("running")])

    with pytest.raises(rapi.JobError, match="has not ended after 3 s"):
        client.WaitForJobResult(12, timeout=3)
    client.close()
