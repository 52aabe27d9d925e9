"""Storage units of nodes: listing, changing and repairing them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ganeti import errors
from ganeti.errors import ECode
from ganeti.masterd.cmdlib.base import Locks, LogicalUnit, get_node, need_online
from ganeti.masterd.cmdlib.node.common import chosen_nodes
from ganeti.masterd.config.snapshot import Config
from ganeti.model.enums import DiskTemplate, Level, StorageType
from ganeti.model.objects.cluster import Cluster
from ganeti.model.objects.node import Node
from ganeti.model.opcodes.node import OpNodeModifyStorage, OpNodeQueryStorage, OpRepairNodeStorage
from ganeti.model.scalars import NodeName
from ganeti.rpc import procedures as p
from ganeti.utils.text import natural_key

#: fields that are not the storage unit's own
NODE_FIELD = "node"
NAME_FIELD = "name"
UNIT_FIELDS = ("name", "size", "used", "free", "allocatable", "type", "status")

_TYPE_OF_TEMPLATE: Mapping[DiskTemplate, StorageType] = {
    DiskTemplate.BLOCKDEV: StorageType.BLOCKDEV,
    DiskTemplate.DISKLESS: StorageType.DISKLESS,
    DiskTemplate.DRBD: StorageType.LVM_VG,
    DiskTemplate.EXT: StorageType.EXT,
    DiskTemplate.FILE: StorageType.FILE,
    DiskTemplate.GLUSTER: StorageType.GLUSTER,
    DiskTemplate.PLAIN: StorageType.LVM_VG,
    DiskTemplate.RBD: StorageType.RADOS,
    DiskTemplate.SHAREDFILE: StorageType.SHAREDFILE,
}


class StorageQuestion(NamedTuple):
    """Whom to ask, for which storage."""

    nodes: Sequence[Node]
    kind: StorageType
    arguments: Sequence[object]


class LUNodeQueryStorage(LogicalUnit[OpNodeQueryStorage, StorageQuestion]):
    """Ask nodes for their storage units; a row for each unit, in natural order of nodes."""

    EFFECTS = False

    async def check(self, config: Config) -> StorageQuestion:
        unknown = [f for f in self.op.output_fields if f not in (NODE_FIELD, *UNIT_FIELDS)]
        if unknown:
            raise errors.OpPrereqError(f"cannot list storage units: unknown field {', '.join(unknown)}", ECode.INVAL)
        kind = self.op.storage_type or default_type(config.cluster)
        nodes = sorted(chosen_nodes(config, self.op.nodes), key=lambda node: natural_key(node.name))
        return StorageQuestion([n for n in nodes if not n.offline], kind, arguments_of(config.cluster, kind))

    async def execute(self, plan: StorageQuestion) -> list[list[object]]:
        asked = list(dict.fromkeys([NAME_FIELD, *(f for f in self.op.output_fields if f != NODE_FIELD)]))
        answers = await self.services.rpc.call_many(
            plan.nodes, p.storage_list, plan.kind, plan.arguments, self.op.name, asked
        )
        rows: list[list[object]] = []
        for name, answer in answers.items():
            if answer.ok:
                found = answer.unwrap(f"list {plan.kind} storage")
                rows += storage_rows(name, asked, found, self.op.output_fields)
            else:
                self.warn(f"cannot list {plan.kind} storage of node {name}: {answer.failure}")
        return rows


class StorageChange(NamedTuple):
    """The node whose storage is changed, and what its kind needs to know."""

    node: Node
    arguments: Sequence[object]


class LUNodeModifyStorage(LogicalUnit[OpNodeModifyStorage, StorageChange]):
    """Change attributes of a storage unit; the node says which there are."""

    def locks(self, level: Level, config: Config) -> Locks | None:
        return Locks({self.op.node_name}) if level == Level.NODE else None

    async def check(self, config: Config) -> StorageChange:
        if not self.op.name:
            raise errors.OpPrereqError("name: say which storage unit is to be changed", ECode.INVAL)
        node = get_node(config, self.op.node_name)
        need_online(node, f"modify storage unit {self.op.name}")
        return StorageChange(node, arguments_of(config.cluster, self.op.storage_type))

    async def execute(self, plan: StorageChange) -> None:
        answer = await self.services.rpc.call(
            plan.node, p.storage_modify, self.op.storage_type, plan.arguments, self.op.name or "", self.op.changes
        )
        answer.unwrap(f"modify storage unit {self.op.name}")


class LURepairNodeStorage(LogicalUnit[OpRepairNodeStorage, StorageChange]):
    """Make a storage unit consistent again; the node says whether its kind can be."""

    def locks(self, level: Level, config: Config) -> Locks | None:
        return Locks({self.op.node_name}) if level == Level.NODE else None

    async def check(self, config: Config) -> StorageChange:
        node = get_node(config, self.op.node_name)
        need_online(node, f"repair storage unit {self.op.name}")
        if self.op.storage_type != StorageType.LVM_VG or not self.op.name:
            raise errors.OpPrereqError(
                f"cannot repair {self.op.storage_type} storage: only volume groups can be, by name", ECode.INVAL
            )
        return StorageChange(node, arguments_of(config.cluster, self.op.storage_type))

    async def execute(self, plan: StorageChange) -> None:
        answer = await self.services.rpc.call(
            plan.node,
            p.storage_execute,
            self.op.storage_type,
            plan.arguments,
            self.op.name or "",
            "fix-consistency",
        )
        answer.unwrap(f"repair storage unit {self.op.name}")


def default_type(cluster: Cluster) -> StorageType:
    """Return the storage that disks are taken from unless asked otherwise: of the first template that has any."""
    with_storage = [name for name in cluster.enabled_disk_templates if name != DiskTemplate.DISKLESS]
    return _TYPE_OF_TEMPLATE[with_storage[0] if with_storage else DiskTemplate.DISKLESS]


def arguments_of(cluster: Cluster, kind: StorageType) -> list[str]:
    """Return what a kind of storage needs to be told: the directories of the configuration, for files."""
    if kind == StorageType.FILE and cluster.file_storage_dir:
        return [cluster.file_storage_dir]
    if kind == StorageType.SHAREDFILE and cluster.shared_file_storage_dir:
        return [cluster.shared_file_storage_dir]
    return []


def storage_rows(
    node: NodeName, asked: Sequence[str], found: Sequence[Sequence[object]], fields: Sequence[str]
) -> list[list[object]]:
    """Return a row for each unit of a node, by name, with the fields in the order wanted."""
    by_field = [{NODE_FIELD: node, **dict(zip(asked, row, strict=True))} for row in found]
    by_field.sort(key=lambda unit: natural_key(str(unit[NAME_FIELD])))
    return [[unit[field] for field in fields] for unit in by_field]
