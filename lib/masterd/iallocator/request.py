"""Pure: the document an allocator reads (`spec/iallocator.json`), and the check of its answer."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

from ganeti import errors
from ganeti.masterd.config.snapshot import Config
from ganeti.model import versions
from ganeti.model.enums import AdminState, DiskTemplate, EvacMode
from ganeti.model.objects.instance import FilledInstance, Instance
from ganeti.model.objects.node import Node
from ganeti.model.opcodes.instance import OpInstanceCreate
from ganeti.model.params.be import backend, check_beparams
from ganeti.model.params.fill import fill_beparams, fill_instance, fill_ipolicy, fill_ndparams
from ganeti.model.scalars import InstanceName, NodeName, Uuid
from ganeti.rpc.answers import InstanceFigures, NodeInfo
from ganeti.utils import json, text

DRBD_META = 128


class NodeFigures(NamedTuple):
    """What a node told about itself."""

    info: NodeInfo
    running: Mapping[InstanceName, InstanceFigures]


def document(config: Config, figures: Mapping[Uuid, NodeFigures], request: Mapping[str, object]) -> dict[str, Any]:
    """Return the whole document around a request; nodes without figures are described without them."""
    cluster = config.cluster
    return {
        "version": versions.IALLOCATOR,
        "cluster_name": cluster.cluster_name,
        "cluster_tags": sorted(cluster.tags),
        "enabled_hypervisors": [str(name) for name in cluster.enabled_hypervisors],
        "ipolicy": fill_ipolicy(cluster),
        "nodegroups": {
            uuid: {
                "name": group.name,
                "alloc_policy": str(group.alloc_policy),
                "networks": sorted(group.networks),
                "ipolicy": fill_ipolicy(cluster, group),
                "tags": sorted(group.tags),
            }
            for uuid, group in config.groups.items()
        },
        "nodes": {node.name: _node(config, node, figures.get(node.uuid)) for node in config.nodes.values()},
        "instances": {instance.name: _instance(config, instance) for instance in config.instances.values()},
        "request": dict(request),
    }


def allocation(config: Config, op: OpInstanceCreate, candidates: Collection[NodeName] | None) -> dict[str, Any]:
    """Return the request to place one new instance; None lets the allocator choose among all nodes.

    Raises ParameterError for a backend parameter that is wrong, OpPrereqError for a size.
    """
    cluster = config.cluster
    template = op.disk_template or cluster.enabled_disk_templates[0]
    be = backend(fill_beparams(cluster, check_beparams(op.beparams)))
    sizes = [_mib(disk.get("size"), f"disks[{index}].size") for index, disk in enumerate(op.disks)]
    disks = [
        {"size": size, "mode": disk.get("mode", "rw"), "type": str(template)}
        for size, disk in zip(sizes, op.disks, strict=True)
    ]
    request: dict[str, Any] = {
        "type": "allocate",
        "name": op.instance_name,
        "disk_template": str(template),
        "group_name": op.group_name,
        "tags": list(op.tags),
        "os": op.os_type or "",
        "vcpus": be.vcpus,
        "memory": be.maxmem,
        "spindle_use": be.spindle_use,
        "disks": disks,
        "disk_space_total": disk_space(sizes, template),
        "nics": [{str(key): value for key, value in nic.items()} for nic in op.nics],
        "required_nodes": nodes_needed(template),
        "hypervisor": str(op.hypervisor or cluster.enabled_hypervisors[0]),
    }
    if candidates is not None:
        request["restrict-to-nodes"] = sorted(candidates)
    return request


def allocations(config: Config, ops: Sequence[OpInstanceCreate]) -> dict[str, Any]:
    """Return the request to place several new instances; raises as `allocation` does."""
    single = [allocation(config, op, None) for op in ops]
    instances = [{key: value for key, value in one.items() if key != "type"} for one in single]
    return {"type": "multi-allocate", "instances": instances}


def evacuation(instances: Sequence[InstanceName], mode: EvacMode) -> dict[str, Any]:
    """Return the request to find new places for instances that are to leave their node."""
    return {"type": "node-evacuate", "instances": list(instances), "evac_mode": str(mode)}


def group_change(instances: Sequence[InstanceName], groups: Sequence[Uuid]) -> dict[str, Any]:
    """Return the request to find places for instances in other groups."""
    return {"type": "change-group", "instances": list(instances), "target_groups": list(groups)}


def relocation(config: Config, instance: Instance, template: DiskTemplate) -> dict[str, Any]:
    """Return the request to find another node for an instance."""
    sizes = [disk.size for disk in config.disks_of(instance)]
    return {
        "type": "relocate",
        "name": instance.name,
        "disk_space_total": disk_space(sizes, template),
        "required_nodes": 1,
        "relocate_from": [node.name for node in config.nodes_of(instance)[:1]],
    }


def nodes_needed(template: DiskTemplate) -> int:
    """Return how many nodes hold the disks of an instance."""
    return 2 if template == DiskTemplate.DRBD else 1


def disk_space(sizes: Sequence[int], template: DiskTemplate) -> int:
    """Return the room an instance's disks take on each of its nodes, in MiB."""
    if template == DiskTemplate.DISKLESS:
        return 0
    return sum(sizes) + (DRBD_META * len(sizes) if template == DiskTemplate.DRBD else 0)


def read_answer(allocator: str, text_: str) -> Any:
    """Return the `result` of an allocator's answer.

    Raises OpExecError when it is no answer, OpPrereqError (no resources) when it says no.
    """
    try:
        answer = json.loads(text_)
    except errors.ParseError as err:
        raise errors.OpExecError(f"cannot read the answer of allocator {allocator}: {err}") from err
    if not isinstance(answer, Mapping):
        raise errors.OpExecError(f"cannot read the answer of allocator {allocator}: expected an object")
    result = answer.get("result", answer.get("nodes"))
    missing = [key for key in ("success", "info") if key not in answer] + (["result"] if result is None else [])
    if missing:
        raise errors.OpExecError(f"cannot use the answer of allocator {allocator}: no {', '.join(missing)} in it")
    if not answer["success"]:
        raise errors.OpPrereqError(f"allocator {allocator} finds no place: {answer['info']}", errors.ECode.NORES)
    return result


def chosen_nodes(
    allocator: str, result: Any, config: Config, needed: int, allowed: Collection[NodeName] | None = None
) -> list[NodeName]:
    """Check and return the nodes an allocator chose, the primary first; None allows every node.

    Raises OpExecError.
    """
    if not isinstance(result, list) or not all(isinstance(name, str) for name in result) or len(result) != needed:
        raise errors.OpExecError(
            f"cannot use the answer of allocator {allocator}: expected {text.plural(needed, 'node name')},"
            f" got {str(result)[:200]}"
        )
    unknown = [name for name in result if config.node_named(NodeName(name)) is None]
    if unknown:
        raise errors.OpExecError(f"cannot use the answer of allocator {allocator}: unknown node {unknown[0]}")
    refused = [name for name in result if allowed is not None and name not in allowed]
    if refused:
        raise errors.OpExecError(
            f"cannot use the answer of allocator {allocator}: node {refused[0]} is not one of those allowed"
        )
    if len(set(result)) < len(result):
        raise errors.OpExecError(f"cannot use the answer of allocator {allocator}: node {result[0]} is in it twice")
    return [NodeName(name) for name in result]


def chosen_for_all(
    allocator: str, result: Any, config: Config, wanted: Mapping[InstanceName, int]
) -> tuple[dict[InstanceName, list[NodeName]], list[InstanceName]]:
    """Check and return the nodes of each placed instance, and the names of the others.

    `wanted` holds how many nodes each instance needs.  Raises OpExecError.
    """
    placed: dict[InstanceName, list[NodeName]] = {}
    match result:
        case [list(found), list(failed)]:
            for entry in found:
                match entry:
                    case [str(name), list(nodes)] if name in wanted and name not in placed:
                        needed = wanted[InstanceName(name)]
                        placed[InstanceName(name)] = chosen_nodes(allocator, nodes, config, needed)
                    case _:
                        raise errors.OpExecError(
                            f"cannot use the answer of allocator {allocator}: {str(entry)[:200]} is no placement"
                        )
            # a name, or a name with the reason
            names = {str(entry[0] if isinstance(entry, list) and entry else entry) for entry in failed}
            both = sorted(names & placed.keys())
            if both:
                raise errors.OpExecError(
                    f"cannot use the answer of allocator {allocator}: {both[0]} is both placed and failed"
                )
            return placed, [name for name in wanted if name not in placed]
    raise errors.OpExecError(
        f"cannot use the answer of allocator {allocator}: expected placed and failed instances, got {str(result)[:200]}"
    )


def _mib(size: str | int | None, path: str) -> int:
    try:
        if isinstance(size, str):
            return text.parse_unit(size)
    except errors.UnitParseError as err:
        raise errors.OpPrereqError(f"{path}: {err}", errors.ECode.INVAL) from err
    if not isinstance(size, int):
        raise errors.OpPrereqError(f"{path}: required, but missing", errors.ECode.INVAL)
    return size


def _node(config: Config, node: Node, figures: NodeFigures | None) -> dict[str, Any]:
    described: dict[str, Any] = {
        "tags": sorted(node.tags),
        "primary_ip": node.primary_ip,
        "secondary_ip": node.secondary_ip,
        "offline": node.offline,
        "drained": node.drained,
        "master_candidate": node.master_candidate,
        "group": node.group,
        "master_capable": node.master_capable,
        "vm_capable": node.vm_capable,
        "ndparams": fill_ndparams(config.cluster, config.groups[node.group], node),
    }
    if figures is None or node.offline or not node.vm_capable:
        return described
    hypervisor = figures.info.hypervisors[0]
    space = figures.info.storage[0] if figures.info.storage else None
    primaries = config.instances_on(node.uuid, primary=True)
    memory = {instance.name: backend(fill_beparams(config.cluster, instance.beparams)).maxmem for instance in primaries}
    unused = sum(max(0, memory[n] - figures.running[n].memory) for n in memory if n in figures.running)
    return described | {
        "total_memory": hypervisor.memory_total,
        "reserved_memory": hypervisor.memory_dom0,
        "free_memory": hypervisor.memory_free - unused,
        "total_disk": int(space.storage_size or 0) if space else 0,
        "free_disk": int(space.storage_free or 0) if space else 0,
        "total_spindles": 0,
        "free_spindles": 0,
        "total_cpus": hypervisor.cpu_total,
        "reserved_cpus": hypervisor.cpu_dom0,
        "i_pri_memory": sum(memory.values()),
        "i_pri_up_memory": sum(memory[i.name] for i in primaries if i.admin_state == AdminState.UP),
    }


def _instance(config: Config, instance: Instance) -> dict[str, Any]:
    filled: FilledInstance = fill_instance(config, instance)
    be = backend(filled.beparams)
    kinds = {disk.dev_type for disk in filled.disks_info}
    template = kinds.pop() if len(kinds) == 1 else DiskTemplate.DISKLESS
    nics = []
    for nic in filled.nics:
        described = {"mac": nic.mac, "ip": nic.ip, "mode": nic.nicparams["mode"], "link": nic.nicparams["link"]}
        if described["mode"] == "bridged":
            described["bridge"] = described["link"]
        nics.append(described)
    return {
        "tags": sorted(instance.tags),
        "admin_state": str(instance.admin_state),
        "vcpus": be.vcpus,
        "memory": be.maxmem,
        "spindle_use": be.spindle_use,
        "os": instance.os,
        "nodes": [node.name for node in config.nodes_of(instance)],
        "nics": nics,
        "disks": [
            {"size": d.size, "mode": str(d.mode), "type": str(d.dev_type), "spindles": d.spindles}
            for d in filled.disks_info
        ],
        "disk_template": str(template),
        "disks_active": instance.disks_active,
        "hypervisor": str(instance.hypervisor),
        "disk_space_total": disk_space([disk.size for disk in filled.disks_info], template),
    }
