"""How the records of a configuration belong together, worked out once per query and only when asked."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Protocol, TypeVar

from ganeti.model.objects.cluster import Cluster
from ganeti.model.objects.disk import Disk
from ganeti.model.objects.filter import Filter
from ganeti.model.objects.instance import Instance
from ganeti.model.objects.network import Network
from ganeti.model.objects.node import Node
from ganeti.model.objects.nodegroup import NodeGroup
from ganeti.model.params.fill import secondary_nodes
from ganeti.model.scalars import Uuid
from ganeti.utils.text import natural_key

R = TypeVar("R")


class ConfigView(Protocol):
    """What queries read of a configuration: the records, by uuid."""

    @property
    def cluster(self) -> Cluster:
        """What holds for all of the cluster."""

    @property
    def nodes(self) -> Mapping[Uuid, Node]:
        """All nodes."""

    @property
    def groups(self) -> Mapping[Uuid, NodeGroup]:
        """All node groups."""

    @property
    def instances(self) -> Mapping[Uuid, Instance]:
        """All instances."""

    @property
    def disks(self) -> Mapping[Uuid, Disk]:
        """All disks of instances."""

    @property
    def networks(self) -> Mapping[Uuid, Network]:
        """All networks."""

    @property
    def filters(self) -> Mapping[Uuid, Filter]:
        """All filters of the job queue."""


def by_name(records: Mapping[Uuid, R], name_of: Callable[[R], str], only: Collection[str] | None = None) -> list[R]:
    """Return records in natural order of their names; those named in `only`, all for None."""
    wanted = None if only is None else frozenset(only)
    chosen = [r for r in records.values() if wanted is None or name_of(r) in wanted]
    return sorted(chosen, key=lambda record: natural_key(name_of(record)))


class Links:
    """The relations in one configuration; lists of names are in natural order.

    References that lead nowhere are left out: a query must show a broken
    configuration, not fail on it.
    """

    def __init__(self, config: ConfigView) -> None:
        self.config = config
        self.cluster = config.cluster
        self._hosted: tuple[Mapping[Uuid, list[str]], Mapping[Uuid, list[str]]] | None = None
        self._members: Mapping[Uuid, list[Node]] | None = None
        self._tenants: Mapping[Uuid, list[str]] | None = None

    def disks_of(self, instance: Instance) -> list[Disk]:
        """Return the disks of an instance, in its order."""
        disks = self.config.disks
        return [disks[uuid] for uuid in instance.disks if uuid in disks]

    def secondaries_of(self, instance: Instance) -> list[Node]:
        """Return the nodes other than the primary that hold disks of an instance, in the order of its disks."""
        nodes = self.config.nodes
        return [nodes[uuid] for uuid in self._secondary_uuids(instance) if uuid in nodes]

    def primary_instances(self, node: Uuid) -> Sequence[str]:
        """Return the names of instances whose primary node this is."""
        return self._by_node()[0].get(node, ())

    def secondary_instances(self, node: Uuid) -> Sequence[str]:
        """Return the names of instances with copies of disks here."""
        return self._by_node()[1].get(node, ())

    def members_of(self, group: Uuid) -> Sequence[Node]:
        """Return the nodes of a group, by name."""
        if self._members is None:
            members: dict[Uuid, list[Node]] = {}
            for node in self.config.nodes.values():
                members.setdefault(node.group, []).append(node)
            for found in members.values():
                found.sort(key=lambda node: natural_key(node.name))
            self._members = members
        return self._members.get(group, ())

    def instances_of_group(self, group: Uuid) -> list[str]:
        """Return the names of instances whose primary node is in a group."""
        return sorted((n for m in self.members_of(group) for n in self.primary_instances(m.uuid)), key=natural_key)

    def instances_in_network(self, network: Uuid) -> Sequence[str]:
        """Return the names of instances with a NIC in a network."""
        if self._tenants is None:
            tenants: dict[Uuid, list[str]] = {}
            for instance in self.config.instances.values():
                for uuid in {nic.network for nic in instance.nics if nic.network is not None}:
                    tenants.setdefault(uuid, []).append(instance.name)
            self._tenants = _sorted(tenants)
        return self._tenants.get(network, ())

    def _by_node(self) -> tuple[Mapping[Uuid, list[str]], Mapping[Uuid, list[str]]]:
        if self._hosted is None:
            primary: dict[Uuid, list[str]] = {}
            secondary: dict[Uuid, list[str]] = {}
            for instance in self.config.instances.values():
                primary.setdefault(instance.primary_node, []).append(instance.name)
                for uuid in self._secondary_uuids(instance):
                    secondary.setdefault(uuid, []).append(instance.name)
            self._hosted = _sorted(primary), _sorted(secondary)
        return self._hosted

    def _secondary_uuids(self, instance: Instance) -> Sequence[Uuid]:
        return secondary_nodes(instance, self.disks_of(instance))


def _sorted(names: Mapping[Uuid, list[str]]) -> Mapping[Uuid, list[str]]:
    return {uuid: sorted(found, key=natural_key) for uuid, found in names.items()}
