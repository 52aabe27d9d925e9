"""The remote API of a running cluster: what programs do with it, and what is done to it."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import socket
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest

from ganeti.bootstrap import daemons
from ganeti.rapi.server import MAX_CLIENTS
from test.support.admin import add_diskless, remove_all
from test.support.cluster import Cluster
from test.support.polling import until
from test.support.remote import Remote, login, remote_of

with open(os.path.join(os.path.dirname(__file__), "..", "data", "spec", "rapi.json"), encoding="utf-8") as _file:
    SPEC: dict[str, Any] = json.load(_file)

CREATION = {
    "__version__": 1,
    "mode": "create",
    "name": "instance1",
    "disk_template": "file",
    "disks": [{"size": 16}],
    "nics": [],
    "os": "noop",
    "pnode": "node2",
    "name_check": False,
    "ip_check": False,
    "beparams": {"memory": 64},
}


@pytest.fixture(scope="module")
def remote(cluster3: Cluster) -> Iterator[Remote]:
    with remote_of(cluster3) as found:
        yield found


@pytest.fixture
def instance1(cluster3: Cluster) -> Iterator[str]:
    add_diskless(cluster3, "instance1", "node2")
    yield "instance1"
    remove_all(cluster3)


# --- a life ---------------------------------------------------------------------------------


def test_a_user_of_the_users_file_drives_an_instance_through_its_life_with_curl(remote: Remote) -> None:
    def curl(verb: str, path: str, body: Any = None) -> Any:
        data = [] if body is None else ["-H", "Content-Type: application/json", "-d", json.dumps(body)]
        done = subprocess.run(
            ["curl", "-q", "-sS", "-k", "-f", "-u", "jack:secret", "-X", verb, *data, remote.url + path],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True, timeout=60,
        )  # fmt: skip
        return json.loads(done.stdout)

    def job(verb: str, path: str, body: Any = None) -> None:
        job_id = curl(verb, path, body)
        until(lambda: curl("GET", f"/2/jobs/{job_id}")["status"] in ("success", "error"), f"job {job_id} ends")
        ended = curl("GET", f"/2/jobs/{job_id}")
        assert ended["status"] == "success", ended["opresult"]

    assert curl("GET", "/version") == 2
    assert curl("GET", "/2/instances") == []

    job("POST", "/2/instances", CREATION)

    assert curl("GET", "/2/instances") == [{"id": "instance1", "uri": "/2/instances/instance1"}]
    shown = curl("GET", "/2/instances/instance1")
    assert (shown["status"], shown["pnode"], shown["beparams"]["memory"]) == ("running", "node2", 64)
    assert curl("GET", "/2/instances?bulk=1") == [curl("GET", "/2/instances/instance1")]

    job("POST", "/2/instances/instance1/reboot?type=hard")
    job("PUT", "/2/instances/instance1/shutdown", {"timeout": 0})
    assert curl("GET", "/2/instances/instance1")["status"] == "ADMIN_down"
    job("PUT", "/2/instances/instance1/startup")
    assert curl("GET", "/2/instances/instance1")["oper_state"] is True

    job("DELETE", "/2/instances/instance1")
    assert curl("GET", "/2/instances") == []


def test_a_dry_run_changes_nothing_wherever_it_is_asked_for(remote: Remote, instance1: str) -> None:
    for verb, path, body in (
        ("POST", "/2/nodes/node3/powercycle?dry-run=1", None),
        ("PUT", f"/2/instances/{instance1}/shutdown?dry-run=1", None),
        ("POST", f"/2/instances/{instance1}/reboot?dry-run=1", None),
        ("DELETE", f"/2/instances/{instance1}?dry-run=1", None),
    ):
        remote.done(verb, path, body)

    assert remote.value("GET", f"/2/instances/{instance1}")["status"] == "running"


def test_a_job_waits_for_another_one_that_the_body_names(remote: Remote, instance1: str) -> None:
    first = remote.value("PUT", f"/2/instances/{instance1}/shutdown", {"timeout": 0})
    second = remote.value("PUT", f"/2/instances/{instance1}/startup", {"depends": [[first, ["success"]]]})

    assert remote.ended(second)["ops"][0]["depends"] == [[first, ["success"]]]
    assert remote.ended(first)["status"] == remote.ended(second)["status"] == "success"


def test_disks_of_a_stopped_instance_are_used_grown_and_made_anew(remote: Remote, cluster3: Cluster) -> None:
    remote.done("POST", "/2/instances", {**CREATION, "start": False})

    activated = remote.done("PUT", "/2/instances/instance1/activate-disks?ignore_size=1")
    deactivated = remote.done("PUT", "/2/instances/instance1/deactivate-disks")

    ((where, name, path),) = activated["opresult"][0]
    assert (where, name, os.path.dirname(path)[-10:]) == ("node2", "disk/0", "/instance1")
    assert deactivated["opresult"] == [None]
    remote.done("POST", "/2/instances/instance1/disk/0/grow", {"amount": 4})
    assert remote.value("GET", "/2/instances/instance1")["disk.sizes"] == [20] == [os.path.getsize(path) >> 20]
    os.unlink(path)
    remote.done("POST", "/2/instances/instance1/recreate-disks", {"disks": [[0, {"size": 8}]]})
    assert remote.value("GET", "/2/instances/instance1")["disk.sizes"] == [8] == [os.path.getsize(path) >> 20]
    remove_all(cluster3)


def test_instances_leave_a_node(remote: Remote, instance1: str) -> None:
    def place_after(path: str, body: dict[str, object]) -> str:
        (result,) = remote.done("POST", path, body)["opresult"]
        assert [remote.ended(job)["status"] for _, job in result["jobs"]] == ["success"]
        return str(remote.value("GET", f"/2/instances/{instance1}")["pnode"])

    assert place_after("/2/nodes/node2/migrate", {"target_node": "node3"}) == "node3"
    assert place_after("/2/nodes/node3/evacuate", {"mode": "all", "iallocator": "most-free"}) != "node3"


def test_reasons_of_clients_are_in_the_trail(remote: Remote, instance1: str) -> None:
    job = remote.done("PUT", f"/2/instances/{instance1}/shutdown?reason=maintenance")

    who, what, when = zip(*job["ops"][0]["reason"], strict=True)
    assert who[:2] == ("gnt:user", "gnt:library:rlib2:instances_name_shutdown")
    assert what[:2] == ("maintenance", "")
    assert all(isinstance(moment, int) and moment > 10**18 for moment in when)


# --- questions ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "key", "fields"),
    [
        ("/2/instances", "id", SPEC["instance_fields"]["fields"]),
        ("/2/nodes", "id", SPEC["node_fields"]["fields"]),
        ("/2/groups", "name", SPEC["group_fields"]["fields"]),
        ("/2/jobs", "id", SPEC["job_fields_bulk"]),
    ],
)
def test_lists_are_names_or_with_bulk_everything(
    remote: Remote, instance1: str, path: str, key: str, fields: list[str]
) -> None:
    plain = remote.value("GET", path)
    bulk = remote.value("GET", f"{path}?bulk=1")

    assert plain == [{key: row[key], "uri": f"{path}/{row[key]}"} for row in plain]
    assert [list(row) for row in bulk] == [fields] * len(plain)
    single = remote.value("GET", plain[0]["uri"])
    assert single.items() >= {name: value for name, value in bulk[0].items() if name in fields}.items()


def test_jobs_have_numbers_and_what_they_logged(remote: Remote) -> None:
    job = remote.done("PUT", "/2/redistribute-config")

    assert list(job) == SPEC["job_fields"]
    assert isinstance(job["id"], int)
    assert job["summary"] == ["CLUSTER_REDIST_CONF"]
    assert job["opstatus"] == ["success"] and len(job["opresult"]) == len(job["oplog"]) == 1
    assert all(len(job[name]) == 2 for name in ("received_ts", "start_ts", "end_ts"))
    assert remote.value("DELETE", f"/2/jobs/{job['id']}")[0] is False
    gone = remote.ask("GET", "/2/jobs/99999")
    assert gone.status == 404 and "job 99999 is not in the queue" in gone.value["message"]


def test_waiting_for_a_job_answers_with_its_change(remote: Remote, instance1: str) -> None:
    job_id = remote.value("PUT", f"/2/instances/{instance1}/shutdown", {"timeout": 0})
    known: Any = None
    while known not in (["success"], ["error"]):
        body = {"fields": ["status"], "previous_job_info": known, "previous_log_serial": None}
        changed = remote.value("GET", f"/2/jobs/{job_id}/wait", body)
        assert changed is None or changed.keys() == {"job_info", "log_entries"}
        known = changed["job_info"] if changed else known

    assert known == ["success"]
    wait = {"fields": ["status"]}
    assert remote.ask("GET", f"/2/jobs/{job_id}/wait", wait, user="jill").status == 403
    assert remote.ask("GET", "/2/jobs/99999/wait", wait).status == 404
    assert remote.ask("GET", f"/2/jobs/{job_id}/wait").status == 400


def test_queries_answer_fields_and_values(remote: Remote, instance1: str) -> None:
    by_address = remote.value("GET", "/2/query/instance?fields=name,oper_ram", user="jill")
    body = {"fields": ["name", "oper_ram"], "qfilter": ["=", "name", instance1]}

    for value in (
        by_address,
        remote.value("PUT", "/2/query/instance", body),
        remote.value("PUT", "/2/query/instance", {"fields": body["fields"], "filter": body["qfilter"]}),
    ):
        assert [field.keys() for field in value["fields"]] == [{"name", "title", "kind", "doc"}] * 2
        assert value["data"] == [[[0, instance1], [0, 64]]]
    assert remote.value("PUT", "/2/query/node", {"fields": ["name"], "qfilter": ["=", "name", "x"]})["data"] == []
    for what in SPEC["query_resources"][:1] + SPEC["query_resources"][2:]:
        found = remote.ask("GET", f"/2/query/{what}/fields", user="")
        assert found.status in (200, 501) and (found.status != 200 or found.value["fields"]), what
    assert remote.ask("GET", "/2/query/instance?fields=name", user="").status == 401
    assert remote.ask("GET", "/2/query/instance").status == 400
    assert remote.ask("GET", "/2/query/nonsense?fields=name").status == 400
    assert remote.value("GET", "/2/query/instance?fields=nonsense")["data"] == [[[1, None]]]


@pytest.mark.parametrize("place", ["", "/nodes/node2", "/groups/default", "/instances/instance1"])
def test_tags_are_added_listed_and_removed(remote: Remote, instance1: str, place: str) -> None:
    path = f"/2{place}/tags"

    remote.done("PUT", f"{path}?tag=b:2&tag=a")
    assert remote.value("GET", path, user="") == ["a", "b:2"]
    remote.done("DELETE", f"{path}?tag=b:2&tag=a")
    assert remote.value("GET", path, user="") == []
    assert remote.ask("PUT", path).status == 400


def test_the_cluster_tells_its_settings(remote: Remote) -> None:
    wanted = {*SPEC["cluster_info_fields"]["in_2_7"], *SPEC["cluster_info_fields"]["new_in_3"]}

    assert remote.value("GET", "/2/info", user="").keys() >= wanted | {"vg_name", "drbd_helper"}
    assert remote.value("GET", "/2/features", user="") == SPEC["features"]
    assert {"noop+default", "image+default"} <= set(remote.value("GET", "/2/os", user=""))
    assert remote.value("GET", "/", user="") is None
    assert remote.value("GET", "/2", user="") is None


def test_nodes_tell_their_role_and_take_another(remote: Remote) -> None:
    assert remote.value("GET", "/2/nodes/node1/role", user="") == "master"
    try:
        for role in ("regular", "drained", "master-candidate"):
            remote.done("PUT", "/2/nodes/node3/role?force=1", role)
            assert remote.value("GET", "/2/nodes/node3/role", user="") == role
    finally:
        remote.done("PUT", "/2/nodes/node3/role", "master-candidate")
    assert remote.ask("PUT", "/2/nodes/node3/role", "king").status == 400


def test_what_is_not_there_is_not_found(remote: Remote) -> None:
    for path in (
        *("/2/instances/x", "/2/nodes/x", "/2/groups/x", "/2/jobs/99999", "/2/jobs/0", "/2/nodes/x/role"),
        *("/2/instances/x/tags", "/2/instances/x/console", "/nothing", "/2/", "/version/", "//version", "/2/nodes/"),
    ):
        said = remote.ask("GET", path)

        assert said.status == 404, (path, said)
        assert said.value.keys() == {"code", "message", "explain"} and said.value["code"] == 404


# --- what cannot be served ------------------------------------------------------------------


def test_what_is_not_built_yet_is_refused_by_name_and_all_else_is_there(remote: Remote) -> None:
    here = {
        "<node>": "node2", "<instance>": "x", "<group>": "x", "<network>": "x", "<job_id>": "99999",
        "<disk>": "0", "<filter>": "x", "<query_res>": "x",
    }  # fmt: skip
    for path, row in SPEC["resources"].items():
        real = "/".join(here.get(word, word) for word in path.split("/"))
        for verb in {"GET", "PUT", "POST", "DELETE"} & row.keys():
            # A dry run of nonsense, so that what is served does nothing.
            said = remote.ask(verb, f"{real}?dry-run=1", None if verb == "GET" else {"nonsense": 1})

            assert said.status < 500 or said.status == 501, (verb, path, said)
            if said.status == 501:
                assert said.value["message"].endswith("is not supported by this version of Ganeti")
                assert not row[verb].get("opcode", "").startswith(("OP_GROUP", "OP_CLUSTER", "OP_TAGS"))
            if said.status >= 400:
                assert said.value.keys() == {"code", "message", "explain"} and said.value["code"] == said.status
    for verb in ("PUT", "HEAD", "OPTIONS", "PATCH", "TRACE"):
        assert remote.ask(verb, "/version").status == 501


def test_bodies_are_json_objects_that_say_so(remote: Remote) -> None:
    path = "/2/groups/default/modify"
    for body, kind, status in (
        (b"{", "application/json", 400),
        (b'"text"', "application/json", 400),
        (b"[" * 100_000, "application/json", 400),
        (b'{"a": 1, "a": 2', "application/json", 400),
        (b"\xff\xfe", "application/json", 400),
        (b"{}", "text/plain", 415),
        (b"{}", "", 415),
        (b'{"group_name": "other"}', "application/json", 400),
        (b'{"nonsense": 1}', "application/json", 400),
        (b'{"alloc_policy": 7}', "application/json; charset=utf-8", 400),
    ):
        assert remote.ask("PUT", path, body, headers={"Content-Type": kind}).status == status, body[:40]
    assert remote.ask("PUT", "/2/modify", {"compression_tools": ["gzip"]}).status == 403
    assert remote.ask("POST", "/2/instances", {**CREATION, "__version__": 0}).status == 400
    assert remote.ask("POST", "/2/instances", {**CREATION, "os_type": "noop"}).status == 400


# --- who may --------------------------------------------------------------------------------


def test_wrong_and_missing_logins_learn_nothing(remote: Remote) -> None:
    said = [
        remote.ask("PUT", "/2/redistribute-config", user="", headers=headers)
        for headers in (
            {},
            {"Authorization": login("jack", "wrong")},
            {"Authorization": login("stranger", "secret")},
            {"Authorization": "Basic ????"},
            {"Authorization": "Bearer secret"},
            {"Authorization": "Digest username=jack"},
        )
    ]

    assert {answer.status for answer in said} == {401}
    assert {answer.headers["WWW-Authenticate"] for answer in said} == {'Basic realm="Ganeti Remote API"'}
    assert len({json.dumps(answer.value) for answer in said}) == 1
    assert remote.ask("GET", "/version", user="", headers={"Authorization": login("jack", "wrong")}).status == 401
    assert remote.ask("PUT", "/2/redistribute-config", user="jill").status == 403
    assert remote.ask("PUT", "/2/redistribute-config", user="nobody").status == 403
    assert remote.ask("GET", "/2/query/node?fields=name", user="nobody").status == 403
    assert remote.ask("GET", "/2/instances", user="").status == 200


def test_tokens_hashes_and_roles_of_tags_let_in_whom_they_should(remote: Remote, instance1: str) -> None:
    ha1 = hashlib.md5(b"jack:Ganeti Remote API:secret").hexdigest()
    token = hashlib.sha256(b"of-the-pipeline").hexdigest()
    remote.write_users(
        f"jack {{ha1}}{ha1.upper()} write\npipeline {{TOKEN}}{token} web\n"
        "web {ROLE} PUT:/2/instances/*/shutdown:team-web,GET:/2/query/instance\nweird {SSHA}x write\n"
    )
    bearer = {"Authorization": "Bearer of-the-pipeline"}
    shutdown = f"/2/instances/{instance1}/shutdown"
    try:
        assert remote.ask("PUT", shutdown, user="", headers=bearer).status == 403
        remote.done("PUT", f"/2/instances/{instance1}/tags?tag=team-web")

        assert remote.ask("PUT", shutdown, user="", headers=bearer).status == 200
        assert remote.ask("PUT", f"/2/instances/{instance1}/startup", user="", headers=bearer).status == 403
        assert remote.ask("PUT", "/2/instances/x/shutdown", user="", headers=bearer).status == 403
        assert remote.ask("GET", "/2/query/instance?fields=name", user="", headers=bearer).status == 200
        assert remote.ask("GET", "/2/query/node?fields=name", user="", headers=bearer).status == 403
        assert remote.ask("GET", "/version", user="", headers={"Authorization": "Bearer other"}).status == 401
        assert remote.ask("GET", "/version", user="weird").status == 401
    finally:
        remote.write_users("jack secret write\njill secret read\nnobody secret\n")


def test_f46_a_broken_users_file_leaves_the_last_good_one_in_force_and_the_log_says_so(remote: Remote) -> None:
    def status(user: str) -> int:
        return remote.ask("GET", "/2/query/node?fields=name", user=user).status

    good = "jack secret write\njill secret read\nnobody secret\n"
    for broken in (
        b"jack secret write\n\xff\xfe\x00",
        b"jack secret write\njim {HA1}nonsense write\n",
        b"no-user-at-all\n",
        b"web {ROLE} nonsense\n",
    ):
        remote.write_users(broken)

        assert "the last good one stays in force" in remote.log().splitlines()[-1]
        assert (status("jack"), status("jill"), status("jim")) == (200, 200, 401)
    assert "nonsense" not in remote.log().rpartition("cannot use the users file")[2]

    remote.write_users("jim secret read\n")
    assert (status("jack"), status("jim")) == (401, 200)

    os.unlink(remote.paths.rapi_users)
    until(lambda: status("jim") == 401, "nobody is let in without a users file")
    remote.write_users(good)
    assert status("jack") == 200


# --- hostile clients ------------------------------------------------------------------------


def test_bodies_without_end_are_refused(remote: Remote) -> None:
    head = b"PUT /2/modify HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nAuthorization: %s\r\n"
    head %= login("jack").encode()
    long, chunk = b"Content-Length: 999999999999\r\n\r\n", b"100000\r\n%s\r\n" % (b" " * 0x100000)

    assert remote.begin(head, long).startswith(b"HTTP/1.1 413 ")
    assert remote.begin(head, b"Transfer-Encoding: chunked\r\n\r\n", *[chunk] * 5).startswith(b"HTTP/1.1 413 ")
    # Without a login nobody's body is waited for.
    nobody = b"PUT /2/modify HTTP/1.1\r\nHost: x\r\nContent-Length: 99\r\n\r\n"
    assert remote.begin(nobody).startswith(b"HTTP/1.1 401 ")


def test_who_asks_before_sending_a_body_is_told_to_go_on(remote: Remote) -> None:
    head = f"PUT /2/modify HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nAuthorization: {login('jack')}\r\n"

    with remote.connection() as connection:
        connection.sendall(f"{head}Content-Type: application/json\r\nExpect: 100-continue\r\n\r\n".encode())
        assert connection.recv(100) == b"HTTP/1.1 100 Continue\r\n\r\n"
        connection.sendall(b"[]")
        assert connection.recv(100).startswith(b"HTTP/1.1 400 ")


@pytest.mark.parametrize(
    "request_",
    [
        *(b"nonsense\r\n\r\n", b"GET /version HTTP/9.9\r\n\r\n", b"\x16\x03\r\n\r\n"),
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"GET /%s HTTP/1.1\r\nHost: x\r\n\r\n" % (b"a" * 20000),
        b"GET /version HTTP/1.1\r\nHost: x\r\nX: %s\r\n\r\n" % (b"a" * 20000),
        b"GET /version HTTP/1.1\r\n%s\r\n" % b"".join(b"X%d: y\r\n" % number for number in range(5000)),
        b"GET /version HTTP/1.1\r\nHost: x\r\nX: a\r\n folded\r\n\r\n",
        b"GET /version HTTP/1.1\r\nHost: x\r\nX: \0\r\n\r\n",
        b"PUT /2/tags HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"PUT /2/tags HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        b"PUT /2/tags HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"GET \xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n",
    ],
    ids=lambda data: repr(data[:30]),
)  # fmt: skip
def test_what_is_no_request_is_refused_in_json_and_hung_up_on(remote: Remote, request_: bytes) -> None:
    head, _, body = remote.raw(request_).partition(b"\r\n\r\n")

    assert head.split(b" ")[1] == b"400"
    assert b"Content-Type: application/json" in head and b"aiohttp" not in head
    assert json.loads(body).keys() == {"code", "message", "explain"}
    assert "Traceback" not in remote.log()


@pytest.mark.parametrize(
    ("target", "status"),
    [
        ("/2/../version", 404),
        ("/2/%2e%2e/version", 404),
        ("/..//..//etc/passwd", 404),
        ("/2/instances/..%2f..%2fetc%2fpasswd", 404),
        ("/2/instances/%00", 404),
        ("/2/instances/x%0d%0aX-Evil:%20yes", 404),
        ("/2/instances/../nodes", 404),
        ("/2/instances/%69nstance1", 404),
        ("/2/instances/..", 404),
        ("/2/instances/" + "a" * 300, 404),
        ("/2/jobs/1e3", 404),
        ("/2/jobs/" + "9" * 40, 404),
        ("/2/instances?bulk=1%0d%0aX-Evil:%20yes", 400),
        ("/2/instances?bulk=yes", 400),
        ("/2/instances?bulk", 200),
    ],
)
def test_tricks_with_addresses_lead_nowhere(remote: Remote, target: str, status: int) -> None:
    request = f"GET {target} HTTP/1.1\r\nHost: x\r\nAuthorization: {login('jack')}\r\nConnection: close\r\n\r\n"

    head, _, body = remote.raw(request.encode()).partition(b"\r\n\r\n")

    assert int(head.split(b" ")[1]) == status
    assert b"X-Evil" not in head
    assert b"root:" not in body
    json.loads(body)
    assert "\n X-Evil" not in remote.log()


def test_clients_that_only_keep_connections_do_not_keep_others_out(remote: Remote) -> None:
    with contextlib.ExitStack() as held:
        for _ in range(MAX_CLIENTS + 20):
            connection = socket.create_connection(remote.address, 60)
            held.callback(connection.close)
            wrapped = remote.context.wrap_socket(connection, do_handshake_on_connect=True)
            held.callback(wrapped.close)
            with contextlib.suppress(OSError):
                wrapped.sendall(b"GET /version HTTP/1.1\r\nX-Slow: ")

        for _ in range(5):
            assert remote.ask("GET", "/version").value == 2
    assert "clients are connected" in remote.log()


def test_without_the_master_daemon_it_says_so_and_serves_again_with_it(remote: Remote, cluster3: Cluster) -> None:
    cluster3.kill_master()
    try:
        said = remote.ask("GET", "/2/instances")
        assert said.status == 502 and said.value["code"] == 502
        assert remote.value("GET", "/version") == 2
        assert remote.ask("PUT", "/2/redistribute-config", user="").status == 401
    finally:
        cluster3.start(daemons.MASTERD, cluster3.master)
    assert len(remote.value("GET", "/2/nodes")) == 3


def test_a_full_or_drained_queue_is_unavailable(remote: Remote, cluster3: Cluster) -> None:
    cluster3.ok("gnt-cluster", "queue", "drain")
    try:
        said = remote.ask("PUT", "/2/redistribute-config")
        assert said.status == 503 and "drain" in said.value["message"]
    finally:
        cluster3.ok("gnt-cluster", "queue", "undrain")
