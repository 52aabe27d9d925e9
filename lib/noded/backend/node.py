"""The node itself: what it is, what it has, how it comes and goes."""

from __future__ import annotations

import logging
import os
import re
from collections.abc import Sequence

from ganeti import errors, ssconf
from ganeti.hypervisor.base import NodeState
from ganeti.model import versions
from ganeti.model.enums import HypervisorName, StorageType
from ganeti.noded.backend import blockdev, daemons
from ganeti.noded.backend.jobqueue import JobQueueReplica
from ganeti.noded.context import NodeContext
from ganeti.rpc.answers import HvParams, HypervisorFigures, NodeInfo, StorageRef, StorageSpace
from ganeti.storage.units import kind_of
from ganeti.utils import files, net
from ganeti.utils.spares import spares_in

log = logging.getLogger(__name__)

_DAEMONS = frozenset({daemons.CONFD, "ganeti-rapi", daemons.MASTERD, "ganeti-mond", "ganeti-kvmd"})
_INTERFACE = re.compile(r"[A-Za-z0-9_.:-]{1,15}", re.ASCII)
_NETWORK_CLASS = "/sys/class/net"
_LONGEST_DELAY = 86400.0


class Node:
    """Calls about the node itself."""

    def __init__(self, node: NodeContext) -> None:
        self._node = node

    # --- looking ---------------------------------------------------------------

    def version(self) -> int:
        """Return the protocol version the node speaks."""
        return versions.PROTOCOL

    def node_info(
        self, storage_units: Sequence[StorageRef], hv_specs: Sequence[tuple[HypervisorName, HvParams]]
    ) -> NodeInfo:
        """Return boot id, room in storage units and figures of hypervisors."""
        return NodeInfo(
            boot_id=self._node.boot_id(),
            storage=[self._space(kind, name) for kind, name, _ in storage_units],
            hypervisors=[figures_of(self._node.hypervisor(name).node_state(params)) for name, params in hv_specs],
        )

    def node_has_ip_address(self, address: str) -> bool:
        """Return whether the node has this address.

        All of 127/8 is everybody's on one machine, so among virtual nodes the hosts
        file of the cluster says whose an address is.
        """
        if not net.is_ip(address):
            raise errors.ParameterError(f"cannot look for address {address!r}: not an address")
        if self._node.paths.is_virtual:
            owners = {h.name for h in net.read_hosts(self._node.paths.hosts_file).values() if h.ip == address}
            if owners and owners != {_ssconf(self._node, "cluster_name")}:
                return self._node.name in owners
            if owners and net.is_loopback(address):
                return self._is_master()
        return net.is_own(address)

    def bridges_exist(self, bridges_list: Sequence[str]) -> None:
        """Fail, naming them, when bridges are missing."""
        missing = missing_bridges(bridges_list)
        if missing:
            raise errors.OpExecError(f"cannot use bridges of node {self._node.name}: no {', '.join(missing)}")

    def test_delay(self, duration: float) -> None:
        """Wait for `duration` seconds."""
        if not 0 <= duration <= _LONGEST_DELAY:
            raise errors.ParameterError(f"cannot wait for {duration} s: not between 0 and {_LONGEST_DELAY:g}")
        self._node.sleep(duration)

    # --- acting ----------------------------------------------------------------

    def node_ensure_daemon(self, daemon: str, run: bool) -> bool:
        """Start or stop a daemon; return whether it is now as asked."""
        if daemon not in _DAEMONS:
            raise errors.ParameterError(f"cannot start or stop {daemon!r}: not a daemon of this node")
        if daemons.runs(self._node, daemon) != run:
            daemons.daemon_util(self._node, "check-and-start" if run else "stop", daemon)
        return daemons.runs(self._node, daemon) == run

    def node_powercycle(self, hypervisor: HypervisorName, hvparams: HvParams) -> str:
        """Reset the node, without a shutdown."""
        self._node.hypervisor(hypervisor).powercycle(hvparams)
        if self._node.paths.is_virtual:
            blockdev.forget_all(self._node)
        return "Reboot scheduled in 5 seconds"

    def node_demote_from_mc(self) -> None:
        """Move away what only a master candidate may hold (configuration, job queue)."""
        if self._is_master():
            raise errors.OpExecError(f"cannot demote {self._node.name}: it is the master; fail over first")
        config = self._node.paths.config_file
        if os.path.lexists(config):
            files.rename_files([(config, f"{config}.demoted")])
        for path in spares_in(self._node.paths.data_dir):
            files.remove_file(path, missing_ok=True)
        JobQueueReplica(self._node).jobqueue_purge()

    def node_leave_cluster(self, modify_ssh_setup: bool) -> str:
        """Remove the cluster's files from the node; the node daemon ends after answering.

        May be repeated.  The certificate that makes the node daemon start goes last.
        """
        paths = self._node.paths
        if daemons.runs(self._node, daemons.CONFD):
            try:
                daemons.daemon_util(self._node, "stop", daemons.CONFD)
            except errors.GenericError as err:
                log.warning("confd goes on after node %s left its cluster: %s", self._node.name, err)
        if modify_ssh_setup and not paths.is_virtual:
            log.warning("the SSH keys of the cluster stay on node %s: remove them from authorized_keys", paths.hostname)
        JobQueueReplica(self._node).jobqueue_purge()
        for path in (paths.queue_drain, paths.queue_serial, paths.queue_version, paths.rapi_users):
            files.remove_file(path, missing_ok=True)
        for name in sorted(os.listdir(paths.data_dir)) if os.path.isdir(paths.data_dir) else ():
            path = os.path.join(paths.data_dir, name)
            if path != paths.server_cert and (os.path.isfile(path) or os.path.islink(path)):
                files.remove_file(path, missing_ok=True)
        files.remove_file(paths.server_cert, missing_ok=True)
        raise errors.QuitGanetiException(True, "Shutdown scheduled")

    # --- steps -----------------------------------------------------------------

    def _space(self, kind: StorageType, name: str) -> StorageSpace:
        try:
            unit = kind_of(kind, self._node.storage).unit(name)
        except errors.GenericError as err:
            log.warning("cannot tell the space of %s %s: %s", kind, name, err)
            return StorageSpace(type=kind, name=name)
        return StorageSpace(type=kind, name=name, storage_free=unit.free, storage_size=unit.size)

    def _is_master(self) -> bool:
        return _ssconf(self._node, "master_node") == self._node.name


def figures_of(state: NodeState) -> HypervisorFigures:
    """Return a hypervisor's view of the node in the form it is sent."""
    capacity = state.capacity
    return HypervisorFigures(
        memory_total=capacity.memory_total,
        memory_free=state.memory_free,
        memory_dom0=capacity.memory_dom0,
        cpu_total=capacity.cpu_total,
        cpu_nodes=capacity.cpu_nodes,
        cpu_sockets=capacity.cpu_sockets,
        cpu_dom0=capacity.cpu_dom0,
        hv_version=state.hv_version,
    )


def missing_bridges(names: Sequence[str]) -> list[str]:
    """Return which of these are not bridges of the machine, in order."""
    return [
        name
        for name in names
        if not _INTERFACE.fullmatch(name) or not os.path.isdir(os.path.join(_NETWORK_CLASS, name, "bridge"))
    ]


def _ssconf(node: NodeContext, key: str) -> str | None:
    try:
        return ssconf.read_ssconf(node.paths, key)
    except errors.ConfigurationError:
        return None
