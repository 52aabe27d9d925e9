"""Operations on networks."""

from __future__ import annotations

from collections.abc import Sequence

from ganeti.model.enums import HookType, NicMode
from ganeti.model.opcodes.base import OpCode
from ganeti.model.opcodes.results import Rows
from ganeti.model.scalars import (
    GroupName,
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    NetworkName,
    NewNetworkName,
    NonEmptyStr,
    Tag,
)
from ganeti.schema import param


class OpNetworkAdd(OpCode):
    """Add a network: a pool of addresses that NICs draw from."""

    SUMMARY_FIELD = "network_name"
    HOOKS_PATH = "network-add"
    HOOKS_TYPE = HookType.NETWORK

    network_name: NewNetworkName = param(doc="Name of the new network")
    network: IPv4Network = param(doc="IPv4 network, as in 192.0.2.0/24")
    gateway: IPv4Address | None = param(default=None, doc="IPv4 gateway; never given to a NIC")
    network6: IPv6Network | None = param(default=None, doc="IPv6 network, as in 2001:db8::/64")
    gateway6: IPv6Address | None = param(default=None, doc="IPv6 gateway")
    mac_prefix: NonEmptyStr | None = param(default=None, doc="First three bytes of MACs in it, as in aa:00:00")
    add_reserved_ips: Sequence[IPv4Address] | None = param(default=None, doc="Addresses never to give to a NIC")
    conflicts_check: bool = param(default=True, doc="Refuse when a node already has an address of this network")
    tags: Sequence[Tag] = param(default=(), doc="Tags of the new network")


class OpNetworkRemove(OpCode):
    """Remove a network that no group is connected to."""

    SUMMARY_FIELD = "network_name"
    HOOKS_PATH = "network-remove"
    HOOKS_TYPE = HookType.NETWORK

    network_name: NetworkName = param(doc="Name of the network")
    force: bool = param(default=False, doc="Ignored; kept for old clients")


class OpNetworkRename(OpCode):
    """Rename a network; answers the new name."""

    RESULT = NonEmptyStr
    HOOKS_PATH = "network-rename"
    HOOKS_TYPE = HookType.NETWORK

    network_name: NetworkName = param(doc="Name of the network")
    new_name: NewNetworkName = param(doc="Its new name")


class OpNetworkSetParams(OpCode):
    """Change a network; the IPv4 network itself stays as it is."""

    SUMMARY_FIELD = "network_name"
    HOOKS_PATH = "network-modify"
    HOOKS_TYPE = HookType.NETWORK

    network_name: NetworkName = param(doc="Name of the network")
    gateway: IPv4Address | None = param(default=None, doc="New IPv4 gateway")
    network6: IPv6Network | None = param(default=None, doc="New IPv6 network")
    gateway6: IPv6Address | None = param(default=None, doc="New IPv6 gateway")
    mac_prefix: NonEmptyStr | None = param(default=None, doc="New first three bytes of MACs; those given out stay")
    add_reserved_ips: Sequence[IPv4Address] | None = param(
        default=None, doc="Addresses never to give to a NIC any more"
    )
    remove_reserved_ips: Sequence[IPv4Address] | None = param(default=None, doc="Reserved addresses to set free")


class OpNetworkConnect(OpCode):
    """Connect a network to a group, so that instances there can use it."""

    SUMMARY_FIELD = "network_name"
    HOOKS_PATH = "network-connect"
    HOOKS_TYPE = HookType.NETWORK

    group_name: GroupName = param(doc="Name of the group")
    network_name: NetworkName = param(doc="Name of the network")
    network_mode: NicMode = param(doc="How NICs in this network are connected on the group's nodes")
    network_link: NonEmptyStr = param(doc="Bridge, switch or routing table they are connected to")
    network_vlan: str = param(default="", doc="VLAN they belong to (openvswitch only)")
    conflicts_check: bool = param(
        default=True, doc="Refuse when an instance of the group already uses an address in it"
    )


class OpNetworkDisconnect(OpCode):
    """Disconnect a network from a group whose instances do not use it."""

    SUMMARY_FIELD = "network_name"
    HOOKS_PATH = "network-disconnect"
    HOOKS_TYPE = HookType.NETWORK

    group_name: GroupName = param(doc="Name of the group")
    network_name: NetworkName = param(doc="Name of the network")


class OpNetworkQuery(OpCode):
    """List networks; the form old clients use."""

    RESULT = Rows

    output_fields: Sequence[NonEmptyStr] = param(doc="Fields to answer, in this order")
    use_locking: bool = param(default=False, doc="Wait for running operations on the networks")
    names: Sequence[NetworkName] = param(default=(), doc="Networks to list; none given means all")
