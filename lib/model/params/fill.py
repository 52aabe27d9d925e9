"""How parameters are completed: general values first, special ones over them.

The order of each kind is that of `spec/config_schema.json`, filling.  Everything
here is pure; nodes are sent filled values only, so RPC never needs to fill.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from ganeti.model.enums import DiskTemplate, HypervisorName
from ganeti.model.objects.base import IPolicy, Params
from ganeti.model.objects.cluster import Cluster
from ganeti.model.objects.disk import Disk, disk_nodes
from ganeti.model.objects.instance import FilledInstance, Instance
from ganeti.model.objects.network import Network
from ganeti.model.objects.nic import NIC
from ganeti.model.objects.node import Node
from ganeti.model.objects.nodegroup import NodeGroup
from ganeti.model.os_names import base_of
from ganeti.model.params import be, hv, ipolicy, nd, nic
from ganeti.model.params import disk as disk_params
from ganeti.model.params.table import defaults
from ganeti.model.scalars import OsName, Uuid
from ganeti.schema import replace

_NONE: Mapping[str, object] = {}


class ConfigLike(Protocol):
    """What filling an instance needs of the configuration."""

    @property
    def cluster(self) -> Cluster: ...

    @property
    def nodes(self) -> Mapping[Uuid, Node]: ...

    @property
    def groups(self) -> Mapping[Uuid, NodeGroup]: ...

    @property
    def networks(self) -> Mapping[Uuid, Network]: ...

    @property
    def disks(self) -> Mapping[Uuid, Disk]: ...


def fill_hvparams(
    cluster: Cluster, hypervisor: HypervisorName, os: OsName | str, own: Params = _NONE
) -> dict[str, object]:
    """Return hypervisor parameters of an instance; what nodes must agree on is the cluster's."""
    mine = {name: value for name, value in own.items() if name not in hv.GLOBALS}
    base = base_of(os)
    for_os = cluster.os_hvp.get(base, {}).get(hypervisor, _NONE)
    variant = cluster.os_hvp.get(OsName(os), {}).get(hypervisor, _NONE) if os != base else _NONE
    return {**fill_cluster_hvparams(cluster, hypervisor), **for_os, **variant, **mine}


def fill_cluster_hvparams(cluster: Cluster, hypervisor: HypervisorName) -> dict[str, object]:
    """Return hypervisor parameters as they are without any instance."""
    return {**hv.hv_defaults(hypervisor), **cluster.hvparams.get(hypervisor, {})}


def fill_beparams(cluster: Cluster, own: Params = _NONE) -> dict[str, object]:
    """Return backend parameters of an instance."""
    return {**be.be_defaults(), **cluster.beparams.get("default", {}), **own}


def fill_nicparams(
    cluster: Cluster, own: Params = _NONE, network: Uuid | None = None, group: NodeGroup | None = None
) -> dict[str, object]:
    """Return NIC parameters; an interface in a network has those the group has there."""
    if network is not None and group is not None and network in group.networks:
        return {**nic.nic_defaults(), **group.networks[network]}
    return {**nic.nic_defaults(), **cluster.nicparams.get("default", {}), **own}


def fill_ndparams(cluster: Cluster, group: NodeGroup, node: Node | None = None) -> dict[str, object]:
    """Return node parameters, of a group where no node is given."""
    own = node.ndparams if node else _NONE
    mine = {name: value for name, value in own.items() if name not in nd.GLOBALS}
    return {**nd.nd_defaults(), **cluster.ndparams, **group.ndparams, **mine}


def fill_osparams(
    cluster: Cluster, os: OsName | str, own: Params = _NONE, *, private: bool = False
) -> dict[str, object]:
    """Return parameters for the scripts of an operating system; with `private` those not to be shown."""
    known = cluster.osparams_private_cluster if private else cluster.osparams
    base = base_of(os)
    variant = known.get(OsName(os), {}) if os != base else {}
    return {**known.get(base, {}), **variant, **own}


def fill_diskparams(cluster: Cluster, group: NodeGroup | None, template: DiskTemplate) -> dict[str, object]:
    """Return disk parameters of a template, by the names users know."""
    return {
        **defaults(disk_params.TEMPLATE_PARAMS[template]),
        **cluster.diskparams.get(template, {}),
        **(group.diskparams.get(template, {}) if group else {}),
    }


def fill_ipolicy(cluster: Cluster, group: NodeGroup | None = None) -> dict[str, object]:
    """Return the instance policy; all keys but the standard instance are replaced as a whole."""
    result = ipolicy.ipolicy_defaults()
    levels: Sequence[IPolicy] = [cluster.ipolicy, group.ipolicy if group else _NONE]
    for level in levels:
        std = level.get(ipolicy.STD)
        merged = {**ipolicy.standard(result), **std} if isinstance(std, Mapping) else ipolicy.standard(result)
        result = {**result, **level, ipolicy.STD: merged}
    return result


def fill_disk(cluster: Cluster, group: NodeGroup | None, disk: Disk) -> Disk:
    """Return a disk with the parameters its node needs, and its children with theirs."""
    filled = fill_diskparams(cluster, group, disk.dev_type)
    children: Sequence[Disk]
    if disk.dev_type == DiskTemplate.DRBD and len(disk.children) == 2:
        of_children = disk_params.child_params(filled)
        children = tuple(
            replace(child, params={**of_child, **child.params})
            for child, of_child in zip(disk.children, of_children, strict=True)
        )
    else:
        children = tuple(fill_disk(cluster, group, child) for child in disk.children)
    params = {**disk_params.device_params(disk.dev_type, filled), **disk.params}
    return replace(disk, params=params, children=children)


def fill_nic(config: ConfigLike, group: NodeGroup | None, interface: NIC) -> NIC:
    """Return an interface with filled parameters and the network it is in."""
    return replace(
        interface,
        nicparams=fill_nicparams(config.cluster, interface.nicparams, interface.network, group),
        netinfo=config.networks.get(interface.network) if interface.network else None,
    )


def fill_instance(
    config: ConfigLike,
    instance: Instance,
    *,
    hvparams: Params | None = None,
    beparams: Params | None = None,
    osparams: Params | None = None,
    osparams_private: Params | None = None,
) -> FilledInstance:
    """Return an instance as nodes are sent it; the parameters given go over its own."""
    cluster = config.cluster
    node = config.nodes.get(instance.primary_node)
    group = config.groups.get(node.group) if node else None
    disks = tuple(fill_disk(cluster, group, config.disks[uuid]) for uuid in instance.disks if uuid in config.disks)
    own = {**instance.hvparams, **(hvparams or {})}
    private = {**instance.osparams_private, **(osparams_private or {})}
    filled = {
        "hvparams": fill_hvparams(cluster, instance.hypervisor, instance.os, own),
        "beparams": fill_beparams(cluster, {**instance.beparams, **(beparams or {})}),
        "osparams": fill_osparams(cluster, instance.os, {**instance.osparams, **(osparams or {})}),
        "osparams_private": fill_osparams(cluster, instance.os, private, private=True),
        "nics": tuple(fill_nic(config, group, interface) for interface in instance.nics),
        "disks_info": disks,
        "secondary_nodes": secondary_nodes(instance, disks),
    }
    return FilledInstance(**{**instance.__dict__, **filled})


def secondary_nodes(instance: Instance, disks: Sequence[Disk]) -> tuple[Uuid, ...]:
    """Return the nodes other than the primary that hold disks of an instance, each once."""
    found = {uuid: None for disk in disks for uuid in disk_nodes(disk) if uuid != instance.primary_node}
    return tuple(found)
