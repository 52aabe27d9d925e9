"""The fields of operating systems, and the row that puts the answers of nodes together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple, Protocol

from ganeti.model.enums import FieldKind, QueryResource
from ganeti.model.objects.cluster import Cluster
from ganeti.model.query.table import FieldRow, Table
from ganeti.model.scalars import NodeName, OsName
from ganeti.schema_types import dump_any
from ganeti.utils.text import natural_sort

BOOL, OTHER, TEXT = FieldKind.BOOL, FieldKind.OTHER, FieldKind.TEXT


class OsFound(Protocol):
    """An OS definition as a node has it, good or bad (spec/rpc.json, os_diagnose)."""

    @property
    def name(self) -> str:
        """Name without variant."""

    @property
    def path(self) -> str:
        """Directory of the definition."""

    @property
    def status(self) -> bool:
        """Whether it can be used."""

    @property
    def diagnose(self) -> str:
        """What is wrong with it."""

    @property
    def variants(self) -> Sequence[str]:
        """Supported variants, the default first."""

    @property
    def parameters(self) -> Sequence[tuple[str, str]]:
        """(name, description) of each parameter."""

    @property
    def api_versions(self) -> Sequence[int]:
        """Interface versions it supports."""

    @property
    def trusted(self) -> bool:
        """Whether its create script may run with the daemon's rights."""


class OsRow(NamedTuple):
    """An operating system on all nodes that answered.

    `found` holds what each node has under this name, in the order of its search
    path: the first is the one in use, an empty list means the node has none.
    """

    name: str
    found: Mapping[NodeName, Sequence[OsFound]]
    cluster: Cluster

    @property
    def in_use(self) -> list[OsFound]:
        """What nodes use, those left out that have none."""
        return [definitions[0] for definitions in self.found.values() if definitions]

    @property
    def is_valid(self) -> bool:
        """Whether it can be used on every node."""
        return bool(self.found) and all(found and found[0].status for found in self.found.values())

    def common(self, kind: str) -> list[object]:
        """Return the variants, parameters or api_versions that all nodes have, in the order of the first node."""
        lists: list[Sequence[object]] = [getattr(found, kind) for found in self.in_use] if self.is_valid else []
        return [item for item in lists[0] if all(item in other for other in lists[1:])] if lists else []


def os_rows(cluster: Cluster, answers: Mapping[NodeName, Sequence[OsFound] | None]) -> list[OsRow]:
    """Return a row for each operating system any node has, in natural order.

    Nodes that gave no answer (None) are left out: they say nothing against it.
    """
    known = {node: found for node, found in answers.items() if found is not None}
    names = natural_sort({definition.name for found in known.values() for definition in found})
    return [
        OsRow(name, {node: [d for d in found if d.name == name] for node, found in known.items()}, cluster)
        for name in names
    ]


def _node_status(row: OsRow) -> dict[str, object]:
    return {
        node: [
            [d.path, d.status, d.diagnose, dump_any(d.variants), dump_any(d.parameters), dump_any(d.api_versions)]
            for d in definitions
        ]
        for node, definitions in row.found.items()
    }


_FIELDS: list[FieldRow[OsRow]] = [
    FieldRow("name", "Name", TEXT, "Name without variant", lambda r: r.name),
    FieldRow("valid", "Valid", BOOL, "Whether it can be used on all nodes", lambda r: r.is_valid),
    FieldRow(
        "hidden", "Hidden", BOOL, "Whether it is left out of lists for users", lambda r: r.name in r.cluster.hidden_os
    ),
    FieldRow(
        "blacklisted",
        "Blacklisted",
        BOOL,
        "Whether it is not to be used for new instances",
        lambda r: r.name in r.cluster.blacklisted_os,
    ),
    FieldRow(
        "trusted",
        "Trusted",
        BOOL,
        "Whether its create script runs with the rights of the node daemon",
        lambda r: all(d.trusted for d in r.in_use),
    ),
    FieldRow("variants", "Variants", OTHER, "Variants all nodes support", lambda r: r.common("variants")),
    FieldRow(
        "parameters",
        "Parameters",
        OTHER,
        "Parameters all nodes support, each with its description",
        lambda r: dump_any(r.common("parameters")),
    ),
    FieldRow(
        "api_versions", "ApiVersions", OTHER, "Interface versions all nodes support", lambda r: r.common("api_versions")
    ),
    FieldRow(
        "node_status",
        "NodeStatus",
        OTHER,
        "What each node has: path, whether it can be used, what is wrong, variants, parameters, interface versions",
        _node_status,
    ),
    FieldRow(
        "os_hvp",
        "OsHypervisorParams",
        OTHER,
        "Hypervisor parameters set for it, by hypervisor",
        lambda r: dump_any(r.cluster.os_hvp.get(OsName(r.name), {})),
    ),
    FieldRow(
        "osparams",
        "OsParameters",
        OTHER,
        "Parameters set for it in the cluster",
        lambda r: r.cluster.osparams.get(OsName(r.name), {}),
    ),
]

OSES: Table[OsRow] = Table(QueryResource.OS, "name", _FIELDS)
