"""Whether instances are where and as they are meant to be.  Pure."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Set

from ganeti.masterd.cmdlib.cluster.findings import Finding
from ganeti.masterd.config.snapshot import MIXED, Config
from ganeti.model.enums import AdminState, DiskTemplate, VerifyCode
from ganeti.model.objects.instance import Instance
from ganeti.model.objects.node import Node
from ganeti.model.params import ipolicy
from ganeti.model.params.be import backend
from ganeti.model.params.fill import fill_beparams, fill_ipolicy
from ganeti.model.scalars import NodeName, Uuid

#: names of the instances that run on each node that told them
Running = Mapping[NodeName, Set[str]]


def judge_instance(config: Config, instance: Instance, running: Running) -> list[Finding]:
    """Return what is wrong with one instance, disks apart."""
    name = instance.name
    primary = config.nodes.get(instance.primary_node)
    if primary is None:
        return [Finding(VerifyCode.EINSTANCEBADNODE, name, f"its primary node {instance.primary_node} does not exist")]
    found = [Finding(code, name, text) for code, text in _places(config, instance, primary)]
    if instance.admin_state == AdminState.UP and not primary.offline and name not in running.get(primary.name, {name}):
        found.append(
            Finding(VerifyCode.EINSTANCEDOWN, name, f"does not run on its primary node {primary.name}, but should")
        )
    found += [Finding(VerifyCode.EINSTANCEPOLICY, name, text, True) for text in policy_violations(config, instance)]
    return found


def judge_running(config: Config, running: Running) -> list[Finding]:
    """Return which instances run where they should not, or should not exist at all."""
    found = []
    for node, names in running.items():
        for name in sorted(names):
            instance = config.instance_named(name)
            if instance is None:
                found.append(
                    Finding(
                        VerifyCode.ENODEORPHANINSTANCE, node, f"instance {name} runs there and is not in the cluster"
                    )
                )
            elif (primary := config.nodes[instance.primary_node].name) != node:
                text = _elsewhere(node, primary, name in running.get(primary, ()))
                found.append(Finding(VerifyCode.EINSTANCEWRONGNODE, name, text))
    return found


def _elsewhere(node: NodeName, primary: NodeName, twice: bool) -> str:
    if twice:
        return (
            f"runs on node {node} and on its primary node {primary}, which destroys what it writes to:"
            f" stop it on {node} by hand, with the tools of the hypervisor"
        )
    return f"runs on node {node}, its primary node is {primary}; gnt-instance migrate --cleanup records where it runs"


def judge_memory(config: Config, nodes: Iterable[Node], free: Mapping[NodeName, int]) -> list[Finding]:
    """Return which nodes could not take over the instances of another one that fails (N+1)."""
    found = []
    for node in nodes:
        if node.name not in free or node.offline:
            continue
        for failing, needed in sorted(_taken_over(config, node).items()):
            if needed > free[node.name]:
                found.append(
                    Finding(
                        VerifyCode.ENODEN1,
                        node.name,
                        f"has not the memory to take over from node {config.nodes[failing].name}:"
                        f" {needed} MiB are needed, {free[node.name]} MiB are free",
                    )
                )
    return found


def judge_disks(config: Config, missing: Mapping[Uuid, Iterable[NodeName]]) -> list[Finding]:
    """Return findings for disks (by uuid) that nodes do not have."""
    found = []
    for disk, nodes in missing.items():
        owner = config.owner_of(disk)
        if owner is not None:
            index = owner.disks.index(disk)
            where = ", ".join(nodes)
            found.append(Finding(VerifyCode.EINSTANCEMISSINGDISK, owner.name, f"disk/{index} is missing on {where}"))
    return found


def policy_violations(config: Config, instance: Instance) -> list[str]:
    """Return why an instance does not fit the policy of its group."""
    primary = config.nodes.get(instance.primary_node)
    group = config.groups.get(primary.group) if primary else None
    be = backend(fill_beparams(config.cluster, instance.beparams))
    template = config.template_of(instance)
    size = ipolicy.Size(
        memory=be.maxmem,
        cpus=be.vcpus,
        disks=[disk.size for disk in config.disks_of(instance)],
        nics=len(instance.nics),
        spindles=be.spindle_use,
    )
    return ipolicy.violations(fill_ipolicy(config.cluster, group), size, None if template == MIXED else template)


# --- steps ----------------------------------------------------------------------------


def _places(config: Config, instance: Instance, primary: Node) -> Iterator[tuple[VerifyCode, str]]:
    secondaries = [config.nodes[uuid] for uuid in config.secondaries_of(instance) if uuid in config.nodes]
    if primary.offline:
        yield VerifyCode.EINSTANCEBADNODE, f"its primary node {primary.name} is offline"
    for node in (primary, *secondaries):
        if not node.vm_capable:
            yield VerifyCode.EINSTANCEBADNODE, f"node {node.name} is not vm capable"
    offline = [node.name for node in secondaries if node.offline]
    if offline:
        yield VerifyCode.EINSTANCEBADNODE, f"its secondary node {', '.join(offline)} is offline"
    template = config.template_of(instance)
    if template == MIXED:
        yield VerifyCode.EINSTANCELAYOUT, "its disks are of several templates"
    if len(secondaries) > 1 and template == DiskTemplate.DRBD:
        yield VerifyCode.EINSTANCELAYOUT, f"it has several secondary nodes: {', '.join(n.name for n in secondaries)}"
    elsewhere = [node.name for node in secondaries if node.group != primary.group]
    if elsewhere and template == DiskTemplate.DRBD:
        yield (
            VerifyCode.EINSTANCESPLITGROUPS,
            f"it is spread over node groups: {', '.join(elsewhere)} is not in the group of {primary.name}",
        )


def _taken_over(config: Config, node: Node) -> dict[Uuid, int]:
    """Return the memory in MiB a node needs when another one fails, by the uuid of that one."""
    needed: dict[Uuid, int] = defaultdict(int)
    for instance in config.instances_on(node.uuid, primary=False):
        be = backend(fill_beparams(config.cluster, instance.beparams))
        mirrored = config.template_of(instance) == DiskTemplate.DRBD
        if be.auto_balance and mirrored and instance.admin_state == AdminState.UP:
            needed[instance.primary_node] += be.minmem
    return needed
