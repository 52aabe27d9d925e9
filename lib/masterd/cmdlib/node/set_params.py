"""Changes role, addresses and parameters of a node."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ganeti import errors
from ganeti.errors import ECode
from ganeti.masterd.cmdlib.base import ALL, HookRun, Locks, LogicalUnit, get_node
from ganeti.masterd.cmdlib.node import joining, pool, roles
from ganeti.masterd.cmdlib.node.common import hooks_on, merged_ndparams, prerequisite, refuse_unsupported, single_homed
from ganeti.masterd.config.draft import Draft
from ganeti.masterd.config.snapshot import Config
from ganeti.model.enums import AdminState, Level
from ganeti.model.objects.node import Node
from ganeti.model.opcodes.node import OpNodeSetParams
from ganeti.model.params.fill import fill_ndparams
from ganeti.rpc import procedures as p
from ganeti.schema import replace

_FIELDS = ("master_candidate", "offline", "drained", "master_capable", "vm_capable", "powered", "secondary_ip")


class Modification(NamedTuple):
    """The node before and after; `digest` is that of its certificate if it becomes master candidate."""

    old: Node
    new: Node
    digest: str
    notes: Sequence[str]


class LUNodeSetParams(LogicalUnit[OpNodeSetParams, Modification]):
    """Decide about the new role, look at the node, write it down, have nodes act on it."""

    def locks(self, level: Level, config: Config) -> Locks | None:
        if level == Level.INSTANCE and self.op.secondary_ip:
            node = config.node_named(self.op.node_name)
            return Locks({i.name for i in config.instances_on(node.uuid)}, shared=True) if node else None
        if level == Level.NODE:
            return Locks(ALL) if self.op.auto_promote and self._may_leave_pool() else Locks({self.op.node_name})
        return None

    async def check(self, config: Config) -> Modification:
        old = get_node(config, self.op.node_name)
        act = f"change node {old.name}"
        refuse_unsupported(act, {"hv_state": self.op.hv_state, "disk_state": self.op.disk_state})
        request = self._request()
        if request.is_empty and all(v is None for v in (self.op.powered, self.op.secondary_ip, self.op.ndparams)):
            raise errors.OpPrereqError(f"cannot {act}: no change is asked for", ECode.INVAL)
        decision = plan_flags(config, old, request)
        new = decision.node
        if not self.op.auto_promote:
            check_pool(config, new)
        check_instances(config, old, new)
        if self.op.ndparams is not None:
            new = replace(new, ndparams=merged_ndparams(old.ndparams, self.op.ndparams))
        new = plan_power(config, old, new, self.op.powered)
        if self.op.secondary_ip:
            new = replace(new, secondary_ip=self.op.secondary_ip)
            await self._check_secondary(config, old, new)
        if old.offline and not new.offline:
            prerequisite(await self.services.rpc.call(new, p.version), "talk to the node daemon")
            self.warn(
                f"node {old.name} comes back as it is, without being set up anew",
                hint=f"gnt-node add --readd {old.name} sets it up, if it was installed anew or misses keys",
            )
        return Modification(old, new, await self._digest(config, old, new), decision.notes)

    def hooks(self, plan: Modification, config: Config) -> HookRun:
        env = {
            "OP_TARGET": plan.old.name,
            "MASTER_CANDIDATE": self.op.master_candidate,
            "OFFLINE": self.op.offline,
            "DRAINED": self.op.drained,
            "MASTER_CAPABLE": self.op.master_capable,
            "VM_CAPABLE": self.op.vm_capable,
        }
        return hooks_on(env, [config.master.name, plan.old.name])

    async def execute(self, plan: Modification) -> list[tuple[str, object]]:
        services = self.services
        for note in plan.notes:
            self.info(note)
        successors = pool.Pool()
        if self.op.auto_promote and plan.old.master_candidate and not plan.new.master_candidate:
            successors = await pool.prepare_pool(services, services.config.current, self.warn, leaving={plan.old.uuid})
        with services.config.update() as draft:
            if not self.op.auto_promote:
                # Again: another node may have left the pool since the check.
                check_pool(draft.base, plan.new)
            pool.write_pool(draft, successors)
            self._write(draft, plan)
        config = await services.config.durable(draft)
        await pool.settle_pool(services, successors, self.info, self.warn)
        await self._settle(config, plan.old, config.nodes[plan.old.uuid])
        return changes(plan.old, plan.new)

    # --- steps ------------------------------------------------------------------------

    def _request(self) -> roles.FlagRequest:
        op = self.op
        return roles.FlagRequest(op.master_candidate, op.offline, op.drained, op.master_capable, op.vm_capable)

    def _may_leave_pool(self) -> bool:
        op = self.op
        return bool(op.offline or op.drained or op.master_candidate is False or op.master_capable is False)

    def _write(self, draft: Draft, plan: Modification) -> None:
        uuid, old, new = plan.old.uuid, plan.old, plan.new
        # Only what was asked for: the record may have got other tags meanwhile.
        changed = {
            name: getattr(new, name) for name in (*_FIELDS, "ndparams") if getattr(new, name) != getattr(old, name)
        }
        draft.nodes[uuid] = replace(draft.nodes[uuid], **changed)
        if not new.master_candidate:
            pool.forget_digest(draft, uuid)
        elif plan.digest:
            pool.set_candidate(draft, uuid, plan.digest)

    async def _settle(self, config: Config, old: Node, new: Node) -> None:
        """Have the node act on its new role."""
        if new.offline:
            return
        # Each of these may give it files it had no use for before.
        gains = (new.master_candidate > old.master_candidate, new.vm_capable > old.vm_capable)
        if old.offline or any(gains):
            for problem in (await self.services.distribution.bring_up_to_date(config, new)).all_problems:
                self.warn(problem)
        # One that was switched off as a candidate still holds its copies when it comes back.
        if not new.master_candidate and (old.master_candidate or old.offline):
            await pool.demote(self.services, new, self.warn)

    async def _digest(self, config: Config, old: Node, new: Node) -> str:
        if not new.master_candidate or old.master_candidate:
            return ""
        digest, problem = (await pool.ask_digests(self.services, config, [new]))[new.uuid]
        if problem:
            raise errors.OpPrereqError(f"cannot make node {new.name} master candidate: {problem}", ECode.ENVIRON)
        return digest

    async def _check_secondary(self, config: Config, old: Node, new: Node) -> None:
        is_master = new.uuid == config.cluster.master_node
        if self.op.force and is_master and single_homed(old) != single_homed(new):
            self.warn("the other nodes have to follow: all or none need a secondary address of their own")
        else:
            joining.check_addresses(config, new)
        users = [i for i in config.instances_on(old.uuid) if i.admin_state == AdminState.UP and i.disks_active]
        mirrored = [i.name for i in users if config.secondaries_of(i)]
        if mirrored:
            raise errors.OpPrereqError(
                f"cannot change the secondary address of node {new.name}: instances replicate over it:"
                f" {', '.join(sorted(mirrored))}; stop them first",
                ECode.STATE,
            )
        if new.offline:
            return
        answer = await self.services.rpc.call(new, p.node_has_ip_address, new.secondary_ip)
        if not prerequisite(answer, f"look for address {new.secondary_ip}"):
            raise errors.OpPrereqError(
                f"cannot change the secondary address of node {new.name}: {new.secondary_ip} is not set up there",
                ECode.ENVIRON,
            )


# --- decisions ------------------------------------------------------------------------


def plan_flags(config: Config, node: Node, request: roles.FlagRequest) -> roles.Decision:
    """Return the node with its new flags.

    Raises OpPrereqError.
    """
    capable = node.master_capable if request.master_capable is None else request.master_capable
    as_regular = replace(node, offline=False, drained=False, master_candidate=False, master_capable=capable)
    needed = roles.has_room(list(config.nodes.values()), as_regular, config.cluster.candidate_pool_size)
    is_master = node.uuid == config.cluster.master_node
    return roles.decide_flags(node, request, is_master=is_master, pool_needs_it=needed)


def check_pool(config: Config, new: Node) -> None:
    """Refuse a change of a node that leaves too few master candidates.

    Raises OpPrereqError.
    """
    cluster = config.cluster
    roles.check_pool(list(config.nodes.values()), new, cluster.master_node, cluster.candidate_pool_size)


def check_instances(config: Config, old: Node, new: Node) -> None:
    """Refuse to take instances from under their users.

    Raises OpPrereqError.
    """
    if old.vm_capable and not new.vm_capable:
        there = sorted(instance.name for instance in config.instances_on(old.uuid))
        if there:
            raise errors.OpPrereqError(
                f"cannot change node {old.name}: it holds instances ({', '.join(there[:5])}), so it stays vm capable",
                ECode.STATE,
            )


def plan_power(config: Config, old: Node, new: Node, powered: bool | None) -> Node:
    """Return the node with its power state.

    Raises OpPrereqError if it has no out-of-band helper, or would come back switched off.
    """
    group = config.groups[old.group]
    has_helper = bool(fill_ndparams(config.cluster, group, old)["oob_program"])
    if not has_helper:
        if powered is not None:
            raise errors.OpPrereqError(
                f"cannot change node {old.name}: without an out-of-band program its power state is not known",
                ECode.STATE,
            )
        return new
    if old.offline and not new.offline and not (old.powered or powered):
        raise errors.OpPrereqError(f"cannot change node {old.name}: switch it on first", ECode.STATE)
    return new if powered is None else replace(new, powered=powered)


def changes(old: Node, new: Node) -> list[tuple[str, object]]:
    """Return what was changed, as the operation answers it."""
    found: list[tuple[str, object]] = [(name, str(value)) for name, value in roles.changed_flags(old, new)]
    if old.powered != new.powered:
        found.append(("powered", str(new.powered)))
    if old.secondary_ip != new.secondary_ip:
        found.append(("secondary_ip", new.secondary_ip))
    for name in sorted(old.ndparams.keys() | new.ndparams.keys()):
        value = new.ndparams.get(name, "default")
        if old.ndparams.get(name, "default") != value:
            found.append((f"nd/{name}", str(value)))
    return found
