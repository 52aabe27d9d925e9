"""Who has what in the configuration: names, addresses, ports, places of disks.

Each record claims keys of several kinds.  The index tells for each key which records
claim it, in time that does not grow with the cluster.  Keys of a UNIQUE kind should
have one owner; that they have is for `verify` to say: a configuration that came with
two owners of a key still loads.

An index never changes; `changed` returns another one, sharing the kinds not touched.
"""

from __future__ import annotations

import enum
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator, Mapping

from ganeti.model.enums import DiskTemplate
from ganeti.model.objects.base import ConfigObject
from ganeti.model.objects.disk import Disk, disk_nodes
from ganeti.model.objects.filter import Filter
from ganeti.model.objects.instance import Instance
from ganeti.model.objects.network import Network
from ganeti.model.objects.node import Node
from ganeti.model.objects.nodegroup import NodeGroup
from ganeti.model.scalars import Uuid


class Kind(enum.Enum):
    """What can be claimed; the key of each, and what it is called."""

    INSTANCE_NAME = "instance name"  # name
    NODE_NAME = "node name"  # name
    GROUP_NAME = "node group name"  # name
    NETWORK_NAME = "network name"  # name
    NODE_ADDRESS = "node address"  # IP address
    MAC = "MAC address"  # address, in lower case
    PORT = "TCP port"  # number
    MINOR = "DRBD minor"  # (node uuid, number)
    ADDRESS = "IP address"  # (network uuid, address)
    DISK = "disk"  # disk uuid, claimed by the instance that has it
    PLACE = "place of a disk"  # (node uuid or "" where all see it, kind of place, names...)
    # Not unique: relations, looked up from the other end.
    LOOSE_ADDRESS = "IP address outside of networks"  # address
    PRIMARY = "primary node"  # node uuid -> instances
    HOLDER = "node with a disk"  # node uuid -> disks
    MEMBER = "group of a node"  # group uuid -> nodes
    IN_NETWORK = "network of a NIC"  # network uuid -> instances
    CONNECTED = "network of a group"  # network uuid -> groups


UNIQUE = frozenset(
    {
        Kind.INSTANCE_NAME,
        Kind.NODE_NAME,
        Kind.GROUP_NAME,
        Kind.NETWORK_NAME,
        Kind.NODE_ADDRESS,
        Kind.MAC,
        Kind.PORT,
        Kind.MINOR,
        Kind.ADDRESS,
        Kind.DISK,
        Kind.PLACE,
    }
)

Claim = tuple[Kind, Hashable]
Owners = tuple[Uuid, ...]


class Index:
    """Owners of keys, by kind."""

    __slots__ = ("_tables",)

    def __init__(self, tables: Mapping[Kind, dict[Hashable, Owners]] | None = None) -> None:
        self._tables = tables or {kind: {} for kind in Kind}

    def owners(self, kind: Kind, key: Hashable) -> Owners:
        """Return the records that claim a key; () if it is free."""
        return self._tables[kind].get(key, ())

    def owner(self, kind: Kind, key: Hashable) -> Uuid | None:
        """Return the (first) record that claims a key."""
        found = self._tables[kind].get(key)
        return found[0] if found else None

    def table(self, kind: Kind) -> Mapping[Hashable, Owners]:
        """Return all owners of a kind, by key; the same object for as long as none changed."""
        return self._tables[kind]

    def changed(self, gone: Iterable[tuple[Claim, Uuid]], new: Iterable[tuple[Claim, Uuid]]) -> Index:
        """Return the index after some claims were given up and others made."""
        tables: dict[Kind, dict[Hashable, Owners]] = {}

        def own(kind: Kind) -> dict[Hashable, Owners]:
            if kind not in tables:
                tables[kind] = dict(self._tables[kind])
            return tables[kind]

        for (kind, key), owner in gone:
            table = own(kind)
            left = _without(table[key], owner)
            if left:
                table[key] = left
            else:
                del table[key]
        for (kind, key), owner in new:
            table = own(kind)
            table[key] = (*table.get(key, ()), owner)
        return Index({**self._tables, **tables}) if tables else self


def claims_of(record: ConfigObject) -> list[Claim]:
    """Return what a record of any section claims."""
    return list(_CLAIMS[type(record)](record))


def difference(old: ConfigObject | None, new: ConfigObject | None) -> tuple[list[Claim], list[Claim]]:
    """Return the claims a record gives up and makes when it changes; None: it is not there."""
    before = Counter(claims_of(old)) if old else Counter()
    after = Counter(claims_of(new)) if new else Counter()
    return list((before - after).elements()), list((after - before).elements())


def _without(owners: Owners, owner: Uuid) -> Owners:
    position = owners.index(owner)
    return owners[:position] + owners[position + 1 :]


def _of_node(node: Node) -> Iterator[Claim]:
    yield Kind.NODE_NAME, node.name
    yield Kind.NODE_ADDRESS, node.primary_ip
    if node.secondary_ip != node.primary_ip:
        yield Kind.NODE_ADDRESS, node.secondary_ip
    yield Kind.MEMBER, node.group


def _of_group(group: NodeGroup) -> Iterator[Claim]:
    yield Kind.GROUP_NAME, group.name
    for network in group.networks:
        yield Kind.CONNECTED, network


def _of_network(network: Network) -> Iterator[Claim]:
    yield Kind.NETWORK_NAME, network.name


def _of_instance(instance: Instance) -> Iterator[Claim]:
    yield Kind.INSTANCE_NAME, instance.name
    yield Kind.PRIMARY, instance.primary_node
    if instance.network_port:
        yield Kind.PORT, instance.network_port
    for disk in instance.disks:
        yield Kind.DISK, disk
    networks = dict.fromkeys(nic.network for nic in instance.nics if nic.network)
    for network in networks:
        yield Kind.IN_NETWORK, network
    for nic in instance.nics:
        yield Kind.MAC, nic.mac.lower()
        if nic.ip:
            yield (Kind.ADDRESS, (nic.network, nic.ip)) if nic.network else (Kind.LOOSE_ADDRESS, nic.ip)


def _of_disk(disk: Disk) -> Iterator[Claim]:
    nodes = disk_nodes(disk)
    for node in dict.fromkeys(nodes):
        yield Kind.HOLDER, node
    yield from _of_device(disk, nodes)


def _of_device(disk: Disk, nodes: tuple[Uuid, ...]) -> Iterator[Claim]:
    names = tuple(str(part) for part in disk.logical_id)
    match disk.dev_type, tuple(disk.logical_id):
        case DiskTemplate.DRBD, (str(node_a), str(node_b), int(port), int(minor_a), int(minor_b), _):
            yield Kind.PORT, port
            yield Kind.MINOR, (node_a, minor_a)
            yield Kind.MINOR, (node_b, minor_b)
        case ((DiskTemplate.PLAIN | DiskTemplate.FILE), (_, _)):
            # The driver of a file does not matter: the path is the place.
            place = names if disk.dev_type == DiskTemplate.PLAIN else names[1:]
            for node in nodes:
                yield Kind.PLACE, (node, disk.dev_type.value, *place)
        case ((DiskTemplate.SHAREDFILE | DiskTemplate.GLUSTER), (_, _)):
            yield Kind.PLACE, ("", disk.dev_type.value, names[1])
        case ((DiskTemplate.RBD | DiskTemplate.EXT), (_, _)):
            yield Kind.PLACE, ("", disk.dev_type.value, *names)
    for child in disk.children:
        yield from _of_device(child, nodes)


def _of_filter(_filter: Filter) -> Iterator[Claim]:
    yield from ()


_CLAIMS: Mapping[type[ConfigObject], Callable[..., Iterator[Claim]]] = {
    Node: _of_node,
    NodeGroup: _of_group,
    Network: _of_network,
    Instance: _of_instance,
    Disk: _of_disk,
    Filter: _of_filter,
}
