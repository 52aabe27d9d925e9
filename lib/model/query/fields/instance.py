"""The fields of instances."""

from __future__ import annotations

from collections.abc import Callable

from ganeti.model.enums import AdminState, FieldKind, QueryResource
from ganeti.model.objects.disk import Disk
from ganeti.model.objects.instance import Instance
from ganeti.model.objects.nic import NIC
from ganeti.model.params.be import BE_PARAMS
from ganeti.model.params.hv import GLOBALS, HV_PARAMS
from ganeti.model.params.table import Param
from ganeti.model.query.fields.common import indexed_fields, param_fields, tags_field, tracked_fields
from ganeti.model.query.rows.instance import InstanceRow
from ganeti.model.query.table import FieldRow, Match, Missing, Need, Table

MAX_DISKS = 16
MAX_NICS = 8

BOOL, NUMBER, OTHER, TEXT, UNIT = (
    FieldKind.BOOL,
    FieldKind.NUMBER,
    FieldKind.OTHER,
    FieldKind.TEXT,
    FieldKind.UNIT,
)
Fields = list[FieldRow[InstanceRow]]

_BE_TITLES = {
    "auto_balance": "Auto_balance",
    "maxmem": "ConfigMaxMem",
    "memory": "ConfigMaxMem",
    "minmem": "ConfigMinMem",
    "vcpus": "ConfigVCPUs",
}
_HV_TITLES = {
    "acpi": "ACPI",
    "boot_order": "Boot_order",
    "cdrom_image_path": "CDROM_image_path",
    "cpu_type": "cpu_type",
    "disk_type": "Disk_type",
    "initrd_path": "Initrd_path",
    "kernel_path": "Kernel_path",
    "nic_type": "NIC_type",
    "pae": "PAE",
    "pci_pass": "pci_pass",
    "vnc_bind_address": "VNC_bind_address",
}


def _hv_params() -> dict[str, Param]:
    """Return the parameters of all hypervisors that an instance can have."""
    found: dict[str, Param] = {}
    for table in HV_PARAMS.values():
        found |= {name: row for name, row in table.items() if name not in GLOBALS and name not in found}
    return found


def _nic(value: Callable[[InstanceRow, NIC, int], object]) -> Callable[[InstanceRow, int], object]:
    """Return how to read something of the n-th NIC."""

    def get(row: InstanceRow, index: int) -> object:
        nics = row.instance.nics
        return value(row, nics[index], index) if index < len(nics) else None

    return get


def _nics(value: Callable[[InstanceRow, NIC, int], object]) -> Callable[[InstanceRow], object]:
    """Return how to read something of all NICs."""
    return lambda row: [value(row, nic, index) for index, nic in enumerate(row.instance.nics)]


def _disk(value: Callable[[Disk], object]) -> Callable[[InstanceRow, int], object]:
    """Return how to read something of the n-th disk."""

    def get(row: InstanceRow, index: int) -> object:
        disks = row.disks
        return value(disks[index]) if index < len(disks) else None

    return get


def _own(row: InstanceRow) -> Instance:
    return row.instance


def _backend(row: InstanceRow) -> dict[str, object]:
    return row.backend


def _hypervisor(row: InstanceRow) -> dict[str, object]:
    return row.hypervisor


def _first(get: Callable[[InstanceRow, int], object], index: int = 0) -> Callable[[InstanceRow], object]:
    return lambda row: get(row, index)


_nic_bridge = _nic(lambda row, nic, index: row.bridge(index))
_nic_ip = _nic(lambda row, nic, index: nic.ip)
_nic_link = _nic(lambda row, nic, index: row.nics[index].get("link"))
_nic_mac = _nic(lambda row, nic, index: nic.mac)
_nic_mode = _nic(lambda row, nic, index: row.nics[index].get("mode"))
_nic_network = _nic(lambda row, nic, index: nic.network)
_disk_size = _disk(lambda disk: disk.size)


def _figure(name: str) -> Callable[[InstanceRow], object]:
    def get(row: InstanceRow) -> object:
        figures = row.figures
        return figures if isinstance(figures, Missing) else getattr(figures, name)

    return get


def _pnode(row: InstanceRow) -> object:
    node = row.primary
    return node.name if node else None


def _pnode_group(row: InstanceRow) -> object:
    group = row.primary_group
    return group.name if group else None


def _snode_groups(row: InstanceRow) -> list[object]:
    groups = row.links.config.groups
    return [groups[node.group].name if node.group in groups else None for node in row.secondaries]


_IDENTITY: Fields = [
    FieldRow("name", "Instance", TEXT, "Full name", lambda r: r.instance.name, match=Match.HOSTNAME),
    FieldRow(
        "admin_state",
        "InstanceState",
        TEXT,
        "State the administrator wants: up, down or offline",
        lambda r: r.instance.admin_state.value,
    ),
    FieldRow(
        "admin_state_source",
        "InstanceStateSource",
        TEXT,
        "Who wanted that state: admin or user",
        lambda r: r.instance.admin_state_source.value,
    ),
    FieldRow(
        "admin_up",
        "Autostart",
        BOOL,
        "Whether the instance is meant to run",
        lambda r: r.instance.admin_state is AdminState.UP,
    ),
    FieldRow(
        "disks_active",
        "DisksActive",
        BOOL,
        "Whether its disks are meant to be assembled",
        lambda r: r.instance.disks_active,
    ),
    FieldRow(
        "forthcoming",
        "Forthcoming",
        BOOL,
        "Whether it is only planned and holds its place",
        lambda r: bool(r.instance.forthcoming),
    ),
    FieldRow("hypervisor", "Hypervisor", TEXT, "Hypervisor that runs it", lambda r: r.instance.hypervisor.value),
    FieldRow("network_port", "Network_port", OTHER, "TCP port of its console", lambda r: r.instance.network_port),
    FieldRow("os", "OS", TEXT, "Operating system, with its variant", lambda r: r.instance.os),
    tags_field("instance", _own),
    *tracked_fields("instance", _own),
]

_PLACE: Fields = [
    FieldRow("pnode", "Primary_node", TEXT, "Node that runs it", _pnode, Need.NODES, Match.HOSTNAME),
    FieldRow("pnode.group", "PrimaryNodeGroup", TEXT, "Group of its primary node", _pnode_group, Need.NODES),
    FieldRow(
        "pnode.group.uuid",
        "PrimaryNodeGroupUUID",
        TEXT,
        "Group of its primary node, by UUID",
        lambda r: r.primary and r.primary.group,
        Need.NODES,
    ),
    FieldRow(
        "snodes",
        "Secondary_Nodes",
        OTHER,
        "Other nodes that hold its disks",
        lambda r: [node.name for node in r.secondaries],
        Need.NODES,
    ),
    FieldRow("snodes.group", "SecondaryNodesGroups", OTHER, "Groups of those nodes", _snode_groups, Need.NODES),
    FieldRow(
        "snodes.group.uuid",
        "SecondaryNodesGroupsUUID",
        OTHER,
        "Groups of those nodes, by UUID",
        lambda r: [node.group for node in r.secondaries],
        Need.NODES,
    ),
]

_LIVE: Fields = [
    FieldRow(
        "status",
        "Status",
        TEXT,
        'What it is found to be, such as "running", "ADMIN_down" or "ERROR_up"',
        lambda r: r.status.value,
        Need.LIVE,
    ),
    FieldRow("oper_state", "Running", BOOL, "Whether it really runs", lambda r: r.is_running, Need.LIVE),
    FieldRow("oper_ram", "Memory", UNIT, "Memory it has now", _figure("memory"), Need.LIVE),
    FieldRow("oper_vcpus", "VCPUs", NUMBER, "Virtual CPUs it has now", _figure("vcpus"), Need.LIVE),
    FieldRow(
        "console", "Console", OTHER, "How its console is reached while it runs", lambda r: r.console, Need.CONSOLE
    ),
]

_PARAMETERS: Fields = [
    FieldRow("beparams", "BackendParameters", OTHER, "Backend parameters, filled", lambda r: r.backend),
    FieldRow(
        "custom_beparams",
        "CustomBackendParameters",
        OTHER,
        "Backend parameters set for the instance itself",
        lambda r: r.instance.beparams,
    ),
    FieldRow("hvparams", "HypervisorParameters", OTHER, "Hypervisor parameters, filled", lambda r: r.hypervisor),
    FieldRow(
        "custom_hvparams",
        "CustomHypervisorParameters",
        OTHER,
        "Hypervisor parameters set for the instance itself",
        lambda r: r.instance.hvparams,
    ),
    FieldRow("osparams", "OpSysParameters", OTHER, "Parameters for the operating system, filled", lambda r: r.osparams),
    FieldRow(
        "custom_osparams",
        "CustomOpSysParameters",
        OTHER,
        "Parameters for the operating system set for the instance itself",
        lambda r: r.instance.osparams,
    ),
    FieldRow(
        "custom_nicparams",
        "CustomNicParameters",
        OTHER,
        "Parameters set for each NIC itself",
        lambda r: [nic.nicparams for nic in r.instance.nics],
    ),
    FieldRow("vcpus", "ConfigVCPUs", NUMBER, "Virtual CPUs it is given", lambda r: r.backend.get("vcpus")),
    *param_fields("be", BE_PARAMS, _BE_TITLES, _backend),
    FieldRow(
        "be/memory",
        "ConfigMaxMem",
        UNIT,
        "Most memory it may use; old name of be/maxmem",
        lambda r: r.backend.get("maxmem"),
    ),
    *param_fields("hv", _hv_params(), _HV_TITLES, _hypervisor),
]

_DISKS: Fields = [
    FieldRow(
        "disk_template",
        "Disk_template",
        TEXT,
        'How its disks are laid out; "diskless" without any, "mixed" when they differ',
        lambda r: r.template,
    ),
    FieldRow(
        "disk_usage",
        "DiskUsage",
        UNIT,
        "Space its disks take up on each of their nodes",
        lambda r: r.disk_usage,
        Need.DISK_USAGE,
    ),
    FieldRow("disk.count", "Disks", NUMBER, "Number of disks", lambda r: len(r.disks)),
    FieldRow("disk.names", "Disk_names", OTHER, "Names of all disks", lambda r: [disk.name for disk in r.disks]),
    FieldRow("disk.sizes", "Disk_sizes", OTHER, "Sizes of all disks in MiB", lambda r: [disk.size for disk in r.disks]),
    FieldRow(
        "disk.spindles", "Disk_spindles", OTHER, "Spindles of all disks", lambda r: [disk.spindles for disk in r.disks]
    ),
    FieldRow("disk.uuids", "Disk_UUIDs", OTHER, "UUIDs of all disks", lambda r: [disk.uuid for disk in r.disks]),
    FieldRow("sda_size", "Disk/0", UNIT, "Size of disk 0; old name of disk.size/0", _first(_disk_size)),
    FieldRow("sdb_size", "Disk/1", UNIT, "Size of disk 1; old name of disk.size/1", _first(_disk_size, 1)),
    *indexed_fields("disk.name", "DiskName", TEXT, "Name of disk", MAX_DISKS, _disk(lambda disk: disk.name)),
    *indexed_fields("disk.size", "Disk", UNIT, "Size of disk", MAX_DISKS, _disk_size),
    *indexed_fields(
        "disk.spindles", "DiskSpindles", NUMBER, "Spindles of disk", MAX_DISKS, _disk(lambda disk: disk.spindles)
    ),
    *indexed_fields("disk.uuid", "DiskUUID", TEXT, "UUID of disk", MAX_DISKS, _disk(lambda disk: disk.uuid)),
]

_NICS: Fields = [
    FieldRow("nic.count", "NICs", NUMBER, "Number of NICs", lambda r: len(r.instance.nics)),
    FieldRow(
        "nic.bridges",
        "NIC_bridges",
        OTHER,
        "Bridges of all NICs, null for one that has none",
        _nics(lambda row, nic, index: row.bridge(index)),
    ),
    FieldRow("nic.ips", "NIC_IPs", OTHER, "IP addresses of all NICs", _nics(lambda row, nic, index: nic.ip)),
    FieldRow(
        "nic.links",
        "NIC_links",
        OTHER,
        "What each NIC is linked to",
        _nics(lambda row, nic, index: row.nics[index].get("link")),
    ),
    FieldRow("nic.macs", "NIC_MACs", OTHER, "Hardware addresses of all NICs", _nics(lambda row, nic, index: nic.mac)),
    FieldRow(
        "nic.modes",
        "NIC_modes",
        OTHER,
        "How each NIC is connected",
        _nics(lambda row, nic, index: row.nics[index].get("mode")),
    ),
    FieldRow("nic.names", "NIC_Names", OTHER, "Names of all NICs", _nics(lambda row, nic, index: nic.name)),
    FieldRow(
        "nic.networks",
        "NIC_networks",
        OTHER,
        "Networks of all NICs, by UUID",
        _nics(lambda row, nic, index: nic.network),
    ),
    FieldRow(
        "nic.networks.names",
        "NIC_networks_names",
        OTHER,
        "Networks of all NICs",
        _nics(lambda row, nic, index: row.network_name(nic)),
        Need.NETWORKS,
    ),
    FieldRow("nic.uuids", "NIC_UUIDs", OTHER, "UUIDs of all NICs", _nics(lambda row, nic, index: nic.uuid)),
    FieldRow(
        "nic.vlans", "NIC_VLANs", OTHER, "VLANs of all NICs", _nics(lambda row, nic, index: row.nics[index].get("vlan"))
    ),
    FieldRow("bridge", "NicBridge/0", TEXT, "Bridge of NIC 0; old name of nic.bridge/0", _first(_nic_bridge)),
    FieldRow("ip", "NicIP/0", TEXT, "IP address of NIC 0; old name of nic.ip/0", _first(_nic_ip)),
    FieldRow("mac", "NicMAC/0", TEXT, "Hardware address of NIC 0; old name of nic.mac/0", _first(_nic_mac)),
    FieldRow("nic_link", "NicLink/0", TEXT, "Link of NIC 0; old name of nic.link/0", _first(_nic_link)),
    FieldRow("nic_mode", "NicMode/0", TEXT, "Mode of NIC 0; old name of nic.mode/0", _first(_nic_mode)),
    FieldRow(
        "nic_network",
        "NicNetwork/0",
        TEXT,
        "Network of NIC 0, by UUID; old name of nic.network/0",
        _first(_nic_network),
    ),
    *indexed_fields("nic.bridge", "NicBridge", TEXT, "Bridge of NIC", MAX_NICS, _nic_bridge),
    *indexed_fields("nic.ip", "NicIP", TEXT, "IP address of NIC", MAX_NICS, _nic_ip),
    *indexed_fields("nic.link", "NicLink", TEXT, "Link of NIC", MAX_NICS, _nic_link),
    *indexed_fields("nic.mac", "NicMAC", TEXT, "Hardware address of NIC", MAX_NICS, _nic_mac),
    *indexed_fields("nic.mode", "NicMode", TEXT, "Mode of NIC", MAX_NICS, _nic_mode),
    *indexed_fields("nic.name", "NicName", TEXT, "Name of NIC", MAX_NICS, _nic(lambda row, nic, index: nic.name)),
    *indexed_fields(
        "nic.network.name",
        "NicNetworkName",
        TEXT,
        "Network of NIC",
        MAX_NICS,
        _nic(lambda row, nic, index: row.network_name(nic)),
        Need.NETWORKS,
    ),
    *indexed_fields("nic.network", "NicNetwork", TEXT, "Network, by UUID, of NIC", MAX_NICS, _nic_network),
    *indexed_fields("nic.uuid", "NicUUID", TEXT, "UUID of NIC", MAX_NICS, _nic(lambda row, nic, index: nic.uuid)),
    *indexed_fields(
        "nic.vlan", "NicVLAN", TEXT, "VLAN of NIC", MAX_NICS, _nic(lambda row, nic, index: row.nics[index].get("vlan"))
    ),
]

INSTANCES: Table[InstanceRow] = Table(
    QueryResource.INSTANCE, "name", [*_IDENTITY, *_PLACE, *_LIVE, *_PARAMETERS, *_DISKS, *_NICS]
)
