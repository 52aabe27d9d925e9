"""What failover and migration share: where to, whether it fits, and the record of the move."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ganeti import errors
from ganeti.errors import ECode
from ganeti.masterd.cmdlib.base import get_node, need_online, node_of
from ganeti.masterd.cmdlib.instance.common import Placed
from ganeti.masterd.config.draft import Draft
from ganeti.masterd.config.snapshot import Config
from ganeti.masterd.services import Services
from ganeti.model.enums import REACHABLE_ANYWHERE, DiskTemplate
from ganeti.model.objects.disk import Disk
from ganeti.model.objects.instance import Instance
from ganeti.model.objects.node import Node
from ganeti.model.params import ipolicy
from ganeti.model.params.be import backend
from ganeti.model.params.fill import fill_ipolicy
from ganeti.model.scalars import NodeName, Uuid
from ganeti.schema import replace


async def choose_target(
    services: Services,
    config: Config,
    plan: Placed,
    act: str,
    *,
    target_node: NodeName | None,
    target_uuid: Uuid | None,
    iallocator: str | None,
) -> Node:
    """Return the node an instance goes to.

    Raises OpPrereqError when its disks tie it to its node, or there is no fit target.
    """
    template = config.template_of(plan.instance)
    if template not in REACHABLE_ANYWHERE:
        raise errors.OpPrereqError(
            f"cannot {act} instance {plan.instance.name}: its disks ({template}) are only on node {plan.primary.name}",
            ECode.STATE,
        )
    target = node_of(config, target_node, target_uuid)
    if target is not None and iallocator:
        raise errors.OpPrereqError("give either a node or an allocator, not both", ECode.INVAL)
    if target is None:
        names = await services.allocator.relocate(config, plan.instance, iallocator)
        target = get_node(config, names[0])
    if target.uuid == plan.primary.uuid:
        raise errors.OpPrereqError(
            f"cannot {act} instance {plan.instance.name}: it is on node {target.name} already", ECode.STATE
        )
    need_online(target, f"{act} instance {plan.instance.name}")
    for good, word in ((not target.drained, "is drained"), (target.vm_capable, "is not vm_capable")):
        if not good:
            raise errors.OpPrereqError(
                f"cannot {act} instance {plan.instance.name}: node {target.name} {word}", ECode.STATE
            )
    return target


def policy_problems(config: Config, plan: Placed, target: Node) -> list[str]:
    """Return why the policy of the target's group does not allow the instance; empty if it does."""
    policy = fill_ipolicy(config.cluster, config.groups.get(target.group))
    be = backend(plan.on_node.beparams)
    size = ipolicy.Size(
        memory=be.maxmem,
        cpus=be.vcpus,
        disks=[disk.size for disk in plan.on_node.disks_info],
        nics=len(plan.on_node.nics),
        spindles=be.spindle_use,
    )
    template = config.template_of(plan.instance)
    return ipolicy.violations(policy, size, template if isinstance(template, DiskTemplate) else None)


def version_problem(instance: Instance, versions: Sequence[object]) -> str | None:
    """Return why an instance should not be migrated between nodes of these versions of its hypervisor.

    None stands for a version that was not told.
    """
    told = list(dict.fromkeys(_dotted(version) for version in versions if version is not None))
    if len(told) < 2:
        return None
    return (
        f"cannot migrate instance {instance.name}: its nodes have different versions"
        f" of hypervisor {instance.hypervisor}, {' and '.join(told)}"
    )


def _dotted(version: object) -> str:
    return ".".join(map(str, version)) if isinstance(version, (list, tuple)) else str(version)


def record_move(draft: Draft, instance: Instance, target: Node) -> None:
    """Make `target` the primary node of an instance, in a draft."""
    old = instance.primary_node
    draft.instances[instance.uuid] = replace(instance, primary_node=target.uuid)
    for uuid in instance.disks:
        disk = draft.disks[uuid]
        if old in disk.nodes:
            nodes = tuple(target.uuid if node == old else node for node in disk.nodes)
            draft.disks[uuid] = replace(disk, nodes=nodes)


def take_back(draft: Draft, before: Instance, disks: Mapping[Uuid, Disk]) -> None:
    """Undo `record_move` in a draft: the nodes of an instance and its disks are those of before."""
    draft.instances[before.uuid] = replace(draft.instances[before.uuid], primary_node=before.primary_node)
    for uuid in before.disks:
        draft.disks[uuid] = replace(draft.disks[uuid], nodes=disks[uuid].nodes)


def move_env(plan_old: Node, plan_new: Node) -> dict[str, object]:
    """Return what hooks are told of a move of an instance whose disks every node can reach."""
    return {"OLD_PRIMARY": plan_old.name, "NEW_PRIMARY": plan_new.name, "OLD_SECONDARY": "", "NEW_SECONDARY": ""}
