"""Names and addresses; nothing leaves the loopback interface."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganeti import errors
from ganeti.paths import Paths
from ganeti.utils import net
from test.support.cluster_dir import make_cluster_dir


@pytest.mark.parametrize("text", ["127.0.0.1", "::1", "2001:db8::7", "0.0.0.0"])
def test_addresses_are_addresses(text: str) -> None:
    assert net.is_ip(text)


@pytest.mark.parametrize(
    "text", ["", "localhost", "127.1", "1.2.3.4.5", "256.1.1.1", "1.2.3.4 ", "1.2.3.4\0", ":", "fe80::1%lo"]
)
def test_other_text_is_no_address(text: str) -> None:
    assert not net.is_ip(text)


@given(st.ip_addresses())
def test_every_address_is_recognised(address: object) -> None:
    assert net.is_ip(str(address))


def test_a_virtual_cluster_resolves_its_own_names_first(tmp_path: Path) -> None:
    paths = make_cluster_dir(str(tmp_path), 3, others=[("127.0.3.1", "localhost")])[0]

    assert net.resolve("node3.example.com", paths) == "127.0.1.3"
    assert net.look_up("NODE2", paths) == net.Host("node2.example.com", "127.0.1.2")
    assert net.resolve("cluster", paths) == "127.0.0.100"
    assert net.resolve("localhost", paths) == "127.0.3.1"
    assert net.own_name(paths) == "node1.example.com"


def test_a_real_node_does_not_read_the_hosts_file_of_a_virtual_cluster(tmp_path: Path) -> None:
    make_cluster_dir(str(tmp_path), 1, others=[("127.0.3.1", "localhost")])

    assert net.resolve("localhost", Paths("", "x")) in ("127.0.0.1", "::1")


def test_addresses_resolve_to_themselves(paths: Paths) -> None:
    assert net.resolve("192.0.2.7", paths) == "192.0.2.7"
    assert net.resolve("2001:db8::7", paths) == "2001:db8::7"


@pytest.mark.parametrize("name", ["a..b", "a" * 300, "x\0y", ""])
def test_names_that_cannot_be_are_resolver_errors(paths: Paths, name: str) -> None:
    with pytest.raises(errors.ResolverError):
        net.resolve(name, Paths("", "x") if name else paths)


def test_hosts_files_are_read_leniently(tmp_path: Path) -> None:
    path = tmp_path / "hosts"
    path.write_bytes(
        b"# comment\n\n127.0.0.2 One one # tail\nnonsense line\n127.0.0.3\n127.0.0.4 one two\n\xff\xfe x\n::1 six\n"
    )

    assert net.read_hosts(os.fspath(path)) == {
        "one": net.Host("One", "127.0.0.2"),
        "two": net.Host("one", "127.0.0.4"),
        "six": net.Host("six", "::1"),
    }
    assert net.read_hosts(os.fspath(tmp_path / "none")) == {}


def test_all_of_the_loopback_network_is_ours_without_an_alias() -> None:
    assert net.is_own("127.0.0.1")
    assert net.is_own("127.77.66.55")
    assert net.is_loopback("127.77.66.55")
    assert "127.0.0.1" in net.own_addresses()


@pytest.mark.parametrize("address", ["192.0.2.254", "node1", ""])
def test_addresses_of_others_are_not_ours(address: str) -> None:
    assert not net.is_own(address)
    assert not net.is_loopback(address)


def test_a_port_that_answers_and_one_that_refuses_both_mean_a_host() -> None:
    with socket.create_server(("127.0.0.9", 0)) as server:
        port = server.getsockname()[1]
        assert net.tcp_ping("127.0.0.9", port, 5, source="127.0.0.10")

    assert net.tcp_ping("127.0.0.9", port, 5)


def test_an_address_that_cannot_be_reached_does_not_answer() -> None:
    assert not net.tcp_ping("255.255.255.255", 9, 0.01)


def test_a_free_port_can_be_listened_on() -> None:
    port = net.free_port("127.0.0.11")

    with socket.create_server(("127.0.0.11", port)):
        pass
