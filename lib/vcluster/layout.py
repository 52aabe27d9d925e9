"""Pure: names and addresses of a virtual cluster.

By default everything lives in 127/8, all of which is local on Linux: no address has
to be configured and no privilege is needed.  Within the sixteen bits of a base such
as 127.84.0.0, the cluster has host number 1, nodes begin at 10 and instances behind
the last node, at a round number.
"""

from __future__ import annotations

import ipaddress
import zlib
from collections.abc import Sequence

from ganeti import errors
from ganeti.model.scalars import IPAddress
from ganeti.schema import Record, param

MAX_NODES = 1000
MAX_INSTANCES = 20_000
CLUSTER_OFFSET = 1
NODE_OFFSET = 10
#: instances begin at the next multiple of this behind the nodes
ROUND = 100

#: second octets of the default bases; 127.0 and 127.1 are what other programs use
_OCTETS = range(64, 192)


class Layout(Record):
    """Names and addresses; kept as JSON in the cluster's directory so that it never changes."""

    base: IPAddress = param(doc="First address of the range: 127.84.0.0")
    prefix_length: int = param(doc="Size of the range: 16 or 24")
    nodes: int = param(doc="Number of nodes")
    instances: int = param(doc="Number of instance names")
    domain: str = param(default="", doc="Domain behind all names, or nothing")
    device: str = param(default="", doc="Network device that gets the addresses; none in 127/8")

    def name(self, label: str) -> str:
        """Return a full name."""
        return f"{label}.{self.domain}" if self.domain else label

    @property
    def cluster_name(self) -> str:
        """Name of the cluster."""
        return self.name("cluster")

    def node_name(self, number: int) -> str:
        """Return the name of a node, numbered from 1."""
        return self.name(f"node{number}")

    def node_names(self) -> list[str]:
        """Return the names of all nodes, in order."""
        return [self.node_name(number) for number in range(1, self.nodes + 1)]

    def node_address(self, number: int) -> str:
        """Return the address of a node, numbered from 1."""
        return self._at(NODE_OFFSET + number - 1)

    def addresses(self) -> list[tuple[str, str]]:
        """Return (address, name) of the cluster, all nodes and all instances: the hosts file."""
        first_instance = _round_up(NODE_OFFSET + self.nodes)
        return [
            (self._at(CLUSTER_OFFSET), self.cluster_name),
            *((self.node_address(n), self.node_name(n)) for n in range(1, self.nodes + 1)),
            *((self._at(first_instance + n - 1), self.name(f"instance{n}")) for n in range(1, self.instances + 1)),
        ]

    @property
    def needs_aliases(self) -> bool:
        """Whether the addresses have to be configured on a device."""
        return not ipaddress.ip_address(self.base).is_loopback

    def _at(self, offset: int) -> str:
        # A host number ending in 0 or 255 is legal here, but surprises people and programs.
        return str(ipaddress.ip_address(self.base) + offset + 2 * ((offset - 1) // 254))


def make_layout(
    *, nodes: int, instances: int, prefix: str | None, domain: str = "", device: str = "", directory: str = ""
) -> Layout:
    """Return the layout asked for; the default base follows from the directory, so that clusters differ.

    Raises UserError for numbers or prefixes that do not fit.
    """
    if not 1 <= nodes <= MAX_NODES:
        raise errors.UserError(f"cannot make {nodes} nodes: expected 1 to {MAX_NODES}")
    if not 0 <= instances <= MAX_INSTANCES:
        raise errors.UserError(f"cannot make {instances} instance names: expected 0 to {MAX_INSTANCES}")
    base = default_bases(directory)[0] if prefix is None else parse_prefix(prefix)
    layout = Layout(
        base=IPAddress(str(base.network_address)),
        prefix_length=base.prefixlen,
        nodes=nodes,
        instances=instances,
        domain=domain,
        device=device,
    )
    last = ipaddress.ip_address(layout.addresses()[-1][0])
    if last not in base or last == base.broadcast_address:
        raise errors.UserError(
            f"cannot fit {nodes} nodes and {instances} instances into {base}: use a shorter prefix (-p A.B)"
        )
    return layout


def parse_prefix(prefix: str) -> ipaddress.IPv4Network:
    """Return the range of a prefix of two or three octets: 127.84, 192.0.2.

    Raises UserError.
    """
    octets = prefix.split(".")
    try:
        if len(octets) not in (2, 3):
            raise ValueError("two or three octets are needed")
        return ipaddress.IPv4Network((".".join([*octets, *["0"] * (4 - len(octets))]), 8 * len(octets)))
    except ValueError as err:
        raise errors.UserError(f"cannot use prefix {prefix!r}: expected A.B or A.B.C ({err})") from err


def default_bases(directory: str) -> Sequence[ipaddress.IPv4Network]:
    """Return ranges in 127/8 to try for a cluster, beginning with one that follows from its directory."""
    start = zlib.crc32(directory.encode()) % len(_OCTETS)
    octets = [*_OCTETS[start:], *_OCTETS[:start]]
    return [ipaddress.IPv4Network((f"127.{octet}.0.0", 16)) for octet in octets]


def _round_up(offset: int) -> int:
    return -(-offset // ROUND) * ROUND
