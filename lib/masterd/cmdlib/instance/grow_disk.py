"""Grows a disk of an instance."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import NamedTuple

from ganeti import errors
from ganeti.errors import ECode
from ganeti.masterd.cmdlib.base import HookRun, Locks, LogicalUnit, get_instance, need_online
from ganeti.masterd.cmdlib.instance import devices, relocation
from ganeti.masterd.cmdlib.instance.common import Placed, instance_hooks, instance_locks, placed
from ganeti.masterd.config.snapshot import Config
from ganeti.model.enums import AdminState, DiskTemplate, Level
from ganeti.model.objects.disk import Disk
from ganeti.model.objects.node import Node
from ganeti.model.opcodes.instance import OpInstanceGrowDisk
from ganeti.model.scalars import MiB
from ganeti.rpc import procedures as p
from ganeti.schema import replace
from ganeti.utils import text

_MIB = 1024 * 1024

#: templates whose disks can grow (`spec/constants.json`, DTS_GROWABLE)
GROWABLE = frozenset(
    {
        DiskTemplate.PLAIN,
        DiskTemplate.DRBD,
        DiskTemplate.FILE,
        DiskTemplate.SHAREDFILE,
        DiskTemplate.GLUSTER,
        DiskTemplate.RBD,
        DiskTemplate.EXT,
    }
)


class Growth(NamedTuple):
    """The disk as nodes are sent it, the size it will have, and by how much it grows on each node."""

    placed: Placed
    disk: Disk
    target: MiB
    steps: tuple[tuple[Node, MiB], ...]


class LUInstanceGrowDisk(LogicalUnit[OpInstanceGrowDisk, Growth]):
    """Grow a disk on all its nodes, then record its size.

    How much is missing is measured on the nodes: asked for again after it was cut off, it
    ends with the size that was wanted.  `wait_for_sync` is met at once: no disk of the
    templates there are has a mirror.
    """

    def locks(self, level: Level, config: Config) -> Locks | None:
        return instance_locks(level, config, self.op.instance_name)

    async def check(self, config: Config) -> Growth:
        instance = get_instance(config, self.op.instance_name)
        plan = placed(config, instance, "grow a disk of")
        disks = plan.on_node.disks_info
        if self.op.disk >= len(disks):
            raise errors.OpPrereqError(
                f"instance {instance.name} has no disk {self.op.disk}: it has {text.plural(len(disks), 'disk')}",
                ECode.NOENT,
            )
        disk = disks[self.op.disk]
        act = f"grow {disk.iv_name} of instance {instance.name}"
        if disk.dev_type not in GROWABLE:
            raise errors.OpPrereqError(f"cannot {act}: {disk.dev_type} disks keep their size", ECode.INVAL)
        for node in config.nodes_of(instance):
            need_online(node, act)
        target = self._target(disk, act)
        self._check_policy(config, plan, target)
        steps = tuple([(node, await self._missing(node, disk, target, act)) for node in config.holders_of(disk)])
        for node, amount in steps:
            answer = await self.services.rpc.call(node, p.blockdev_grow, disk, amount, True, True, False)
            answer.unwrap(act)
        return Growth(plan, disk, target, steps)

    def hooks(self, plan: Growth, config: Config) -> HookRun:
        env = {"DISK": self.op.disk, "AMOUNT": self.op.amount, "ABSOLUTE": self.op.absolute}
        return instance_hooks(config, config.instances[plan.placed.instance.uuid], env)

    async def execute(self, plan: Growth) -> None:
        services, config, instance = self.services, self.services.config.current, plan.placed.instance
        act = f"grow {plan.disk.iv_name} of instance {instance.name}"
        async with AsyncExitStack() as after:
            if not instance.disks_active:
                after.push_async_callback(devices.shutdown_disks, services, config, plan.placed.on_node, self.warn)
                await devices.assemble_disks(services, config, plan.placed.on_node, self.warn)
            for node, amount in plan.steps:
                answer = await services.rpc.call(node, p.blockdev_grow, plan.disk, amount, False, True, False)
                answer.unwrap(act)
            # What lies above the storage of all nodes is told by the primary alone.
            amount = max((amount for _, amount in plan.steps), default=MiB(0))
            answer = await services.rpc.call(
                plan.placed.primary, p.blockdev_grow, plan.disk, amount, False, False, False
            )
            answer.unwrap(act)
        with services.config.update() as draft:
            uuid = instance.disks[self.op.disk]
            draft.disks[uuid] = replace(draft.disks[uuid], size=plan.target)
        await services.config.durable(draft)
        seen = "; its guest sees that at its next start" if instance.admin_state == AdminState.UP else ""
        self.info(f"{plan.disk.iv_name} of instance {instance.name} has {plan.target} MiB{seen}")

    def _target(self, disk: Disk, act: str) -> MiB:
        target = MiB(self.op.amount if self.op.absolute else disk.size + self.op.amount)
        if target < disk.size:
            raise errors.OpPrereqError(
                f"cannot {act}: {target} MiB is smaller than its {disk.size} MiB, and disks do not shrink", ECode.STATE
            )
        return target

    async def _missing(self, node: Node, disk: Disk, target: MiB, act: str) -> MiB:
        """Return by how much a disk is too small on a node."""
        answer = await self.services.rpc.call(node, p.blockdev_getdimensions, [disk])
        (found,) = answer.unwrap(f"measure {disk.iv_name}")
        if found is None:
            raise errors.OpPrereqError(
                f"cannot {act}: it is not there on node {node.name}; see gnt-instance recreate-disks", ECode.STATE
            )
        real = MiB(found[0] // _MIB)
        if real != disk.size:
            self.warn(f"{disk.iv_name} has {real} MiB on node {node.name}, not the recorded {disk.size} MiB")
        return MiB(max(0, target - real))

    def _check_policy(self, config: Config, plan: Placed, target: MiB) -> None:
        disks = list(plan.on_node.disks_info)
        disks[self.op.disk] = replace(disks[self.op.disk], size=target)
        grown = plan._replace(on_node=replace(plan.on_node, disks_info=tuple(disks)))
        before = relocation.policy_problems(config, plan, plan.primary)
        problems = [why for why in relocation.policy_problems(config, grown, plan.primary) if why not in before]
        if problems and not self.op.ignore_ipolicy:
            raise errors.OpPrereqError(
                f"instance {plan.instance.name} would not fit the policy of its group: {'; '.join(problems)}"
                " (--ignore-ipolicy goes on all the same)",
                ECode.INVAL,
            )
        for problem in problems:
            self.warn(f"policy ignored: {problem}")
