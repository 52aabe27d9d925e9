"""Other nodes, as this one reaches them: for cluster verification."""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from ganeti import errors
from ganeti.noded.context import NodeContext
from ganeti.utils import net

_TIMEOUT = 10.0
_AT_ONCE = 16

T = TypeVar("T")


def unreachable_nodes(node: NodeContext, nodes: Sequence[str | tuple[str, str]]) -> dict[str, str]:
    """Return what is wrong, by node, for the nodes whose daemon cannot be reached.

    A node is given as (name, address), or as a name that is resolved here.
    """

    def problem(entry: str | tuple[str, str]) -> tuple[str, str | None]:
        name, address = (entry, None) if isinstance(entry, str) else entry
        try:
            address = address or net.resolve(name, node.paths)
        except errors.ResolverError as err:
            return name, str(err)
        try:
            # a refused connection is an answer of the host, but not of the daemon
            with socket.create_connection((address, node.port), _TIMEOUT):
                return name, None
        except OSError as err:
            return name, f"cannot reach the node daemon of {name} at {address} port {node.port}: {err.strerror or err}"

    return _problems(problem, nodes)


def unreachable_networks(node: NodeContext, nodes: Sequence[tuple[str, str, str]]) -> dict[str, str]:
    """Return what is wrong, by node, for (name, primary, secondary address) not reached over the like network."""
    own = next((entry for entry in nodes if entry[0] == node.name), None)
    if own is None:
        return {node.name: "this node is not in the list of nodes to test"}
    _, own_primary, own_secondary = own

    def problem(entry: tuple[str, str, str]) -> tuple[str, str | None]:
        name, primary, secondary = entry
        failed = []
        if not net.tcp_ping(primary, node.port, _TIMEOUT, own_primary):
            failed.append(f"primary address {primary}")
        if secondary != primary and not net.tcp_ping(secondary, node.port, _TIMEOUT, own_secondary):
            failed.append(f"secondary address {secondary}")
        return name, f"cannot reach {' and '.join(failed)}" if failed else None

    return _problems(problem, nodes)


def master_ip_reached(node: NodeContext, master: str, address: str) -> bool:
    """Tell whether the cluster's address answers from here."""
    if not net.is_ip(address):
        raise errors.ParameterError(f"cannot check master IP {address!r} of {master}: not an address")
    return net.tcp_ping(address, node.port, _TIMEOUT)


def _problems(problem: Callable[[T], tuple[str, str | None]], entries: Sequence[T]) -> dict[str, str]:
    """Return the problems found, by node; looks at several at once, for a dead one takes its time."""
    if not entries:
        return {}
    with ThreadPoolExecutor(max_workers=min(_AT_ONCE, len(entries))) as pool:
        return {name: text for name, text in pool.map(problem, entries) if text is not None}
