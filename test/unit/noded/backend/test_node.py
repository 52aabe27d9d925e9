"""The node itself: figures, addresses, daemons, joining and leaving, being the master."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from ganeti import errors
from ganeti.model import versions
from ganeti.model.enums import HypervisorName, StorageType
from ganeti.model.objects.messages import MasterNetworkParameters
from ganeti.model.scalars import InstanceName
from ganeti.noded.backend.instance import Instances
from ganeti.noded.backend.master import Master
from ganeti.noded.backend.node import Node, missing_bridges
from ganeti.noded.backend.storage_units import StorageUnits
from ganeti.paths import Paths
from ganeti.utils import files
from ganeti.utils.process import PidFile
from test.support.cluster_dir import make_cluster_dir
from test.support.node import VirtualNode, make_instance, make_node, write_script

DIRECTORY = "/srv/ganeti/file-storage"


@pytest.fixture
def node(tmp_path: os.PathLike[str]) -> VirtualNode:
    """The first of two nodes, whose daemon-util is a script of the test."""
    util = os.path.join(tmp_path, "daemon-util")

    class OwnPaths(Paths):
        daemon_util = util

    first, _ = make_cluster_dir(os.fspath(tmp_path), 2)
    node = make_node(OwnPaths(*first))
    files.write_file(node.paths.ssconf_file("master_node"), "node1.example.com\n")
    files.write_file(node.paths.ssconf_file("cluster_name"), "cluster.example.com\n")
    write_script(util, f'#!/bin/sh\necho "$@ [$EXTRA_MASTERD_ARGS]" >> {tmp_path}/told\n')
    return node


def told(node: VirtualNode) -> list[str]:
    path = f"{node.paths.cluster_dir}/told"
    return files.read_text(path).splitlines() if os.path.exists(path) else []


@pytest.fixture
def confd(node: VirtualNode) -> Iterator[PidFile]:
    """The pid file of a confd that runs: held by this process."""
    with PidFile(node.paths.pid_file("ganeti-confd")) as held:
        yield held


# --- looking -----------------------------------------------------------------------------


def test_node_tells_its_protocol_version(node: VirtualNode) -> None:
    assert Node(node).version() == versions.PROTOCOL


def test_node_tells_its_own_figures(node: VirtualNode) -> None:
    Instances(node).instance_start(make_instance(memory=96), False, ())

    info = Node(node).node_info([(StorageType.FILE, DIRECTORY, ())], [(HypervisorName.FAKE, {})])

    assert info.boot_id == node.boot_id()
    (space,), (figures,) = info.storage, info.hypervisors
    assert (space.name, space.storage_size, space.storage_free) == (DIRECTORY, 10240, 10240)
    assert (figures.memory_total, figures.memory_free, figures.cpu_total) == (4096, 4000, 4)


def test_storage_that_cannot_be_looked_at_has_no_figures(node: VirtualNode) -> None:
    units = [(StorageType.LVM_VG, "xenvg", (False,)), (StorageType.FILE, "/srv/missing", ())]

    found = Node(node).node_info(units, []).storage

    assert [(space.name, space.storage_size) for space in found] == [("xenvg", None), ("/srv/missing", None)]


def test_storage_units_are_listed_in_the_order_of_fields(node: VirtualNode) -> None:
    calls = StorageUnits(node)

    assert calls.storage_list(StorageType.FILE, [[DIRECTORY, ""]], None, ["name", "free"]) == [[DIRECTORY, 10240]]
    assert calls.storage_list(StorageType.FILE, [], DIRECTORY, ["size"]) == [[10240]]
    with pytest.raises(errors.StorageError, match="cannot list storage unit /srv/none"):
        calls.storage_list(StorageType.FILE, [], "/srv/none", ["size"])
    (row,) = calls.storage_list(StorageType.FILE, [], "/srv/none", ["status"])
    assert "not below an allowed directory" in str(row[0])


@pytest.mark.parametrize(
    ("address", "expected"),
    [("127.0.1.1", True), ("127.0.1.2", False), ("127.0.0.100", True), ("127.9.9.9", True), ("192.0.2.1", False)],
)
def test_virtual_node_has_its_own_addresses_and_the_masters(node: VirtualNode, address: str, expected: bool) -> None:
    assert Node(node).node_has_ip_address(address) is expected


def test_address_of_the_cluster_is_the_masters_alone(node: VirtualNode) -> None:
    files.write_file(node.paths.ssconf_file("master_node"), "node2.example.com\n")

    assert not Node(node).node_has_ip_address("127.0.0.100")
    with pytest.raises(errors.ParameterError, match="not an address"):
        Node(node).node_has_ip_address("node1")


def test_missing_bridges_are_named(node: VirtualNode) -> None:
    Node(node).bridges_exist([])

    with pytest.raises(errors.OpExecError, match="no br-none1, br-none2"):
        Node(node).bridges_exist(["br-none1", "br-none2"])
    assert missing_bridges(["lo", "../lo", ""]) == ["lo", "../lo", ""]


def test_delay_waits(node: VirtualNode) -> None:
    Node(node).test_delay(1.5)

    assert node.manual_clock.slept == [1.5]
    with pytest.raises(errors.ParameterError):
        Node(node).test_delay(-1)


def test_powercycle_of_a_virtual_node_is_simulated(node: VirtualNode) -> None:
    Instances(node).instance_start(make_instance(), False, ())
    before = node.boot_id()

    assert "Reboot scheduled" in Node(node).node_powercycle(HypervisorName.FAKE, {})

    assert Instances(node).instance_info(InstanceName("web1.example.com"), HypervisorName.FAKE, {}) is None
    assert node.boot_id() != before


# --- daemons -----------------------------------------------------------------------------


def test_daemon_that_is_as_asked_is_left_alone(node: VirtualNode, confd: PidFile) -> None:
    assert Node(node).node_ensure_daemon("ganeti-confd", True)
    assert told(node) == []


def test_daemon_is_started_and_stopped_by_daemon_util(node: VirtualNode) -> None:
    assert not Node(node).node_ensure_daemon("ganeti-confd", True)  # the script starts nothing
    assert told(node) == ["check-and-start ganeti-confd []"]


def test_only_daemons_of_the_cluster_are_started(node: VirtualNode) -> None:
    with pytest.raises(errors.ParameterError, match="not a daemon of this node"):
        Node(node).node_ensure_daemon("sshd", False)


def test_master_daemons_are_started_with_or_without_a_vote(node: VirtualNode) -> None:
    Master(node).node_start_master_daemons(False)
    Master(node).node_start_master_daemons(True)
    Master(node).node_stop_master()

    assert told(node) == ["start-master []", "start-master [--no-voting --yes-do-it]", "stop-master []"]


def test_what_daemon_util_says_is_in_the_error(node: VirtualNode) -> None:
    write_script(node.paths.daemon_util, "#!/bin/sh\necho no config >&2\nexit 1\n")

    with pytest.raises(errors.OpExecError, match=r"cannot start-master on node1.*: .*exit code 1; no config"):
        Master(node).node_start_master_daemons(False)


# --- joining and leaving -------------------------------------------------------------------


def test_node_that_leaves_keeps_no_file_of_the_cluster_and_can_repeat_it(node: VirtualNode) -> None:
    paths = node.paths
    for path in (paths.config_file, paths.server_cert, paths.client_cert, paths.hmac_key, paths.rapi_users):
        files.write_file(path, "x")
    for path in (paths.job_file(1), paths.archived_job_file(20000), paths.queue_serial, paths.queue_drain):
        files.ensure_dir(os.path.dirname(path))
        files.write_file(path, "x")

    for _ in range(2):
        with pytest.raises(errors.QuitGanetiException) as caught:
            Node(node).node_leave_cluster(True)
        assert caught.value.args == (True, "Shutdown scheduled")

    left = [os.path.join(directory, name) for directory, _, names in os.walk(paths.data_dir) for name in names]
    assert left == []
    assert told(node) == []


def test_node_that_leaves_stops_its_confd(node: VirtualNode, confd: PidFile) -> None:
    with pytest.raises(errors.QuitGanetiException):
        Node(node).node_leave_cluster(False)

    assert told(node) == ["stop ganeti-confd []"]


def test_demoted_candidate_moves_its_configuration_away(node: VirtualNode) -> None:
    files.write_file(node.paths.ssconf_file("master_node"), "node2.example.com\n")
    files.write_file(node.paths.config_file, "config")
    files.write_file(node.paths.job_file(1), "{}")

    for _ in range(2):
        Node(node).node_demote_from_mc()

    assert not os.path.exists(node.paths.config_file)
    assert files.read_text(f"{node.paths.config_file}.demoted") == "config"
    assert not os.path.exists(node.paths.job_file(1))


def test_master_is_not_demoted(node: VirtualNode) -> None:
    files.write_file(node.paths.config_file, "config")

    with pytest.raises(errors.OpExecError, match="it is the master"):
        Node(node).node_demote_from_mc()

    assert os.path.exists(node.paths.config_file)


# --- the master ------------------------------------------------------------------------------


def master_params(ip: str = "127.0.0.100", **changes: object) -> MasterNetworkParameters:
    given: dict[str, object] = {"uuid": "u", "ip": ip, "netmask": 32, "netdev": "lo", "ip_family": 2}
    return MasterNetworkParameters(**{**given, **changes})  # type: ignore[arg-type]


def test_node_tells_whom_it_takes_for_the_master(node: VirtualNode) -> None:
    values = {"master_netdev": "lo", "master_ip": "127.0.0.100", "primary_ip_family": "2", "master_netmask": "32"}
    for key, value in values.items():
        files.write_file(node.paths.ssconf_file(key), f"{value}\n")

    info = Master(node).master_info()

    assert Master(node).master_node_name() == "node1.example.com"
    assert (info.name, info.ip, info.netdev) == ("node1.example.com", "127.0.0.100", "lo")
    assert (info.ip_family, info.netmask) == (2, 32)


def test_node_outside_of_a_cluster_knows_no_master(node: VirtualNode) -> None:
    os.unlink(node.paths.ssconf_file("master_node"))

    with pytest.raises(errors.ConfigurationError, match="is this node part of a cluster"):
        Master(node).master_node_name()


def test_loopback_master_ip_needs_no_setting_up(node: VirtualNode) -> None:
    Master(node).node_activate_master_ip(master_params(), False)
    Master(node).node_change_master_netmask(32, 24, "127.0.0.100", "lo")
    Master(node).node_deactivate_master_ip(master_params(), False)


def test_own_script_for_the_master_ip_is_told_what_to_do(node: VirtualNode) -> None:
    told_what = "$1 $MASTER_IP/$MASTER_NETMASK $MASTER_NETDEV $CLUSTER_IP_VERSION"
    script = f'#!/bin/sh\necho "{told_what}" >> {node.paths.cluster_dir}/told\n'
    write_script(node.paths.master_ip_script, script)

    Master(node).node_activate_master_ip(master_params(), True)
    Master(node).node_deactivate_master_ip(master_params(), True)

    assert told(node) == ["start 127.0.0.100/32 lo 4", "stop 127.0.0.100/32 lo 4"]


def test_missing_script_for_the_master_ip_is_named(node: VirtualNode) -> None:
    with pytest.raises(errors.OpExecError, match="master-ip-setup is not executable"):
        Master(node).node_activate_master_ip(master_params(), True)


@pytest.mark.parametrize(
    ("params", "reason"),
    [
        (master_params("nonsense"), "not an address"),
        (master_params(netmask=33), "33 is not a prefix length of IPv4"),
        (master_params("::1", netmask=129), "129 is not a prefix length of IPv6"),
        (master_params(netdev="lo; reboot"), "is not an interface"),
        (master_params(netdev="-f"), "is not an interface"),
    ],
)
def test_master_ip_that_makes_no_sense_is_refused(
    node: VirtualNode, params: MasterNetworkParameters, reason: str
) -> None:
    with pytest.raises(errors.ParameterError, match=reason):
        Master(node).node_activate_master_ip(params, False)
