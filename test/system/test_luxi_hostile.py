"""A running master daemon and clients that are broken, rude or slow: only they have trouble."""

from __future__ import annotations

import contextlib
import json
import random
import time
from collections.abc import Iterator
from typing import Any

import pytest

from ganeti.luxi import framing, methods
from test.support.cluster import Cluster
from test.support.luxi_raw import Raw
from test.support.polling import until

END = framing.END


@pytest.fixture
def raw(cluster3: Cluster) -> Iterator[Raw]:
    connection = Raw(cluster3)
    yield connection
    connection.close()


def failure_of(answer: Any) -> tuple[str, str]:
    """Return class and message of the error an answer carries."""
    assert answer["success"] is False, answer
    name, args = answer["result"]
    return name, str(args[0])


def serves(cluster: Cluster) -> bool:
    """Tell whether others are answered, quickly."""
    begun = time.monotonic()
    with cluster.luxi() as client:
        answer = client.call(methods.query_config_values, ["cluster_name"])
    return answer == ["cluster"] and time.monotonic() - begun < 10


# --- messages that make no sense ------------------------------------------------------


@pytest.mark.parametrize(
    "message",
    [
        b"",
        b"garbage",
        b"{",
        b"null",
        b"[]",
        b'"QueryJobs"',
        b'{"method": "QueryJobs"}',
        b'{"args": []}',
        b'{"method": 5, "args": []}',
        b'{"method": "QueryJobs", "args": {}}',
        b'{"method": "QueryJobs", "args": [], "method": ',
        b"\xff\xfe\x00\x01",
        b"[" * 100_000,
        b'{"method": "QueryJobs", "args": [' + b"[" * 100_000,
        b'{"method": "QueryJobs", "args": [NaN]}x',
        b"1" * 100_000,
    ],
)
def test_what_is_no_request_ends_its_connection_only(cluster3: Cluster, raw: Raw, message: bytes) -> None:
    raw.send(message + END)

    assert raw.hung_up()
    assert serves(cluster3)


def test_random_bytes_harm_nobody(cluster3: Cluster, hypothesis_seed: int) -> None:
    chance = random.Random(hypothesis_seed)
    for _ in range(50):
        connection = Raw(cluster3)
        with contextlib.suppress(OSError):
            for _ in range(chance.randrange(1, 5)):
                connection.send(chance.randbytes(chance.randrange(1, 5000)))
        connection.close()

    assert serves(cluster3)


def test_cut_and_bent_requests_harm_nobody(cluster3: Cluster, hypothesis_seed: int) -> None:
    chance = random.Random(hypothesis_seed)
    good = json.dumps({"method": "Query", "args": ["node", ["name"], ["==", "name", "node1"]]}).encode()
    for _ in range(100):
        bent = bytearray(good)
        for _ in range(chance.randrange(1, 4)):
            bent[chance.randrange(len(bent))] = chance.randrange(256)
        connection = Raw(cluster3)
        with contextlib.suppress(OSError):
            connection.send(bytes(bent[: chance.randrange(1, len(bent) + 1)]) + END)
        connection.close()

    assert serves(cluster3)


def test_message_without_end_is_bounded(cluster3: Cluster, raw: Raw) -> None:
    pid = cluster3.pid()
    chunk = b"x" * (1 << 20)

    with pytest.raises(OSError):
        for _ in range(100):
            raw.send(chunk)

    assert serves(cluster3)
    assert cluster3.pid() == pid


def test_half_a_message_keeps_nobody_waiting(cluster3: Cluster, raw: Raw) -> None:
    raw.send(b'{"method": "QueryCon')

    assert serves(cluster3)

    raw.send(b'figValues", "args": [["cluster_name"]]}' + END)
    assert raw.answer() == {"success": True, "result": ["cluster"]}


def test_several_requests_in_one_go_are_answered_in_order(raw: Raw) -> None:
    names = ["cluster_name", "master_node", "drain_flag"] * 5
    requests = [json.dumps({"method": "QueryConfigValues", "args": [[name]]}).encode() + END for name in names]

    raw.send(b"".join(requests))

    received = b""
    while received.count(END) < len(names):
        received += raw._socket.recv(1 << 16)
    answers = [json.loads(part)["result"][0] for part in received.split(END)[:-1]]
    assert answers == ["cluster", "node1", False] * 5


# --- requests that ask for what is not there -------------------------------------------


@pytest.mark.parametrize(
    ("method", "args", "name", "said"),
    [
        ("NoSuchMethod", [], "LuxiError", "unknown method 'NoSuchMethod'"),
        ("__class__", [], "LuxiError", "unknown method"),
        ("QueryJobs", [], "", "ids"),
        ("QueryJobs", [None, ["nosuch"]], "OpPrereqError", "nosuch"),
        ("QueryJobs", [["x"], ["id"]], "", "job_ids[0]"),
        ("QueryJobs", [None, ["id"], 1, 2, 3], "", ""),
        ("SubmitJob", [[]], "", ""),
        ("SubmitJob", ["x"], "", "ops"),
        ("SubmitJob", [[{"OP_ID": "OP_NOSUCH"}]], "OpCodeUnknown", "OP_NOSUCH"),
        ("SubmitJob", [[{"duration": 1}]], "", "OP_ID"),
        ("SubmitJob", [[{"OP_ID": "OP_TEST_DELAY", "duration": "x"}]], "", "duration: expected a number, got 'x'"),
        ("SubmitJob", [[{"OP_ID": "OP_TEST_DELAY", "duration": 1, "nosuch": 1}]], "", "nosuch"),
        (
            "SubmitJob",
            [[{"OP_ID": "OP_TEST_DELAY", "duration": 1, "depends": [[-1, []]]}]],
            "",
            "depends",
        ),
        ("CancelJob", ["x"], "", "job_id: expected"),
        ("CancelJob", [-1], "", "job_id"),
        ("CancelJob", [1.5], "", "job_id"),
        ("ArchiveJob", [None], "", "job_id"),
        ("WaitForJobChange", [10**9, ["status"], None, None, 1], "JobLost", "does not exist"),
        ("ChangeJobPriority", [1, 1000], "OpPrereqError", "1000 is not from -20"),
        ("AutoArchiveJobs", ["x", 1], "", "age"),
        ("Query", ["nosuch", ["name"], None], "OpPrereqError", "nosuch"),
        ("Query", ["node", ["name"], ["nosuchop", "name", 1]], "", "nosuchop"),
        ("Query", ["node", ["name"], ["==", "nosuch", 1]], "", "nosuch"),
        ("Query", ["node", ["name"], ["=~", "name", "("]], "", "("),
        ("Query", ["node", "name", None], "", "fields"),
        ("QueryFields", ["nosuch", None], "OpPrereqError", "nosuch"),
        ("QueryTags", ["nosuch", "x"], "", "nosuch"),
        ("QueryTags", ["node", "nosuch"], "OpPrereqError", "nosuch"),
        ("SetDrainFlag", ["maybe"], "", "expected"),
        ("SetWatcherPause", ["later"], "", "expected"),
        ("PickupJob", [1], "", ""),
    ],
)
def test_wrong_request_gets_an_error_with_its_path(
    raw: Raw, method: str, args: list[Any], name: str, said: str
) -> None:
    kind, message = failure_of(raw.ask(method, *args))

    assert name in ("", kind) and said in message
    assert "bug" not in kind.lower() and kind != "ProgrammerError", message
    assert raw.ask("QueryConfigValues", ["cluster_name"])["result"] == ["cluster"]


def disk_of_size(size: object) -> dict[str, object]:
    """Return an opcode that creates an instance with one disk of this size."""
    return {
        "OP_ID": "OP_INSTANCE_CREATE",
        "instance_name": "instance9",
        "mode": "create",
        "os_type": "noop",
        "pnode": "node1",
        "disk_template": "file",
        "disks": [{"size": size}],
        "nics": [],
    }


@pytest.mark.parametrize("size", [[1], {"a": 1}, True, 1.5])
def test_wrong_value_deep_inside_an_opcode_is_named_by_its_path(raw: Raw, size: object) -> None:
    _, message = failure_of(raw.ask("SubmitJob", [disk_of_size(size)]))

    assert "disks[0].size: expected" in message


@pytest.mark.parametrize("size", ["huge", -1, 0, "", "1e99"])
def test_wrong_size_of_a_disk_fails_the_job_with_its_path(cluster3: Cluster, raw: Raw, size: object) -> None:
    job = raw.ask("SubmitJob", [disk_of_size(size)])["result"]

    done = cluster3.cmd("gnt-job", "wait", str(job))

    assert done.exit_code == 1 and "disks[0].size: " in done.stderr
    assert cluster3.ok("gnt-instance", "list", "--no-headers") == ""


def test_one_wrong_job_of_many_is_refused_alone(cluster3: Cluster, raw: Raw) -> None:
    good = {"OP_ID": "OP_TEST_DELAY", "duration": 0.01}

    answer = raw.ask("SubmitManyJobs", [[good], [{"OP_ID": "OP_NOSUCH"}], [good]])

    assert answer["success"]
    (first, job1), (second, why), (third, job3) = answer["result"]
    assert (first, second, third) == (True, False, True) and "OP_NOSUCH" in why
    for job in (job1, job3):
        cluster3.ok("gnt-job", "wait", str(job))


def test_request_of_another_version_is_refused_and_the_connection_stays(raw: Raw) -> None:
    assert "version" in failure_of(raw.ask("QueryConfigValues", ["cluster_name"], version=1))[1]
    assert raw.ask("QueryConfigValues", ["cluster_name"], version=2070000)["success"]


def test_filter_as_deep_as_a_well_is_refused(cluster3: Cluster, raw: Raw) -> None:
    deep: list[Any] = ["==", "name", "node1"]
    for _ in range(500):
        deep = ["!", deep]

    answer = raw.ask("Query", "node", ["name"], deep)

    assert answer["success"] or "ProgrammerError" not in answer["result"][0]
    assert serves(cluster3)


# --- many, silent and slow ---------------------------------------------------------------


def test_client_that_waits_for_a_job_may_go_away(cluster3: Cluster) -> None:
    job = Raw(cluster3)
    number = job.ask("SubmitJob", [{"OP_ID": "OP_TEST_DELAY", "duration": 1}])["result"]
    for _ in range(20):
        waiter = Raw(cluster3)
        request = {"method": "WaitForJobChange", "args": [number, ["status"], ["running"], 0, 60]}
        waiter.send(json.dumps(request).encode() + END)
        waiter.close()
    job.close()

    cluster3.ok("gnt-job", "wait", str(number))


def test_client_that_hangs_up_after_submitting_has_submitted(cluster3: Cluster) -> None:
    with cluster3.luxi() as client:
        before = len(client.call(methods.query_jobs, None, ["id"]))
        rude = Raw(cluster3)
        rude.send(
            json.dumps({"method": "SubmitJob", "args": [[{"OP_ID": "OP_TEST_DELAY", "duration": 0.01}]]}).encode() + END
        )
        rude.close()

        until(lambda: len(client.call(methods.query_jobs, None, ["id"])) == before + 1, "the job is there")


def test_reader_who_takes_nothing_holds_up_nobody(cluster3: Cluster) -> None:
    slow = Raw(cluster3)
    request = json.dumps({"method": "QueryFields", "args": ["instance", None]}).encode() + END
    slow._socket.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        for _ in range(100_000):
            slow._socket.send(request)

    for _ in range(20):
        assert serves(cluster3)
    with open(f"/proc/{cluster3.pid()}/status") as status:
        memory = next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))
    slow.close()
    assert memory < 300 * 1024


# --- questions that cost too much -----------------------------------------------------------


def test_regular_expressions_without_end_are_cut_off_and_others_are_served(cluster3: Cluster, raw: Raw) -> None:
    name, without_end = "a" * 60, "^(a+)+!$"
    creation = disk_of_size(1) | {"instance_name": name, "disk_template": "diskless", "disks": [], "start": False}
    job = raw.ask("SubmitJob", [creation])["result"]
    cluster3.ok("gnt-job", "wait", str(job))
    cluster3.ok("gnt-instance", "add-tags", name, name)
    try:
        kind, message = failure_of(raw.ask("Query", "instance", ["name"], ["=~", "name", without_end]))
        searched = cluster3.cmd("gnt-cluster", "search-tags", without_end)
        assert serves(cluster3)
    finally:
        cluster3.ok("gnt-instance", "remove", "-f", name)

    assert kind in ("OpPrereqError", "ParameterError") and "simpler regular expressions" in message
    assert searched.exit_code == 1 and "use a simpler one" in searched.stderr
