"""Changes the settings of the cluster."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ganeti import errors
from ganeti.masterd.cmdlib.base import ALL, HookRun, Locks, LogicalUnit
from ganeti.masterd.cmdlib.cluster import master_ip, settings, usage
from ganeti.masterd.cmdlib.node import pool
from ganeti.masterd.cmdlib.node.common import master_hooks, prerequisite
from ganeti.masterd.config.snapshot import Config
from ganeti.model.enums import Level
from ganeti.model.objects.cluster import Cluster
from ganeti.model.opcodes.cluster import OpClusterSetParams
from ganeti.model.params.fill import fill_cluster_hvparams
from ganeti.rpc import procedures as p
from ganeti.schema import fields_of, replace


class Settings(NamedTuple):
    """The cluster before and after, and what the user should know."""

    old: Cluster
    new: Cluster
    notes: Sequence[str]

    @property
    def changed(self) -> dict[str, object]:
        """The settings that differ, with their new values."""
        names = [field.name for field in fields_of(Cluster)]
        return {name: getattr(self.new, name) for name in names if getattr(self.old, name) != getattr(self.new, name)}


class LUClusterSetParams(LogicalUnit[OpClusterSetParams, Settings]):
    """Work out the new settings, ask nodes about them, write them down."""

    def locks(self, level: Level, config: Config) -> Locks | None:
        match level:
            case Level.INSTANCE | Level.NODEGROUP:
                return Locks(ALL, shared=True)
            case Level.NODE:
                # The pool is filled or emptied by changing nodes.
                return Locks(ALL, shared=self.op.candidate_pool_size is None)
        return None

    async def check(self, config: Config) -> Settings:
        new, notes = settings.changed_settings(config.cluster, self.op)
        plan = Settings(config.cluster, new, notes)
        usage.check_usage(config, new)
        usage.check_instances(config, new)
        await self._check_hypervisors(config, new)
        await self._check_os_parameters(config)
        if self.op.default_iallocator and not self.op.force:
            await self.services.allocator.need(config, self.op.default_iallocator)
        return plan

    def hooks(self, plan: Settings, config: Config) -> HookRun:
        env = {"OP_TARGET": config.cluster.cluster_name, "NEW_VG_NAME": self.op.vg_name}
        return master_hooks(config, env)

    async def execute(self, plan: Settings) -> None:
        services = self.services
        for note in plan.notes:
            self.info(note)
        before = services.config.current
        changed = plan.changed
        new = replace(before.cluster, **changed)
        await self._change_address(before, new)
        future = before.changed({}, before.head._replace(cluster=new))
        members = pool.Pool()
        if self.op.candidate_pool_size is not None:
            members = await pool.prepare_pool(services, future, self.warn, shrink=True)
        with services.config.update() as draft:
            # Worked out again: another job may have changed other settings meanwhile.
            draft.cluster, _ = settings.changed_settings(draft.cluster, self.op)
            pool.write_pool(draft, members)
        after = await services.config.durable(draft)
        await pool.settle_pool(services, members, self.info, self.warn)
        if "master_netdev" in changed:
            await master_ip.activate(services, after, self.warn)
        violating = usage.new_violations(before, after) if "ipolicy" in changed else []
        if violating:
            self.warn(f"instances do not fit the new policy: {usage.named(violating)}")

    # --- steps ------------------------------------------------------------------------

    async def _check_hypervisors(self, config: Config, new: Cluster) -> None:
        """Ask nodes about hypervisors that are new, or whose parameters change."""
        old = config.cluster
        nodes = [node for node in config.online_nodes() if node.vm_capable]
        for name in new.enabled_hypervisors:
            filled = fill_cluster_hvparams(new, name)
            if name in old.enabled_hypervisors and filled == fill_cluster_hvparams(old, name):
                continue
            answers = await self.services.rpc.call_many(nodes, p.hypervisor_validate_params, name, filled)
            for node, answer in answers.items():
                if answer.ok:
                    continue
                if not self.op.force:
                    prerequisite(answer, f"use hypervisor {name}")
                self.warn(f"node {node} may not be able to use hypervisor {name}: {answer.failure}")

    async def _check_os_parameters(self, config: Config) -> None:
        """Have the master's OS definitions check their new parameters."""
        for os, given in (self.op.osparams or {}).items():
            params = {name: str(value) for name, value in given.items() if value is not None and value != "default"}
            if not params:
                continue
            answer = await self.services.rpc.call(config.master, p.os_validate, False, os, ["parameters"], params, True)
            if not prerequisite(answer, f"check parameters of OS {os}"):
                self.warn(f"OS {os} is not on the master: its parameters were not checked")

    async def _change_address(self, config: Config, new: Cluster) -> None:
        """Change how the cluster's address is set up, before it is written down."""
        old = config.cluster
        if new.master_netmask != old.master_netmask:
            answer = await self.services.rpc.call(
                config.master,
                p.node_change_master_netmask,
                old.master_netmask,
                new.master_netmask,
                old.master_ip,
                old.master_netdev,
            )
            if not answer.ok:
                self._or_force(f"cannot change the netmask of the cluster's address: {answer.failure}")
        if new.master_netdev != old.master_netdev:
            problem = await master_ip.try_deactivate(self.services, config)
            if problem:
                self._or_force(problem)

    def _or_force(self, problem: str) -> None:
        if not self.op.force:
            raise errors.OpExecError(f"{problem} (--force goes on all the same)")
        self.warn(problem)
