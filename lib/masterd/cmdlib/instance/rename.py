"""Renames an instance, its file disks with it, and tells its operating system."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Sequence
from contextlib import AsyncExitStack
from functools import partial
from typing import NamedTuple

from ganeti import errors
from ganeti.errors import ECode
from ganeti.masterd.cmdlib.base import HookRun, Locks, LogicalUnit, get_instance, need_online
from ganeti.masterd.cmdlib.instance import devices, osinstall
from ganeti.masterd.cmdlib.instance.common import (
    Placed,
    instance_hooks,
    instance_locks,
    need_stopped,
    placed,
    record_instance,
)
from ganeti.masterd.cmdlib.instance.persistence import Persistence
from ganeti.masterd.config.snapshot import Config
from ganeti.model.enums import Level
from ganeti.model.objects.disk import Disk
from ganeti.model.opcodes.instance import OpInstanceRename
from ganeti.model.params.fill import fill_instance
from ganeti.model.scalars import InstanceName, NodeName
from ganeti.rpc import procedures as p
from ganeti.schema import replace


class Renaming(NamedTuple):
    """The instance, and its disks as they will be named; disks whose place stays are not in it."""

    placed: Placed
    moved: tuple[tuple[Disk, Disk], ...]


class LUInstanceRename(LogicalUnit[OpInstanceRename, Renaming]):
    """Rename a stopped instance."""

    def locks(self, level: Level, config: Config) -> Locks | None:
        if level == Level.INSTANCE:
            return Locks({self.op.instance_name, self.op.new_name})
        return instance_locks(level, config, self.op.instance_name)

    async def check(self, config: Config) -> Renaming:
        instance = get_instance(config, self.op.instance_name)
        act = f"rename instance {instance.name}"
        plan = placed(config, instance, "rename")
        need_online(plan.primary, act)
        new_name = InstanceName(self.op.new_name)
        if config.instance_named(new_name) or config.node_named(NodeName(new_name)):
            raise errors.OpPrereqError(f"cannot {act}: the name {new_name} is taken", ECode.EXISTS)
        await need_stopped(self.services, plan, act)
        moved = [(disk, _renamed(disk, instance.name, new_name)) for disk in config.disks_of(instance)]
        return Renaming(plan, tuple((old, new) for old, new in moved if old.logical_id != new.logical_id))

    def hooks(self, plan: Renaming, config: Config) -> HookRun:
        return instance_hooks(
            config, config.instances[plan.placed.instance.uuid], {"INSTANCE_NEW_NAME": self.op.new_name}
        )

    async def execute(self, plan: Renaming) -> InstanceName:
        instance, primary = plan.placed.instance, plan.placed.primary
        new_name = InstanceName(self.op.new_name)
        if instance.disks_active:
            await devices.shutdown_disks(self.services, self.services.config.current, plan.placed.on_node, self.warn)
        async with AsyncExitStack() as undo:
            undo.push_async_callback(self._put_back, plan)
            if plan.moved:
                renaming = self.services.rpc.call(primary, p.blockdev_rename, _pairs(plan.moved))
                answer = await devices.to_the_end(renaming)
                answer.unwrap(f"rename the disks of instance {instance.name}")
            renamed = replace(instance, name=new_name, disks_active=False)
            config = await record_instance(self.services, renamed, [new for _old, new in plan.moved])
            undo.pop_all()
        again = Persistence(self.services.clock)
        await devices.remove_directories(self.services, primary, [old for old, _new in plan.moved], self.warn, again)
        if instance.disks and instance.os:
            await self._tell_os(config, plan, instance.name)
        self.info(f"instance {instance.name} is now {new_name}")
        return new_name

    async def _put_back(self, plan: Renaming) -> None:
        """Have the old names in the configuration, then on the node; those that are still there stay."""
        await record_instance(self.services, plan.placed.instance, [old for old, _new in plan.moved])
        if plan.moved:
            back = _pairs([(new, old) for old, new in plan.moved])
            again = Persistence(self.services.clock)
            answer = await again.ask(partial(self.services.rpc.call, plan.placed.primary, p.blockdev_rename, back))
            if not answer.ok:
                self.warn(
                    f"cannot give the disks their old names on node {answer.node}: {answer.failure};"
                    " rename the instance again when the node answers"
                )
            new = [disk for _old, disk in plan.moved]
            await devices.remove_directories(self.services, plan.placed.primary, new, self.warn, again)

    async def _tell_os(self, config: Config, plan: Renaming, old_name: InstanceName) -> None:
        """Run the rename script; its failure leaves the instance renamed."""
        renamed = config.instances[plan.placed.instance.uuid]
        filled = fill_instance(config, renamed)
        await devices.assemble_disks(self.services, config, filled, self.warn)
        try:
            await osinstall.run_rename(
                self.services, config, renamed, plan.placed.primary, old_name, self.op.debug_level or 0
            )
        except errors.GenericError as err:
            self.warn(f"{err} (the instance is renamed in Ganeti)")
        finally:
            await devices.shutdown_disks(self.services, config, filled, self.warn)


def _pairs(moved: Iterable[tuple[Disk, Disk]]) -> list[tuple[Disk, Sequence[object]]]:
    return [(old, new.logical_id) for old, new in moved]


def _renamed(disk: Disk, old_name: InstanceName, new_name: InstanceName) -> Disk:
    """Return a file disk as it is named under the new name; others as they are."""
    if disk.dev_type not in devices.FILE_LIKE:
        return disk
    driver, path = str(disk.logical_id[0]), str(disk.logical_id[1])
    directory, name = posixpath.split(path)
    parent, last = posixpath.split(directory)
    if last != old_name:
        return disk
    return replace(disk, logical_id=(driver, posixpath.join(parent, new_name, name)))
