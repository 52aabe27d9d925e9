"""RAPI client: node groups and networks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ganeti.rapi.client_calls import Calls, Document, body_of
from ganeti.rapi.client_http import joined, path_of


class GroupCalls(Calls):
    """Methods about node groups; those that change something answer the id of a job."""

    def GetGroups(self, bulk: bool = False) -> list[Any]:
        """Return the names of all node groups, or with `bulk` all that is known of each."""
        return self._list("/2/groups", "name", bulk)

    def GetGroup(self, group: str) -> Document:
        """Return what is known of a node group."""
        document: Document = self._get(path_of("groups", group))
        return document

    def CreateGroup(
        self,
        name: str,
        alloc_policy: str | None = None,
        dry_run: bool = False,
        *,
        reason: str | None = None,
        **kwargs: object,
    ) -> int:
        """Make a node group: `alloc_policy` is preferred, last_resort or unallocable."""
        body = joined(body_of(name=name, alloc_policy=alloc_policy), kwargs)
        return self._job("POST", "/2/groups", body=body, dry_run=dry_run, reason=reason)

    def ModifyGroup(self, group: str, *, reason: str | None = None, **kwargs: object) -> int:
        """Change parameters of a node group."""
        return self._job("PUT", path_of("groups", group, "modify"), body=kwargs, reason=reason)

    def DeleteGroup(self, group: str, dry_run: bool = False, *, reason: str | None = None) -> int:
        """Remove a node group that has no nodes."""
        return self._job("DELETE", path_of("groups", group), dry_run=dry_run, reason=reason)

    def RenameGroup(self, group: str, new_name: str, *, dry_run: bool = False, reason: str | None = None) -> int:
        """Give a node group another name."""
        path = path_of("groups", group, "rename")
        return self._job("PUT", path, body={"new_name": new_name}, dry_run=dry_run, reason=reason)

    def AssignGroupNodes(
        self,
        group: str,
        nodes: Sequence[str],
        force: bool = False,
        dry_run: bool = False,
        *,
        reason: str | None = None,
    ) -> int:
        """Put nodes into a group; with `force` even if that splits instances."""
        path = path_of("groups", group, "assign-nodes")
        return self._job("PUT", path, body={"nodes": list(nodes)}, force=force, dry_run=dry_run, reason=reason)

    def GetGroupTags(self, group: str) -> list[str]:
        """Return the tags of a node group."""
        return self._tags("groups", group)

    def AddGroupTags(self, group: str, tags: Sequence[str], dry_run: bool = False, *, reason: str | None = None) -> int:
        """Add tags to a node group."""
        return self._add_tags(("groups", group), tags, dry_run, reason)

    def DeleteGroupTags(
        self, group: str, tags: Sequence[str], dry_run: bool = False, *, reason: str | None = None
    ) -> int:
        """Take tags from a node group."""
        return self._delete_tags(("groups", group), tags, dry_run, reason)


class NetworkCalls(Calls):
    """Methods about networks; those that change something answer the id of a job."""

    def GetNetworks(self, bulk: bool = False) -> list[Any]:
        """Return the names of all networks, or with `bulk` all that is known of each."""
        return self._list("/2/networks", "name", bulk)

    def GetNetwork(self, network: str) -> Document:
        """Return what is known of a network."""
        document: Document = self._get(path_of("networks", network))
        return document

    def CreateNetwork(
        self,
        network_name: str,
        network: str,
        gateway: str | None = None,
        network6: str | None = None,
        gateway6: str | None = None,
        mac_prefix: str | None = None,
        add_reserved_ips: Sequence[str] | None = None,
        tags: Sequence[str] | None = None,
        dry_run: bool = False,
        *,
        reason: str | None = None,
        **kwargs: object,
    ) -> int:
        """Make a network: `network` is an address with its prefix length, 10.0.0.0/24."""
        fixed = body_of(
            network_name=network_name,
            network=network,
            gateway=gateway,
            network6=network6,
            gateway6=gateway6,
            mac_prefix=mac_prefix,
            add_reserved_ips=add_reserved_ips,
            tags=tags,
        )
        return self._job("POST", "/2/networks", body=joined(fixed, kwargs), dry_run=dry_run, reason=reason)

    def ConnectNetwork(
        self,
        network_name: str,
        group_name: str,
        mode: str,
        link: str,
        vlan: str = "",
        dry_run: bool = False,
        *,
        reason: str | None = None,
        **kwargs: object,
    ) -> int:
        """Connect a network to a node group: `mode` is bridged, routed or openvswitch."""
        fixed = body_of(group_name=group_name, network_mode=mode, network_link=link, network_vlan=vlan or None)
        path = path_of("networks", network_name, "connect")
        return self._job("PUT", path, body=joined(fixed, kwargs), dry_run=dry_run, reason=reason)

    def DisconnectNetwork(
        self, network_name: str, group_name: str, dry_run: bool = False, *, reason: str | None = None
    ) -> int:
        """Take the connection of a network to a node group away."""
        path = path_of("networks", network_name, "disconnect")
        return self._job("PUT", path, body={"group_name": group_name}, dry_run=dry_run, reason=reason)

    def ModifyNetwork(self, network: str, *, reason: str | None = None, **kwargs: object) -> int:
        """Change parameters of a network."""
        return self._job("PUT", path_of("networks", network, "modify"), body=kwargs, reason=reason)

    def RenameNetwork(self, network: str, new_name: str, *, dry_run: bool = False, reason: str | None = None) -> int:
        """Give a network another name."""
        path = path_of("networks", network, "rename")
        return self._job("PUT", path, body={"new_name": new_name}, dry_run=dry_run, reason=reason)

    def DeleteNetwork(self, network: str, dry_run: bool = False, *, reason: str | None = None) -> int:
        """Remove a network that is connected to no node group."""
        return self._job("DELETE", path_of("networks", network), dry_run=dry_run, reason=reason)

    def GetNetworkTags(self, network: str) -> list[str]:
        """Return the tags of a network."""
        return self._tags("networks", network)

    def AddNetworkTags(
        self, network: str, tags: Sequence[str], dry_run: bool = False, *, reason: str | None = None
    ) -> int:
        """Add tags to a network."""
        return self._add_tags(("networks", network), tags, dry_run, reason)

    def DeleteNetworkTags(
        self, network: str, tags: Sequence[str], dry_run: bool = False, *, reason: str | None = None
    ) -> int:
        """Take tags from a network."""
        return self._delete_tags(("networks", network), tags, dry_run, reason)
