"""confd of a real cluster: who answers, what, when, and what it makes of bad input."""

from __future__ import annotations

import os
import random
import re
import signal
import socket
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from ganeti import _autoconf, errors
from ganeti.bootstrap import daemons
from ganeti.confd.client import ConfdClient, read_key, read_peers
from ganeti.confd.requests import BY_NAME, DEFAULT_PORT, RequestType
from ganeti.luxi import methods
from ganeti.utils import files, json
from test.support import invariants
from test.support.cluster import Cluster, running_cluster, virtual_nodes
from test.support.confd import hostile_datagrams, opened, question, signed
from test.support.polling import until

CLIENT = os.path.join(_autoconf.TOOLSDIR, "confd-client")
#: more with: GANETI_FUZZ_DATAGRAMS=100000
DATAGRAMS = int(os.environ.get("GANETI_FUZZ_DATAGRAMS", "3000"))


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster of three candidates."""
    with running_cluster(tmp_path_factory.mktemp("confd"), nodes=3) as found:
        for peer in read_peers(found.paths(1)):
            until(lambda: serial_of(found, peer) is not None, f"{peer} answers")  # noqa: B023
        yield found


def serial_of(cluster: Cluster, peer: str, timeout: float = 0.3) -> int | None:
    """Return the serial a candidate answers with, None for no answer."""
    with ConfdClient(read_key(cluster.paths(1)), [peer]) as one:
        try:
            return one.ask(RequestType.PING, timeout=timeout).reply.serial
        except errors.ConfdClientError:
            return None


@pytest.fixture
def client(cluster: Cluster) -> Iterator[ConfdClient]:
    with ConfdClient.of_node(cluster.paths(1)) as found:
        yield found


@pytest.fixture
def asker(cluster: Cluster) -> Iterator[socket.socket]:
    """A socket that talks to the confd of node2, which is never answered late."""
    address = _address(cluster, "node2")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as found:
        found.connect((address, DEFAULT_PORT))
        found.settimeout(30)
        yield found


def _address(cluster: Cluster, node: str) -> str:
    rows = cluster.ok("gnt-node", "list", "--no-headers", "-o", "pip", node)
    return rows.strip()


def _log(cluster: Cluster, node: str) -> str:
    return files.read_text(cluster.paths(node).log_file(daemons.CONFD))


def _counted(cluster: Cluster, node: str) -> dict[str, int]:
    """Have a confd log its counters, and return them."""
    before = _log(cluster, node).count("answered ")
    cluster.kill(daemons.CONFD, node, signal.SIGUSR1)
    until(lambda: _log(cluster, node).count("answered ") > before, "counters are in the log")
    line = _log(cluster, node).splitlines()[-1]
    return {name: int(count) for name, count in re.findall(r"(\w+) (\d+)[,;]", line.partition("INFO")[2])}


def test_program_asks_each_candidate_and_every_question_of_the_table(cluster: Cluster) -> None:
    each = cluster.ok(CLIENT)
    assert len(re.findall(r"^127\S+: serial \d+, master node1, [0-9.]+ ms$", each, re.MULTILINE)) == 3

    queries = {
        "node-role": "node2",
        "node-drbd": "node2",
        "node-instances": "node2",
        "config": "cluster/cluster_name",
        "node-ip-by-instance-ip": '{"2": ["192.0.2.9"]}',
    }
    for name in BY_NAME:
        if name == "instance-disks":
            continue
        answer = cluster.ok(CLIENT, name, *([queries[name]] if name in queries else []))
        json.loads(answer)
    assert json.loads(cluster.ok(CLIENT, "node-role", "node2")) == 1
    assert json.loads(cluster.ok(CLIENT, "config", "cluster/cluster_name")) == "cluster"
    path = cluster.paths(1).hmac_key
    key = files.read_text(path)
    for given in (path, key, key.rstrip("\n")):
        assert json.loads(cluster.ok(CLIENT, "--hmac", given, "ping")) == "ok"
    refused = cluster.cmd(CLIENT, "instance-disks", "nobody")
    assert refused.exit_code == 2 and refused.stdout == "0\n"


def test_every_candidate_answers_from_a_change_soon_after_it(cluster: Cluster, client: ConfdClient) -> None:
    cluster.ok("gnt-instance", "add", "-t", "diskless", "-o", "noop", "--no-nics", "-n", "node2", "instance1")
    try:
        for peer in read_peers(cluster.paths(1)):
            with ConfdClient(read_key(cluster.paths(1)), [peer]) as one:
                until(
                    lambda: one.ask(RequestType.INSTANCE_LIST).reply.answer == ["instance1"],
                    f"{peer} knows the instance",
                )
        reply = client.ask(RequestType.NODE_INSTANCES, "node2").reply
        assert isinstance(reply.answer, list) and reply.answer[0][0]["name"] == "instance1"
    finally:
        cluster.ok("gnt-instance", "remove", "-f", "instance1")


def test_answer_comes_from_the_address_that_was_asked(cluster: Cluster) -> None:
    for peer in read_peers(cluster.paths(1)):
        with ConfdClient(read_key(cluster.paths(1)), [peer]) as one:
            assert one.ask(RequestType.PING).reply.server == peer


def test_node_that_is_no_candidate_any_more_is_silent_until_it_is_one_again(
    cluster: Cluster, client: ConfdClient
) -> None:
    address = _address(cluster, "node3")
    pid = cluster.pid(daemons.CONFD, "node3")
    cluster.ok("gnt-node", "modify", "-C", "no", "node3")
    try:
        until(lambda: serial_of(cluster, address, 0.05) is None, "node3 stops answering")
        assert cluster.pid(daemons.CONFD, "node3") == pid
        assert client.ask(RequestType.NODE_ROLE_BYNAME, "node3").reply.answer == 4
    finally:
        cluster.ok("gnt-node", "modify", "-C", "yes", "node3")
    until(lambda: serial_of(cluster, address) is not None, "node3 answers again")


def test_killed_daemon_is_started_again_and_told_to_end_it_ends(cluster: Cluster) -> None:
    address = _address(cluster, "node3")
    cluster.kill(daemons.CONFD, "node3")
    assert cluster.cmd("daemon-util", "check", daemons.CONFD, node=3).failed
    cluster.start(daemons.CONFD, "node3")
    assert serial_of(cluster, address, 30) is not None

    cluster.ok("daemon-util", "restart", daemons.CONFD, node=3)
    assert serial_of(cluster, address, 30) is not None


def test_f36_forged_and_replayed_questions_get_no_answer_and_are_counted(
    cluster: Cluster, asker: socket.socket
) -> None:
    key = read_key(cluster.paths(1))
    before = _counted(cluster, "node2")
    now = time.time()

    asker.send(question(secret=b"forged", now=now))
    asker.send(question(secret=key, now=now, protocol=2))
    asker.send(question(secret=key, now=now, kind=77))
    asker.send(b"x" * 62000)
    asker.send(question(secret=key, now=now, rsalt="the last"))

    opened(asker.recv(65536), secret=key, rsalt="the last")
    after = _counted(cluster, "node2")
    grown = {name: after[name] - before.get(name, 0) for name in after if after[name] != before.get(name, 0)}
    assert grown == {"answered": 1, "forged": 1, "protocol": 1, "unknown": 1, "oversized": 1}


def test_f35_question_of_a_clock_that_is_off_is_named_in_the_log_and_jobs_go_on(
    cluster: Cluster, asker: socket.socket
) -> None:
    key = read_key(cluster.paths(1))
    asker.send(question(secret=key, now=time.time() - 1000, rsalt="too old"))
    asker.send(question(secret=key, now=time.time() + 1000, rsalt="too early"))
    asker.send(question(secret=key, now=time.time(), rsalt="right"))

    opened(asker.recv(65536), secret=key, rsalt="right")
    until(lambda: "clock skew: a correctly signed question from 127.0.0.1 was dropped" in _log(cluster, "node2"), "log")
    assert _log(cluster, "node2").count("clock skew") == 1
    cluster.ok("gnt-debug", "delay", "0.01")


#: type, query, status, and what the answer is in a cluster of three candidates with one instance;
#: all of it from the public description of the protocol
PUBLIC: tuple[tuple[int, object, int, Callable[[Any], bool]], ...] = (
    (0, None, 0, lambda answer: answer == "ok"),
    (0, "something", 1, lambda answer: isinstance(answer, str)),
    (1, "node1", 0, lambda answer: answer == 0),
    (1, "node2", 0, lambda answer: answer == 1),
    (1, "nobody", 1, lambda answer: answer == 0),
    (2, {"1": "192.0.2.77"}, 0, lambda answer: isinstance(answer, str) and answer.startswith("127.")),
    (2, {"1": "192.0.2.78"}, 1, lambda answer: answer == 0),
    (2, {"2": ["192.0.2.77", "192.0.2.78"]}, 0, lambda answer: [part[0] for part in answer] == [0, 1]),
    (2, "192.0.2.77", 1, lambda answer: answer == 2),
    (3, None, 0, lambda answer: answer == "node1"),
    (3, {"3": ["0", "2"]}, 0, lambda answer: answer[0] == "node1" and len(answer) == 2),
    (3, {"3": [0, 1, 2]}, 0, lambda answer: answer[0] == "node1" and len(answer) == 3),
    (3, ["0"], 1, lambda answer: answer == 2),
    (4, None, 0, lambda answer: len(answer) == 3),
    (5, None, 0, lambda answer: len(answer) == 3),
    (6, None, 0, lambda answer: answer == ["192.0.2.77"]),
    (7, "node1", 0, lambda answer: answer == []),
    (8, "node2", 0, lambda answer: [i["name"] for i in answer[0]] == ["instance1"] and answer[1] == []),
    (9, "instance1", 0, lambda answer: answer == []),
    (10, "cluster/cluster_name", 0, lambda answer: answer == "cluster"),
    (10, "cluster/nothing", 1, lambda answer: answer == 2),
    (11, None, 0, lambda answer: isinstance(answer, dict)),
)


def test_client_written_from_the_public_documents_alone_is_answered(cluster: Cluster, asker: socket.socket) -> None:
    nic = "0:ip=192.0.2.77,mode=routed,link=" + _default_link(cluster)
    add = ("gnt-instance", "add", "-t", "diskless", "-o", "noop", "--net", nic, "-n", "node2", "--no-start")
    cluster.ok(*add, "instance1")
    key = read_key(cluster.paths(2))
    until(lambda: serial_of(cluster, _address(cluster, "node2")) == _serial(cluster), "node2 has the configuration")
    try:
        for number, (kind, query, status, right) in enumerate(PUBLIC):
            rsalt = f"salt number {number}"
            asker.send(question(kind, query, secret=key, now=time.time(), rsalt=rsalt))

            answer = opened(asker.recv(65536), secret=key, rsalt=rsalt)

            assert set(answer) == {"protocol", "status", "answer", "serial"}
            assert answer["status"] == status and right(answer["answer"]), (kind, query, answer)
            assert answer["serial"] == _serial(cluster)
    finally:
        cluster.ok("gnt-instance", "remove", "-f", "instance1")


def test_text_may_end_with_a_line_break_and_have_no_prefix(cluster: Cluster, asker: socket.socket) -> None:
    key, now = read_key(cluster.paths(2)), str(int(time.time()))
    text = '{"query": null, "rsalt": "a", "type": 3, "protocol": 1}'

    for form, magic, end in ((text, b"plj0", b""), (text + "\n", b"plj0", b"\n"), (text + "\n", b"", b"\n")):
        asker.send(signed(form, now, secret=key, magic=magic) + end)
        assert opened(asker.recv(65536), secret=key, rsalt="a")["answer"] == "node1"


def _default_link(cluster: Cluster) -> str:
    with cluster.luxi() as client:
        return str(client.call(methods.query_cluster_info)["nicparams"]["default"]["link"])


def _serial(cluster: Cluster) -> int:
    return int(json.loads(files.read_file(cluster.paths(1).config_file))["serial_no"])


def test_f36_newest_counts_when_one_candidate_is_behind_and_one_is_silent(
    cluster: Cluster, client: ConfdClient
) -> None:
    stale = _serial(cluster)
    until(lambda: serial_of(cluster, _address_known(cluster, 2)) == stale, "node2 answers from it")
    cluster.kill(daemons.NODED, "node2")
    cluster.kill(daemons.CONFD, "node3", signal.SIGSTOP)
    try:
        cluster.ok("gnt-cluster", "add-tags", "newest")
        until(lambda: serial_of(cluster, _address_known(cluster, 1)) == _serial(cluster), "the master answers from it")

        result = client.ask(RequestType.CONFIG_QUERY, "cluster/tags", coverage=-1, timeout=3)

        assert serial_of(cluster, _address_known(cluster, 2)) == stale < _serial(cluster)
        assert result.reply.answer == ["newest"] and result.reply.serial == _serial(cluster)
        assert result.replied == 2 and result.is_complete
    finally:
        cluster.start(daemons.NODED, "node2")
        cluster.kill(daemons.CONFD, "node3", signal.SIGCONT)
        cluster.ok("gnt-cluster", "remove-tags", "newest")
        cluster.ok("gnt-cluster", "redist-conf")
    invariants.check(cluster, leftovers=True)


def _address_known(cluster: Cluster, number: int) -> str:
    """Return the address of a node as the first one has it in its files."""
    lines = files.read_text(cluster.paths(1).ssconf_file("node_primary_ips")).splitlines()
    return dict(line.split() for line in lines)[f"node{number}"]


def test_f36_flood_of_garbage_is_not_answered_and_clients_are(
    cluster: Cluster, client: ConfdClient, asker: socket.socket, hypothesis_seed: int
) -> None:
    with ConfdClient(read_key(cluster.paths(1)), [_address(cluster, "node2")]) as one:
        for number, packet in enumerate(hostile_datagrams(random.Random(hypothesis_seed), DATAGRAMS)):
            asker.send(packet)
            if number % 100 == 0:
                assert one.ask(RequestType.PING, timeout=30, tries=8).reply.answer == "ok"

    asker.setblocking(False)
    with pytest.raises(BlockingIOError):
        asker.recv(1)
    assert "Traceback" not in _log(cluster, "node2")


def test_without_its_key_it_refuses_to_start_and_says_why(tmp_path: os.PathLike[str]) -> None:
    with virtual_nodes(tmp_path, 1) as nodes:
        for more in (["-f"], []):
            done = nodes.cmd("ganeti-confd", *more, node=1)

            assert done.exit_code == 1
            assert f"{nodes.paths(1).hmac_key} is missing, the key that questions are signed with" in done.stderr
        assert nodes.cmd("daemon-util", "check-exitcode", "1", node=1).exit_code == 1
        assert nodes.pid(daemons.CONFD, "node1") is None


def test_node_of_no_cluster_waits_and_ends_when_told(tmp_path: os.PathLike[str]) -> None:
    with virtual_nodes(tmp_path, 1) as nodes:
        nodes.cmd("daemon-util", "start", daemons.CONFD, node=1)
        until(lambda: nodes.pid(daemons.CONFD, "node1"), "confd runs")

        nodes.cmd("daemon-util", "stop", daemons.CONFD, node=1)

        assert nodes.pid(daemons.CONFD, "node1") is None
        assert not os.path.exists(nodes.paths(1).pid_file(daemons.CONFD))
