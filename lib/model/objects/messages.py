"""Records that travel between programs and are not part of the configuration."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from ganeti.model.enums import ConsoleKind, FieldKind, LocalDiskStatus
from ganeti.model.scalars import InstanceName, IPAddress, Uuid
from ganeti.schema import Record, param


class NodeHvState(Record, keep_unknown=True):
    """Memory (MiB) and processors of a node, as one hypervisor sees them."""

    mem_total: int = param(default=0)
    mem_node: int = param(default=0)
    mem_hv: int = param(default=0)
    mem_inst: int = param(default=0)
    cpu_total: int = param(default=1)
    cpu_node: int = param(default=1)
    ctime: float | None = param(default=None)
    mtime: float | None = param(default=None)


class NodeDiskState(Record, keep_unknown=True):
    """Space of a storage unit of a node, in MiB."""

    total: int = param(default=0)
    reserved: int = param(default=0)
    overhead: int = param(default=0)
    ctime: float | None = param(default=None)
    mtime: float | None = param(default=None)


class MasterNetworkParameters(Record):
    """The address of the master and where it is to be set up."""

    uuid: Uuid = param(doc="Uuid of the master node")
    ip: IPAddress = param(doc="Address")
    netmask: int = param(doc="Prefix length")
    netdev: str = param(doc="Interface")
    ip_family: int = param(doc="2 for IPv4, 10 for IPv6")


class BlockDevStatus(Record):
    """State of a block device on a node."""

    dev_path: str | None = param(doc="Device file")
    major: int | None = param(default=None)
    minor: int | None = param(default=None)
    sync_percent: float | None = param(default=None, doc="Resync progress; none when in sync")
    estimated_time: int | None = param(default=None, doc="Seconds until in sync; none if not known")
    is_degraded: bool | None = param(default=None)
    ldisk_status: LocalDiskStatus | None = param(default=None, doc="State of the local disk")


class ImportExportStatus(Record):
    """How far an import or export daemon is."""

    recent_output: Sequence[str] = param(factory=tuple, doc="Last lines it printed")
    listen_port: int | None = param(default=None)
    connected: bool = param(default=False)
    progress_mbytes: float | None = param(default=None)
    progress_throughput: float | None = param(default=None, doc="MiB per second")
    progress_eta: float | None = param(default=None, doc="Seconds")
    progress_percent: float | None = param(default=None)
    exit_status: int | None = param(default=None, doc="None while it runs")
    error_message: str | None = param(default=None)
    ctime: float | None = param(default=None)
    mtime: float | None = param(default=None)


class ImportExportOptions(Record):
    """How an import or export daemon is to work."""

    key_name: str | None = param(default=None, doc="Name of the X509 key; none for the cluster's")
    ca_pem: str | None = param(default=None, doc="Certificate of the other end")
    compress: str = param(default="none")
    magic: str | None = param(default=None, doc="Text both ends must send first")
    ipv6: bool | None = param(default=None)
    connect_timeout: int | None = param(default=None, doc="Seconds")


class ConfdRequest(Record):
    """A question to confd."""

    protocol: int = param()
    type: int = param()
    query: object = param(default=None)
    rsalt: str = param(doc="Random text that comes back with the answer")


class ConfdReply(Record):
    """An answer of confd."""

    protocol: int = param()
    status: int = param()
    answer: object = param()
    serial: int = param(doc="Serial number of the configuration it was made from")


class QueryFieldDefinition(Record):
    """A field of a query resource."""

    name: str = param()
    title: str = param(doc="Heading of the column")
    kind: FieldKind = param(doc="Kind of its values")
    doc: str = param()


class QueryResponse(Record):
    """Answer of a query: the fields, and rows of [status, value] pairs."""

    fields: Sequence[QueryFieldDefinition] = param()
    data: Sequence[Sequence[Sequence[object]]] = param()


class QueryFieldsRequest(Record):
    """Asks for the fields of a resource."""

    what: str = param()
    fields: Sequence[str] | None = param(default=None, doc="None for all")


class QueryFieldsResponse(Record):
    """The fields of a resource."""

    fields: Sequence[QueryFieldDefinition] = param()


class InstanceConsole(Record, omit_none=True):
    """How to reach the console of an instance."""

    instance: InstanceName = param()
    kind: ConsoleKind = param()
    message: str | None = param(default=None)
    host: str | None = param(default=None)
    port: int | None = param(default=None)
    user: str | None = param(default=None)
    command: Sequence[str] | None = param(default=None)
    display: int | None = param(default=None)


class MigrationStatus(Record):
    """How far a live migration is; memory in bytes."""

    status: Literal["active", "completed", "failed", "cancelled"] = param()
    transferred_ram: int | None = param(default=None)
    total_ram: int | None = param(default=None)
    postcopy_status: Literal["postcopy-active"] | None = param(default=None)


class LvmPvInfo(Record):
    """A physical volume of LVM; sizes in MiB."""

    name: str = param()
    vg_name: str = param()
    size: float = param()
    free: float = param()
    attributes: str = param()
    lv_list: Sequence[str] = param(factory=tuple, doc="Logical volumes on it")


class OSInfo(Record, omit_none=True):
    """An operating system definition on a node; the scripts are paths."""

    name: str = param()
    path: str = param()
    api_versions: Sequence[int] = param()
    create_script: str | None = param(default=None)
    create_script_untrusted: str | None = param(default=None)
    export_script: str | None = param(default=None)
    import_script: str | None = param(default=None)
    rename_script: str | None = param(default=None)
    verify_script: str | None = param(default=None)
    supported_variants: Sequence[str] = param(factory=tuple)
    supported_parameters: Sequence[tuple[str, str]] = param(factory=tuple, doc="Name and what it is for")


class ExtStorage(Record, omit_none=True):
    """An external storage provider on a node; the scripts are paths."""

    name: str = param()
    path: str = param()
    create_script: str | None = param(default=None)
    remove_script: str | None = param(default=None)
    grow_script: str | None = param(default=None)
    attach_script: str | None = param(default=None)
    detach_script: str | None = param(default=None)
    setinfo_script: str | None = param(default=None)
    verify_script: str | None = param(default=None)
    snapshot_script: str | None = param(default=None)
    open_script: str | None = param(default=None)
    close_script: str | None = param(default=None)
    supported_parameters: Sequence[tuple[str, str]] = param(factory=tuple, doc="Name and what it is for")
