"""Restarts a node the hard way."""

from __future__ import annotations

from ganeti import errors
from ganeti.errors import ECode
from ganeti.masterd.cmdlib.base import LogicalUnit, get_node
from ganeti.masterd.config.snapshot import Config
from ganeti.model.objects.node import Node
from ganeti.model.opcodes.node import OpNodePowercycle
from ganeti.model.params.fill import fill_cluster_hvparams
from ganeti.rpc import procedures as p


class LUNodePowercycle(LogicalUnit[OpNodePowercycle, Node]):
    """Reset a node; takes no locks, for it is meant for when nothing else helps."""

    async def check(self, config: Config) -> Node:
        node = get_node(config, self.op.node_name)
        if node.uuid == config.cluster.master_node and not self.op.force:
            raise errors.OpPrereqError(
                f"cannot restart node {node.name}: it is the master (--force does it all the same)", ECode.INVAL
            )
        return node

    async def execute(self, plan: Node) -> str:
        cluster = self.services.config.current.cluster
        hypervisor = cluster.enabled_hypervisors[0]
        answer = await self.services.rpc.call(
            plan, p.node_powercycle, hypervisor, fill_cluster_hvparams(cluster, hypervisor)
        )
        return answer.unwrap("restart it")
