"""Addresses of a network: which are taken.  Pure.

The maps of a network hold a character per address of its IPv4 range, "1" for taken;
`reservations` those of instances, `ext_reservations` those that never were ours.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator

from ganeti import errors
from ganeti.model.objects.network import Network
from ganeti.model.scalars import IPAddress
from ganeti.schema import replace

#: a smaller network has no address to give; a larger one has too large a map
LONGEST_PREFIX = 30
SHORTEST_PREFIX = 16

TAKEN = "1"
FREE = "0"


def range_of(network: Network) -> ipaddress.IPv4Network:
    """Return the addresses of a network.

    Raises AddressPoolError if there cannot be a map of them.
    """
    try:
        found = ipaddress.IPv4Network(network.network, strict=False)
    except ValueError as err:
        raise errors.AddressPoolError(f"cannot use network {network.name}: {err}") from err
    if not SHORTEST_PREFIX <= found.prefixlen <= LONGEST_PREFIX:
        raise errors.AddressPoolError(
            f"cannot use network {network.name}: a prefix of {SHORTEST_PREFIX} to {LONGEST_PREFIX} bits is needed,"
            f" {network.network} has {found.prefixlen}"
        )
    return found


def with_maps(network: Network) -> Network:
    """Return a new network with its maps: first, last and gateway address are never given out.

    Raises AddressPoolError.
    """
    size = range_of(network).num_addresses
    result = replace(network, reservations=FREE * size, ext_reservations=TAKEN + FREE * (size - 2) + TAKEN)
    if network.gateway:
        result = reserve_external(result, IPAddress(network.gateway))
    return result


def position(network: Network, address: IPAddress) -> int:
    """Return the place of an address in the maps.

    Raises AddressPoolError if it is not in the network.
    """
    try:
        wanted = ipaddress.IPv4Address(address)
    except ValueError as err:
        raise errors.AddressPoolError(f"cannot use {address} in network {network.name}: {err}") from err
    inside = range_of(network)
    if wanted not in inside:
        raise errors.AddressPoolError(f"cannot use {address} in network {network.name}: it is not in {inside}")
    return int(wanted) - int(inside.network_address)


def contains(network: Network, address: IPAddress) -> bool:
    """Tell whether an address has a place in the maps of a network."""
    try:
        return position(network, address) < len(network.reservations)
    except errors.AddressPoolError:
        return False


def is_taken(network: Network, address: IPAddress) -> bool:
    """Tell whether an address is in use, by an instance or by others.

    Raises AddressPoolError if it is not in the network.
    """
    place = position(network, address)
    return TAKEN in (network.reservations[place : place + 1], network.ext_reservations[place : place + 1])


def is_external(network: Network, address: IPAddress) -> bool:
    """Tell whether an address is kept for others than instances.

    Raises AddressPoolError if it is not in the network.
    """
    place = position(network, address)
    return network.ext_reservations[place : place + 1] == TAKEN


def free_addresses(network: Network) -> Iterator[IPAddress]:
    """Yield the addresses nobody has, lowest first."""
    first = int(range_of(network).network_address)
    for place, (ours, others) in enumerate(zip(network.reservations, network.ext_reservations, strict=True)):
        if ours == FREE and others == FREE:
            yield IPAddress(str(ipaddress.IPv4Address(first + place)))


def mark(network: Network, address: IPAddress, taken: bool) -> Network:
    """Return the network with an address of an instance taken or free."""
    return replace(network, reservations=_put(network.reservations, position(network, address), taken))


def reserve_external(network: Network, address: IPAddress, taken: bool = True) -> Network:
    """Return the network with an address kept for others, or not any more."""
    return replace(network, ext_reservations=_put(network.ext_reservations, position(network, address), taken))


def _put(bits: str, place: int, taken: bool) -> str:
    return bits[:place] + (TAKEN if taken else FREE) + bits[place + 1 :]
