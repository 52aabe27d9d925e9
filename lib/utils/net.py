"""Addresses and names.

In a virtual cluster names resolve from the cluster's own hosts file first.  All
functions block for as long as the resolver or a connection does: not for event loops.
"""

from __future__ import annotations

import errno
import ipaddress
import socket
from typing import NamedTuple

import psutil

from ganeti import errors
from ganeti.paths import Paths
from ganeti.utils import files

_HOSTS_LIMIT = 16 * 1024 * 1024


class Host(NamedTuple):
    """What the resolver knows of a host: its full name and address."""

    name: str
    ip: str


def is_ip(text: str) -> bool:
    """Tell whether a text is an IPv4 or IPv6 address."""
    return ip_family(text) is not None


def ip_family(text: str) -> socket.AddressFamily | None:
    """Return the family of an address, None for what is none."""
    for family in (socket.AF_INET, socket.AF_INET6):
        try:
            socket.inet_pton(family, text)
        except (OSError, ValueError):
            continue
        return family
    return None


def own_addresses() -> frozenset[str]:
    """Return the addresses of all interfaces of this host, both families."""
    families = (socket.AF_INET, socket.AF_INET6)
    found = (a for of_interface in psutil.net_if_addrs().values() for a in of_interface if a.family in families)
    return frozenset(a.address.partition("%")[0] for a in found)


def own_interfaces() -> frozenset[str]:
    """Return the names of the network interfaces of this machine."""
    return frozenset(name for _, name in socket.if_nameindex())


def is_own(address: str) -> bool:
    """Tell whether this host answers to an address (all of 127/8 is local, without any alias)."""
    family = ip_family(address)
    if family is None:
        return False
    with socket.socket(family, socket.SOCK_DGRAM) as probe:
        try:
            probe.bind((address, 0))
        except OSError:
            return False
    return True


def is_loopback(address: str) -> bool:
    """Tell whether an address never leaves the host."""
    return ip_family(address) is not None and ipaddress.ip_address(address).is_loopback


def read_hosts(path: str) -> dict[str, Host]:
    """Return what a hosts file says, by every name in it in lower case; the first line of a name wins.

    A missing file says nothing; lines that make no sense are skipped.
    """
    try:
        text = files.read_file(path, _HOSTS_LIMIT).decode(errors="replace")
    except FileNotFoundError:
        return {}
    found: dict[str, Host] = {}
    for line in text.splitlines():
        words = line.partition("#")[0].split()
        if len(words) > 1 and is_ip(words[0]):
            for name in words[1:]:
                found.setdefault(name.lower(), Host(words[1], words[0]))
    return found


def look_up(name: str, paths: Paths) -> Host:
    """Return full name and address of a host, given any name of it.

    Raises ResolverError.
    """
    if paths.is_virtual:
        host = read_hosts(paths.hosts_file).get(name.lower())
        if host is not None:
            return host
    if is_ip(name):
        return Host(name, name)
    try:
        found = socket.getaddrinfo(name, None, socket.AF_UNSPEC, socket.SOCK_STREAM, 0, socket.AI_CANONNAME)
    except OSError as err:
        raise errors.ResolverError(name, err.errno, err.strerror or str(err)) from err
    except UnicodeError as err:
        raise errors.ResolverError(name, errno.EINVAL, "not a host name") from err
    # IPv4 first: that is what clusters use unless told otherwise
    found.sort(key=lambda row: row[0] != socket.AF_INET)
    canonical = next((row[3] for row in found if row[3]), name)
    return Host(canonical, str(found[0][4][0]))


def resolve(name: str, paths: Paths) -> str:
    """Return the address of a host name (an address is its own).

    Raises ResolverError.
    """
    return look_up(name, paths).ip


def own_name(paths: Paths) -> str:
    """Return this node's full name."""
    return paths.hostname if paths.is_virtual else look_up(paths.hostname, paths).name


def tcp_ping(address: str, port: int, timeout: float, source: str | None = None) -> bool:
    """Tell whether a host answers on a port within `timeout` seconds.

    A refused connection is an answer: the host is there.
    """
    try:
        with socket.create_connection((address, port), timeout, (source, 0) if source else None):
            return True
    except ConnectionRefusedError:
        return True
    except OSError:
        return False


def free_port(address: str = "127.0.0.1") -> int:
    """Return a TCP port nobody listens on now at an address."""
    with socket.socket(ip_family(address) or socket.AF_INET) as probe:
        probe.bind((address, 0))
        return int(probe.getsockname()[1])
