"""The whole configuration as `config.data` holds it."""

from __future__ import annotations

from collections.abc import Mapping

from ganeti.model import versions
from ganeti.model.objects.base import ConfigObject
from ganeti.model.objects.cluster import Cluster
from ganeti.model.objects.disk import Disk
from ganeti.model.objects.filter import Filter
from ganeti.model.objects.instance import Instance
from ganeti.model.objects.network import Network
from ganeti.model.objects.node import Node
from ganeti.model.objects.nodegroup import NodeGroup
from ganeti.model.scalars import Timestamp, Uuid
from ganeti.schema import param


class ConfigData(ConfigObject):
    """The whole configuration as `config.data` holds it."""

    version: int = param(default=versions.CONFIG, doc="Form of the file: major * 1,000,000 + minor * 10,000 + revision")
    cluster: Cluster = param(doc="What holds for all of the cluster")
    nodes: Mapping[Uuid, Node] = param(factory=dict, doc="Nodes, by uuid")
    nodegroups: Mapping[Uuid, NodeGroup] = param(factory=dict, doc="Node groups, by uuid")
    instances: Mapping[Uuid, Instance] = param(factory=dict, doc="Instances, by uuid")
    networks: Mapping[Uuid, Network] = param(factory=dict, doc="Networks, by uuid")
    disks: Mapping[Uuid, Disk] = param(factory=dict, doc="Disks, by uuid")
    filters: Mapping[Uuid, Filter] = param(factory=dict, doc="Job filters, by uuid")
    serial_no: int = param(default=1, doc="Grows with every change of anything")
    ctime: Timestamp = param(default=Timestamp(0.0), doc="When the cluster was created, seconds since the epoch")
    mtime: Timestamp = param(default=Timestamp(0.0), doc="When anything was changed last, seconds since the epoch")
