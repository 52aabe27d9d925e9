"""The address of the cluster, on a real interface of a network of its own."""

from __future__ import annotations

import os
import pathlib
import socket
from collections.abc import Iterator

import pytest

from ganeti import errors, mastership
from ganeti.mastership import Mastership
from ganeti.model.objects.messages import MasterNetworkParameters
from ganeti.model.scalars import IPAddress, Uuid
from ganeti.noded.backend.master import Master
from ganeti.paths import Paths
from ganeti.utils import files
from test.support.cluster import INIT_OPTIONS, Cluster, virtual_nodes
from test.support.mastership import masters
from test.support.netns import add_interface, ip, own_network
from test.support.node import VirtualNode
from test.support.polling import until

ADDRESS = "198.51.100.200"
INTERFACE = "gnt0"

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="addresses are configured by root")


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A cluster whose address is none of 127/8."""
    with own_network():
        add_interface(INTERFACE, "198.51.100.1/24")
        with virtual_nodes(tmp_path_factory.mktemp("address"), 2) as found:
            path = os.path.join(found.directory, "etc", "hosts")
            lines = [line for line in files.read_text(path).splitlines() if line.split()[1:2] != ["cluster"]]
            files.write_file(path, "\n".join([*lines, f"{ADDRESS} cluster", ""]), mode=0o644)
            assert not found.run("start-all", "-q").failed
            options = [option for option in INIT_OPTIONS if not option.startswith("--master-netdev")]
            found.ok("gnt-cluster", "init", *options, f"--master-netdev={INTERFACE}", "cluster")
            found.ok("gnt-node", "add", "node2")
            yield found


def is_up() -> bool:
    return f"inet {ADDRESS}/32" in ip("-4", "address", "show", "dev", INTERFACE)


def test_address_is_taken_off_and_put_on_as_often_as_one_likes(cluster: Cluster) -> None:
    until(is_up, "the master has put it on when it began")

    for _ in range(2):
        cluster.ok("gnt-cluster", "deactivate-master-ip", "--yes")
        assert not is_up()
    for _ in range(2):
        cluster.ok("gnt-cluster", "activate-master-ip")
        assert is_up()


def test_address_is_not_taken_off_without_a_word(cluster: Cluster) -> None:
    assert cluster.cmd("gnt-cluster", "deactivate-master-ip").failed and is_up()


def test_address_goes_with_the_master(cluster: Cluster) -> None:
    ip("address", "del", f"{ADDRESS}/32", "dev", INTERFACE)

    cluster.ok("gnt-cluster", "master-failover", node=2)

    assert masters(cluster) == ["node2"]
    until(is_up, "the master has the address")


def test_address_that_cannot_be_put_on_is_told_with_the_reason(cluster: Cluster) -> None:
    cluster.ok("gnt-cluster", "deactivate-master-ip", "--yes", node=2)
    ip("link", "del", INTERFACE)

    done = cluster.cmd("gnt-cluster", "activate-master-ip", node=2)

    assert done.exit_code == 1 and ADDRESS in done.stderr and INTERFACE in done.stderr, done.output


def test_node_that_was_replaced_as_the_master_meanwhile_does_not_put_it_on(tmp_path: pathlib.Path) -> None:
    node = VirtualNode(Paths(str(tmp_path / "node1"), "node1.example.com"))
    mastership.write(node.paths, Mastership(1, "node2.example.com"))
    params = MasterNetworkParameters(
        uuid=Uuid("u"), ip=IPAddress(ADDRESS), netmask=32, netdev=INTERFACE, ip_family=socket.AF_INET
    )

    with own_network():
        add_interface(INTERFACE, "198.51.100.1/24")
        with pytest.raises(errors.OpExecError, match=r"node2\.example\.com is the master now"):
            Master(node).node_activate_master_ip(params, False)
        assert not is_up()
