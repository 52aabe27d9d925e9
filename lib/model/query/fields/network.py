"""The fields of networks, and the row they are read from."""

from __future__ import annotations

import ipaddress
from collections.abc import Collection
from typing import NamedTuple

from ganeti.model.enums import FieldKind, QueryResource
from ganeti.model.objects.network import Network
from ganeti.model.query.fields.common import tags_field, tracked_fields
from ganeti.model.query.rows.links import ConfigView, Links, by_name
from ganeti.model.query.table import FieldRow, Need, Table
from ganeti.utils.text import natural_key

NUMBER, OTHER, TEXT = FieldKind.NUMBER, FieldKind.OTHER, FieldKind.TEXT

FREE, TAKEN = ".", "X"


class NetworkRow(NamedTuple):
    """A network with what belongs to it."""

    network: Network
    links: Links


def network_rows(config: ConfigView, *, only: Collection[str] | None = None) -> list[NetworkRow]:
    """Return a row for each network (of these names), in natural order."""
    links = Links(config)
    return [NetworkRow(network, links) for network in by_name(config.networks, lambda network: network.name, only)]


def address_map(network: Network) -> str:
    """Return a character per address: "." for a free one, "X" for one that is taken."""
    size = max(len(network.reservations), len(network.ext_reservations))
    pairs = zip(network.reservations.ljust(size, "0"), network.ext_reservations.ljust(size, "0"), strict=True)
    return "".join(TAKEN if "1" in pair else FREE for pair in pairs)


def external_reservations(network: Network) -> str:
    """Return the addresses taken by others than instances, separated by ", "."""
    try:
        first = ipaddress.IPv4Interface(network.network).network.network_address
    except ValueError:
        return ""
    taken = [str(first + index) for index, bit in enumerate(network.ext_reservations) if bit == "1"]
    return ", ".join(taken)


def _own(row: NetworkRow) -> Network:
    return row.network


def _groups(row: NetworkRow) -> list[list[object]]:
    """Return [group, mode, link, VLAN] of each group the network is connected to."""
    found: list[list[object]] = []
    groups = row.links.config.groups.values()
    for group in sorted(groups, key=lambda group: natural_key(group.name)):
        params = group.networks.get(row.network.uuid)
        if params is not None:
            found.append([group.name, params.get("mode"), params.get("link"), params.get("vlan") or ""])
    return found


def _instances(row: NetworkRow) -> list[str]:
    return list(row.links.instances_in_network(row.network.uuid))


_FIELDS: list[FieldRow[NetworkRow]] = [
    FieldRow("name", "Network", TEXT, "Name", lambda r: r.network.name),
    FieldRow("network", "Subnet", TEXT, "IPv4 network, as address/length", lambda r: r.network.network),
    FieldRow("gateway", "Gateway", OTHER, "IPv4 gateway", lambda r: r.network.gateway),
    FieldRow("network6", "IPv6Subnet", OTHER, "IPv6 network, as address/length", lambda r: r.network.network6),
    FieldRow("gateway6", "IPv6Gateway", OTHER, "IPv6 gateway", lambda r: r.network.gateway6),
    FieldRow(
        "mac_prefix",
        "MacPrefix",
        OTHER,
        "First three octets of hardware addresses in it",
        lambda r: r.network.mac_prefix,
    ),
    FieldRow(
        "free_count",
        "FreeCount",
        NUMBER,
        "Number of free addresses",
        lambda r: address_map(r.network).count(FREE),
        Need.STATS,
    ),
    FieldRow(
        "reserved_count",
        "ReservedCount",
        NUMBER,
        "Number of addresses that are taken",
        lambda r: address_map(r.network).count(TAKEN),
        Need.STATS,
    ),
    FieldRow(
        "map",
        "Map",
        TEXT,
        'All addresses in order, "." for a free one and "X" for one that is taken',
        lambda r: address_map(r.network),
        Need.STATS,
    ),
    FieldRow(
        "external_reservations",
        "ExternalReservations",
        TEXT,
        "Addresses taken by others than instances",
        lambda r: external_reservations(r.network),
        Need.STATS,
    ),
    FieldRow(
        "group_cnt",
        "NodeGroups",
        NUMBER,
        "Number of node groups it is connected to",
        lambda r: len(_groups(r)),
        Need.GROUPS,
    ),
    FieldRow(
        "group_list",
        "GroupList",
        OTHER,
        "Node groups it is connected to, each with mode, link and VLAN there",
        _groups,
        Need.GROUPS,
    ),
    FieldRow(
        "inst_cnt",
        "Instances",
        NUMBER,
        "Number of instances with a NIC in it",
        lambda r: len(_instances(r)),
        Need.INSTANCES,
    ),
    FieldRow("inst_list", "InstanceList", OTHER, "Instances with a NIC in it", _instances, Need.INSTANCES),
    tags_field("network", _own),
    *tracked_fields("network", _own),
]

NETWORKS: Table[NetworkRow] = Table(QueryResource.NETWORK, "name", _FIELDS)
