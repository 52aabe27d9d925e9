"""Changes an instance: parameters, interfaces, state; most changes take effect at its next start."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from ganeti import errors
from ganeti.errors import ECode
from ganeti.masterd.cmdlib.base import HookRun, Locks, LogicalUnit, get_instance
from ganeti.masterd.cmdlib.instance import build, devices, osinstall
from ganeti.masterd.cmdlib.instance.changes import Changes, change_disks, change_nics
from ganeti.masterd.cmdlib.instance.common import Placed, instance_hooks, instance_locks, need_stopped, placed
from ganeti.masterd.config.snapshot import Config
from ganeti.model.enums import AdminState, DiskTemplate, Level
from ganeti.model.objects.disk import Disk
from ganeti.model.objects.instance import Instance
from ganeti.model.opcodes.instance import OpInstanceSetParams
from ganeti.model.params import ipolicy
from ganeti.model.params.be import backend, check_beparams, check_filled_beparams
from ganeti.model.params.fill import fill_beparams, fill_hvparams, fill_instance, fill_ipolicy
from ganeti.model.params.hv import check_filled_hvparams, check_hvparams, check_no_globals
from ganeti.model.params.table import merge
from ganeti.model.scalars import MiB
from ganeti.rpc import procedures as p
from ganeti.schema import replace

#: fields that need parts of later versions, with what unset looks like
_UNSUPPORTED = (
    *("disk_template", "file_driver", "file_storage_dir", "pnode", "pnode_uuid", "remote_node", "remote_node_uuid"),
    *("iallocator", "instance_communication"),
)


class Modification(NamedTuple):
    """The instance before and after, its changed disks, and what is told of the changes."""

    placed: Placed
    after: Instance
    disks: tuple[Disk, ...]
    changes: Changes
    memory: MiB | None


class LUInstanceSetParams(LogicalUnit[OpInstanceSetParams, Modification]):
    """Check the instance as it would be, then record it."""

    def locks(self, level: Level, config: Config) -> Locks | None:
        return instance_locks(level, config, self.op.instance_name)

    async def check(self, config: Config) -> Modification:
        self._refuse_unsupported()
        instance = get_instance(config, self.op.instance_name)
        plan = placed(config, instance, "modify")
        changes: Changes = []
        after = self._with_params(config, instance, changes)
        after = await self._with_os(config, plan, after, changes)
        after = await self._with_state(plan, after, changes)
        reserve = self.services.config.reservations(self.call.job_id)
        nics = change_nics(config.cluster, instance.nics, self.op.nics, reserve, changes)
        if self.op.conflicts_check:
            known = {nic.ip for nic in instance.nics}
            reserve.ips(nic.ip for nic in nics if nic.ip and nic.ip not in known)
        disks = change_disks(config.disks_of(instance), self.op.disks, changes)
        after = replace(after, nics=nics)
        memory = await self._runtime_memory(plan, after, changes)
        if not changes:
            raise errors.OpPrereqError(f"nothing to change on instance {instance.name}", ECode.INVAL)
        self._check_policy(config, plan, after, disks)
        await self._check_memory(config, plan, after)
        return Modification(plan, after, disks, changes, memory)

    def preview(self, plan: Modification) -> object:
        return [list(change) for change in plan.changes]

    def hooks(self, plan: Modification, config: Config) -> HookRun:
        env: dict[str, object] = {}
        if plan.memory is not None:
            env["RUNTIME_MEMORY"] = plan.memory
        return instance_hooks(config, plan.after, env)

    async def execute(self, plan: Modification) -> object:
        if plan.memory is not None:
            answer = await self.services.rpc.call(
                plan.placed.primary, p.instance_balloon_memory, plan.placed.on_node, plan.memory
            )
            answer.unwrap(f"change the memory of instance {plan.after.name}")
        with self.services.config.update() as draft:
            draft.instances[plan.after.uuid] = plan.after
            for disk in plan.disks:
                if disk.uuid:
                    draft.disks[disk.uuid] = disk
        await self.services.config.durable(draft)
        return [list(change) for change in plan.changes]

    # --- checks -----------------------------------------------------------------------

    def _refuse_unsupported(self) -> None:
        for name in _UNSUPPORTED:
            if getattr(self.op, name) is not None:
                raise errors.OpPrereqError(f"{name}: not supported by this version", ECode.INVAL)
        if self.op.ext_params:
            raise errors.OpPrereqError("ext_params: not supported by this version", ECode.INVAL)

    def _with_params(self, config: Config, instance: Instance, changes: Changes) -> Instance:
        cluster, op = config.cluster, self.op
        after = instance
        if op.hvparams:
            given = check_hvparams(instance.hypervisor, op.hvparams, "hvparams", resets=True)
            check_no_globals(given, "hvparams")
            own = merge(instance.hvparams, given)
            check_filled_hvparams(instance.hypervisor, fill_hvparams(cluster, instance.hypervisor, instance.os, own))
            after = replace(after, hvparams=own)
            changes += [(f"hv/{name}", value) for name, value in given.items()]
        if op.beparams:
            given = check_beparams(op.beparams, "beparams", resets=True)
            own = merge(instance.beparams, given)
            check_filled_beparams(fill_beparams(cluster, own))
            after = replace(after, beparams=own)
            changes += [(f"be/{name}", value) for name, value in given.items()]
        return after

    async def _with_os(self, config: Config, plan: Placed, after: Instance, changes: Changes) -> Instance:
        op = self.op
        private: Mapping[str, object] = op.osparams_private or {}
        if not (op.os_name or op.osparams or private):
            return after
        os = op.os_name or after.os
        after = replace(
            after,
            os=os,
            osparams=merge(after.osparams, op.osparams),
            osparams_private=merge(after.osparams_private, private),
        )
        if op.os_name:
            changes.append(("os", os))
        changes += [(f"os/{name}", value) for name, value in op.osparams.items()]
        changes += [(f"os_private/{name}", "<private>") for name in private]
        if os and not plan.primary.offline and not op.force:
            parameters = osinstall.visible_parameters(config, os, after.osparams, after.osparams_private, {})
            await osinstall.validate(
                self.services,
                config,
                os,
                plan.primary,
                parameters,
                required=False,
                force_variant=op.force_variant,
            )
        return after

    async def _with_state(self, plan: Placed, after: Instance, changes: Changes) -> Instance:
        if self.op.offline is None:
            return after
        name = plan.instance.name
        if self.op.offline:
            if plan.instance.admin_state == AdminState.OFFLINE:
                return after
            await need_stopped(self.services, plan, f"mark instance {name} offline")
            changes.append(("admin_state", AdminState.OFFLINE))
            return replace(after, admin_state=AdminState.OFFLINE)
        if plan.instance.admin_state != AdminState.OFFLINE:
            raise errors.OpPrereqError(f"cannot mark instance {name} online: it is not offline", ECode.STATE)
        changes.append(("admin_state", AdminState.DOWN))
        return replace(after, admin_state=AdminState.DOWN)

    async def _runtime_memory(self, plan: Placed, after: Instance, changes: Changes) -> MiB | None:
        wanted = self.op.runtime_mem
        if wanted is None:
            return None
        if not await devices.is_running(self.services, plan.primary, plan.on_node):
            raise errors.OpPrereqError(f"runtime_mem: instance {after.name} does not run", ECode.STATE)
        be = backend(fill_beparams(self.services.config.current.cluster, after.beparams))
        if not be.minmem <= wanted <= be.maxmem and not self.op.force:
            raise errors.OpPrereqError(
                f"runtime_mem: {wanted} MiB is not from {be.minmem} (minmem) to {be.maxmem} MiB (maxmem)", ECode.INVAL
            )
        changes.append(("runtime_memory", wanted))
        return MiB(wanted)

    def _check_policy(self, config: Config, plan: Placed, after: Instance, changed: tuple[Disk, ...]) -> None:
        if len(after.nics) > build.MAX_NICS:
            raise errors.OpPrereqError(f"nics: at most {build.MAX_NICS} are possible", ECode.INVAL)
        policy = fill_ipolicy(config.cluster, config.groups.get(plan.primary.group))
        be = backend(fill_beparams(config.cluster, after.beparams))
        sizes = {disk.uuid: disk.size for disk in [*config.disks_of(after), *changed]}
        size = ipolicy.Size(
            memory=be.maxmem,
            cpus=be.vcpus,
            disks=list(sizes.values()),
            nics=len(after.nics),
            spindles=be.spindle_use,
        )
        template = config.template_of(after)
        broken = ipolicy.violations(policy, size, template if isinstance(template, DiskTemplate) else None)
        if broken and not self.op.ignore_ipolicy:
            raise errors.OpPrereqError(
                f"instance {after.name} would not fit the policy of its group: {'; '.join(broken)}"
                " (--ignore-ipolicy goes on all the same)",
                ECode.INVAL,
            )

    async def _check_memory(self, config: Config, plan: Placed, after: Instance) -> None:
        """Warn early when the node has too little memory for the next start."""
        before_be = backend(plan.on_node.beparams)
        after_be = backend(fill_beparams(config.cluster, after.beparams))
        if after_be.maxmem <= before_be.maxmem or self.op.force or plan.primary.offline:
            return
        free = await devices.free_memory(self.services, plan.primary, fill_instance(config, plan.instance))
        running = await devices.is_running(self.services, plan.primary, plan.on_node)
        needed = after_be.maxmem - (before_be.maxmem if running else 0)
        if needed > free:
            raise errors.OpPrereqError(
                f"instance {after.name} could not be started any more: node {plan.primary.name} lacks"
                f" {needed - free} MiB of memory (--force goes on all the same)",
                ECode.NORES,
            )
