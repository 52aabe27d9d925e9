"""A network from which instances are given addresses."""

from __future__ import annotations

from collections.abc import Set

from ganeti.model.objects.base import TrackedObject
from ganeti.model.scalars import NetworkName, Tag
from ganeti.schema import param


class Network(TrackedObject):
    """A network from which instances are given addresses.

    The two reservation maps hold a character per address of `network`, "1" for
    taken: by instances, and by anything else.
    """

    name: NetworkName = param(doc="Name, unique in the cluster")
    mac_prefix: str | None = param(default=None, doc="First three octets of hardware addresses in it")
    network: str = param(doc="IPv4 network, as address/length")
    network6: str | None = param(default=None, doc="IPv6 network, as address/length")
    gateway: str | None = param(default=None, doc="IPv4 gateway")
    gateway6: str | None = param(default=None, doc="IPv6 gateway")
    reservations: str = param(default="", doc="Map of addresses taken by instances")
    ext_reservations: str = param(default="", doc="Map of addresses taken by others")
    tags: Set[Tag] = param(factory=frozenset, doc="Tags")
