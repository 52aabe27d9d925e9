"""Adds a node to the cluster, or takes one back.

The machine was set up before, with keys and a running node daemon (`bootstrap.nodeadd`).
It gets its files first and is written into the configuration last: a run that is cut
off leaves the cluster as it was and can be repeated.
"""

from __future__ import annotations

from typing import NamedTuple

from ganeti import errors
from ganeti.errors import ECode
from ganeti.masterd.cluster_files import Where
from ganeti.masterd.cmdlib.base import HookRun, Locks, LogicalUnit
from ganeti.masterd.cmdlib.node import joining, pool, roles
from ganeti.masterd.cmdlib.node.common import hook_env, prerequisite, refuse_unsupported
from ganeti.masterd.config.snapshot import Config
from ganeti.model import versions
from ganeti.model.enums import Level
from ganeti.model.objects.node import Node
from ganeti.model.opcodes.node import OpNodeAdd
from ganeti.rpc import procedures as p

#: the files a node gets before it is one, and those that depend on what it becomes
_BEFORE = (Where.ALL, Where.VM_CAPABLE)
_AFTER = (Where.CANDIDATES,)


class Addition(NamedTuple):
    """The node as it will be, but for its role; `digest` is that of its certificate."""

    node: Node
    digest: str


class LUNodeAdd(LogicalUnit[OpNodeAdd, Addition]):
    """Check the new node, give it its files and write it down."""

    def locks(self, level: Level, config: Config) -> Locks | None:
        return Locks({self.op.node_name}) if level == Level.NODE else None

    async def check(self, config: Config) -> Addition:
        act = f"add node {self.op.node_name}"
        refuse_unsupported(act, {"hv_state": self.op.hv_state, "disk_state": self.op.disk_state})
        reserve = self.services.config.reservations(self.call.job_id)
        if not self.op.readd and config.node_named(self.op.node_name) is None:
            reserve.node_name(self.op.node_name)
        node = joining.plan_node(config, self.op, reserve.uuid())
        version = prerequisite(await self.services.rpc.call(node, p.version), "talk to the node daemon")
        if version != versions.PROTOCOL:
            raise errors.OpPrereqError(
                f"cannot {act}: it speaks protocol version {version}, this cluster {versions.PROTOCOL};"
                " install the same release there",
                ECode.ENVIRON,
            )
        return Addition(node, await self._look_at(config, node))

    def hooks(self, plan: Addition, config: Config) -> HookRun:
        node = plan.node
        env = {
            "OP_TARGET": node.name,
            "NODE_NAME": node.name,
            "NODE_PIP": node.primary_ip,
            "NODE_SIP": node.secondary_ip,
            "MASTER_CAPABLE": node.master_capable,
            "VM_CAPABLE": node.vm_capable,
        }
        others = [name for name in config.node_names() if name != node.name]
        return HookRun(hook_env(env), others, [*others, node.name])

    async def execute(self, plan: Addition) -> None:
        services, node = self.services, plan.node
        sent = await services.distribution.send_files(services.config.current, [node], _BEFORE)
        if sent.all_problems:
            raise errors.OpExecError(
                f"cannot add node {node.name}: {'; '.join(sent.all_problems)}; nothing was changed"
            )
        with services.config.update() as draft:
            draft.nodes[node.uuid] = node
            size = draft.cluster.candidate_pool_size
            # Looked at here, not before: of two nodes that come at once the second may find the pool full.
            needed = roles.has_room(list(draft.nodes.values()), node, size)
            pool.set_candidate(draft, node.uuid, plan.digest if needed else None)
        config = await services.config.durable(draft)
        added = config.nodes[node.uuid]
        for problem in (await services.distribution.bring_up_to_date(config, added, _AFTER)).all_problems:
            self.warn(problem)
        if added.master_candidate:
            self.info(f"node {node.name} is master candidate")
        else:
            # One that is taken back may hold copies of the time when it was a candidate.
            await pool.demote(services, added, self.warn)

    async def _look_at(self, config: Config, node: Node) -> str:
        """Check the set-up of the node; return the digest of its certificate.

        Raises OpPrereqError naming what is wrong.
        """
        master, clock = config.master, self.services.clock
        checks = {
            "nodesetup": None,
            pool.CLIENT_CERT: None,
            "time": None,
            "nodelist": [(master.name, master.primary_ip)],
        }
        start = clock.time()
        answer = await self.services.rpc.call(node, p.node_verify, checks, config.cluster.cluster_name, {})
        found = prerequisite(answer, "look at the set-up")
        problems = joining.problems_of(node.name, found)
        digest, problem = pool.digest_in(found)
        if problem:
            problems.append(problem)
        if problems:
            raise errors.OpPrereqError(f"cannot add node {node.name}: {'; '.join(problems)}", ECode.ENVIRON)
        skew = joining.clock_skew(found, start, clock.time())
        if skew is None or skew > joining.MAX_CLOCK_SKEW:
            shown = "is not known" if skew is None else f"is off by {skew:.0f} s"
            self.warn(f"the time of node {node.name} {shown}", hint="set its clock, by NTP for example")
        return digest
