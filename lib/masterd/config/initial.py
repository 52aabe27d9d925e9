"""The configuration of a new cluster, with one node in it.  Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from ganeti import errors
from ganeti.masterd.config.snapshot import Config
from ganeti.masterd.config.text import ConfigText
from ganeti.masterd.config.verify import verify
from ganeti.model.enums import DiskTemplate, HypervisorName
from ganeti.model.objects.base import Params
from ganeti.model.objects.cluster import Cluster
from ganeti.model.objects.configdata import ConfigData
from ganeti.model.objects.node import Node
from ganeti.model.objects.nodegroup import NodeGroup
from ganeti.model.params import be, disk, hv, ipolicy, nd, nic
from ganeti.model.scalars import GroupName, HostName, IPAddress, NodeName, Timestamp, Uuid
from ganeti.schema import replace

DEFAULT_GROUP = GroupName("default")

#: seconds between two runs of a data collector, in microseconds
_COLLECT_EVERY = 5_000_000
COLLECTORS = ("cpu-avg-load", "diskstats", "drbd", "inst-status-xen", "lv", "xen-cpu-avg-load")


class FirstNode(NamedTuple):
    """The node a cluster starts with; `certificate` is the digest of its client certificate."""

    name: NodeName
    primary_ip: IPAddress
    secondary_ip: IPAddress
    certificate: str = ""


class MasterAddress(NamedTuple):
    """The address that moves with the master."""

    ip: IPAddress
    netdev: str
    netmask: int


def initial_config(
    name: HostName,
    node: FirstNode,
    address: MasterAddress,
    hypervisors: Sequence[HypervisorName],
    templates: Sequence[DiskTemplate],
    new_uuid: Callable[[], Uuid],
    now: Timestamp,
    settings: Mapping[str, object] | None = None,
) -> Config:
    """Return the configuration of a new cluster.

    `settings` are other fields of the cluster; of parameters (hvparams, beparams...)
    only what differs from the defaults need be given.

    Raises ConfigVerifyError if something in it cannot be.
    """
    node_uuid, group_uuid = new_uuid(), new_uuid()
    cluster = Cluster(
        uuid=new_uuid(),
        ctime=now,
        mtime=now,
        cluster_name=name,
        master_node=node_uuid,
        master_ip=address.ip,
        master_netdev=address.netdev,
        master_netmask=address.netmask,
        primary_ip_family=10 if ":" in node.primary_ip else 2,
        enabled_hypervisors=tuple(hypervisors),
        enabled_disk_templates=tuple(templates),
        candidate_certs={node_uuid: node.certificate} if node.certificate else {},
        data_collectors={collector: {"active": True, "interval": _COLLECT_EVERY} for collector in COLLECTORS},
    )
    group = NodeGroup(uuid=group_uuid, name=DEFAULT_GROUP, ctime=now, mtime=now)
    first = Node(
        uuid=node_uuid,
        name=node.name,
        primary_ip=node.primary_ip,
        secondary_ip=node.secondary_ip,
        group=group_uuid,
        master_candidate=True,
        ctime=now,
        mtime=now,
    )
    data = ConfigData(
        cluster=_filled(replace(cluster, **(settings or {}))),
        nodes={node_uuid: first},
        nodegroups={group_uuid: group},
        ctime=now,
        mtime=now,
    )
    config = Config.from_data(data)
    problems = verify(config)
    if problems:
        raise errors.ConfigVerifyError(f"cannot make the configuration of cluster {name}", problems)
    return config


def config_text(config: Config) -> bytes:
    """Return the text of `config.data`."""
    return ConfigText().render_all(config).whole()


def _filled(cluster: Cluster) -> Cluster:
    """Return the cluster with its parameters complete, as they are stored."""
    policy = {**ipolicy.ipolicy_defaults(), **cluster.ipolicy}
    if ipolicy.DISK_TEMPLATES not in cluster.ipolicy:
        policy[ipolicy.DISK_TEMPLATES] = [template.value for template in cluster.enabled_disk_templates]
    return replace(
        cluster,
        hvparams={name: {**hv.hv_defaults(name), **cluster.hvparams.get(name, {})} for name in HypervisorName},
        beparams={"default": {**be.be_defaults(), **_default(cluster.beparams)}},
        nicparams={"default": {**nic.nic_defaults(), **_default(cluster.nicparams)}},
        ndparams={**nd.nd_defaults(), **cluster.ndparams},
        diskparams={
            template: {**own, **cluster.diskparams.get(template, {})} for template, own in disk.disk_defaults().items()
        },
        ipolicy=policy,
    )


def _default(params: Mapping[str, Params]) -> Params:
    return params.get("default", {})
