"""Makes lost disks of an instance anew, empty, where they were or on another node."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from typing import NamedTuple

from ganeti import errors
from ganeti.errors import ECode
from ganeti.masterd.cmdlib.base import ALL, HookRun, Locks, LogicalUnit, get_instance, get_node, need_online
from ganeti.masterd.cmdlib.instance import build, devices
from ganeti.masterd.cmdlib.instance.common import (
    Placed,
    instance_hooks,
    need_stopped,
    node_names,
    placed,
    record_instance,
)
from ganeti.masterd.cmdlib.instance.persistence import Persistence
from ganeti.masterd.config.snapshot import Config
from ganeti.model.enums import DiskTemplate, Level
from ganeti.model.objects.disk import Disk
from ganeti.model.objects.instance import Instance
from ganeti.model.objects.node import Node
from ganeti.model.opcodes.instance import OpInstanceCreate, OpInstanceRecreateDisks
from ganeti.model.params.fill import fill_instance
from ganeti.model.scalars import NodeName
from ganeti.rpc import procedures as p
from ganeti.schema import replace
from ganeti.utils import text

#: what may be another than before
_CHANGEABLE = ("mode", "size", "spindles")

#: changes by index of the disk
Wanted = Mapping[int, Mapping[str, str | int]]


class Recreation(NamedTuple):
    """The instance before and after, its new disks as they will be, and the node that holds them."""

    placed: Placed
    after: Instance
    disks: tuple[Disk, ...]
    target: Node


class LUInstanceRecreateDisks(LogicalUnit[OpInstanceRecreateDisks, Recreation]):
    """Record what is different about disks that are not there, and create them."""

    def locks(self, level: Level, config: Config) -> Locks | None:
        if level == Level.INSTANCE:
            return Locks({self.op.instance_name})
        if level == Level.NODE_ALLOC and self.op.iallocator:
            return Locks(ALL)
        if level == Level.NODE:
            if self.op.iallocator:
                return Locks(ALL, shared=True)
            return Locks({*node_names(config, self.op.instance_name), *self._named_nodes(config)}, shared=True)
        return None

    async def check(self, config: Config) -> Recreation:
        instance = get_instance(config, self.op.instance_name)
        plan = placed(config, instance, "recreate disks of")
        act = f"recreate disks of instance {instance.name}"
        known = config.disks_of(instance)
        if not known:
            raise errors.OpPrereqError(f"cannot {act}: it has none", ECode.INVAL)
        for disk in known:
            if disk.dev_type not in devices.FILE_LIKE:
                raise errors.OpPrereqError(
                    f"cannot {act}: {disk.iv_name} is a {disk.dev_type} disk, those are not supported by this version",
                    ECode.INVAL,
                )
        wanted = wanted_disks(self.op.disks, len(known))
        await need_stopped(self.services, plan, act)
        target = await self._target(config, plan, known, wanted, act)
        if target.uuid != plan.primary.uuid and len(wanted) < len(known):
            raise errors.OpPrereqError(
                f"cannot {act} on node {target.name}: the disks that are not named would stay on {plan.primary.name}",
                ECode.INVAL,
            )
        disks = tuple(_anew(known[index], changes, plan.primary, target) for index, changes in wanted.items())
        await self._need_missing(config, plan, disks, target, act)
        return Recreation(plan, replace(instance, primary_node=target.uuid, disks_active=False), disks, target)

    def hooks(self, plan: Recreation, config: Config) -> HookRun:
        instance = config.instances[plan.placed.instance.uuid]
        return instance_hooks(config, instance, {}, extra=[NodeName(plan.target.name)])

    async def execute(self, plan: Recreation) -> None:
        services, before = self.services, plan.placed
        config = services.config.current
        if before.instance.disks_active:
            await devices.shutdown_disks(services, config, before.on_node, self.warn)
        # Once more, right before: what fails is undone by removing these disks.
        act = f"recreate disks of instance {before.instance.name}"
        await self._need_missing(config, before, plan.disks, plan.target, act)
        async with AsyncExitStack() as undo:
            old = [config.disks[disk.uuid] for disk in plan.disks if disk.uuid]
            undo.push_async_callback(record_instance, self.services, before.instance, old)
            # Recorded first: should we die in between, they are lost disks where they belong now.
            config = await record_instance(self.services, plan.after, plan.disks)
            await self._create(config, plan, undo)
            undo.pop_all()
        for disk in plan.disks:
            self.info(f"{disk.iv_name} is on node {plan.target.name}, {disk.size} MiB, empty")

    async def _create(self, config: Config, plan: Recreation, undo: AsyncExitStack) -> None:
        filled = fill_instance(config, plan.after)
        uuids = {disk.uuid for disk in plan.disks}
        lost = replace(filled, disks_info=tuple(disk for disk in filled.disks_info if disk.uuid in uuids))
        if len(lost.disks_info) == len(filled.disks_info):
            await devices.create_disks(self.services, config, lost, undo, self.warn)
            return
        again = Persistence(self.services.clock)
        await devices.create_directories(self.services, plan.target, lost)
        await devices.create_in_directories(self.services, config, lost, undo, self.warn, again)

    # --- where to ---------------------------------------------------------------------

    def _named_nodes(self, config: Config) -> list[NodeName]:
        uuids = self.op.node_uuids or ()
        return list(self.op.nodes) or [NodeName(config.nodes[uuid].name) for uuid in uuids if uuid in config.nodes]

    async def _target(self, config: Config, plan: Placed, known: Sequence[Disk], wanted: Wanted, act: str) -> Node:
        """Return the node that gets the disks: the one named or chosen, else the primary node of before."""
        if unknown := sorted(set(self.op.node_uuids or ()) - config.nodes.keys()):
            raise errors.OpPrereqError(f"node {unknown[0]} is not known", ECode.NOENT)
        names = self._named_nodes(config)
        if names and self.op.iallocator:
            raise errors.OpPrereqError("give either nodes or an allocator, not both", ECode.INVAL)
        if self.op.iallocator:
            names = await self._allocated(config, plan.instance, known, wanted)
            self.info(f"allocator chose node {names[0]} for instance {plan.instance.name}")
        if len(names) > 1:
            raise errors.OpPrereqError(
                f"cannot {act}: its {known[0].dev_type} disks are on one node, and {len(names)} are given", ECode.INVAL
            )
        target = get_node(config, names[0]) if names else plan.primary
        need_online(target, act, "name another node with -n")
        if target.uuid != plan.primary.uuid:
            for good, word in ((not target.drained, "is drained"), (target.vm_capable, "is not vm_capable")):
                if not good:
                    raise errors.OpPrereqError(f"cannot {act}: node {target.name} {word}", ECode.STATE)
        return target

    async def _allocated(
        self, config: Config, instance: Instance, known: Sequence[Disk], wanted: Wanted
    ) -> list[NodeName]:
        """Return the node an allocator chooses for an instance like this one, which is nowhere yet."""
        template = config.template_of(instance)
        filled = fill_instance(config, instance)
        sizes = [wanted.get(index, {}).get("size", disk.size) for index, disk in enumerate(known)]
        like = OpInstanceCreate.from_wire(
            {
                "instance_name": instance.name,
                "mode": "create",
                "disk_template": template if isinstance(template, DiskTemplate) else known[0].dev_type,
                "disks": [{"size": size} for size in sizes],
                "nics": [{} for _ in instance.nics],
                "hypervisor": instance.hypervisor,
                "beparams": {name: filled.beparams[name] for name in ("minmem", "maxmem", "vcpus", "spindle_use")},
                "os_type": instance.os or None,
                "tags": sorted(instance.tags),
                "iallocator": self.op.iallocator,
            }
        )
        without = config.changed({"instances": {instance.uuid: None}}, config.head)
        return await self.services.allocator.place(without, like, None)

    async def _need_missing(self, config: Config, plan: Placed, disks: Sequence[Disk], target: Node, act: str) -> None:
        """Refuse to make a disk that is there, or that nobody can tell of.

        Raises OpPrereqError.
        """
        nodes = [target] if plan.primary.offline or plan.primary.uuid == target.uuid else [target, plan.primary]
        for node in nodes:
            answer = await self.services.rpc.call(node, p.blockdev_getdimensions, disks)
            found = answer.unwrap("look for the disks")
            there = [disk.iv_name for disk, size in zip(disks, found, strict=True) if size is not None]
            if there:
                raise errors.OpPrereqError(
                    f"cannot {act}: {', '.join(there)} is there on node {node.name}, and what is there is kept",
                    ECode.STATE,
                )


def wanted_disks(given: Sequence[object], count: int) -> Wanted:
    """Return the disks to be made, in order, and how they are to differ; none given means all.

    Raises OpPrereqError.
    """
    if not given:
        return {index: {} for index in range(count)}
    found: dict[int, Mapping[str, str | int]] = {}
    for number, entry in enumerate(given):
        index, changes = entry if isinstance(entry, (list, tuple)) else (entry, {})
        path = f"disks[{number}]"
        if index >= count:
            has = text.plural(count, "disk")
            raise errors.OpPrereqError(f"{path}: there is no disk {index}: the instance has {has}", ECode.NOENT)
        if index in found:
            raise errors.OpPrereqError(f"{path}: disk {index} is given twice", ECode.INVAL)
        unknown = sorted(set(changes) - set(_CHANGEABLE))
        if unknown:
            raise errors.OpPrereqError(
                f"{path}.{unknown[0]}: cannot be changed here, only {', '.join(_CHANGEABLE)} can", ECode.INVAL
            )
        found[index] = changes
    return dict(sorted(found.items()))


def _anew(disk: Disk, changes: Mapping[str, str | int], old: Node, new: Node) -> Disk:
    """Return a disk as it is to be made."""
    path = f"disk {disk.iv_name}"
    return replace(
        disk,
        size=build.disk_size(changes, path) if "size" in changes else disk.size,
        mode=build.disk_mode(changes, path) if "mode" in changes else disk.mode,
        spindles=build.disk_spindles(changes, path) if "spindles" in changes else disk.spindles,
        nodes=tuple(new.uuid if node == old.uuid else node for node in disk.nodes),
    )
