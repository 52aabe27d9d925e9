"""Answers all there is to know of instances, as `gnt-instance info` shows it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from ganeti.masterd.cmdlib.base import Locks, LogicalUnit, get_instance
from ganeti.masterd.config.snapshot import Config
from ganeti.model.enums import AdminState, Level
from ganeti.model.objects.disk import Disk
from ganeti.model.objects.instance import FilledInstance, Instance
from ganeti.model.objects.messages import BlockDevStatus
from ganeti.model.objects.node import Node
from ganeti.model.opcodes.instance import OpInstanceQueryData
from ganeti.model.params.fill import fill_instance
from ganeti.rpc import procedures as p
from ganeti.schema_types import dump_any


class LUInstanceQueryData(LogicalUnit[OpInstanceQueryData, Sequence[Instance]]):
    """Collect configuration and, unless `static`, the state on the nodes."""

    EFFECTS = False

    def locks(self, level: Level, config: Config) -> Locks | None:
        if level == Level.INSTANCE and self.op.use_locking:
            return Locks(set(self.op.instances or config.instance_names()), shared=True)
        return None

    async def check(self, config: Config) -> Sequence[Instance]:
        names = self.op.instances or sorted(config.instance_names())
        return [get_instance(config, name) for name in names]

    async def execute(self, plan: Sequence[Instance]) -> object:
        config = self.services.config.current
        described = await asyncio.gather(*(self._describe(config, instance) for instance in plan))
        return {instance.name: seen for instance, seen in zip(plan, described, strict=True)}

    async def _describe(self, config: Config, instance: Instance) -> dict[str, object]:
        filled = fill_instance(config, instance)
        primary = config.nodes.get(instance.primary_node) if instance.primary_node else None
        ask = primary if primary and not primary.offline and not self.op.static else None
        secondaries = [config.nodes[uuid] for uuid in filled.secondary_nodes if uuid in config.nodes]
        return {
            "name": instance.name,
            "config_state": "up" if instance.admin_state == AdminState.UP else str(instance.admin_state),
            "run_state": await self._run_state(ask, filled),
            "pnode": primary.name if primary else None,
            "pnode_group_uuid": primary.group if primary else None,
            "pnode_group_name": config.groups[primary.group].name if primary else None,
            "snodes": [node.name for node in secondaries],
            "snodes_group_uuids": [node.group for node in secondaries],
            "snodes_group_names": [config.groups[node.group].name for node in secondaries],
            "os": instance.os,
            "nics": [
                [
                    *(nic.name, nic.uuid, nic.ip, nic.mac, nic.nicparams.get("mode"), nic.nicparams.get("link")),
                    *(nic.nicparams.get("vlan"), nic.network, dump_any(nic.netinfo)),
                ]
                for nic in filled.nics
            ],
            "disk_template": str(config.template_of(instance)),
            "disks": await asyncio.gather(*(self._disk(config, ask, disk) for disk in filled.disks_info)),
            "hypervisor": str(instance.hypervisor),
            "network_port": instance.network_port,
            "hv_instance": dump_any(instance.hvparams),
            "hv_actual": dump_any(filled.hvparams),
            "be_instance": dump_any(instance.beparams),
            "be_actual": dump_any(filled.beparams),
            "os_instance": dump_any(instance.osparams),
            "os_actual": dump_any(filled.osparams),
            "serial_no": instance.serial_no,
            "ctime": instance.ctime,
            "mtime": instance.mtime,
            "uuid": instance.uuid,
            "tags": sorted(instance.tags),
        }

    async def _run_state(self, node: Node | None, instance: FilledInstance) -> str | None:
        if node is None:
            return None
        answer = await self.services.rpc.call(
            node, p.instance_info, instance.name, instance.hypervisor, instance.hvparams
        )
        if not answer.ok:
            self.warn(f"cannot see whether instance {instance.name} runs: {answer.failure}")
            return None
        return "down" if answer.unwrap("look") is None else "up"

    async def _disk(self, config: Config, node: Node | None, disk: Disk) -> dict[str, object]:
        status = None
        if node is not None:
            answer = await self.services.rpc.call(node, p.blockdev_find, disk)
            status = answer.value
        return {
            "iv_name": disk.iv_name,
            "dev_type": str(disk.dev_type),
            "logical_id": list(disk.logical_id),
            "drbd_info": None,
            "pstatus": _status_list(status),
            "sstatus": None,
            "children": [await self._disk(config, None, child) for child in disk.children],
            "mode": str(disk.mode),
            "size": disk.size,
            "spindles": disk.spindles,
            "name": disk.name,
            "uuid": disk.uuid,
            "nodes": [holder.name for holder in config.holders_of(disk)],
        }


def _status_list(status: BlockDevStatus | None) -> list[object] | None:
    """Return the status of a disk in the order clients know."""
    if status is None:
        return None
    progress = (status.sync_percent, status.estimated_time, status.is_degraded, dump_any(status.ldisk_status))
    return [status.dev_path, status.major, status.minor, *progress]
