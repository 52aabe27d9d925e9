"""The RAPI client: every resource is reached, with what belongs into the request."""

from __future__ import annotations

import inspect
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from ganeti.rapi import client as rapi
from ganeti.rapi.client import GanetiRapiClient
from test.support.http_recorder import Answer, Asked, Recorder, recorder
from test.support.rapi_requests import ROWS, Row

HERE = os.path.dirname(os.path.abspath(__file__))
LIB = os.path.join(HERE, *[".."] * 3, "lib")


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
