"""The fields of node groups, and the row they are read from."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import NamedTuple

from ganeti.model.enums import DiskTemplate, FieldKind, QueryResource
from ganeti.model.objects.nodegroup import NodeGroup
from ganeti.model.params.fill import fill_diskparams, fill_ipolicy, fill_ndparams
from ganeti.model.params.nd import ND_PARAMS
from ganeti.model.query.fields.common import ND_TITLES, param_fields, plain, tags_field, tracked_fields
from ganeti.model.query.rows.links import ConfigView, Links, by_name
from ganeti.model.query.table import FieldRow, Need, Table

NUMBER, OTHER, TEXT = FieldKind.NUMBER, FieldKind.OTHER, FieldKind.TEXT


class GroupRow(NamedTuple):
    """A node group with what belongs to it."""

    group: NodeGroup
    links: Links


def group_rows(config: ConfigView, *, only: Collection[str] | None = None) -> list[GroupRow]:
    """Return a row for each group (of these names), in natural order."""
    links = Links(config)
    return [GroupRow(group, links) for group in by_name(config.groups, lambda group: group.name, only)]


def _own(row: GroupRow) -> NodeGroup:
    return row.group


def _params(row: GroupRow) -> Mapping[str, object]:
    return fill_ndparams(row.links.cluster, row.group)


def _nodes(row: GroupRow) -> list[str]:
    return [node.name for node in row.links.members_of(row.group.uuid)]


def _instances(row: GroupRow) -> list[str]:
    return row.links.instances_of_group(row.group.uuid)


def _diskparams(row: GroupRow) -> dict[str, object]:
    return {template.value: fill_diskparams(row.links.cluster, row.group, template) for template in DiskTemplate}


_FIELDS: list[FieldRow[GroupRow]] = [
    FieldRow("name", "Group", TEXT, "Name", lambda r: r.group.name),
    FieldRow(
        "alloc_policy",
        "AllocPolicy",
        TEXT,
        "Whether new instances are put here: preferred, last_resort or unallocable",
        lambda r: r.group.alloc_policy.value,
    ),
    FieldRow(
        "diskparams", "DiskParameters", OTHER, "Disk parameters by template, filled", _diskparams, Need.DISK_PARAMS
    ),
    FieldRow(
        "custom_diskparams",
        "CustomDiskParameters",
        OTHER,
        "Disk parameters set for the group itself",
        lambda r: plain(r.group.diskparams) or {},
    ),
    FieldRow(
        "ipolicy",
        "InstancePolicy",
        OTHER,
        "Limits and standard sizes of instances, filled",
        lambda r: fill_ipolicy(r.links.cluster, r.group),
    ),
    FieldRow(
        "custom_ipolicy",
        "CustomInstancePolicy",
        OTHER,
        "Instance policy set for the group itself",
        lambda r: r.group.ipolicy,
    ),
    FieldRow("ndparams", "NDParams", OTHER, "Node parameters, filled", _params),
    FieldRow(
        "custom_ndparams",
        "CustomNDParams",
        OTHER,
        "Node parameters set for the group itself",
        lambda r: r.group.ndparams,
    ),
    *param_fields("ndp", ND_PARAMS, ND_TITLES, _params),
    FieldRow("node_cnt", "Nodes", NUMBER, "Number of nodes", lambda r: len(_nodes(r)), Need.NODES),
    FieldRow("node_list", "NodeList", OTHER, "Nodes", _nodes, Need.NODES),
    FieldRow(
        "pinst_cnt",
        "Instances",
        NUMBER,
        "Number of instances with their primary node in the group",
        lambda r: len(_instances(r)),
        Need.INSTANCES,
    ),
    FieldRow(
        "pinst_list",
        "InstanceList",
        OTHER,
        "Instances with their primary node in the group",
        _instances,
        Need.INSTANCES,
    ),
    tags_field("group", _own),
    *tracked_fields("group", _own),
]

GROUPS: Table[GroupRow] = Table(QueryResource.GROUP, "name", _FIELDS)
