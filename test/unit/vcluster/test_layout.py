"""Names and addresses of virtual clusters."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganeti import errors
from ganeti.utils import json
from ganeti.vcluster.layout import MAX_NODES, Layout, default_bases, make_layout, parse_prefix

numbers_of_nodes = st.integers(1, 400)
numbers_of_instances = st.integers(0, 500)


def make(nodes: int = 5, instances: int = 10, prefix: str | None = None, domain: str = "") -> Layout:
    return make_layout(nodes=nodes, instances=instances, prefix=prefix, domain=domain, directory="/srv/vc")


@given(numbers_of_nodes, numbers_of_instances)
def test_everybody_has_an_address_and_a_name_of_its_own(nodes: int, instances: int) -> None:
    lines = make(nodes, instances).addresses()

    assert len(lines) == 1 + nodes + instances
    assert len({address for address, _ in lines}) == len(lines)
    assert len({name for _, name in lines}) == len(lines)


@given(numbers_of_nodes, numbers_of_instances, st.sampled_from([None, "127.84", "10.7", "172.16"]))
def test_addresses_lie_in_the_range_and_are_none_that_surprises(nodes: int, instances: int, prefix: str | None) -> None:
    layout = make(nodes, instances, prefix)

    network = ipaddress.IPv4Network((layout.base, layout.prefix_length))
    found = [ipaddress.IPv4Address(address) for address, _ in layout.addresses()]
    assert all(address in network for address in found)
    assert not {int(address) & 0xFF for address in found} & {0, 255}


def test_the_largest_cluster_fits() -> None:
    lines = make(MAX_NODES, 20_000).addresses()

    assert len({address for address, _ in lines}) == 21_001


@given(numbers_of_nodes, numbers_of_nodes)
def test_nodes_keep_their_addresses_when_a_cluster_grows(few: int, many: int) -> None:
    small, large = make(min(few, many)), make(max(few, many))

    for number in range(1, small.nodes + 1):
        assert small.node_address(number) == large.node_address(number)


@given(st.integers(1, 300), st.integers(0, 300))
def test_a_small_range_is_kept_to_or_refused(nodes: int, instances: int) -> None:
    network = ipaddress.IPv4Network("192.0.2.0/24")
    try:
        layout = make(nodes, instances, "192.0.2")
    except errors.UserError:
        assert nodes + instances > 100
        return

    found = {ipaddress.IPv4Address(address) for address, _ in layout.addresses()}
    assert len(found) == 1 + nodes + instances
    assert found <= set(network.hosts())


@pytest.mark.parametrize(("nodes", "instances"), [(0, 1), (-1, 1), (MAX_NODES + 1, 1), (1, -1), (1, 20_001)])
def test_numbers_that_cannot_be_are_refused(nodes: int, instances: int) -> None:
    with pytest.raises(errors.UserError, match="expected"):
        make(nodes, instances)


@pytest.mark.parametrize("prefix", ["", "127", "1.2.3.4", "a.b", "127.300", "127.84.", "-1.2", "127.84/16", "::1"])
def test_a_prefix_that_is_none_is_refused(prefix: str) -> None:
    with pytest.raises(errors.UserError, match="prefix"):
        parse_prefix(prefix)


def test_every_directory_has_bases_to_try_and_others_begin_elsewhere() -> None:
    bases = default_bases("/srv/one")

    assert len(set(bases)) == len(bases) >= 100
    assert all(base.is_loopback for base in bases)
    assert bases[0] != default_bases("/srv/two")[0]
    assert default_bases("/srv/one") == bases


def test_only_addresses_outside_127_have_to_be_configured() -> None:
    assert not make().needs_aliases
    assert not make(prefix="127.3").needs_aliases
    assert make(prefix="10.1").needs_aliases


def test_names_have_the_domain_behind_them() -> None:
    layout = make(nodes=2, instances=1, domain="example.com")

    assert [name for _, name in layout.addresses()] == [
        "cluster.example.com",
        "node1.example.com",
        "node2.example.com",
        "instance1.example.com",
    ]


@given(numbers_of_nodes, numbers_of_instances)
def test_a_layout_is_read_as_it_was_written(nodes: int, instances: int) -> None:
    layout = make(nodes, instances)

    assert Layout.from_wire(json.loads(json.dumps(layout.to_wire()))) == layout
