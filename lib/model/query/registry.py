"""All resources that can be queried, by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ganeti import errors
from ganeti.errors import ECode
from ganeti.model.enums import QueryResource
from ganeti.model.query.fields.cluster import CLUSTER
from ganeti.model.query.fields.export import EXPORTS
from ganeti.model.query.fields.extstorage import EXTSTORAGE
from ganeti.model.query.fields.group import GROUPS
from ganeti.model.query.fields.instance import INSTANCES
from ganeti.model.query.fields.job import JOBS
from ganeti.model.query.fields.jobfilter import FILTERS
from ganeti.model.query.fields.lock import LOCKS
from ganeti.model.query.fields.network import NETWORKS
from ganeti.model.query.fields.node import NODES
from ganeti.model.query.fields.os import OSES
from ganeti.model.query.table import Table

_ALL: tuple[Table[Any], ...] = (
    CLUSTER,
    EXPORTS,
    EXTSTORAGE,
    FILTERS,
    GROUPS,
    INSTANCES,
    JOBS,
    LOCKS,
    NETWORKS,
    NODES,
    OSES,
)

#: rows of each table are of a class of its own, which only who fills them knows: Any
TABLES: Mapping[QueryResource, Table[Any]] = {table.resource: table for table in _ALL}


def table_of(resource: str) -> Table[Any]:
    """Return the fields of a resource.

    Raises OpPrereqError for a resource that does not exist.
    """
    try:
        return TABLES[QueryResource(resource)]
    except ValueError:
        known = ", ".join(sorted(TABLES))
        raise errors.OpPrereqError(f"cannot query {resource!r}: expected one of {known}", ECode.INVAL) from None
