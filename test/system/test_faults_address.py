"""Another machine has the cluster's address; the number is that of the list of faults.

Every node is a machine of its own, as far as the network is concerned.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Iterator
from typing import NamedTuple

import pytest

from ganeti.bootstrap import daemons
from ganeti.utils import files
from test.support.cluster import INIT_OPTIONS, MARK, Cluster, virtual_nodes
from test.support.mastership import masters, power_off, power_on, settle, version
from test.support.netns import Host, hosts, ip
from test.support.polling import until

NETWORK = "198.51.100"
ADDRESS, INTERFACE = f"{NETWORK}.1", "eth0"
NODES = 3

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="networks are made by root"),
    pytest.mark.timeout(180),
]


class Network(NamedTuple):
    """A cluster whose nodes are machines of their own, and a machine beside them that is none of its nodes."""

    cluster: Cluster
    nodes: list[Host]
    stranger: Host

    def has(self, machine: Host) -> bool:
        """Tell whether a machine has the cluster's address."""
        with machine:
            return f"inet {ADDRESS}/32" in ip("-4", "address", "show", "dev", INTERFACE)

    def give_up(self, machine: Host) -> None:
        """Take the address off a machine, if it is there."""
        if self.has(machine):
            with machine:
                ip("address", "del", f"{ADDRESS}/32", "dev", INTERFACE)

    @contextlib.contextmanager
    def taken_by(self, machine: Host) -> Iterator[str]:
        """Let a machine have the address for a while, and nobody else; yield its MAC."""
        for other in (*self.nodes, self.stranger):
            self.give_up(other)
        with machine:
            ip("address", "add", f"{ADDRESS}/32", "dev", INTERFACE)
        try:
            yield mac_of(machine)
        finally:
            self.give_up(machine)

    @contextlib.contextmanager
    def begun(self, number: int, *argv: str) -> Iterator[subprocess.Popen[str]]:
        """Run a command on a node meanwhile."""
        environ = {**os.environ, MARK: self.cluster.directory}
        command = [os.path.join(self.cluster.paths(number).root, "cmd"), *argv]
        with self.nodes[number - 1]:
            running = subprocess.Popen(
                command, env=environ, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
            )
        with running:
            yield running


def mac_of(machine: Host) -> str:
    with machine:
        return ip("-brief", "link", "show", "dev", INTERFACE).split()[2]


@pytest.fixture(scope="module")
def network(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    addresses = [f"{NETWORK}.{10 + number}/24" for number in range(NODES + 1)]
    with hosts(INTERFACE, addresses) as (*nodes, stranger):
        base = tmp_path_factory.mktemp("faults-address")
        with virtual_nodes(base, NODES, instances=0, prefix=NETWORK) as cluster:
            for node, machine in zip(cluster.nodes, nodes, strict=True):
                with machine:
                    for daemon in (daemons.NODED, daemons.CONFD):  # where adding a node starts them is one machine
                        cluster.start(daemon, node)
            with nodes[0]:
                options = [option for option in INIT_OPTIONS if not option.startswith("--master-netdev")]
                cluster.ok("gnt-cluster", "init", *options, f"--master-netdev={INTERFACE}", "cluster")
                for node in cluster.nodes[1:]:
                    cluster.ok("gnt-node", "add", node)
            made = Network(cluster, nodes, stranger)
            until(lambda: made.has(nodes[0]), "the master has the address")
            yield made


@pytest.fixture
def cluster(network: Network) -> Iterator[Cluster]:
    """After each test all nodes are up, and the first is the master and has the address."""
    yield network.cluster
    for node, machine in zip(network.cluster.nodes, network.nodes, strict=True):
        with machine:
            power_on(network.cluster, node)
    network.give_up(network.stranger)
    with network.nodes[0]:
        network.cluster.ok("gnt-cluster", "master-failover", node=1)
    network.cluster.ok("gnt-cluster", "activate-master-ip")
    settle(network.cluster, "node1")
    assert [network.has(machine) for machine in network.nodes] == [True, False, False]


def test_f08_failover_waits_for_the_old_master_to_give_up_the_address_and_fails_clean_naming_it(
    network: Network, cluster: Cluster
) -> None:
    before = version(cluster, "node2")
    power_off(cluster, "node1")  # its machine goes on, and so does its address
    assert network.has(network.nodes[0])

    with network.nodes[1]:
        told = cluster.cmd("gnt-cluster", "master-failover", node=2)

    holder = f"the machine with MAC {mac_of(network.nodes[0])} still has the cluster's address {ADDRESS}"
    assert told.exit_code == 1 and holder in told.stderr and "silent: node1" in told.stderr, told.output
    assert masters(cluster) == [] and version(cluster, "node2") == before
    assert [network.has(machine) for machine in network.nodes] == [True, False, False]

    with network.begun(2, "gnt-cluster", "master-failover") as failover:
        assert failover.stdout is not None
        said = failover.stdout.readline()
        assert "to follow node2" in said
        network.give_up(network.nodes[0])
        said += failover.communicate(timeout=60)[0]

    assert failover.returncode == 0 and "node2 is the master now" in said, said
    until(lambda: network.has(network.nodes[1]), "the new master has the address")


def test_f08_address_is_not_activated_while_another_machine_has_it_and_that_is_named(
    network: Network, cluster: Cluster
) -> None:
    with network.taken_by(network.stranger) as mac:
        refused = cluster.cmd("gnt-cluster", "activate-master-ip")
    assert refused.exit_code == 1 and f"the machine with MAC {mac} has it" in refused.stderr, refused.output
    assert not network.has(network.nodes[0])

    with network.taken_by(network.nodes[2]) as mac:
        refused = cluster.cmd("gnt-cluster", "activate-master-ip")
    assert refused.exit_code == 1 and mac in refused.stderr and "(node node3 has it)" in refused.stderr, refused.output
    assert not network.has(network.nodes[0])


def test_f08_master_that_starts_waits_for_the_address_and_serves_all_the_same(
    network: Network, cluster: Cluster
) -> None:
    log = cluster.paths(1).log_file(daemons.MASTERD)
    with network.taken_by(network.stranger) as mac:
        with network.nodes[0]:
            cluster.restart_master()
        cluster.ok("gnt-debug", "delay", "0.01")
        until(lambda: f"the machine with MAC {mac} has it" in files.read_text(log), "the log names the machine")
        assert not network.has(network.nodes[0])

        with network.nodes[0]:
            cluster.restart_master()
        cluster.ok("gnt-cluster", "master-ping")
        network.give_up(network.stranger)
        until(lambda: network.has(network.nodes[0]), "the master has the address")
