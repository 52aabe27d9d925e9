import random

import pytest

from ganeti.errors import AddressPoolError, OpPrereqError, ReservationError
from ganeti.masterd.config.addresses import reserve_external, with_maps
from ganeti.masterd.config.draft import FIRST_PORT, LAST_PORT
from ganeti.masterd.config.reservations import Reservations
from ganeti.model.objects.network import Network
from ganeti.schema import replace
from test.support.config import make_config, make_disk, make_drbd, make_instance, make_nic, uuid_of

N0, N1 = uuid_of("node", 0), uuid_of("node", 1)
NET = uuid_of("net", 0)


class Cluster:
    """A configuration that can be swapped, and what jobs hold of it."""

    def __init__(self, config):
        self.config = config
        self.all = Reservations(lambda: self.config, random.Random(1))

    def job(self, number):
        return self.all.of_job(number)


@pytest.mark.parametrize(
    ("ask", "shown"),
    [
        (lambda job: job.instance_name("web1"), "instance name web1"),
        (lambda job: job.node_name("node9"), "node name node9"),
        (lambda job: job.macs(["aa:00:00:11:22:33"]), "MAC address aa:00:00:11:22:33"),
        (lambda job: job.ips(["192.0.2.77"]), "IP address outside of networks 192.0.2.77"),
    ],
)
def test_the_loser_is_told_the_job_that_holds_it(ask, shown):
    cluster = Cluster(make_config())
    ask(cluster.job(7))

    with pytest.raises(ReservationError, match=f"{shown} is reserved by job 7"):
        ask(cluster.job(8))


def test_what_is_released_can_be_had_by_others():
    cluster = Cluster(make_config())
    cluster.job(7).instance_name("web1")

    cluster.all.release(7)

    cluster.job(8).instance_name("web1")
    assert cluster.all.held_by(7) == frozenset()


def test_a_job_can_ask_again_for_what_it_holds():
    cluster = Cluster(make_config())
    cluster.job(7).instance_name("inst1.example.com")
    cluster.config = make_config(instances=[make_instance(1)])

    cluster.job(7).instance_name("inst1.example.com")


def test_what_the_configuration_has_is_refused_by_its_owner():
    cluster = Cluster(make_config(instances=[make_instance(1)]))

    with pytest.raises(OpPrereqError, match="MAC address aa:00:00:00:00:01 is in use by instance inst1") as caught:
        cluster.job(7).macs(["AA:00:00:00:00:01"])
    assert caught.value.args[1] == "resource_not_unique"


def test_nothing_is_reserved_when_one_of_several_is_refused():
    cluster = Cluster(make_config(instances=[make_instance(1)]))

    with pytest.raises(OpPrereqError):
        cluster.job(7).macs(["aa:00:00:00:00:99", "aa:00:00:00:00:01"])

    assert cluster.all.held_by(7) == frozenset()


def test_the_same_twice_in_one_request_is_refused():
    with pytest.raises(OpPrereqError, match="is given twice"):
        Cluster(make_config()).job(7).macs(["aa:00:00:00:00:99", "AA:00:00:00:00:99"])


def test_chosen_macs_have_the_prefix_and_differ():
    job = Cluster(make_config()).job(7)

    macs = [job.mac() for _ in range(100)] + [job.mac("52:54:00")]

    assert len(set(macs)) == 101
    assert all(mac.startswith("aa:00:00:") for mac in macs[:-1])
    assert macs[-1].startswith("52:54:00:")


def test_ports_come_from_the_pool_first_and_never_twice():
    settings = {"tcpudp_port_pool": frozenset({11001}), "highest_used_port": 11002}
    cluster = Cluster(make_config(settings=settings))

    assert [cluster.job(number).port() for number in (1, 2, 3)] == [11001, 11003, 11004]


def test_port_in_use_is_passed_over():
    config = make_config(instances=[make_instance(1, network_port=FIRST_PORT)])

    assert Cluster(config).job(1).port() == FIRST_PORT + 1


def test_running_out_of_ports_is_said():
    cluster = Cluster(make_config(settings={"highest_used_port": LAST_PORT}))

    with pytest.raises(ReservationError, match="all of 11000-14999 are taken"):
        cluster.job(1).port()


def test_minors_are_the_lowest_free_on_each_node():
    cluster = Cluster(make_config(disks=[make_drbd(0, 0, 1)]))

    assert cluster.job(1).minors([N0, N1, N0]) == [1, 1, 2]
    assert cluster.job(2).minors([N0]) == [3]


def test_uuids_never_repeat():
    job = Cluster(make_config()).job(7)

    assert len({job.uuid() for _ in range(100)}) == 100


def with_network():
    network = with_maps(Network(uuid=NET, name="lan", network="198.51.100.0/29", gateway="198.51.100.1"))
    network = reserve_external(network, "198.51.100.2")
    config = make_config()
    return config.changed({"networks": {NET: network}}, config.head)


def test_addresses_of_a_network_are_given_once_until_none_is_left():
    cluster = Cluster(with_network())

    given = [cluster.job(number).free_ip(NET) for number in range(4)]

    assert given == ["198.51.100.3", "198.51.100.4", "198.51.100.5", "198.51.100.6"]
    with pytest.raises(AddressPoolError, match="none is free"):
        cluster.job(9).free_ip(NET)


def test_address_given_by_the_user_must_be_free_and_in_the_network():
    cluster = Cluster(with_network())
    cluster.job(1).ip(NET, "198.51.100.3")

    with pytest.raises(ReservationError, match="reserved by job 1"):
        cluster.job(2).ip(NET, "198.51.100.3")
    with pytest.raises(AddressPoolError, match="it is not in"):
        cluster.job(2).ip(NET, "203.0.113.1")
    with pytest.raises(AddressPoolError, match="kept for others"):
        cluster.job(2).ip(NET, "198.51.100.2")
    cluster.job(2).ip(NET, "198.51.100.2", conflicts_check=False)


def test_address_of_an_instance_is_in_use():
    config = with_network()
    instance = make_instance(1, nics=(make_nic(1, network=NET, ip="198.51.100.4"),))
    cluster = Cluster(config.changed({"instances": {instance.uuid: instance}}, config.head))

    with pytest.raises(OpPrereqError, match="in use by instance inst1"):
        cluster.job(2).ip(NET, "198.51.100.4")


def test_owner_without_a_name_is_shown_by_its_uuid():
    disk = replace(make_disk(1), logical_id=("loop", "/x"))
    cluster = Cluster(make_config(disks=[disk, make_drbd(5, 0, 1)]))

    assert cluster.job(1).port() == FIRST_PORT


def test_impossible_networks_are_refused():
    for network in ("192.0.2.0/31", "10.0.0.0/8", "x"):
        with pytest.raises(AddressPoolError, match="cannot use network lan"):
            with_maps(Network(uuid=NET, name="lan", network=network))
