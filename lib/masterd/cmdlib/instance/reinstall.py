"""Installs the operating system of an instance again, or another one."""

from __future__ import annotations

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
    record_disks,
)
from ganeti.masterd.config.snapshot import Config
from ganeti.model.enums import Level
from ganeti.model.objects.instance import Instance
from ganeti.model.opcodes.instance import OpInstanceReinstall
from ganeti.schema import replace


class Reinstallation(NamedTuple):
    """What is installed: `after` carries the OS and the parameters of this installation."""

    placed: Placed
    after: Instance


class LUInstanceReinstall(LogicalUnit[OpInstanceReinstall, Reinstallation]):
    """Run the create script of the OS on the disks of a stopped instance."""

    def locks(self, level: Level, config: Config) -> Locks | None:
        return instance_locks(level, config, self.op.instance_name)

    async def check(self, config: Config) -> Reinstallation:
        instance = get_instance(config, self.op.instance_name)
        act = f"reinstall instance {instance.name}"
        plan = placed(config, instance, "reinstall")
        need_online(plan.primary, act)
        if not instance.disks:
            raise errors.OpPrereqError(f"cannot {act}: it has no disks", ECode.INVAL)
        await need_stopped(self.services, plan, act)
        os = self.op.os_type or instance.os
        if not os:
            raise errors.OpPrereqError(f"cannot {act}: it has no OS; name one with --os-type", ECode.INVAL)
        after = replace(
            instance,
            os=os,
            osparams={**instance.osparams, **(self.op.osparams or {})},
            osparams_private={**instance.osparams_private, **(self.op.osparams_private or {})},
        )
        parameters = osinstall.visible_parameters(
            config, os, after.osparams, after.osparams_private, self.op.osparams_secret or {}
        )
        await osinstall.validate(
            self.services,
            config,
            os,
            plan.primary,
            parameters,
            required=True,
            force_variant=self.op.force_variant,
        )
        return Reinstallation(plan, after)

    def hooks(self, plan: Reinstallation, config: Config) -> HookRun:
        return instance_hooks(config, config.instances[plan.after.uuid], {})

    async def execute(self, plan: Reinstallation) -> None:
        on_node, primary = plan.placed.on_node, plan.placed.primary
        if plan.after.os != plan.placed.instance.os:
            self.info(f"changing the OS of instance {plan.after.name} to {plan.after.os}")
            with self.services.config.update() as draft:
                draft.instances[plan.after.uuid] = replace(plan.placed.instance, os=plan.after.os)
            await self.services.config.durable(draft)
        config = self.services.config.current
        await devices.assemble_disks(self.services, config, on_node, self.warn)
        try:
            self.info(f"running the create script of {plan.after.os} on node {primary.name}")
            await osinstall.run_create(
                self.services,
                config,
                plan.after,
                primary,
                self.op.osparams_secret or {},
                reinstall=True,
                debug=self.op.debug_level or 0,
            )
        finally:
            await devices.shutdown_disks(self.services, config, on_node, self.warn)
            await record_disks(self.services, plan.after.uuid, active=False)
