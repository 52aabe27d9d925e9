"""The fields of nodes."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ganeti.model.enums import FieldKind, QueryResource
from ganeti.model.objects.node import Node
from ganeti.model.params.nd import ND_PARAMS
from ganeti.model.query.fields.common import ND_TITLES, param_fields, plain, tags_field, tracked_fields
from ganeti.model.query.rows.node import NodeRow
from ganeti.model.query.table import FieldRow, Match, Missing, Need, Table

BOOL, NUMBER, OTHER, TEXT, UNIT = (
    FieldKind.BOOL,
    FieldKind.NUMBER,
    FieldKind.OTHER,
    FieldKind.TEXT,
    FieldKind.UNIT,
)


def _own(row: NodeRow) -> Node:
    return row.node


def _params(row: NodeRow) -> Mapping[str, object]:
    return row.params


def _figure(name: str) -> Callable[[NodeRow], object]:
    def get(row: NodeRow) -> object:
        figures = row.hypervisor
        return figures if isinstance(figures, Missing) else getattr(figures, name)

    return get


def _space(name: str, *, spindles: bool = False) -> Callable[[NodeRow], object]:
    def get(row: NodeRow) -> object:
        space = row.space(spindles=spindles)
        return space if isinstance(space, Missing) else getattr(space, name)

    return get


def _boot_id(row: NodeRow) -> object:
    told = row.told
    return told if isinstance(told, Missing) else told.boot_id


_CONFIG: list[FieldRow[NodeRow]] = [
    FieldRow("name", "Node", TEXT, "Full name", lambda r: r.node.name, match=Match.HOSTNAME),
    FieldRow("pip", "PrimaryIP", TEXT, "Address the daemons talk to", lambda r: r.node.primary_ip, match=Match.IP),
    FieldRow("sip", "SecondaryIP", TEXT, "Address for disk replication", lambda r: r.node.secondary_ip, match=Match.IP),
    FieldRow(
        "role",
        "Role",
        TEXT,
        "Role in the cluster: M master, C master candidate, R regular, D drained, O offline",
        lambda r: r.role.value,
    ),
    FieldRow("master", "IsMaster", BOOL, "Whether it is the master", lambda r: r.is_master),
    FieldRow(
        "master_candidate",
        "MasterC",
        BOOL,
        "Whether it holds a copy of configuration and jobs",
        lambda r: r.node.master_candidate,
    ),
    FieldRow(
        "master_capable",
        "MasterCapable",
        BOOL,
        "Whether it may become master candidate",
        lambda r: r.node.master_capable,
    ),
    FieldRow("vm_capable", "VMCapable", BOOL, "Whether it may run instances", lambda r: r.node.vm_capable),
    FieldRow("drained", "Drained", BOOL, "Whether it gets no new instances", lambda r: r.node.drained),
    FieldRow("offline", "Offline", BOOL, "Whether it is not talked to", lambda r: r.node.offline),
    FieldRow("powered", "Powered", BOOL, "Whether it is switched on, as far as known", lambda r: r.powered, Need.OOB),
    FieldRow(
        "hv_state",
        "HypervisorState",
        OTHER,
        "State of its hypervisors kept in the configuration",
        lambda r: plain(r.node.hv_state),
    ),
    FieldRow(
        "disk_state",
        "DiskState",
        OTHER,
        "State of its storage kept in the configuration",
        lambda r: plain(r.node.disk_state),
    ),
    FieldRow("group", "Group", TEXT, "Node group it is in", lambda r: r.group and r.group.name, Need.GROUP),
    FieldRow("group.uuid", "GroupUUID", TEXT, "Node group it is in, by UUID", lambda r: r.node.group),
    FieldRow("ndparams", "NodeParameters", OTHER, "Node parameters, filled", lambda r: r.params, Need.GROUP),
    FieldRow(
        "custom_ndparams",
        "CustomNodeParameters",
        OTHER,
        "Node parameters set for the node itself",
        lambda r: r.node.ndparams,
        Need.GROUP,
    ),
    *param_fields("ndp", ND_PARAMS, ND_TITLES, _params),
    FieldRow(
        "pinst_cnt",
        "Pinst",
        NUMBER,
        "Number of instances it is primary node of",
        lambda r: len(r.links.primary_instances(r.node.uuid)),
        Need.INSTANCES,
    ),
    FieldRow(
        "pinst_list",
        "PriInstances",
        OTHER,
        "Instances it is primary node of",
        lambda r: list(r.links.primary_instances(r.node.uuid)),
        Need.INSTANCES,
    ),
    FieldRow(
        "sinst_cnt",
        "Sinst",
        NUMBER,
        "Number of instances it is secondary node of",
        lambda r: len(r.links.secondary_instances(r.node.uuid)),
        Need.INSTANCES,
    ),
    FieldRow(
        "sinst_list",
        "SecInstances",
        OTHER,
        "Instances it is secondary node of",
        lambda r: list(r.links.secondary_instances(r.node.uuid)),
        Need.INSTANCES,
    ),
    tags_field("node", _own),
    *tracked_fields("node", _own),
]

_LIVE: list[FieldRow[NodeRow]] = [
    FieldRow("bootid", "BootID", TEXT, "Changes each time it boots", _boot_id, Need.LIVE),
    FieldRow("cnodes", "CNodes", NUMBER, "NUMA nodes", _figure("cpu_nodes"), Need.LIVE),
    FieldRow("cnos", "CNOs", NUMBER, "Logical CPUs kept for the node itself", _figure("cpu_dom0"), Need.LIVE),
    FieldRow("csockets", "CSockets", NUMBER, "CPU sockets", _figure("cpu_sockets"), Need.LIVE),
    FieldRow("ctotal", "CTotal", NUMBER, "Logical CPUs", _figure("cpu_total"), Need.LIVE),
    FieldRow("dfree", "DFree", UNIT, "Space left for disks", _space("storage_free"), Need.LIVE),
    FieldRow("dtotal", "DTotal", UNIT, "Space for disks in all", _space("storage_size"), Need.LIVE),
    FieldRow("mfree", "MFree", UNIT, "Memory left for instances", _figure("memory_free"), Need.LIVE),
    FieldRow("mnode", "MNode", UNIT, "Memory the node itself uses", _figure("memory_dom0"), Need.LIVE),
    FieldRow("mtotal", "MTotal", UNIT, "Memory in all", _figure("memory_total"), Need.LIVE),
    FieldRow(
        "spfree",
        "SpFree",
        NUMBER,
        "Spindles left, with exclusive storage",
        _space("storage_free", spindles=True),
        Need.LIVE,
    ),
    FieldRow(
        "sptotal",
        "SpTotal",
        NUMBER,
        "Spindles in all, with exclusive storage",
        _space("storage_size", spindles=True),
        Need.LIVE,
    ),
]

NODES: Table[NodeRow] = Table(QueryResource.NODE, "name", [*_CONFIG, *_LIVE])
