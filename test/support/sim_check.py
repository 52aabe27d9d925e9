"""What must hold of a cluster at rest, whatever happened to it before."""

from __future__ import annotations

import collections
import os
from collections.abc import Mapping

from ganeti.masterd.config.snapshot import Config
from ganeti.masterd.config.verify import verify
from ganeti.model.enums import AdminState
from ganeti.model.scalars import InstanceName, NodeName
from ganeti.utils import files
from ganeti.utils.spares import SPARE_PREFIX
from test.support.sim import Master, SimCluster
from test.support.sim_node import SimNode

#: what the replica of the queue has of its own, or does not need
_NOT_REPLICATED = frozenset({"version", "lock", "drain"})


def check_at_rest(cluster: SimCluster, master: Master) -> None:
    """Check a cluster whose jobs have all ended and whose nodes have caught up."""
    check_master(master)
    check_files(cluster, master.daemon.config.current)
    check_instances(cluster, master.daemon.config.current)


def check_master(master: Master) -> None:
    """Check what the daemon keeps in memory: nothing is held for jobs that have ended."""
    daemon = master.daemon
    assert verify(daemon.config.current) == []
    assert daemon.config.newest.serial_no == daemon.config.current.serial_no
    daemon.locks._table.validate()
    assert daemon.locks.dump() == []
    assert daemon.config._reservations._holder == {}
    assert daemon.config._reservations._uuids == {}
    assert daemon.queue.unfinished == 0
    assert daemon.distribution.behind == {}


def check_files(cluster: SimCluster, config: Config) -> None:
    """Check that every node has what its role asks for, as the master has it."""
    master = cluster.nodes[0]
    wanted = files.read_file(master.paths.config_file)
    ssconf, queue = _ssconf(master), _queue(master)
    assert not _leftovers(master.paths.queue_dir)
    for node in cluster.nodes:
        record = config.node_named(node.name)
        assert record is not None
        if record.offline:
            continue
        assert _ssconf(node) == ssconf, f"{node.name} has other ssconf files"
        if record.master_candidate:
            assert files.read_file(node.paths.config_file) == wanted, f"{node.name} has another configuration"
            assert _queue(node) == queue, f"{node.name} has another queue"
        if node is not master:
            assert not _leftovers(node.paths.data_dir) and not _leftovers(node.paths.queue_dir)


def check_instances(cluster: SimCluster, config: Config) -> None:
    """Check that what runs is known, runs once, and where the configuration says."""
    for name, nodes in running(cluster).items():
        assert len(nodes) == 1, f"{name} runs on {', '.join(nodes)}"
        instance = config.instance_named(InstanceName(name))
        assert instance is not None, f"{name} runs on {nodes[0]}, but is not known"
        assert instance.primary_node is not None
        assert config.nodes[instance.primary_node].name == nodes[0], f"{name} does not run on its primary node"


def check_running_once(cluster: SimCluster) -> None:
    """Check the one thing that must hold at every moment."""
    for name, nodes in running(cluster).items():
        assert len(nodes) == 1, f"{name} runs on {', '.join(nodes)}"


def running(cluster: SimCluster) -> Mapping[str, list[NodeName]]:
    """Return where each instance runs."""
    found: dict[str, list[NodeName]] = collections.defaultdict(list)
    for node in cluster.nodes:
        for name in node.running():
            found[name].append(node.name)
    return found


def meant_to_run(config: Config) -> dict[str, str]:
    """Return the primary nodes of the instances that are marked up."""
    return {
        instance.name: config.nodes[instance.primary_node].name
        for instance in config.instances.values()
        if instance.admin_state == AdminState.UP and instance.primary_node
    }


def half_moved(cluster: SimCluster) -> list[str]:
    """Return what nodes keep of instances that are being moved."""
    return [
        f"{node.name} {name}"
        for node in cluster.nodes
        for directory, _, names in os.walk(f"{node.paths.run_dir}/fake-hypervisor-migration")
        for name in names
    ]


def disk_files(cluster: SimCluster) -> list[str]:
    """Return the disks there are: "node1.example.com inst1.example.com/0"."""
    found = []
    for node in cluster.nodes:
        for directory, _, names in os.walk(node.paths.file_storage_dir):
            found += [f"{node.name} {os.path.basename(directory)}/{name}" for name in names]
    return sorted(found)


def _ssconf(node: SimNode) -> dict[str, bytes]:
    names = sorted(os.listdir(node.paths.ssconf_dir))
    return {n: files.read_file(os.path.join(node.paths.ssconf_dir, n)) for n in names if n.startswith("ssconf_")}


def _queue(node: SimNode) -> dict[str, bytes]:
    found = {}
    for directory, _, names in os.walk(node.paths.queue_dir):
        for name in names:
            path = os.path.join(directory, name)
            if name not in _NOT_REPLICATED and not name.startswith(SPARE_PREFIX):
                found[os.path.relpath(path, node.paths.queue_dir)] = files.read_file(path)
    return found


def _leftovers(directory: str) -> list[str]:
    return [name for name in os.listdir(directory) if name.startswith(files.TEMPORARY_PREFIX)]
