"""Where the tags of each kind of object are kept; shared by queries and logical units."""

from __future__ import annotations

from collections.abc import Set

from ganeti import errors
from ganeti.errors import ECode
from ganeti.masterd.config.snapshot import Config
from ganeti.model.enums import TagKind
from ganeti.model.objects.cluster import Cluster
from ganeti.model.objects.instance import Instance
from ganeti.model.objects.network import Network
from ganeti.model.objects.node import Node
from ganeti.model.objects.nodegroup import NodeGroup
from ganeti.model.scalars import GroupName, InstanceName, NetworkName, NodeName, Tag

Tagged = Cluster | Node | Instance | NodeGroup | Network


def find(config: Config, kind: TagKind, name: str | None) -> Tagged:
    """Return the object of a kind and (full or exact) name; the cluster needs none.

    Raises OpPrereqError when there is none.
    """
    if kind == TagKind.CLUSTER:
        return config.cluster
    found: Tagged | None = None
    if kind == TagKind.NODE:
        found = config.node_named(NodeName(name or ""))
    elif kind == TagKind.INSTANCE:
        found = config.instance_named(InstanceName(name or ""))
    elif kind == TagKind.NODEGROUP:
        found = config.group_named(GroupName(name or ""))
    elif kind == TagKind.NETWORK:
        found = config.network_named(NetworkName(name or ""))
    if found is None:
        raise errors.OpPrereqError(f"{kind} {name!r} is not known", ECode.NOENT)
    return found


def tags_of(config: Config, kind: TagKind, name: str | None) -> Set[Tag]:
    """Return the tags of an object.

    Raises OpPrereqError when it does not exist.
    """
    return find(config, kind, name).tags
