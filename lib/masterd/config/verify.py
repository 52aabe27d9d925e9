"""What must hold in every configuration, and whether a change keeps it so.  Pure.

`check_change` looks at the records that changed and those they point at, so its cost
follows the change.  It refuses problems the change brings, not those that were there
before: a configuration that came with a fault can still be worked with, and mended.
`verify` looks at everything, parameters included.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

from ganeti import errors
from ganeti.masterd.config import addresses
from ganeti.masterd.config.draft import FIRST_PORT, LAST_PORT
from ganeti.masterd.config.index import UNIQUE, Claim, Kind, claims_of
from ganeti.masterd.config.snapshot import SECTIONS, Changes, Config
from ganeti.masterd.config.verify_params import problems_of_params
from ganeti.model.enums import DiskTemplate
from ganeti.model.objects.base import ConfigObject
from ganeti.model.objects.disk import Disk, disk_nodes, drbd_id
from ganeti.model.objects.filter import Filter
from ganeti.model.objects.instance import Instance
from ganeti.model.objects.network import Network
from ganeti.model.objects.node import Node
from ganeti.model.objects.nodegroup import NodeGroup
from ganeti.model.scalars import IPAddress, Uuid


def verify(config: Config) -> list[str]:
    """Return all that is wrong, as sentences; none if all is well."""
    problems = list(_of_cluster(config))
    for name in SECTIONS:
        for uuid, record in _section(config, name).items():
            problems += _of_record(config, uuid, record)
    problems += _conflicts(config, ((kind, key) for kind in UNIQUE for key in config.index.table(kind)))
    problems += problems_of_params(config)
    return problems


def check_change(old: Config, new: Config, changes: Changes) -> None:
    """Check that a change brings no new problem.

    Raises ConfigVerifyError naming all it brings.
    """
    problems: list[str] = []
    if new.cluster is not old.cluster or "nodes" in changes:
        problems += _added(_of_cluster(old), _of_cluster(new))
    for name, records in changes.items():
        for uuid, record in records.items():
            before = _section(old, name).get(uuid)
            if record is None:
                problems += _of_removal(new, uuid, before)
            else:
                known = _of_record(old, uuid, before) if before else iter(())
                problems += _added(known, _of_record(new, uuid, record))
                claims = claims_of(record)
                problems += _added(_conflicts(old, claims), _conflicts(new, claims))
    if problems:
        raise errors.ConfigVerifyError("cannot change the configuration", list(dict.fromkeys(problems)))


def _added(before: Iterator[str], after: Iterator[str]) -> list[str]:
    found = list(after)
    if not found:
        return found
    known = set(before)
    return [problem for problem in found if problem not in known]


def _section(config: Config, name: str) -> Mapping[Uuid, ConfigObject]:
    found: Mapping[Uuid, ConfigObject] = getattr(config.contents, name)
    return found


def _conflicts(config: Config, claims: Iterable[Claim]) -> Iterator[str]:
    for kind, key in claims:
        owners = config.index.owners(kind, key)
        if len(owners) > 1 and kind in UNIQUE:
            shown = " ".join(str(part) for part in key) if isinstance(key, tuple) else str(key)
            names = ", ".join(_name(config, uuid) for uuid in dict.fromkeys(owners))
            yield f"{kind.value} {shown} is used more than once, by {names}"


def _name(config: Config, uuid: Uuid) -> str:
    for name in SECTIONS:
        record = _section(config, name).get(uuid)
        if record is not None:
            return f"{_WORDS[type(record)]} {getattr(record, 'name', None) or uuid}"
    return uuid


def _of_cluster(config: Config) -> Iterator[str]:
    cluster = config.cluster
    master = config.nodes.get(cluster.master_node)
    if master is None:
        yield f"the master node {cluster.master_node} does not exist"
    elif not master.master_candidate or master.offline or master.drained:
        yield f"the master node {master.name} is not an online master candidate"
    if not cluster.enabled_hypervisors:
        yield "no hypervisor is enabled"
    if cluster.highest_used_port >= LAST_PORT + 1:
        yield f"the highest used port {cluster.highest_used_port} is above {LAST_PORT}"


def _of_record(config: Config, uuid: Uuid, record: ConfigObject) -> Iterator[str]:
    if getattr(record, "uuid", None) != uuid:
        yield f"{_WORDS[type(record)]} {getattr(record, 'uuid', None)} is kept under another uuid, {uuid}"
    yield from _CHECKS[type(record)](config, record)


def _of_node(config: Config, node: Node) -> Iterator[str]:
    if node.group not in config.groups:
        yield f"node {node.name} is in a group that does not exist, {node.group}"
    roles = [word for word, on in _roles(node) if on]
    if len(roles) > 1:
        yield f"node {node.name} cannot be {' and '.join(roles)}"
    if node.master_candidate and not node.master_capable:
        yield f"node {node.name} is a master candidate, but not master capable"


def _roles(node: Node) -> Iterator[tuple[str, bool]]:
    yield "master candidate", node.master_candidate
    yield "drained", node.drained
    yield "offline", node.offline


def _of_group(config: Config, group: NodeGroup) -> Iterator[str]:
    for network in group.networks:
        if network not in config.networks:
            yield f"node group {group.name} is connected to a network that does not exist, {network}"


def _of_instance(config: Config, instance: Instance) -> Iterator[str]:
    if instance.primary_node not in config.nodes:
        yield f"the primary node of instance {instance.name} does not exist, {instance.primary_node}"
    for disk in instance.disks:
        if disk not in config.disks:
            yield f"instance {instance.name} has a disk that does not exist, {disk}"
    for index, nic in enumerate(instance.nics):
        if nic.netinfo is not None:
            yield f"nic/{index} of instance {instance.name} carries its network with it"
        if nic.network is None:
            continue
        network = config.networks.get(nic.network)
        if network is None:
            yield f"nic/{index} of instance {instance.name} is in a network that does not exist, {nic.network}"
        elif nic.ip and not addresses.contains(network, nic.ip):
            yield f"nic/{index} of instance {instance.name} has address {nic.ip}, not one of network {network.name}"
    port = instance.network_port
    if port and not FIRST_PORT <= port <= LAST_PORT:
        yield f"instance {instance.name} has port {port}, which is not in {FIRST_PORT}-{LAST_PORT}"
    yield from _port_in_pool(config, port, f"instance {instance.name}")


def _of_disk(config: Config, disk: Disk) -> Iterator[str]:
    shown = f"disk {disk.uuid}"
    for node in disk_nodes(disk):
        if node not in config.nodes:
            yield f"{shown} is on a node that does not exist, {node}"
    if disk.dev_type == DiskTemplate.DISKLESS:
        yield f"{shown} has template diskless"
    if disk.dynamic_params is not None:
        yield f"{shown} carries parameters that are meant for one node"
    if disk.dev_type == DiskTemplate.DRBD:
        try:
            parts = drbd_id(disk)
        except errors.ConfigurationError as err:
            yield str(err)
            return
        if parts.node_a == parts.node_b:
            yield f"{shown} has both halves on one node, {parts.node_a}"
        if len(disk.children) not in (0, 2):
            yield f"{shown} has {len(disk.children)} volumes below it, not a data and a metadata volume"
        yield from _port_in_pool(config, parts.port, shown)


def _port_in_pool(config: Config, port: int | None, owner: str) -> Iterator[str]:
    if port in config.cluster.tcpudp_port_pool:
        yield f"port {port} of {owner} is in the pool of free ports"


def _of_network(config: Config, network: Network) -> Iterator[str]:
    try:
        size = addresses.range_of(network).num_addresses
    except errors.AddressPoolError as err:
        yield str(err)
        return
    for word, bits in (("", network.reservations), ("external ", network.ext_reservations)):
        if len(bits) != size or set(bits) - {addresses.TAKEN, addresses.FREE}:
            yield f"the map of {word}reservations of network {network.name} does not have {size} times 0 or 1"
            return
    if network.gateway and not addresses.contains(network, IPAddress(network.gateway)):
        yield f"the gateway {network.gateway} is not in network {network.name}"


def _of_filter(_config: Config, job_filter: Filter) -> Iterator[str]:
    if job_filter.priority < 0:
        yield f"job filter {job_filter.uuid} has a negative priority"


def _of_removal(config: Config, uuid: Uuid, record: ConfigObject | None) -> Iterator[str]:
    """Look for what still points at a record that is gone."""
    if record is None:
        return
    shown = f"{_WORDS[type(record)]} {getattr(record, 'name', None) or uuid}"
    for kind, verb in _POINTERS.get(type(record), ()):
        owners = config.index.owners(kind, uuid)
        if owners:
            yield f"{shown} cannot go: {_name(config, owners[0])} {verb}"
    if isinstance(record, NodeGroup) and not config.groups:
        yield f"{shown} cannot go: it is the last one"


_WORDS: Mapping[type[ConfigObject], str] = {
    Node: "node",
    NodeGroup: "node group",
    Network: "network",
    Instance: "instance",
    Disk: "disk",
    Filter: "job filter",
}

_CHECKS: Mapping[type[ConfigObject], Callable[..., Iterator[str]]] = {
    Node: _of_node,
    NodeGroup: _of_group,
    Network: _of_network,
    Instance: _of_instance,
    Disk: _of_disk,
    Filter: _of_filter,
}

_POINTERS: Mapping[type[ConfigObject], tuple[tuple[Kind, str], ...]] = {
    Node: ((Kind.PRIMARY, "runs there"), (Kind.HOLDER, "is there")),
    NodeGroup: ((Kind.MEMBER, "is in it"),),
    Network: ((Kind.IN_NETWORK, "is in it"), (Kind.CONNECTED, "is connected to it")),
    Disk: ((Kind.DISK, "has it"),),
}
