"""One instance, as the fields of instances see it."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from ganeti.model.enums import DiskTemplate, InstanceStatus, NicMode
from ganeti.model.objects.disk import DRBD_META_SIZE, Disk
from ganeti.model.objects.instance import Instance
from ganeti.model.objects.nic import NIC
from ganeti.model.objects.node import Node
from ganeti.model.objects.nodegroup import NodeGroup
from ganeti.model.params.fill import fill_beparams, fill_hvparams, fill_nicparams, fill_osparams
from ganeti.model.query.rows.links import ConfigView, Links, by_name
from ganeti.model.query.status import Figures, GuestState, LiveInstances, NodeState, collate, instance_status
from ganeti.model.query.table import NODATA, OFFLINE, UNAVAIL, Missing
from ganeti.model.scalars import InstanceName, Uuid

#: templates whose disks take up no space of the cluster's
_NO_SPACE = frozenset({DiskTemplate.DISKLESS, DiskTemplate.BLOCKDEV})
NO_ANSWERS = LiveInstances({}, frozenset(), frozenset())


class InstanceRow:
    """An instance with what belongs to it.

    `live` is what nodes answered, `console` how its console is reached or a Missing
    value; both are only looked at by fields that need them.  Filled parameters are
    worked out when first asked for.
    """

    __slots__ = ("_backend", "_disks", "_hypervisor", "_nics", "console", "instance", "links", "live")

    def __init__(
        self, instance: Instance, links: Links, live: LiveInstances = NO_ANSWERS, console: object = UNAVAIL
    ) -> None:
        self.instance = instance
        self.links = links
        self.live = live
        self.console = console
        self._backend: dict[str, object] | None = None
        self._hypervisor: dict[str, object] | None = None
        self._nics: list[dict[str, object]] | None = None
        self._disks: list[Disk] | None = None

    @property
    def primary(self) -> Node | None:
        """The primary node."""
        return self.links.config.nodes.get(self.instance.primary_node)

    @property
    def primary_group(self) -> NodeGroup | None:
        """The group of the primary node."""
        node = self.primary
        return self.links.config.groups.get(node.group) if node else None

    @property
    def secondaries(self) -> list[Node]:
        """The other nodes that hold its disks."""
        return self.links.secondaries_of(self.instance)

    @property
    def disks(self) -> list[Disk]:
        """Its disks, in order."""
        if self._disks is None:
            self._disks = self.links.disks_of(self.instance)
        return self._disks

    @property
    def backend(self) -> dict[str, object]:
        """Filled backend parameters."""
        if self._backend is None:
            self._backend = fill_beparams(self.links.cluster, self.instance.beparams)
        return self._backend

    @property
    def hypervisor(self) -> dict[str, object]:
        """Filled hypervisor parameters."""
        if self._hypervisor is None:
            own = self.instance
            self._hypervisor = fill_hvparams(self.links.cluster, own.hypervisor, own.os, own.hvparams)
        return self._hypervisor

    @property
    def osparams(self) -> dict[str, object]:
        """Filled parameters for the operating system, without private ones."""
        return fill_osparams(self.links.cluster, self.instance.os, self.instance.osparams)

    @property
    def nics(self) -> list[dict[str, object]]:
        """Filled parameters of each NIC."""
        if self._nics is None:
            group = self.primary_group
            cluster = self.links.cluster
            self._nics = [fill_nicparams(cluster, n.nicparams, n.network, group) for n in self.instance.nics]
        return self._nics

    @property
    def template(self) -> str:
        """The template of its disks, "diskless" without any, "mixed" when they differ."""
        found = {disk.dev_type for disk in self.disks}
        if not found:
            return DiskTemplate.DISKLESS.value
        return found.pop().value if len(found) == 1 else "mixed"

    @property
    def disk_usage(self) -> int:
        """MiB that its disks take up on one node, with what their layout adds."""
        total = 0
        for disk in self.disks:
            if disk.dev_type not in _NO_SPACE:
                total += disk.size + (DRBD_META_SIZE if disk.dev_type is DiskTemplate.DRBD else 0)
        return total

    def network_name(self, nic: NIC) -> str | None:
        """Return the name of the network a NIC is in, None when it is in none."""
        network = self.links.config.networks.get(nic.network) if nic.network else None
        return network.name if network else None

    def bridge(self, index: int) -> object:
        """Return the bridge of a NIC, None when it is not bridged."""
        params = self.nics[index]
        return params.get("link") if params.get("mode") == NicMode.BRIDGED else None

    # --- what nodes answered -------------------------------------------------------

    @property
    def node_state(self) -> NodeState:
        """Whether the primary node can tell."""
        node = self.primary
        if node is not None and node.offline:
            return NodeState.OFFLINE
        silent = node is None or node.uuid in self.live.silent
        return NodeState.SILENT if silent else NodeState.ANSWERED

    @property
    def status(self) -> InstanceStatus:
        """What it is found to be."""
        may_stop = self.links.cluster.enabled_user_shutdown and bool(self.hypervisor.get("user_shutdown", True))
        guest = self.live.guest(self.instance.name)
        return instance_status(self.instance, self.node_state, guest, user_may_stop=may_stop)

    @property
    def no_answer(self) -> Missing | None:
        """Why nothing is known of it, or None when its node answered."""
        match self.node_state:
            case NodeState.OFFLINE:
                return OFFLINE
            case NodeState.SILENT:
                return NODATA
        return None

    @property
    def figures(self) -> Figures | Missing:
        """What its node tells of it; unavailable when it does not run."""
        missing = self.no_answer
        return self.live.figures.get(self.instance.name, UNAVAIL) if missing is None else missing

    @property
    def is_running(self) -> bool | Missing:
        """Whether it runs anywhere."""
        missing = self.no_answer
        if missing is not None:
            return missing
        return self.live.guest(self.instance.name) in (GuestState.RUNNING, GuestState.ELSEWHERE)


def instance_rows(
    config: ConfigView,
    *,
    only: Collection[str] | None = None,
    answers: Mapping[Uuid, Mapping[InstanceName, Figures] | None] | None = None,
    consoles: Mapping[InstanceName, object] | None = None,
) -> list[InstanceRow]:
    """Return a row for each instance (of these full names), in natural order.

    `answers` are those of the primary nodes to all_instances_info, by uuid, None for
    a node that gave none; None stands for nodes that were not asked at all.
    `consoles` holds console objects, or Missing values.
    """
    links = Links(config)
    live = NO_ANSWERS
    if answers is not None:
        live = collate(answers, {i.name: i.primary_node for i in config.instances.values()})
    known = consoles or {}
    chosen = by_name(config.instances, lambda instance: instance.name, only)
    return [InstanceRow(instance, links, live, known.get(instance.name, UNAVAIL)) for instance in chosen]
