"""What nodes are asked in a verification.  Pure.

The names of the checks are those of `spec/rpc.json`, node_verify_checks.  Each node
is asked to reach its neighbour in a ring through its group and one node of every
other group: all pairs would be too many, and a ring shows every node that is cut off.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ganeti.masterd.config.snapshot import Config
from ganeti.model.enums import DiskTemplate, HypervisorName, NicMode
from ganeti.model.objects.node import Node
from ganeti.model.objects.nodegroup import NodeGroup
from ganeti.model.params.fill import fill_cluster_hvparams, fill_hvparams, fill_ndparams, fill_nicparams
from ganeti.utils.text import natural_key


def checks_of_group(config: Config, group: NodeGroup, files: Sequence[str], *, hvparams: bool) -> dict[str, object]:
    """Return the checks that all nodes of a group make, by name, with their arguments."""
    return {
        "version": None,
        "time": None,
        "nodesetup": None,
        "client-cert": None,
        "cert-expiry": None,
        "filelist": list(files),
        **checks_of_instances(config, group, hvparams=hvparams),
    }


#: checks that make sense only on nodes that may hold instances
ONLY_WITH_INSTANCES = (
    "hypervisor",
    "hvinfo",
    "instancelist",
    "oslist",
    "bridges",
    "hvparms",
    "file-storage-path",
    "shared-file-storage-path",
)


def checks_of_instances(config: Config, group: NodeGroup, *, hvparams: bool) -> dict[str, object]:
    """Return the checks for nodes that may hold instances."""
    cluster = config.cluster
    enabled = [name.value for name in cluster.enabled_hypervisors]
    checks: dict[str, object] = {
        "hypervisor": enabled,
        "hvinfo": enabled[0],
        "instancelist": enabled,
        "oslist": None,
    }
    bridges = used_bridges(config, group)
    if bridges:
        checks["bridges"] = bridges
    if hvparams:
        checks["hvparms"] = hvparams_in_use(config, group)
    if DiskTemplate.FILE in cluster.enabled_disk_templates:
        checks["file-storage-path"] = cluster.file_storage_dir
    if DiskTemplate.SHAREDFILE in cluster.enabled_disk_templates:
        checks["shared-file-storage-path"] = cluster.shared_file_storage_dir
    return checks


def checks_of_node(config: Config, node: Node, common: Mapping[str, object], ring: Sequence[Node]) -> dict[str, object]:
    """Return the checks one node makes: those of its group, and those about its neighbours."""
    checks = {name: value for name, value in common.items() if node.vm_capable or name not in ONLY_WITH_INSTANCES}
    neighbour = next_in_ring(node, ring)
    if neighbour is not None:
        # The node itself is in the list so that it knows which of its addresses to call from.
        pair = sorted((node, neighbour), key=lambda n: n.name)
        checks["node-net-test"] = [(n.name, n.primary_ip, n.secondary_ip) for n in pair]
    strangers = one_of_each_other_group(config, node)
    if strangers:
        checks["nodelist"] = [(other.name, other.primary_ip) for other in strangers]
    if node.master_candidate:
        programs = oob_programs(config)
        if programs:
            checks["oob-paths"] = programs
    if node.uuid == config.cluster.master_node:
        checks["allowed-file-storage-paths"] = None
    return checks


def next_in_ring(node: Node, ring: Sequence[Node]) -> Node | None:
    """Return the node that comes after a node, in natural order of names; None when it is alone."""
    ordered = sorted(ring, key=lambda n: natural_key(n.name))
    place = next((i for i, other in enumerate(ordered) if other.uuid == node.uuid), None)
    if place is None or len(ordered) < 2:
        return None
    return ordered[(place + 1) % len(ordered)]


def one_of_each_other_group(config: Config, node: Node) -> list[Node]:
    """Return an online node of every other group; different nodes get different ones where there are several."""
    found = []
    for uuid in sorted(config.groups):
        members = [n for n in config.members_of(uuid) if not n.offline]
        if uuid != node.group and members:
            members.sort(key=lambda n: natural_key(n.name))
            own = sorted(config.members_of(node.group), key=lambda n: natural_key(n.name))
            place = next((i for i, other in enumerate(own) if other.uuid == node.uuid), 0)
            found.append(members[place % len(members)])
    return found


def used_bridges(config: Config, group: NodeGroup) -> list[str]:
    """Return the bridges that interfaces of the group's instances are connected to."""
    found = set()
    for instance in config.instances_in(group.uuid):
        for nic in instance.nics:
            filled = fill_nicparams(config.cluster, nic.nicparams, nic.network, group)
            if filled["mode"] == NicMode.BRIDGED:
                found.add(str(filled["link"]))
    return sorted(found)


def hvparams_in_use(config: Config, group: NodeGroup) -> list[tuple[str, str, dict[str, object]]]:
    """Return (where they are set, hypervisor, filled parameters) of the cluster, its OSes and the group's instances.

    Instances without parameters of their own are left out: those of the cluster stand for them.
    """
    cluster = config.cluster
    enabled = cluster.enabled_hypervisors
    found = [("cluster", hv.value, fill_cluster_hvparams(cluster, hv)) for hv in enabled]
    for os, by_hypervisor in cluster.os_hvp.items():
        found += [
            (f"OS {os}", HypervisorName(hv).value, fill_hvparams(cluster, HypervisorName(hv), os))
            for hv in by_hypervisor
            if hv in enabled
        ]
    for instance in config.instances_in(group.uuid):
        if instance.hvparams:
            filled = fill_hvparams(cluster, instance.hypervisor, instance.os, instance.hvparams)
            found.append((f"instance {instance.name}", instance.hypervisor.value, filled))
    return found


def oob_programs(config: Config) -> list[str]:
    """Return the out-of-band programs that nodes of the cluster are managed by."""
    found = set()
    for node in config.nodes.values():
        group = config.groups.get(node.group)
        program = fill_ndparams(config.cluster, group, node)["oob_program"] if group else ""
        if program:
            found.add(str(program))
    return sorted(found)
