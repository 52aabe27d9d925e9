"""What jobs will put into the configuration, and have not yet.

Between choosing a MAC address and writing it down, no other job may choose it.  What
is chosen is bound to the job until it ends, however it ends.  Whoever comes second is
told the job that holds what it wants.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Hashable, Iterable, Sequence
from typing import TypeVar
from uuid import UUID

from ganeti import errors
from ganeti.errors import ECode
from ganeti.masterd.config import addresses
from ganeti.masterd.config.draft import FIRST_PORT, LAST_PORT
from ganeti.masterd.config.index import Claim, Kind
from ganeti.masterd.config.snapshot import SECTIONS, Config
from ganeti.model.scalars import (
    GroupName,
    InstanceName,
    IPAddress,
    JobId,
    MacAddress,
    NetworkName,
    NodeName,
    Uuid,
)

T = TypeVar("T", bound=Hashable)

_TRIES = 64
#: what jobs that ended had reserved, remembered to tell who comes too late
_REMEMBERED = 10_000
_MAX_MINOR = 2**20 - 1


class Reservations:
    """All reservations; `config` gives the newest configuration, durable or not."""

    def __init__(self, config: Callable[[], Config], rng: random.Random) -> None:
        self._config = config
        self._rng = rng
        self._holder: dict[Claim, JobId] = {}
        self._held: dict[JobId, set[Claim]] = {}
        self._uuids: dict[Uuid, JobId] = {}
        self._earlier: dict[Claim, JobId] = {}

    def of_job(self, job: JobId) -> JobReservations:
        """Return what reserves in the name of a job."""
        return JobReservations(self, job, self._config, self._rng)

    def release(self, job: JobId) -> None:
        """Give up all that a job holds."""
        for claim in self._held.pop(job, ()):
            del self._holder[claim]
            self._earlier.pop(claim, None)
            self._earlier[claim] = job
        while len(self._earlier) > _REMEMBERED:
            del self._earlier[next(iter(self._earlier))]
        for uuid in [uuid for uuid, holder in self._uuids.items() if holder == job]:
            del self._uuids[uuid]

    def holder(self, claim: Claim) -> JobId | None:
        """Return the job that holds something."""
        return self._holder.get(claim)

    def earlier_holder(self, claim: Claim) -> JobId | None:
        """Return the job that held something last, if it ended not long ago."""
        return self._earlier.get(claim)

    def instances(self) -> set[InstanceName]:
        """Return the names of instances that are reserved."""
        return {InstanceName(str(key)) for kind, key in self._holder if kind is Kind.INSTANCE_NAME}

    def held_by(self, job: JobId) -> frozenset[Claim]:
        """Return all that a job holds."""
        return frozenset(self._held.get(job, ()))

    def take(self, job: JobId, claim: Claim) -> None:
        """Reserve; the caller has seen that nobody else holds it."""
        self._holder[claim] = job
        self._held.setdefault(job, set()).add(claim)

    def take_uuid(self, job: JobId) -> Uuid:
        """Return a uuid nothing has."""
        contents = self._config().contents
        while True:
            uuid = Uuid(str(UUID(int=self._rng.getrandbits(128), version=4)))
            if uuid not in self._uuids and not any(uuid in getattr(contents, name) for name in SECTIONS):
                self._uuids[uuid] = job
                return uuid


class JobReservations:
    """Reserves in the name of one job.

    Everything here raises OpPrereqError (NOTUNIQUE) if the configuration has it
    already, and ReservationError naming the job that holds it.
    """

    def __init__(self, all_: Reservations, job: JobId, config: Callable[[], Config], rng: random.Random) -> None:
        self._all = all_
        self._job = job
        self._config = config
        self._rng = rng

    # --- what is asked for by name ----------------------------------------------------

    def instance_name(self, name: InstanceName) -> None:
        """Reserve the name of a new instance."""
        self._take((Kind.INSTANCE_NAME, name))

    def node_name(self, name: NodeName) -> None:
        """Reserve the name of a new node."""
        self._take((Kind.NODE_NAME, name))

    def group_name(self, name: GroupName) -> None:
        """Reserve the name of a new node group."""
        self._take((Kind.GROUP_NAME, name))

    def network_name(self, name: NetworkName) -> None:
        """Reserve the name of a new network."""
        self._take((Kind.NETWORK_NAME, name))

    def macs(self, macs: Iterable[MacAddress]) -> None:
        """Reserve MAC addresses given by the user; each may be named once."""
        self._take_all((Kind.MAC, mac.lower()) for mac in macs)

    def ips(self, ips: Iterable[IPAddress]) -> None:
        """Reserve addresses outside of networks; each may be named once."""
        self._take_all((Kind.LOOSE_ADDRESS, ip) for ip in ips)

    def ip(self, network: Uuid, ip: IPAddress, *, conflicts_check: bool = True) -> None:
        """Reserve an address of a network; without the check also one kept for others.

        Raises AddressPoolError if it is not in the network, or kept for others.
        """
        found = self._config().networks[network]
        if conflicts_check and addresses.is_external(found, ip):
            raise errors.AddressPoolError(f"cannot use {ip} in network {found.name}: it is kept for others")
        addresses.position(found, ip)
        self._take((Kind.ADDRESS, (network, ip)))

    # --- what is chosen here ----------------------------------------------------------

    def uuid(self) -> Uuid:
        """Choose a uuid."""
        return self._all.take_uuid(self._job)

    def mac(self, prefix: str | None = None) -> MacAddress:
        """Choose a MAC address; `prefix` is that of a network, else the cluster's is used.

        Raises ReservationError if nearly all are taken.
        """
        first = prefix or self._config().cluster.mac_prefix
        for _ in range(_TRIES):
            rest = self._rng.randrange(2**24)
            mac = MacAddress(f"{first}:{rest >> 16:02x}:{rest >> 8 & 255:02x}:{rest & 255:02x}".lower())
            if self._is_free((Kind.MAC, mac)):
                self._all.take(self._job, (Kind.MAC, mac))
                return mac
        raise errors.ReservationError(f"cannot choose a MAC address with prefix {first}: nearly all are taken")

    def port(self) -> int:
        """Choose a TCP port for a console or for DRBD.

        Raises ReservationError if there is none left.
        """
        cluster = self._config().cluster
        unused = range(max(cluster.highest_used_port + 1, FIRST_PORT), LAST_PORT + 1)
        candidates: list[int] = [*sorted(cluster.tcpudp_port_pool), *unused]
        for port in candidates:
            if self._is_free((Kind.PORT, port)):
                self._all.take(self._job, (Kind.PORT, port))
                return port
        raise errors.ReservationError(f"cannot choose a TCP port: all of {FIRST_PORT}-{LAST_PORT} are taken")

    def minors(self, nodes: Sequence[Uuid]) -> list[int]:
        """Choose a DRBD minor on each node, in the order given; a node may be named again."""
        return [self._minor(node) for node in nodes]

    def free_ip(self, network: Uuid) -> IPAddress:
        """Choose an address of a network, the lowest that is free.

        Raises AddressPoolError if there is none left.
        """
        found = self._config().networks[network]
        for ip in addresses.free_addresses(found):
            claim = (Kind.ADDRESS, (network, ip))
            if self._is_free(claim):
                self._all.take(self._job, claim)
                return ip
        raise errors.AddressPoolError(f"cannot choose an address in network {found.name}: none is free")

    def _minor(self, node: Uuid) -> int:
        for minor in range(_MAX_MINOR + 1):
            if self._is_free((Kind.MINOR, (node, minor))):
                self._all.take(self._job, (Kind.MINOR, (node, minor)))
                return minor
        raise errors.ReservationError(f"cannot choose a DRBD minor on node {node}: all are taken")

    def _is_free(self, claim: Claim) -> bool:
        return self._all.holder(claim) is None and not self._config().index.owners(*claim)

    def _take_all(self, claims: Iterable[Claim]) -> None:
        wanted = list(claims)
        for position, claim in enumerate(wanted):
            if claim in wanted[:position]:
                raise errors.OpPrereqError(f"{_show(claim)} is given twice", ECode.NOTUNIQUE)
            self._check(claim)
        for claim in wanted:
            self._all.take(self._job, claim)

    def _take(self, claim: Claim) -> None:
        self._take_all([claim])

    def _check(self, claim: Claim) -> None:
        holder = self._all.holder(claim)
        if holder is not None and holder != self._job:
            raise errors.ReservationError(f"{_show(claim)} is reserved by job {holder}: wait for it, or choose another")
        owners = self._config().index.owners(*claim)
        # What this job reserved may be in the configuration by now, put there by itself.
        if owners and holder is None:
            owner = _owner_name(self._config(), owners[0])
            maker = self._all.earlier_holder(claim)
            since = f" since job {maker}" if maker else ""
            raise errors.OpPrereqError(f"{_show(claim)} is in use by {owner}{since}", ECode.NOTUNIQUE)


def _show(claim: Claim) -> str:
    kind, key = claim
    shown = " ".join(str(part) for part in reversed(key)) if isinstance(key, tuple) else key
    return f"{kind.value} {shown}"


def _owner_name(config: Config, uuid: Uuid) -> str:
    for word, section in (
        ("instance", config.instances),
        ("node", config.nodes),
        ("node group", config.groups),
        ("network", config.networks),
    ):
        record = section.get(uuid)
        if record is not None:
            return f"{word} {record.name}"
    return f"disk {uuid}"
