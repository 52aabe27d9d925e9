"""Asks nodes for what queries show of them: figures, running instances, consoles."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence

from ganeti.masterd.config.snapshot import Config
from ganeti.masterd.storage_choice import default_storage
from ganeti.model.objects.instance import Instance
from ganeti.model.objects.messages import InstanceConsole
from ganeti.model.objects.node import Node
from ganeti.model.params.fill import fill_cluster_hvparams, fill_instance
from ganeti.model.query.table import NODATA, OFFLINE, UNAVAIL
from ganeti.model.scalars import InstanceName, NodeName, Uuid
from ganeti.rpc import procedures as p
from ganeti.rpc.answers import ConsoleRequest, InstanceFigures, NodeInfo, OsDiagnosis
from ganeti.rpc.client import NodeRpc

Running = Mapping[InstanceName, InstanceFigures]


async def node_figures(rpc: NodeRpc, config: Config, nodes: Collection[Node]) -> dict[Uuid, NodeInfo | None]:
    """Return what nodes tell of themselves, None for one that does not answer; by uuid."""
    cluster = config.cluster
    able = [node for node in nodes if not node.offline]
    hypervisor = cluster.enabled_hypervisors[0]
    specs = [(hypervisor, fill_cluster_hvparams(cluster, hypervisor))]
    answers = await rpc.glance_many(able, p.node_info, default_storage(config), specs)
    return {node.uuid: answers[NodeName(node.name)].value for node in able}


async def running_instances(rpc: NodeRpc, config: Config, nodes: Collection[Node]) -> dict[Uuid, Running | None]:
    """Return the instances that run on nodes, None for one that does not answer; by uuid."""
    cluster = config.cluster
    able = [node for node in nodes if not node.offline]
    hvparams = {str(hv): fill_cluster_hvparams(cluster, hv) for hv in cluster.enabled_hypervisors}
    answers = await rpc.glance_many(able, p.all_instances_info, cluster.enabled_hypervisors, hvparams)
    return {node.uuid: answers[NodeName(node.name)].value for node in able}


async def consoles(
    rpc: NodeRpc, config: Config, instances: Sequence[Instance], running: Mapping[Uuid, Running | None]
) -> dict[InstanceName, object]:
    """Return how the console of each instance is reached, or why that cannot be told."""
    found: dict[InstanceName, object] = {}
    asked: dict[Uuid, dict[InstanceName, ConsoleRequest]] = {}
    for instance in instances:
        node = config.nodes.get(instance.primary_node) if instance.primary_node else None
        there = running.get(node.uuid) if node else None
        if node is None or (there is not None and instance.name not in there):
            found[instance.name] = UNAVAIL
        elif node.offline or there is None:
            found[instance.name] = OFFLINE if node.offline else NODATA
        else:
            asked.setdefault(node.uuid, {})[instance.name] = console_request(config, instance, node)
    answers = await asyncio.gather(
        *(rpc.call(config.nodes[uuid], p.instance_console_info, wanted) for uuid, wanted in asked.items())
    )
    for wanted, answer in zip(asked.values(), answers, strict=True):
        known: Mapping[InstanceName, InstanceConsole] = answer.value or {}
        for name in wanted:
            found[name] = known[name].to_wire() if name in known else NODATA
    return found


def console_request(config: Config, instance: Instance, node: Node) -> ConsoleRequest:
    """Return what a node needs to know to describe a console."""
    filled = fill_instance(config, instance)
    return ConsoleRequest(
        instance=filled,
        node=node,
        group=config.groups[node.group],
        hvparams=filled.hvparams,
        beparams=filled.beparams,
    )


async def os_definitions(rpc: NodeRpc, config: Config) -> dict[NodeName, Sequence[OsDiagnosis] | None]:
    """Return the OS definitions found on each node that may run instances, None for a silent one; by name."""
    able = [node for node in config.online_nodes() if node.vm_capable]
    answers = await rpc.glance_many(able, p.os_diagnose)
    return {name: answer.value for name, answer in answers.items()}


async def exports(rpc: NodeRpc, nodes: Collection[Node]) -> dict[Uuid, Sequence[str] | None]:
    """Return the names of the exports on nodes, None for one that does not answer; by uuid."""
    able = [node for node in nodes if not node.offline]
    answers = await rpc.glance_many(able, p.export_list)
    return {node.uuid: answers[NodeName(node.name)].value for node in able}
