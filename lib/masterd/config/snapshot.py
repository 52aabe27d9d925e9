"""The configuration at one moment: what everybody reads.

A snapshot never changes.  Looking something up takes time that does not grow with
the cluster, because the index comes with it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Literal, NamedTuple, TypeVar, cast

from ganeti import errors
from ganeti.masterd.config.index import Claim, Index, Kind, claims_of, difference
from ganeti.model.enums import DiskTemplate
from ganeti.model.objects.base import ConfigObject
from ganeti.model.objects.cluster import Cluster
from ganeti.model.objects.configdata import ConfigData
from ganeti.model.objects.disk import Disk, disk_nodes
from ganeti.model.objects.filter import Filter
from ganeti.model.objects.instance import Instance
from ganeti.model.objects.network import Network
from ganeti.model.objects.node import Node
from ganeti.model.objects.nodegroup import NodeGroup
from ganeti.model.params.fill import secondary_nodes
from ganeti.model.scalars import GroupName, InstanceName, NetworkName, NodeName, Timestamp, Uuid
from ganeti.schema import extra_of

T = TypeVar("T", bound=ConfigObject)

#: the template of an instance whose disks differ in theirs
MIXED: Literal["mixed"] = "mixed"


class Contents(NamedTuple):
    """All records, by section; the names of the sections are those of `config.data`."""

    nodes: Mapping[Uuid, Node]
    nodegroups: Mapping[Uuid, NodeGroup]
    instances: Mapping[Uuid, Instance]
    networks: Mapping[Uuid, Network]
    disks: Mapping[Uuid, Disk]
    filters: Mapping[Uuid, Filter]


SECTIONS: tuple[str, ...] = Contents._fields

#: changed records by section and uuid; None for one that is gone
Changes = Mapping[str, Mapping[Uuid, ConfigObject | None]]


class Head(NamedTuple):
    """What is not in a section."""

    cluster: Cluster
    serial_no: int
    ctime: Timestamp
    mtime: Timestamp
    #: keys of config.data this release does not know
    extra: Mapping[str, object]


class Config:
    """The configuration at one moment."""

    __slots__ = ("contents", "head", "index")

    def __init__(self, head: Head, contents: Contents, index: Index) -> None:
        self.head = head
        self.contents = contents
        self.index = index

    @classmethod
    def from_data(cls, data: ConfigData) -> Config:
        """Make a snapshot of what `config.data` holds."""
        contents = Contents(*(getattr(data, name) for name in SECTIONS))
        head = Head(data.cluster, data.serial_no, data.ctime, data.mtime, extra_of(data))
        claims = (
            (claim, uuid) for section in contents for uuid, record in section.items() for claim in claims_of(record)
        )
        return cls(head, contents, Index().changed((), claims))

    def changed(self, changes: Changes, head: Head) -> Config:
        """Return the configuration after some records were changed."""
        sections = dict(zip(SECTIONS, self.contents, strict=True))
        gone: list[tuple[Claim, Uuid]] = []
        new: list[tuple[Claim, Uuid]] = []
        for name, records in changes.items():
            section = cast(dict[Uuid, ConfigObject], dict(sections[name]))
            for uuid, record in records.items():
                given_up, made = difference(section.get(uuid), record)
                gone += [(claim, uuid) for claim in given_up]
                new += [(claim, uuid) for claim in made]
                if record is None:
                    section.pop(uuid, None)
                else:
                    section[uuid] = record
            sections[name] = section
        return Config(head, Contents(**sections), self.index.changed(gone, new))  # type: ignore[arg-type]  # as above

    def with_instance(self, instance: Instance, disks: Collection[Disk] = ()) -> Config:
        """Return the configuration as it would be with one more instance, for planning."""
        by_uuid = {disk.uuid: disk for disk in disks if disk.uuid}
        return self.changed({"instances": {instance.uuid: instance}, "disks": by_uuid}, self.head)

    # --- everything of a kind ---------------------------------------------------------

    @property
    def cluster(self) -> Cluster:
        """What holds for all of the cluster."""
        return self.head.cluster

    @property
    def serial_no(self) -> int:
        """Number of the change that led here."""
        return self.head.serial_no

    @property
    def mtime(self) -> Timestamp:
        """When that was."""
        return self.head.mtime

    @property
    def ctime(self) -> Timestamp:
        """When the cluster was made."""
        return self.head.ctime

    @property
    def nodes(self) -> Mapping[Uuid, Node]:
        """All nodes, by uuid."""
        return self.contents.nodes

    @property
    def groups(self) -> Mapping[Uuid, NodeGroup]:
        """All node groups, by uuid."""
        return self.contents.nodegroups

    @property
    def instances(self) -> Mapping[Uuid, Instance]:
        """All instances, by uuid."""
        return self.contents.instances

    @property
    def networks(self) -> Mapping[Uuid, Network]:
        """All networks, by uuid."""
        return self.contents.networks

    @property
    def disks(self) -> Mapping[Uuid, Disk]:
        """All disks, by uuid, also those no instance has."""
        return self.contents.disks

    @property
    def filters(self) -> Mapping[Uuid, Filter]:
        """All job filters, by uuid."""
        return self.contents.filters

    # --- by name ----------------------------------------------------------------------

    def node_named(self, name: NodeName | str) -> Node | None:
        """Return a node by its full name, or its uuid."""
        return self._named(Kind.NODE_NAME, name, self.nodes)

    def instance_named(self, name: InstanceName | str) -> Instance | None:
        """Return an instance by its full name, or its uuid."""
        return self._named(Kind.INSTANCE_NAME, name, self.instances)

    def group_named(self, name: GroupName | str) -> NodeGroup | None:
        """Return a node group by its name, or its uuid."""
        return self._named(Kind.GROUP_NAME, name, self.groups)

    def network_named(self, name: NetworkName | str) -> Network | None:
        """Return a network by its name, or its uuid."""
        return self._named(Kind.NETWORK_NAME, name, self.networks)

    def node_names(self) -> list[NodeName]:
        """Return the names of all nodes, in no particular order."""
        return cast(list[NodeName], list(self.index.table(Kind.NODE_NAME)))

    def instance_names(self) -> list[InstanceName]:
        """Return the names of all instances, in no particular order."""
        return cast(list[InstanceName], list(self.index.table(Kind.INSTANCE_NAME)))

    def group_names(self) -> list[GroupName]:
        """Return the names of all node groups, in no particular order."""
        return cast(list[GroupName], list(self.index.table(Kind.GROUP_NAME)))

    def network_names(self) -> list[NetworkName]:
        """Return the names of all networks, in no particular order."""
        return cast(list[NetworkName], list(self.index.table(Kind.NETWORK_NAME)))

    # --- nodes ------------------------------------------------------------------------

    @property
    def master(self) -> Node:
        """The master node.

        Raises ConfigurationError if the configuration names none that exists.
        """
        try:
            return self.nodes[self.cluster.master_node]
        except KeyError as err:
            raise errors.ConfigurationError(
                f"cannot find the master: the configuration names node {self.cluster.master_node}, which is not in it"
            ) from err

    def candidates(self) -> list[Node]:
        """Return the master candidates, the master among them."""
        return [node for node in self.nodes.values() if node.master_candidate]

    def online_nodes(self) -> list[Node]:
        """Return the nodes that are not marked offline."""
        return [node for node in self.nodes.values() if not node.offline]

    def members_of(self, group: Uuid) -> list[Node]:
        """Return the nodes of a group."""
        return [self.nodes[uuid] for uuid in self.index.owners(Kind.MEMBER, group)]

    # --- instances --------------------------------------------------------------------

    def instances_on(self, node: Uuid, *, primary: bool = True, secondary: bool = True) -> list[Instance]:
        """Return the instances that run on a node, then those that only have disks there."""
        found = dict.fromkeys(self.index.owners(Kind.PRIMARY, node)) if primary else {}
        if secondary:
            for disk in self.index.owners(Kind.HOLDER, node):
                owner = self.index.owner(Kind.DISK, disk)
                if owner and self.instances[owner].primary_node != node:
                    found[owner] = None
        return [self.instances[uuid] for uuid in found]

    def instances_in(self, group: Uuid) -> list[Instance]:
        """Return the instances whose primary node is in a group."""
        return [i for node in self.members_of(group) for i in self.instances_on(node.uuid, secondary=False)]

    def disks_of(self, instance: Instance) -> list[Disk]:
        """Return the disks of an instance, in order."""
        return [self.disks[uuid] for uuid in instance.disks if uuid in self.disks]

    def owner_of(self, disk: Uuid) -> Instance | None:
        """Return the instance that has a disk."""
        uuid = self.index.owner(Kind.DISK, disk)
        return self.instances[uuid] if uuid else None

    def nodes_of(self, instance: Instance) -> list[Node]:
        """Return the nodes of an instance, the primary first."""
        uuids = (instance.primary_node, *self.secondaries_of(instance))
        return [self.nodes[uuid] for uuid in uuids if uuid in self.nodes]

    def secondaries_of(self, instance: Instance) -> Sequence[Uuid]:
        """Return the other nodes that hold disks of an instance, by uuid."""
        return secondary_nodes(instance, self.disks_of(instance))

    def template_of(self, instance: Instance) -> DiskTemplate | Literal["mixed"]:
        """Return the disk template of an instance."""
        templates = {disk.dev_type for disk in self.disks_of(instance)}
        if not templates:
            return DiskTemplate.DISKLESS
        return templates.pop() if len(templates) == 1 else MIXED

    def holders_of(self, disk: Disk) -> list[Node]:
        """Return the nodes that hold a disk."""
        return [self.nodes[uuid] for uuid in disk_nodes(disk) if uuid in self.nodes]

    def _named(self, kind: Kind, name: str, section: Mapping[Uuid, T]) -> T | None:
        uuid = self.index.owner(kind, name)
        return section[uuid] if uuid else section.get(Uuid(name))
