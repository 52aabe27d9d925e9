"""Who has an address is asked on real networks, of machines that are nothing but network namespaces."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from ganeti.utils import neighbours, net
from test.support.netns import Host, hosts, ip
from test.support.polling import until

ADDRESS, PORT = "198.51.100.200", 1811

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="networks are made by root")


@pytest.fixture
def two() -> Iterator[list[Host]]:
    with hosts("eth0", ["198.51.100.1/24", "198.51.100.2/24"]) as made:
        yield made


def take(host: Host) -> str:
    """Have a machine take the address; return its MAC."""
    with host:
        ip("address", "add", f"{ADDRESS}/32", "dev", "eth0")
        return ip("-brief", "link", "show", "dev", "eth0").split()[2]


def test_address_that_nobody_has_is_free(two: list[Host]) -> None:
    with two[0]:
        assert neighbours.holder(ADDRESS, "eth0", PORT) == ""


def test_machine_that_has_an_address_is_named_by_its_mac(two: list[Host]) -> None:
    mac = take(two[1])

    with two[0]:
        assert neighbours.holder(ADDRESS, "eth0", PORT) == f"the machine with MAC {mac}"


def test_machine_is_tried_to_connect_to_where_it_cannot_be_asked_for_its_mac(two: list[Host]) -> None:
    take(two[1])

    with two[0]:
        with pytest.raises(OSError, match="lo is no Ethernet"):
            neighbours.mac_of(ADDRESS, "lo")
        assert neighbours.holder(ADDRESS, "lo", PORT) == "a machine"


def test_neighbours_learn_where_an_address_is_when_it_is_announced(two: list[Host]) -> None:
    before = take(two[1])
    with two[0]:
        assert net.tcp_ping(ADDRESS, PORT, 5.0, "198.51.100.1")
        assert before in ip("neighbour", "show", ADDRESS)
    with two[1]:
        ip("link", "set", "dev", "eth0", "address", (after := "02:00:00:00:00:77"))

    def learned() -> bool:
        with two[1]:
            neighbours.announce(ADDRESS, "eth0")
        with two[0]:
            return after in ip("neighbour", "show", ADDRESS)

    until(learned, "the neighbour knows the new machine")  # not at once: a table keeps what is new for a second
