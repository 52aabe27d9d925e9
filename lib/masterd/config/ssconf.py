"""The values of the ssconf files, from the configuration.  Pure.

Keys and contents are those of `spec/constants.json`, ssconf_keys.  `SsconfValues`
computes a value anew only when something it is made from has changed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence

from ganeti import _autoconf
from ganeti.masterd.config.index import Kind
from ganeti.masterd.config.snapshot import Config
from ganeti.model.enums import HypervisorName
from ganeti.model.objects.node import Node
from ganeti.model.params.fill import fill_cluster_hvparams, fill_ndparams

Values = dict[str, str]


class SsconfValues:
    """Remembers the values of the last configuration it was shown."""

    def __init__(self) -> None:
        self._made: dict[str, tuple[Sequence[object], Values]] = {}

    def of(self, config: Config) -> Values:
        """Return all values, by key; lines have no newline at the end of the last one."""
        result: Values = {}
        for name, sources, make in _PARTS:
            now = sources(config)
            made = self._made.get(name)
            if made is None or any(old is not new for old, new in zip(made[0], now, strict=True)):
                made = self._made[name] = (now, make(config))
            result.update(made[1])
        return result


def ssconf_values(config: Config) -> Values:
    """Return all ssconf values of a configuration, by key."""
    return SsconfValues().of(config)


def _of_cluster(config: Config) -> Values:
    cluster = config.cluster
    return {
        "cluster_name": cluster.cluster_name,
        "cluster_uuid": cluster.uuid,
        "cluster_tags": _lines(sorted(cluster.tags)),
        "enabled_user_shutdown": str(cluster.enabled_user_shutdown),
        "file_storage_dir": cluster.file_storage_dir,
        "gluster_storage_dir": cluster.gluster_storage_dir,
        "hypervisor_list": _lines(cluster.enabled_hypervisors),
        "maintain_node_health": str(cluster.maintain_node_health),
        "master_candidates_certs": _lines(f"{u}={digest}" for u, digest in sorted(cluster.candidate_certs.items())),
        "master_ip": cluster.master_ip,
        "master_netdev": cluster.master_netdev,
        "master_netmask": str(cluster.master_netmask),
        "primary_ip_family": str(cluster.primary_ip_family),
        "release_version": _autoconf.VERSION,
        "shared_file_storage_dir": cluster.shared_file_storage_dir,
        "uid_pool": _lines(str(low) if low == high else f"{low}-{high}" for low, high in cluster.uid_pool),
        **{f"hvparams_{hv}": _hvparams(config, hv) for hv in HypervisorName},
    }


def _hvparams(config: Config, hv: HypervisorName) -> str:
    filled = fill_cluster_hvparams(config.cluster, hv)
    return _lines(f"{name}={value}" for name, value in sorted(filled.items()))


def _of_nodes(config: Config) -> Values:
    nodes = sorted(config.nodes.values(), key=lambda node: node.name)
    candidates = [node for node in nodes if node.master_candidate]
    return {
        "master_candidates": _names(candidates),
        "master_candidates_ips": _lines(node.primary_ip for node in candidates),
        "master_node": config.master.name,
        "node_list": _names(nodes),
        "node_primary_ips": _lines(f"{node.name} {node.primary_ip}" for node in nodes),
        "node_secondary_ips": _lines(f"{node.name} {node.secondary_ip}" for node in nodes),
        "node_vm_capable": _lines(f"{node.name}={node.vm_capable}" for node in nodes),
        "offline_nodes": _names(node for node in nodes if node.offline),
        "online_nodes": _names(node for node in nodes if not node.offline),
        "ssh_ports": _lines(f"{node.name}={_ssh_port(config, node)}" for node in nodes),
    }


def _ssh_port(config: Config, node: Node) -> object:
    group = config.groups.get(node.group)
    # A node whose group is missing is for verify to complain about.
    return fill_ndparams(config.cluster, group, node)["ssh_port"] if group else config.cluster.ndparams.get("ssh_port")


def _of_instances(config: Config) -> Values:
    return {"instance_list": _lines(sorted(config.instance_names()))}


def _of_groups(config: Config) -> Values:
    return {"nodegroups": _lines(sorted(f"{uuid} {group.name}" for uuid, group in config.groups.items()))}


def _of_networks(config: Config) -> Values:
    return {"networks": _lines(sorted(f"{uuid} {network.name}" for uuid, network in config.networks.items()))}


def _names(nodes: Iterable[Node]) -> str:
    return _lines(node.name for node in nodes)


def _lines(values: Iterable[str]) -> str:
    return "\n".join(values)


_Part = tuple[str, Callable[[Config], Sequence[object]], Callable[[Config], Values]]

#: values made together, and what they are made from
_PARTS: Sequence[_Part] = (
    ("cluster", lambda c: (c.cluster,), _of_cluster),
    ("nodes", lambda c: (c.nodes, c.groups, c.cluster), _of_nodes),
    ("instances", lambda c: (c.index.table(Kind.INSTANCE_NAME),), _of_instances),
    ("groups", lambda c: (c.groups,), _of_groups),
    ("networks", lambda c: (c.index.table(Kind.NETWORK_NAME),), _of_networks),
)


#: nobody has to wait until all nodes have these
UNHURRIED = frozenset({"instance_list"})


def changed_keys(old: Mapping[str, str], new: Mapping[str, str]) -> list[str]:
    """Return the keys whose values differ."""
    return [key for key, value in new.items() if old.get(key) != value]
