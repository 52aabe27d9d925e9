"""Virtual clusters as their users run them: scripts of the directory, wrappers, daemon-util."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator

import pytest

from ganeti import _autoconf
from ganeti.bootstrap import daemons
from ganeti.rapi.client_http import PORT as RAPI_PORT
from ganeti.rpc.transport import DEFAULT_PORT
from ganeti.utils import files, net, process
from ganeti.vcluster import layout
from ganeti.vcluster.setup import read_layout
from test.support.cluster import INIT_OPTIONS, Cluster, virtual_nodes

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
SETUP = os.path.join(ROOT, "tools", "vcluster-setup")
UTIL = os.path.join(_autoconf.PKGLIBDIR, "daemon-util")


@pytest.fixture
def nodes(tmp_path: os.PathLike[str]) -> Iterator[Cluster]:
    """Three nodes on which nothing runs, in a directory with a name that asks for quoting."""
    base = os.path.join(tmp_path, "a cluster's $HOME")
    files.ensure_dir(base)
    with virtual_nodes(base, nodes=3, instances=3) as cluster:
        yield cluster


def running(cluster: Cluster) -> list[str]:
    return [name for name in cluster.nodes if cluster.pid(daemons.NODED, name) is not None]


def listens(address: str) -> bool:
    with socket.socket() as connection:
        return connection.connect_ex((address, DEFAULT_PORT)) == 0


# --- setting up ---------------------------------------------------------------------------


def test_setup_makes_what_is_needed_and_keeps_what_is_there(tmp_path: os.PathLike[str]) -> None:
    directory = os.path.join(tmp_path, "vc")
    files.ensure_dir(directory)
    assert process.run([SETUP, "-c", "2", directory]).exit_code == 0
    before = read_layout(directory)
    kept = os.path.join(directory, "node1", "etc", "ganeti", "node-figures.json")
    files.write_file(kept, '{"memory_total": 77}\n')

    grown = process.run([SETUP, "-c", "4", "-i", "2", directory])

    assert grown.exit_code == 0, grown.output
    after = read_layout(directory)
    assert after.node_names() == ["node1", "node2", "node3", "node4"]
    assert [after.node_address(n) for n in (1, 2)] == [before.node_address(n) for n in (1, 2)]
    assert files.read_text(kept) == '{"memory_total": 77}\n'
    hosts = net.read_hosts(os.path.join(directory, "etc", "hosts"))
    assert hosts["node4"].ip == after.node_address(4)


@pytest.mark.parametrize(
    ("args", "reason"),
    [
        (["-c", "0"], "cannot make 0 nodes"),
        (["-c", str(layout.MAX_NODES + 1)], f"expected 1 to {layout.MAX_NODES}"),
        (["-c", "300", "-p", "127.84.3"], "cannot fit"),
        (["-p", "moon"], "cannot use prefix"),
        (["--memory", "much"], "much"),
    ],
)
def test_setup_refuses_what_cannot_be(tmp_path: os.PathLike[str], args: list[str], reason: str) -> None:
    done = process.run([SETUP, *args, os.fspath(tmp_path)])

    assert done.exit_code == 1
    assert reason in done.stderr
    assert os.listdir(tmp_path) == []


def test_setup_makes_places_for_images_and_os_definitions(tmp_path: os.PathLike[str]) -> None:
    process.run([SETUP, "-c", "1", os.fspath(tmp_path)])

    assert {"images", "os"} <= set(os.listdir(tmp_path))


def test_setup_wants_the_directory_to_exist_and_a_cluster_never_shrinks(tmp_path: os.PathLike[str]) -> None:
    assert "make it first" in process.run([SETUP, os.path.join(tmp_path, "no")]).stderr
    process.run([SETUP, "-c", "3", os.fspath(tmp_path)])

    assert "has 3 nodes already" in process.run([SETUP, "-c", "2", os.fspath(tmp_path)]).stderr


# --- all nodes ------------------------------------------------------------------------------


def test_all_nodes_are_started_looked_at_and_stopped(nodes: Cluster) -> None:
    assert nodes.run("status-all").exit_code == 1

    started = nodes.run("start-all")

    assert started.exit_code == 0
    assert "node3: ganeti-noded: started" in started.stdout
    assert running(nodes) == ["node1", "node2", "node3"]
    assert nodes.run("status-all").exit_code == 0
    pids = [nodes.pid(daemons.NODED, name) for name in nodes.nodes]
    assert "node1: ganeti-noded: runs already" in nodes.run("start-all").stdout
    assert [nodes.pid(daemons.NODED, name) for name in nodes.nodes] == pids

    assert nodes.run("restart-all", "-q").exit_code == 0
    assert not {nodes.pid(daemons.NODED, name) for name in nodes.nodes} & {None, *pids}

    assert nodes.run("stop-all").exit_code == 0
    assert running(nodes) == []
    assert nodes.run("stop-all").exit_code == 0
    assert nodes.processes() == {}


def test_single_nodes_are_started_and_stopped(nodes: Cluster) -> None:
    assert nodes.run("start-all", "node2", "node3").exit_code == 0
    assert running(nodes) == ["node2", "node3"]

    assert nodes.run("stop-all", "node3").exit_code == 0

    assert running(nodes) == ["node2"]
    assert "node1: ganeti-noded: not running" in nodes.run("status-all").stdout
    assert "cannot find node node9" in nodes.run("start-all", "node9").stderr


def test_the_master_is_started_and_stopped_with_the_others(nodes: Cluster) -> None:
    nodes.run("start-all", "-q")
    nodes.ok("gnt-cluster", "init", *INIT_OPTIONS, "cluster")

    assert nodes.run("restart-all", "-q").exit_code == 0

    assert "node1: ganeti-masterd: running" in nodes.run("status-all").stdout
    assert nodes.ok("gnt-cluster", "getmaster") == "node1\n"


@contextlib.contextmanager
def taken(address: str, port: int) -> Iterator[None]:
    """Listen in the place of a daemon."""
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        other.bind((address, port))
        other.listen()
        yield


def test_a_daemon_that_cannot_listen_is_named_and_the_others_start(nodes: Cluster) -> None:
    nodes.run("start-all", "-q", "node1")
    nodes.ok("gnt-cluster", "init", *INIT_OPTIONS, "cluster")
    nodes.run("start-all", "-q", "node2", "node3")
    nodes.ok("gnt-node", "add", "node2")
    nodes.ok("gnt-node", "add", "node3")
    nodes.run("stop-all", "-q")
    made = read_layout(nodes.directory)
    master, address = made.node_address(1), made.node_address(2)
    with taken(address, DEFAULT_PORT), taken(master, RAPI_PORT):
        started = nodes.run("start-all", "-q")

    assert started.exit_code == 1
    assert f"node2: ganeti-noded: cannot listen at {address}" in started.stdout
    assert f"node1: ganeti-rapi: cannot listen at {master}" in started.stdout
    assert running(nodes) == ["node1", "node3"]


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [("--no-such-option", "unrecognized arguments: --no-such-option"), ("'-b", "no closing quotation")],
)
def test_arguments_that_cannot_be_used_are_named_with_their_node_and_the_others_start(
    nodes: Cluster, arguments: str, reason: str
) -> None:
    path = nodes.paths(2).etc_default
    others = [line for line in files.read_text(path).splitlines() if not line.startswith("NODED_ARGS=")]
    files.write_file(path, "\n".join([*others, f"NODED_ARGS={arguments}", ""]))

    started = nodes.run("start-all", "-q")

    assert started.exit_code == 1
    assert f"node2: ganeti-noded: cannot use NODED_ARGS of {path}: {reason}" in started.stdout.splitlines()
    assert started.stderr == ""
    assert running(nodes) == ["node1", "node3"]


# --- wrappers -------------------------------------------------------------------------------


def test_a_wrapper_passes_arguments_as_they_are(nodes: Cluster) -> None:
    words = ["two words", "$HOME", "it's", '"', "*", "", "a\nb", "-n"]

    done = nodes.cmd("printf", "<%s>", *words)

    assert done.stdout == "".join(f"<{word}>" for word in words)


def test_a_single_argument_is_a_line_of_shell(nodes: Cluster) -> None:
    assert nodes.cmd('echo "$GANETI_HOSTNAME" | tr a-z A-Z').stdout == "NODE1\n"
    assert nodes.cmd('echo "$GANETI_HOSTNAME $GANETI_ROOTDIR"', node=3).stdout == f"node3 {nodes.paths(3).root}\n"
    assert nodes.cmd("exit 7").exit_code == 7


def test_a_wrapper_says_what_it_takes(nodes: Cluster) -> None:
    for argument, code in (((), 1), (("--help",), 0), (("-h",), 0), (("-x",), 1)):
        done = nodes.cmd(*argument)
        assert done.exit_code == code and "usage: cmd COMMAND" in done.stderr, done.output


def test_a_wrapper_finds_the_tools(nodes: Cluster) -> None:
    assert "usage: confd-client" in nodes.cmd("confd-client", "--help").stdout


def test_the_wrapper_finds_the_master(nodes: Cluster) -> None:
    files.ensure_dir(nodes.paths(1).ssconf_dir)
    files.write_file(nodes.paths(1).ssconf_file("master_node"), "node2\n")

    assert nodes.cmd("echo $GANETI_HOSTNAME").stdout == "node2\n"


# --- daemon-util and nodes that wait -----------------------------------------------------------


def test_daemon_util_acts_on_the_node_it_is_called_for(nodes: Cluster) -> None:
    assert nodes.cmd(UTIL, "start", daemons.NODED, node=2).exit_code == 0

    assert running(nodes) == ["node2"]
    assert nodes.cmd(UTIL, "check", daemons.NODED, node=2).exit_code == 0
    assert nodes.cmd(UTIL, "check", daemons.NODED, node=1).exit_code == 1
    assert nodes.cmd(UTIL, "check-config", node=2).exit_code == 1

    assert nodes.cmd(UTIL, "stop", daemons.NODED, node=2).exit_code == 0

    assert running(nodes) == []


def test_a_node_that_waits_joins_without_being_started_anew(nodes: Cluster) -> None:
    nodes.run("start-all", "-q")
    nodes.ok("gnt-cluster", "init", *INIT_OPTIONS, "cluster")
    waiting = nodes.pid(daemons.NODED, 2)
    address = read_layout(nodes.directory).node_address(2)
    assert not listens(address)

    nodes.ok("gnt-node", "add", "node2")

    assert nodes.pid(daemons.NODED, 2) == waiting
    assert listens(address)


def test_a_node_whose_daemon_does_not_run_can_be_added(nodes: Cluster) -> None:
    nodes.run("start-all", "-q", "node1")
    nodes.ok("gnt-cluster", "init", *INIT_OPTIONS, "cluster")
    assert running(nodes) == ["node1"]

    nodes.ok("gnt-node", "add", "node3")

    assert running(nodes) == ["node1", "node3"]
    assert nodes.ok("gnt-node", "list", "--no-headers", "-o", "name,role").split() == ["node1", "M", "node3", "C"]


def test_a_node_that_waits_ends_when_told_to(nodes: Cluster) -> None:
    nodes.run("start-all", "-q", "node3")

    nodes.kill(daemons.NODED, 3, 15)

    assert running(nodes) == []
