"""THE TABLE of the remote API: every resource, by noun.  Paths and shapes: `spec/rapi.json`."""

from __future__ import annotations

from ganeti.rapi.resources import cluster, group, instance, job, network, node
from ganeti.rapi.table import Resource

RESOURCES: tuple[Resource, ...] = (
    *cluster.RESOURCES,
    *instance.RESOURCES,
    *node.RESOURCES,
    *group.RESOURCES,
    *network.RESOURCES,
    *job.RESOURCES,
)
