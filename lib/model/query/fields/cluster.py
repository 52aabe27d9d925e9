"""The fields of the cluster itself, and the row they are read from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ganeti.model import versions
from ganeti.model.enums import FieldKind, QueryResource
from ganeti.model.objects.cluster import Cluster
from ganeti.model.query.fields.common import tags_field, time_fields
from ganeti.model.query.table import FieldRow, Match, Missing, Need, Table
from ganeti.model.scalars import NodeName

BOOL, NUMBER, OTHER, TEXT, TIMESTAMP = (
    FieldKind.BOOL,
    FieldKind.NUMBER,
    FieldKind.OTHER,
    FieldKind.TEXT,
    FieldKind.TIMESTAMP,
)


class ClusterRow(NamedTuple):
    """The cluster, the program and the master.

    `architecture` is word length and machine of the master; `watcher_pause` the time
    until which the watcher does nothing, None when it works.
    """

    cluster: Cluster
    master: NodeName
    software_version: str
    vcs_version: str
    architecture: Sequence[str]
    queue_drained: bool | Missing = False
    watcher_pause: float | Missing | None = None


def _own(row: ClusterRow) -> Cluster:
    return row.cluster


_FIELDS: list[FieldRow[ClusterRow]] = [
    FieldRow("name", "Name", TEXT, "Name of the cluster", lambda r: r.cluster.cluster_name, match=Match.HOSTNAME),
    FieldRow(
        "cluster_name", "Name", TEXT, "Name of the cluster", lambda r: r.cluster.cluster_name, match=Match.HOSTNAME
    ),
    FieldRow("master_node", "Master", TEXT, "Node that is master", lambda r: r.master, match=Match.HOSTNAME),
    FieldRow(
        "architecture", "ArchInfo", OTHER, "Word length and machine of the master", lambda r: list(r.architecture)
    ),
    FieldRow("software_version", "SoftwareVersion", TEXT, "Version of the software", lambda r: r.software_version),
    FieldRow("vcs_version", "VCSVersion", TEXT, "Revision the software was built from", lambda r: r.vcs_version),
    FieldRow("config_version", "ConfigVersion", NUMBER, "Version of the configuration file", lambda r: versions.CONFIG),
    FieldRow("export_version", "ExportVersion", NUMBER, "Version of exports", lambda r: versions.EXPORT),
    FieldRow(
        "os_api_version",
        "OsApiVersion",
        NUMBER,
        "Newest interface to operating systems",
        lambda r: max(versions.OS_API),
    ),
    FieldRow(
        "protocol_version",
        "ProtocolVersion",
        NUMBER,
        "Version of the protocol between nodes",
        lambda r: versions.PROTOCOL,
    ),
    FieldRow("volume_group_name", "VgName", TEXT, "Volume group for disks", lambda r: r.cluster.volume_group_name),
    FieldRow(
        "drain_flag",
        "QueueDrained",
        BOOL,
        "Whether the job queue takes no new jobs",
        lambda r: r.queue_drained,
        Need.QUEUE_DRAINED,
    ),
    FieldRow(
        "watcher_pause",
        "WatcherPause",
        TIMESTAMP,
        "Until when the watcher is paused",
        lambda r: r.watcher_pause,
        Need.WATCHER_PAUSE,
    ),
    tags_field("cluster", _own),
    *time_fields("cluster", _own),
]

CLUSTER: Table[ClusterRow] = Table(QueryResource.CLUSTER, None, _FIELDS)
