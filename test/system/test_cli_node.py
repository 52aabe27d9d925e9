"""gnt-node as an administrator uses it, on a running cluster."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

import pytest

from ganeti.bootstrap import daemons
from ganeti.utils import files
from test.support.admin import (
    add_diskless,
    add_file,
    job_status,
    lines,
    listed,
    of_instance,
    of_node,
    refused,
    remove_all,
    submitted,
)
from test.support.cluster import Cluster, running_cluster
from test.support.polling import until


@pytest.fixture(scope="module")
def cluster4(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster whose nodes come and go: not for other modules."""
    with running_cluster(tmp_path_factory.mktemp("nodes"), nodes=4) as cluster:
        yield cluster


@pytest.fixture
def whole(cluster4: Cluster) -> Iterator[Cluster]:
    """The cluster, made whole again after the test."""
    yield cluster4
    remove_all(cluster4)
    there = [row["name"] for row in listed(cluster4, "gnt-node list -o name")]
    for name in cluster4.nodes[1:]:
        if cluster4.pid(daemons.NODED, name) is None:
            cluster4.start(daemons.NODED, name)
        if name not in there:
            cluster4.ok("gnt-node", "add", name)
        elif of_node(cluster4, name, "role") != ["C"]:
            cluster4.ok("gnt-node", "add", "--readd", name)
            for flag in ("-O", "-D"):
                cluster4.ok("gnt-node", "modify", flag, "no", name)


# --- looking ----------------------------------------------------------------------------


def test_list_shows_the_default_columns_with_live_figures(cluster3: Cluster) -> None:
    head, *rows = lines(cluster3, "gnt-node list")

    assert head.split() == ["Node", "DTotal", "DFree", "MTotal", "MNode", "MFree", "Pinst", "Sinst"]
    assert [row.split()[0] for row in rows] == ["node1", "node2", "node3"]
    assert rows[0].split()[3] == "4.0G"


def test_list_is_shaped_by_options(cluster3: Cluster) -> None:
    assert lines(cluster3, "gnt-node list --no-headers --separator=, -o name,role") == [
        "node1,M",
        "node2,C",
        "node3,C",
    ]
    assert lines(cluster3, "gnt-node list --no-headers -o name 'role == \"M\"'") == ["node1"]
    assert lines(cluster3, "gnt-node list --no-headers -o mtotal --units=m node2") == ["4096"]
    assert lines(cluster3, "gnt-node list --format=csv -o name,group node3") == ["name,group", "node3,default"]


def test_info_shows_role_and_parameters(cluster3: Cluster) -> None:
    told = cluster3.ok("gnt-node", "info", "node2")

    assert "Node name: node2\n" in told and "role: master candidate\n" in told and "offline: no\n" in told


def test_list_fields_tells_of_each_field(cluster3: Cluster) -> None:
    assert any(line.startswith("mfree ") for line in lines(cluster3, "gnt-node list-fields"))


def test_node_that_does_not_answer_is_shown_as_such_and_others_are_not_held_up(whole: Cluster) -> None:
    whole.kill(daemons.NODED, "node4")

    rows = {row["name"]: row["mfree"] for row in listed(whole, "gnt-node list -o name,mfree")}

    assert rows["node4"] is None and rows["node3"] is not None
    table = {line.split()[0]: line.split()[1] for line in lines(whole, "gnt-node list --no-headers -o name,mfree")}
    assert table["node4"] == "?"


# --- wrong wishes -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "code", "said"),
    [
        ("gnt-node list nosuch", 1, "unknown node nosuch"),
        ("gnt-node list -o +foo", 14, "unknown field foo"),
        ("gnt-node info nosuch", 1, "unknown node nosuch"),
        ("gnt-node add", 1, "missing argument: HOST"),
        ("gnt-node add node2", 1, "it is in the cluster already (--readd takes a node back)"),
        ("gnt-node add nosuch", 1, "cannot resolve host name nosuch"),
        ("gnt-node add --readd nosuch", 1, "cannot resolve host name nosuch"),
        ("gnt-node add -g nosuch instance1", 1, "unknown node group nosuch"),
        ("gnt-node add '../x'", 1, "cannot resolve host name ../x: not a host name"),
        ("gnt-node add --readd node1", 1, "it is the master"),
        ("gnt-node add --readd instance1", 1, "it is not in the cluster"),
        ("gnt-node modify node2", 1, "nothing to modify"),
        ("gnt-node modify -O yes nosuch", 1, "'nosuch' is not known"),
        ("gnt-node modify -C maybe node2", 1, "neither yes nor no"),
        ("gnt-node modify -O yes node1", 1, "it is the master"),
        ("gnt-node modify -D yes node1", 1, "it is the master"),
        ("gnt-node modify -C no node1", 1, "it is the master"),
        ("gnt-node modify -D yes -O yes node2", 1, "drained and offline at the same time"),
        ("gnt-node modify --node-parameters bogus=1 node2", 1, "ndparams.bogus: unknown parameter"),
        ("gnt-node remove node1", 1, "it is the master"),
        ("gnt-node remove nosuch", 1, "'nosuch' is not known"),
        ("gnt-node list-tags nosuch", 1, "'nosuch' is not known"),
        ("gnt-node remove-tags node2 nosuch", 1, "nosuch not found"),
    ],
)
def test_wrong_wishes_are_refused_and_change_nothing(cluster3: Cluster, command: str, code: int, said: str) -> None:
    before = listed(cluster3, "gnt-node list -o name,role,serial_no")

    assert said in refused(cluster3, command, code)

    assert listed(cluster3, "gnt-node list -o name,role,serial_no") == before


# --- roles --------------------------------------------------------------------------------


def test_drained_node_gets_no_instances(whole: Cluster) -> None:
    whole.ok("gnt-node", "modify", "-D", "yes", "node4")

    assert of_node(whole, "node4", "role") == ["D"]
    assert "node4: it is drained" in refused(whole, "gnt-instance add -t diskless -o noop --no-nics -n node4 instance1")
    whole.ok("gnt-node", "modify", "-D", "no", "node4")
    assert of_node(whole, "node4", "role") == ["C"]


def test_offline_node_is_left_alone_until_it_is_back(whole: Cluster) -> None:
    add_diskless(whole, "instance1", "node4")
    whole.kill(daemons.NODED, "node4")

    whole.ok("gnt-node", "modify", "-O", "yes", "node4")

    assert of_node(whole, "node4", "role", "mfree") == ["O", "*"]
    rows = listed(whole, "gnt-instance list -o name,status")
    assert rows == [{"name": "instance1", "status": "ERROR_nodeoffline"}]
    assert "offline" in refused(whole, "gnt-instance reboot instance1")
    whole.start(daemons.NODED, "node4")
    assert "without being set up anew" in whole.cmd("gnt-node", "modify", "-O", "no", "node4").output
    assert of_node(whole, "node4", "role") == ["C"]
    whole.ok("gnt-instance", "startup", "instance1")


def test_instances_leave_a_node(whole: Cluster) -> None:
    add_diskless(whole, "instance1", "node2")
    add_file(whole, "instance2", "node2")

    # What can go goes, and the command says that not all could.
    assert "instance2" in refused(whole, "gnt-node migrate -f -I most-free node2")
    assert of_instance(whole, "instance1", "status") == ["running"]
    place = of_instance(whole, "instance1", "pnode")[0]
    assert (place != "node2", of_instance(whole, "instance2", "pnode")) == (True, ["node2"])

    assert "nothing was moved" in refused(whole, "gnt-node evacuate -f -I most-free node2")
    whole.ok("gnt-node", "evacuate", "-f", "-p", "-I", "most-free", place)
    assert "No instance has to leave" in whole.ok("gnt-node", "evacuate", "-I", "most-free", place)

    place = of_instance(whole, "instance1", "pnode")[0]
    whole.ok("gnt-instance", "remove", "-f", "instance2")
    whole.ok("gnt-node", "failover", "-f", "-I", "most-free", place)
    assert of_node(whole, place, "pinst_cnt") == ["0"]
    assert of_instance(whole, "instance1", "status") == ["running"]


def test_candidate_steps_down_and_up(whole: Cluster) -> None:
    config = whole.paths("node4").config_file
    whole.ok("gnt-cluster", "modify", "-C", "3")
    regular = [row["name"] for row in listed(whole, "gnt-node list -o name 'role == \"R\"'")]
    assert len(regular) == 1
    whole.ok("gnt-cluster", "modify", "-C", "10")
    assert listed(whole, "gnt-node list -o name 'role == \"R\"'") == []

    whole.ok("gnt-node", "modify", "--master-capable", "no", "node4")

    assert of_node(whole, "node4", "role") == ["R"]
    assert not os.path.exists(config)
    whole.ok("gnt-node", "modify", "--master-capable", "yes", "node4")
    until(lambda: os.path.exists(config), "the new candidate has the configuration")


def test_flag_that_is_set_already_changes_nothing(whole: Cluster) -> None:
    before = of_node(whole, "node4", "serial_no")

    whole.ok("gnt-node", "modify", "-C", "yes", "node4")

    assert of_node(whole, "node4", "serial_no") == before


def test_tags_are_added_and_removed(whole: Cluster) -> None:
    whole.ok("gnt-node", "add-tags", "node4", "rack:1", "cold")
    assert lines(whole, "gnt-node list-tags node4") == ["cold", "rack:1"]

    whole.ok("gnt-node", "remove-tags", "node4", "cold", "rack:1")
    assert lines(whole, "gnt-node list-tags node4") == []


# --- coming and going ---------------------------------------------------------------------


def test_node_with_instances_is_not_removed(whole: Cluster) -> None:
    add_diskless(whole, "instance1", "node4")

    assert "it holds instance1" in refused(whole, "gnt-node remove node4")


def test_removed_node_keeps_no_keys_and_can_come_back(whole: Cluster) -> None:
    paths = whole.paths("node4")

    whole.ok("gnt-node", "remove", "node4")

    assert "unknown node node4" in refused(whole, "gnt-node list node4")
    until(lambda: not os.path.exists(paths.server_cert), "the node has lost its keys")
    for secret in (paths.client_cert, paths.hmac_key, paths.config_file):
        assert not os.path.exists(secret), secret
    whole.ok("gnt-node", "add", "node4")
    assert of_node(whole, "node4", "role") == ["C"]
    whole.ok("gnt-cluster", "verify")


def test_removing_an_offline_node_warns_and_works(whole: Cluster) -> None:
    whole.kill(daemons.NODED, "node4")
    whole.ok("gnt-node", "modify", "-O", "yes", "node4")

    whole.ok("gnt-node", "remove", "node4")

    assert "unknown node node4" in refused(whole, "gnt-node list node4")
    with contextlib.suppress(FileNotFoundError):
        os.remove(whole.paths("node4").config_file)


def test_node_that_is_refused_keeps_its_keys(whole: Cluster) -> None:
    before = files.read_file(whole.paths("node4").client_cert), whole.pid(daemons.NODED, "node4")
    whole.ok("gnt-cluster", "queue", "drain")

    refused(whole, "gnt-node add node4")
    assert "drained" in refused(whole, "gnt-node add --readd node4")
    assert "not the master" in whole.cmd("gnt-node", "add", "--readd", "node4", node=2).stderr

    whole.ok("gnt-cluster", "queue", "undrain")
    assert (files.read_file(whole.paths("node4").client_cert), whole.pid(daemons.NODED, "node4")) == before


def test_reinstalled_node_is_taken_back(whole: Cluster) -> None:
    paths = whole.paths("node4")
    whole.kill(daemons.NODED, "node4")
    for path in (paths.server_cert, paths.client_cert, paths.hmac_key, paths.config_file):
        os.remove(path)
    whole.run("start-all", "-q")

    whole.ok("gnt-node", "add", "--readd", "node4")

    assert of_node(whole, "node4", "role") == ["C"]
    until(lambda: os.path.exists(paths.config_file), "the candidate has the configuration")
    whole.ok("gnt-cluster", "verify")


def test_node_is_added_twice_at_once_only_once(whole: Cluster) -> None:
    whole.ok("gnt-node", "remove", "node4")
    until(lambda: not os.path.exists(whole.paths("node4").server_cert), "the node has lost its keys")

    whole.ok("gnt-node", "add", "node4")

    assert "in the cluster already" in refused(whole, "gnt-node add node4")
    assert [row["name"] for row in listed(whole, "gnt-node list")].count("node4") == 1


def test_changes_can_be_submitted(whole: Cluster) -> None:
    job = submitted(whole, "gnt-node modify -D yes node4")

    whole.ok("gnt-job", "wait", str(job))

    assert job_status(whole, job) == "success" and of_node(whole, "node4", "role") == ["D"]
