"""One node, as the fields of nodes see it."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Protocol

from ganeti.model.enums import NodeRole, StorageType
from ganeti.model.objects.node import Node
from ganeti.model.objects.nodegroup import NodeGroup
from ganeti.model.params.fill import fill_ndparams
from ganeti.model.query.rows.links import ConfigView, Links, by_name
from ganeti.model.query.table import NODATA, OFFLINE, UNAVAIL, Missing
from ganeti.model.scalars import Uuid


class StorageSpace(Protocol):
    """Room in one storage unit of a node, in MiB; of a unit of type lvm-pv, in spindles."""

    @property
    def type(self) -> StorageType:
        """Type of the unit."""

    @property
    def storage_free(self) -> int | None:
        """What is free; None when it cannot be told."""

    @property
    def storage_size(self) -> int | None:
        """All there is; None when it cannot be told."""


class HypervisorFigures(Protocol):
    """What a hypervisor tells about its node; memory in MiB."""

    @property
    def memory_total(self) -> int:
        """Memory of the node."""

    @property
    def memory_free(self) -> int:
        """Memory instances can still get."""

    @property
    def memory_dom0(self) -> int:
        """Memory the node itself uses."""

    @property
    def cpu_total(self) -> int:
        """Logical CPUs."""

    @property
    def cpu_nodes(self) -> int:
        """NUMA nodes."""

    @property
    def cpu_sockets(self) -> int:
        """CPU sockets."""

    @property
    def cpu_dom0(self) -> int:
        """CPUs kept for the node itself."""


class NodeAnswer(Protocol):
    """What a node tells of itself (spec/rpc.json, node_info)."""

    @property
    def boot_id(self) -> str:
        """Changes with each boot."""

    @property
    def storage(self) -> Sequence[StorageSpace]:
        """Its storage units, that of the default disk template first."""

    @property
    def hypervisors(self) -> Sequence[HypervisorFigures]:
        """Its hypervisors, the default first."""


class NodeRow:
    """A node with what belongs to it; `answer` is only looked at by live fields, None when it gave none."""

    __slots__ = ("_params", "answer", "links", "node")

    def __init__(self, node: Node, links: Links, answer: NodeAnswer | None = None) -> None:
        self.node = node
        self.links = links
        self.answer = answer
        self._params: dict[str, object] | None = None

    @property
    def group(self) -> NodeGroup | None:
        """The group it is in."""
        return self.links.config.groups.get(self.node.group)

    @property
    def params(self) -> Mapping[str, object]:
        """Filled node parameters."""
        if self._params is None:
            group = self.group
            self._params = fill_ndparams(self.links.cluster, group, self.node) if group else {}
        return self._params

    @property
    def is_master(self) -> bool:
        """Whether it is the master."""
        return self.node.uuid == self.links.cluster.master_node

    @property
    def role(self) -> NodeRole:
        """What it is in the cluster."""
        node = self.node
        if self.is_master:
            return NodeRole.MASTER
        if node.master_candidate:
            return NodeRole.CANDIDATE
        if node.drained:
            return NodeRole.DRAINED
        return NodeRole.OFFLINE if node.offline else NodeRole.REGULAR

    @property
    def powered(self) -> bool | None:
        """Whether it is switched on; None when nothing manages its power."""
        return self.node.powered if self.params.get("oob_program") else None

    # --- what it answered ----------------------------------------------------------

    @property
    def told(self) -> NodeAnswer | Missing:
        """Its answer, or why there is none."""
        if self.node.offline:
            return OFFLINE
        return NODATA if self.answer is None else self.answer

    @property
    def hypervisor(self) -> HypervisorFigures | Missing:
        """Figures of its default hypervisor; nodes that run no instances have none."""
        told = self.told
        if isinstance(told, Missing):
            return told
        return told.hypervisors[0] if self.node.vm_capable and told.hypervisors else UNAVAIL

    def space(self, *, spindles: bool) -> StorageSpace | Missing:
        """Return the room for disks, in MiB or in spindles."""
        told = self.told
        if isinstance(told, Missing):
            return told
        for unit in told.storage if self.node.vm_capable else ():
            if (unit.type is StorageType.LVM_PV) == spindles:
                return unit
        return UNAVAIL


def node_rows(
    config: ConfigView,
    *,
    only: Collection[str] | None = None,
    answers: Mapping[Uuid, NodeAnswer | None] | None = None,
) -> list[NodeRow]:
    """Return a row for each node (of these full names), in natural order.

    `answers` are those to node_info, by uuid; None for a node that gave none.
    """
    links = Links(config)
    known = answers or {}
    return [NodeRow(n, links, known.get(n.uuid)) for n in by_name(config.nodes, lambda node: node.name, only)]
