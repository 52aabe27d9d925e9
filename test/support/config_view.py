"""Builders of configuration records, and of a whole configuration as queries see it."""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from ganeti.model.enums import AdminState, DiskTemplate, HypervisorName
from ganeti.model.objects.cluster import Cluster
from ganeti.model.objects.disk import Disk
from ganeti.model.objects.filter import Filter
from ganeti.model.objects.instance import Instance
from ganeti.model.objects.network import Network
from ganeti.model.objects.nic import NIC
from ganeti.model.objects.node import Node
from ganeti.model.objects.nodegroup import NodeGroup
from ganeti.model.scalars import Uuid


def uuid_of(name: str) -> Uuid:
    """Return the uuid that stands for a name in tests."""
    return Uuid(str(uuid.uuid5(uuid.NAMESPACE_DNS, name)))


class View(NamedTuple):
    """A configuration as queries see it."""

    cluster: Cluster
    nodes: Mapping[Uuid, Node]
    groups: Mapping[Uuid, NodeGroup]
    instances: Mapping[Uuid, Instance]
    disks: Mapping[Uuid, Disk]
    networks: Mapping[Uuid, Network]
    filters: Mapping[Uuid, Filter]


def a_cluster(**fields: Any) -> Cluster:
    """Return the record of a cluster whose master is node1."""
    given = {
        "uuid": uuid_of("cluster"),
        "cluster_name": "cluster.example.com",
        "master_node": uuid_of("node1.example.com"),
        "master_ip": "192.0.2.1",
        "master_netdev": "lo",
        "enabled_hypervisors": (HypervisorName.FAKE,),
    }
    return Cluster(**{**given, **fields})


def a_group(name: str = "default", **fields: Any) -> NodeGroup:
    """Return a node group."""
    return NodeGroup(**{"uuid": uuid_of(name), "name": name, **fields})


def a_node(name: str, **fields: Any) -> Node:
    """Return a node of group default."""
    given = {
        "uuid": uuid_of(name),
        "name": name,
        "primary_ip": "192.0.2.10",
        "secondary_ip": "198.51.100.10",
        "group": uuid_of("default"),
    }
    return Node(**{**given, **fields})


def a_disk(name: str, /, *, nodes: Iterable[str] = (), **fields: Any) -> Disk:
    """Return a plain disk of 1 GiB on the named nodes."""
    given = {
        "uuid": uuid_of(name),
        "dev_type": DiskTemplate.PLAIN,
        "size": 1024,
        "nodes": tuple(uuid_of(node) for node in nodes),
    }
    return Disk(**{**given, **fields})


def a_nic(index: int = 0, **fields: Any) -> NIC:
    """Return a NIC."""
    return NIC(**{"uuid": uuid_of(f"nic{index}"), "mac": f"aa:00:00:00:00:{index:02x}", **fields})


def an_instance(name: str, node: str = "node1.example.com", **fields: Any) -> Instance:
    """Return an instance that is meant to run on a node."""
    given = {
        "uuid": uuid_of(name),
        "name": name,
        "primary_node": uuid_of(node),
        "os": "noop",
        "hypervisor": HypervisorName.FAKE,
        "admin_state": AdminState.UP,
    }
    return Instance(**{**given, **fields})


def a_view(
    *,
    cluster: Cluster | None = None,
    nodes: Iterable[Node] | None = None,
    groups: Iterable[NodeGroup] | None = None,
    instances: Iterable[Instance] = (),
    disks: Iterable[Disk] = (),
    networks: Iterable[Network] = (),
    filters: Iterable[Filter] = (),
) -> View:
    """Return a configuration; without a word about nodes it has node1, in group default."""
    return View(
        cluster or a_cluster(),
        {n.uuid: n for n in ([a_node("node1.example.com")] if nodes is None else nodes)},
        {g.uuid: g for g in ([a_group()] if groups is None else groups)},
        {i.uuid: i for i in instances},
        {d.uuid: d for d in disks if d.uuid is not None},
        {n.uuid: n for n in networks},
        {f.uuid: f for f in filters},
    )
