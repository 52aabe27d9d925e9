"""A change of the configuration while it is being made.

A draft is written to like the configuration were mutable; `finish` makes a snapshot
of it.  What follows from a change is done there, so that nobody can forget it: serial
numbers and times, the pool of ports, and the address maps of networks.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping, MutableMapping
from typing import Generic, NamedTuple, TypeVar, cast

from ganeti import errors
from ganeti.masterd.config import addresses
from ganeti.masterd.config.index import Kind, difference
from ganeti.masterd.config.snapshot import SECTIONS, Changes, Config
from ganeti.model.objects.base import ConfigObject, TrackedObject
from ganeti.model.objects.cluster import Cluster
from ganeti.model.objects.disk import Disk
from ganeti.model.objects.filter import Filter
from ganeti.model.objects.instance import Instance
from ganeti.model.objects.network import Network
from ganeti.model.objects.node import Node
from ganeti.model.objects.nodegroup import NodeGroup
from ganeti.model.scalars import IPAddress, Timestamp, Uuid
from ganeti.schema import replace

T = TypeVar("T", bound=ConfigObject)

#: ports given out for consoles and DRBD (`spec/config_schema.json`, port_note)
FIRST_PORT = 11000
LAST_PORT = 14999


class Section(MutableMapping[Uuid, T], Generic[T]):
    """Records of one section: those of the base with the changes over them."""

    def __init__(self, base: Mapping[Uuid, T]) -> None:
        self._base = base
        self.changes: dict[Uuid, T | None] = {}

    def __getitem__(self, uuid: Uuid) -> T:
        if uuid in self.changes:
            changed = self.changes[uuid]
            if changed is None:
                raise KeyError(uuid)
            return changed
        return self._base[uuid]

    def __setitem__(self, uuid: Uuid, record: T) -> None:
        assert getattr(record, "uuid", None) == uuid, f"{record!r} is not {uuid}"
        self.changes[uuid] = record

    def __delitem__(self, uuid: Uuid) -> None:
        self[uuid]  # KeyError if it is not there
        if uuid in self._base:
            self.changes[uuid] = None
        else:
            del self.changes[uuid]

    def __iter__(self) -> Iterator[Uuid]:
        for uuid in self._base:
            if self.changes.get(uuid, True) is not None:
                yield uuid
        for uuid in self.changes:
            if uuid not in self._base:
                yield uuid

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def add(self, record: T) -> None:
        """Put in a record that is not there yet.

        Raises ConfigurationError if there is one of its uuid.
        """
        uuid = getattr(record, "uuid", None)
        assert isinstance(uuid, str), f"{record!r} has no uuid"
        if uuid in self:
            raise errors.ConfigurationError(f"cannot add {type(record).__name__.lower()} {uuid}: it exists already")
        self.changes[Uuid(uuid)] = record


class Commit(NamedTuple):
    """What became of a draft: the configuration after it, and the records that differ."""

    config: Config
    changes: Changes


class Draft:
    """A change of the configuration while it is being made."""

    def __init__(self, base: Config) -> None:
        #: the configuration it started from; use it to look things up
        self.base = base
        self.cluster: Cluster = base.cluster
        self.nodes: Section[Node] = Section(base.nodes)
        self.groups: Section[NodeGroup] = Section(base.groups)
        self.instances: Section[Instance] = Section(base.instances)
        self.networks: Section[Network] = Section(base.networks)
        self.disks: Section[Disk] = Section(base.disks)
        self.filters: Section[Filter] = Section(base.filters)
        #: set when it is committed: the configuration on disk that has it
        self.outcome: asyncio.Future[Config] | None = None
        self._freed: set[int] = set()

    def add_node(self, node: Node) -> None:
        """Add a node; raises ConfigurationError if it exists."""
        self.nodes.add(node)

    def add_group(self, group: NodeGroup) -> None:
        """Add a node group; raises ConfigurationError if it exists."""
        self.groups.add(group)

    def add_instance(self, instance: Instance) -> None:
        """Add an instance; raises ConfigurationError if it exists."""
        self.instances.add(instance)

    def add_network(self, network: Network) -> None:
        """Add a network; raises ConfigurationError if it exists."""
        self.networks.add(network)

    def add_disk(self, disk: Disk) -> None:
        """Add a disk; raises ConfigurationError if it exists."""
        self.disks.add(disk)

    def free_port(self, port: int) -> None:
        """Put a port back into the pool; those of records that go return by themselves."""
        self._freed.add(port)

    def finish(self, now: Timestamp, serial_no: int) -> Commit:
        """Return the configuration with the changes in it; the base itself if there are none."""
        changes = self._differences()
        claimed, released = self._moved_claims(changes)
        self._mark_addresses(changes, claimed, released)
        cluster = self._cluster_with_ports(claimed, released)
        stamped = {
            name: {uuid: _stamp(self._base(name).get(uuid), record, now) for uuid, record in records.items()}
            for name, records in self._real(changes).items()
            if records
        }
        if not stamped and cluster == self.base.cluster:
            return Commit(self.base, {})
        if cluster != self.base.cluster:
            cluster = replace(cluster, serial_no=self.base.cluster.serial_no + 1, mtime=now)
        else:
            cluster = self.base.cluster
        head = self.base.head._replace(cluster=cluster, serial_no=serial_no, mtime=now)
        return Commit(self.base.changed(stamped, head), stamped)

    def _sections(self) -> tuple[Section[ConfigObject], ...]:
        found = (self.nodes, self.groups, self.instances, self.networks, self.disks, self.filters)
        return cast(tuple[Section[ConfigObject], ...], found)

    def _base(self, section: str) -> Mapping[Uuid, ConfigObject]:
        return cast(Mapping[Uuid, ConfigObject], getattr(self.base.contents, section))

    def _differences(self) -> dict[str, dict[Uuid, ConfigObject | None]]:
        return self._real({n: s.changes for n, s in zip(SECTIONS, self._sections(), strict=True)})

    def _real(self, changes: Changes) -> dict[str, dict[Uuid, ConfigObject | None]]:
        """Return the changes without those that change nothing."""
        return {
            name: {uuid: new for uuid, new in records.items() if new != self._base(name).get(uuid)}
            for name, records in changes.items()
        }

    def _moved_claims(self, changes: Changes) -> tuple[set[tuple[Kind, object]], set[tuple[Kind, object]]]:
        """Return the ports and addresses that got an owner, and those that have none any more."""
        gained: set[tuple[Kind, object]] = set()
        lost: set[tuple[Kind, object]] = set()
        for name in ("instances", "disks"):
            for uuid, record in changes[name].items():
                given_up, made = difference(self._base(name).get(uuid), record)
                gained.update(claim for claim in made if claim[0] in (Kind.PORT, Kind.ADDRESS))
                lost.update(claim for claim in given_up if claim[0] in (Kind.PORT, Kind.ADDRESS))
        return gained, lost - gained

    def _cluster_with_ports(self, claimed: set[tuple[Kind, object]], released: set[tuple[Kind, object]]) -> Cluster:
        # From the base, whatever the draft says: it may come from an older configuration.
        base = self.base.cluster
        taken = {port for kind, port in claimed if kind is Kind.PORT and isinstance(port, int)}
        freed = {port for kind, port in released if kind is Kind.PORT and isinstance(port, int)}
        freed |= {port for port in self._freed if not self.base.index.owners(Kind.PORT, port)}
        highest = max([base.highest_used_port, *(p for p in taken if FIRST_PORT <= p <= LAST_PORT)])
        skipped = set(range(max(base.highest_used_port + 1, FIRST_PORT), highest))
        pool = (base.tcpudp_port_pool | skipped | {p for p in freed if FIRST_PORT <= p <= highest}) - taken
        return replace(self.cluster, tcpudp_port_pool=frozenset(pool), highest_used_port=highest)

    def _mark_addresses(
        self,
        changes: dict[str, dict[Uuid, ConfigObject | None]],
        claimed: set[tuple[Kind, object]],
        released: set[tuple[Kind, object]],
    ) -> None:
        networks = changes["networks"]
        for uuid, network in networks.items():
            old = self.base.networks.get(uuid)
            if isinstance(network, Network) and old is not None and old.network == network.network:
                networks[uuid] = replace(network, reservations=old.reservations)
        for claims, taken in ((released, False), (claimed, True)):
            for kind, key in claims:
                if kind is Kind.ADDRESS:
                    _mark_address(self, networks, cast(tuple[Uuid, IPAddress], key), taken)


def _mark_address(
    draft: Draft, networks: dict[Uuid, ConfigObject | None], key: tuple[Uuid, IPAddress], taken: bool
) -> None:
    uuid, address = key
    network = networks.get(uuid, draft.base.networks.get(uuid))
    if isinstance(network, Network) and addresses.contains(network, address):
        networks[uuid] = addresses.mark(network, address, taken)


def _stamp(old: ConfigObject | None, new: ConfigObject | None, now: Timestamp) -> ConfigObject | None:
    if isinstance(new, (TrackedObject, Disk)):
        if old is None:
            return replace(new, serial_no=1, ctime=new.ctime or now, mtime=now)
        assert isinstance(old, (TrackedObject, Disk))
        return replace(new, serial_no=(old.serial_no or 0) + 1, mtime=now)
    return new
