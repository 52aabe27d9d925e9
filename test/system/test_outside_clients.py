"""Programs written for the original work unchanged: a RAPI client, a scraper, confd and LUXI clients, shell scripts.

What they do and expect comes from `spec/` alone.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from ganeti.bootstrap import daemons
from ganeti.utils import files
from test.support.admin import add_diskless, remove_all
from test.support.cluster import Cluster
from test.support.luxi_raw import Raw
from test.support.outside import ConfdStranger, RapiStranger, read_figures
from test.support.remote import remote_of


def _spec(name: str) -> Any:
    with open(os.path.join(os.path.dirname(__file__), "..", "data", "spec", name), encoding="utf-8") as file:
        return json.load(file)


RAPI, FIELDS = _spec("rapi.json"), _spec("query_fields.json")["resources"]
KNOWN = {
    "<node>": "node2", "<instance>": "instance1", "<group>": "default", "<network>": "none-such", "<job_id>": "1",
    "<disk>": "0", "<filter>": "none-such", "<query_res>": "instance",
}  # fmt: skip
TYPES: Mapping[str, Any] = {"text": str, "number": (int, float), "unit": (int, float), "timestamp": float, "bool": bool}
CONFD_PORT = 1814
#: methods this version does not serve yet
NOT_SERVED = {"PickupJob", "ReplaceFilter", "DeleteFilter"}


@pytest.fixture(scope="module")
def cluster(cluster3: Cluster) -> Iterator[Cluster]:
    """A cluster with an instance, whose remote API offers figures."""
    cluster3.ok("daemon-util", "stop", daemons.RAPI)
    cluster3.start(daemons.RAPI, cluster3.master, "--metrics")
    try:
        with remote_of(cluster3):
            add_diskless(cluster3, "instance1", "node2")
            yield cluster3
    finally:
        remove_all(cluster3)
        cluster3.ok("daemon-util", "stop", daemons.RAPI)
        cluster3.start(daemons.RAPI, cluster3.master)


@pytest.fixture(scope="module")
def address(cluster: Cluster) -> str:
    return cluster.ok("gnt-node", "list", "--no-headers", "-o", "pip", cluster.master).strip()


@pytest.fixture(scope="module")
def jack(address: str) -> Iterator[RapiStranger]:
    """A program whose user may do all."""
    with contextlib.closing(RapiStranger(address, RAPI["http"]["port"], "jack", "secret")) as stranger:
        yield stranger


# --- the remote API -------------------------------------------------------------------------


def paths() -> list[tuple[str, Mapping[str, Any]]]:
    found = []
    for path, row in RAPI["resources"].items():
        for variable, value in KNOWN.items():
            path = path.replace(variable, value)
        found.append((path, row))
    return found


def test_each_path_asks_for_the_login_it_documents_and_has_no_method_more(address: str, jack: RapiStranger) -> None:
    with contextlib.closing(RapiStranger(address, RAPI["http"]["port"], "", "")) as anybody:
        for path, row in paths():
            for verb in ("GET", "PUT", "POST", "DELETE"):
                wanted = 501 if verb not in row else 401 if row[verb]["access"] != "none" else None
                said = anybody.ask(verb, path)
                assert wanted in (None, said.status), (verb, path, said)
                if said.status >= 400:
                    assert (
                        said.document.keys() == RAPI["error_document"].keys() and said.document["code"] == said.status
                    )
                if said.status == 401:
                    assert said.headers["WWW-Authenticate"] == f'Basic realm="{RAPI["http"]["realm"]}"'
            assert jack.ask("PATCH", path).status == 501


@pytest.mark.parametrize(
    ("resource", "path", "key", "alone"),
    [("instance", "/2/instances", "id", set()), ("node", "/2/nodes", "id", {"secondary_ip"}),
     ("group", "/2/groups", "name", set()), ("network", "/2/networks", "name", set())],
)  # fmt: skip
def test_objects_have_the_documented_fields_in_their_types(
    jack: RapiStranger, resource: str, path: str, key: str, alone: set[str]
) -> None:
    wanted, kinds = set(RAPI[f"{resource}_fields"]["fields"]), FIELDS[resource]["fields"]
    plain, bulk = jack.get(path), jack.get(f"{path}?bulk=1")

    assert plain == [{key: name, "uri": f"{path}/{name}"} for name in sorted(row["name"] for row in bulk)]
    for row in bulk:
        assert set(row) == wanted
        assert set(jack.get(f"{path}/{row['name']}")) == wanted | alone
        for name, value in row.items():
            assert value is None or isinstance(value, TYPES.get(kinds[name]["kind"], object)), (name, value)
    if resource == "instance":
        assert [row["beparams"]["memory"] for row in bulk] == [row["beparams"]["maxmem"] for row in bulk]


def test_what_is_said_of_the_cluster_and_of_jobs_is_what_is_documented(jack: RapiStranger) -> None:
    info = RAPI["cluster_info_fields"]

    assert set(jack.get("/2/info")) == {*info["in_2_7"], *info["new_in_3"], "vg_name", "drbd_helper"}
    assert sorted(jack.get("/2/features")) == sorted(RAPI["features"])
    assert [jack.get(path) for path in ("/", "/2", "/version")] == [None, None, 2]
    assert all(isinstance(name, str) for name in jack.get("/2/os"))
    assert jack.get("/2/nodes/node1/role") == "master"
    assert jack.get("/2/filters") == jack.get("/2/filters?bulk=1") == jack.get("/2/tags") == []
    for job in jack.get("/2/jobs?bulk=1"):
        assert set(job) == set(RAPI["job_fields_bulk"])
        assert all(len(job[name]) == 2 for name in ("received_ts", "start_ts", "end_ts") if job[name])
    last = jack.get(jack.get("/2/jobs")[-1]["uri"])
    assert set(last) == set(RAPI["job_fields"])
    assert len(last["ops"]) == len(last["opstatus"]) == len(last["opresult"]) == len(last["oplog"])


@pytest.mark.parametrize("resource", [name.split()[0] for name in RAPI["query_resources"]])
def test_all_fields_of_a_resource_can_be_asked_for(jack: RapiStranger, resource: str) -> None:
    described = jack.get(f"/2/query/{resource}/fields")["fields"]
    answer = jack.get(f"/2/query/{resource}?fields={','.join(field['name'] for field in described)}")

    assert len(described) == FIELDS[resource]["count_expanded"]
    assert answer["fields"] == described
    for field in described:
        documented = FIELDS[resource]["fields"].get(field["name"])
        assert documented is None or (documented["title"], documented["kind"]) == (field["title"], field["kind"])
    for row in answer["data"]:
        assert all((status == 0) or (value is None and status in (1, 2, 3, 4)) for status, value in row)


def test_an_instance_is_driven_through_its_life_as_clients_of_2_7_do_it(jack: RapiStranger) -> None:
    creation = {
        "__version__": 1, "mode": "create", "name": "life", "os": "noop", "pnode": "node3", "disk_template": "file",
        "disks": [{"size": "16"}], "nics": [], "hypervisor": "fake", "iallocator": None, "hvparams": {},
        "beparams": {"memory": "64", "vcpus": "auto"},
        "osparams": {}, "file_driver": "loop", "name_check": False, "ip_check": False, "start": True,
        "wait_for_sync": True, "src_node": None, "src_path": None,
    }  # fmt: skip
    own = "/2/instances/life"
    assert jack.ask("POST", "/2/instances", {**creation, "__version__": 0}).status == 400
    for change in ({}, {"disk_template": "diskless", "disks": []}):
        assert jack.job("POST", "/2/instances?dry-run=1", {**creation, **change})["opresult"] == [["node3"]]
    assert jack.ask("GET", own).status == 404

    ended = [
        jack.job(*request)
        for request in (
            ("POST", "/2/instances", creation),
            ("PUT", f"{own}/tags?tag=a&tag=b"),
            ("DELETE", f"{own}/tags?tag=b"),
            ("POST", f"{own}/reboot?type=soft"),
            ("PUT", f"{own}/shutdown", {"timeout": 3}),
            ("PUT", f"{own}/modify", {"custom_beparams": {"vcpus": 2}}),
            ("POST", f"{own}/reinstall", {"os": "noop", "start": False, "osparams": None}),
            ("PUT", f"{own}/startup?force=1"),
            ("GET", f"{own}/info?static=1"),
        )
    ]
    shown = jack.get(own)

    assert [job["status"] for job in ended] == ["success"] * len(ended)
    assert (shown["status"], shown["tags"], shown["custom_beparams"]["vcpus"]) == ("running", ["a"], 2)
    assert jack.get(f"{own}/console")["kind"] == "msg"
    assert jack.job("DELETE", own)["status"] == "success"
    refused = jack.job("PUT", f"{own}/startup")
    assert refused["opresult"][0][0] == "OpPrereqError" and refused["opresult"][0][1][1] == "unknown_entity"


@pytest.mark.parametrize(
    ("request_line", "headers", "body", "status"),
    [
        ("GET /version HTTP/1.0", "", "", 200),
        ("GET /version HTTP/1.1", "host: x\r\naccept: text/html\r\nconnection: close\r\n", "", 200),
        ("FETCH /version HTTP/1.1", "Host: x\r\nConnection: close\r\n", "", 501),
        (
            "PUT /2/query/group HTTP/1.0",
            "content-type: application/json; charset=utf-8\r\n",
            '{"fields":["name"]}',
            200,
        ),
        ("PUT /2/query/group HTTP/1.0", "Content-Type: text/plain\r\n", '{"fields":["name"]}', 415),
        ("PUT /2/query/group HTTP/1.0", "", '{"fields":["name"]}', 415),
        ("PUT /2/query/group HTTP/1.0", "Content-Type: application/json\r\n", '{"fields"', 400),
        ("PUT /2/query/group?fields=name HTTP/1.0", "Content-Type: application/x-www-form-urlencoded\r\n", "", 200),
    ],
)
def test_requests_come_in_many_forms(
    jack: RapiStranger, request_line: str, headers: str, body: str, status: int
) -> None:
    login = f"authorization: {jack.login}\r\n"

    said = jack.said_to(f"{request_line}\r\n{headers}{login}Content-Length: {len(body)}\r\n\r\n{body}".encode())

    assert int(said.split(b" ")[1]) == status, said


# --- Prometheus, confd, LUXI, the shell ---------------------------------------------------------


def test_figures_are_read_by_the_letter_of_the_text_form(jack: RapiStranger) -> None:
    said = jack.said_to(b"GET /metrics HTTP/1.0\r\nAccept: text/plain;version=0.0.4\r\n\r\n")
    head, _, text = said.partition(b"\r\n\r\n")

    samples = read_figures(text.decode())

    assert b"\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n" in head
    assert samples["ganeti_master_up", ""] == 1


def test_confd_answers_every_documented_question(cluster: Cluster, address: str) -> None:
    key = files.read_file(cluster.paths(1).hmac_key)
    with contextlib.closing(ConfdStranger(address, CONFD_PORT, key)) as confd:
        for kind, query, wanted in (
            (0, None, (0, "ok")),
            (1, "node1", (0, 0)),
            (1, "node2", (0, 1)),
            (1, "none-such", (1, 0)),
            (2, {"1": "192.0.2.77"}, (1, 0)),
            (2, {"2": ["192.0.2.77"]}, (0, [[1, 0]])),
            (2, None, (1, 2)),
            (3, None, (0, "node1")),
            (3, {"3": [2, 0]}, (0, [address, "node1"])),
            (6, None, (0, [])),
            (7, "node1", (0, [])),
            (9, "instance1", (0, [])),
            (10, "cluster/cluster_name", (0, "cluster")),
            (10, "cluster/none-such", (1, 2)),
        ):
            assert confd.ask(kind, query) == wanted, (kind, query)
        assert address in confd.ask(4)[1] and address in confd.ask(5)[1]
        assert [row["name"] for row in confd.ask(8, "node2")[1][0]] == ["instance1"]
        assert all(set(row) == {"active", "interval"} for row in confd.ask(11)[1].values())


def test_luxi_knows_every_documented_method_and_its_versions(cluster: Cluster) -> None:
    with contextlib.closing(Raw(cluster)) as luxi:
        for version in (None, 2070000, 3000000, 3010000):
            more = {} if version is None else {"version": version}
            assert luxi.ask("QueryConfigValues", ["master_node", "bogus"], **more)["result"] == ["node1", None]
        for method in _spec("luxi.json")["methods"].keys() - NOT_SERVED:
            said = luxi.ask(method, *[{}] * 9)
            assert said["success"] is False and said["result"][0] == "ParameterError", (method, said)
        assert luxi.ask("QueryExports", [], False) == {"success": True, "result": []}
        assert luxi.ask("QueryFilters", None, ["uuid"]) == {"success": True, "result": []}
        paused = luxi.ask("SetWatcherPause", 4_000_000_000)["result"]
        known = luxi.ask("QueryConfigValues", ["watcher_pause"])["result"]
        assert repr([paused, *known]) == "[4000000000, 4000000000]"
        assert luxi.ask("SetWatcherPause", None)["result"] is None
        assert luxi.ask("QueryTags", "cluster", None) == {"success": True, "result": []}
        assert luxi.ask("QueryInstances", ["instance1"], ["name", "be/memory"], False)["result"] == [["instance1", 64]]
        assert luxi.ask("WaitForJobChange", 1, ["status"], ["success"], 99, 1)["result"] == [["success"], []]
        assert luxi.ask("SubmitJob", [{"OP_ID": "OP_BOGUS"}])["result"] == ["OpCodeUnknown", ["OP_BOGUS"]]


def test_shell_scripts_read_lists_by_their_separator(cluster: Cluster) -> None:
    fields = "name,status,pnode,snodes,oper_ram,be/memory,disk.size/0,tags"

    listed = cluster.ok("gnt-instance", "list", "--no-headers", "--separator=:", "-o", fields, "instance1")
    unknown = cluster.cmd("gnt-instance", "list", "--no-headers", "-o", "name,bogus", "instance1")
    number = cluster.ok("gnt-debug", "delay", "--submit", "--print-jobid", "0.01").split()[-1]

    assert listed == "instance1:running:node2::64:64:-:\n"
    assert (unknown.exit_code, unknown.stdout.split()) == (14, ["instance1", "??"])
    assert cluster.cmd("gnt-job", "wait", number).exit_code == 0
    assert cluster.ok("gnt-job", "list", "--no-headers", "--separator=|", "-o", "id,status,summary", number) == (
        f"{number}|success|TEST_DELAY(10000000 ns)\n"
    )
    assert cluster.cmd("gnt-instance", "list", node=2).exit_code == 11
