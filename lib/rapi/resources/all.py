"""THE TABLE of the remote API: every resource, by noun.  Paths and shapes: `spec/rapi.json`."""

from __future__ import annotations

import functools

from ganeti.rapi.openapi import document
from ganeti.rapi.replies import Reply, reply
from ganeti.rapi.resources import cluster, group, instance, job, network, node, watch
from ganeti.rapi.table import Access, Call, Method, Resource, Shape


@functools.cache
def _document() -> Reply:
    return reply(document(RESOURCES))


async def _openapi(call: Call) -> Reply:
    return _document()


_SHAPE = Shape("OpenAPI document", {"type": "object"})

RESOURCES: tuple[Resource, ...] = (
    *cluster.RESOURCES,
    *instance.RESOURCES,
    *node.RESOURCES,
    *group.RESOURCES,
    *network.RESOURCES,
    *job.RESOURCES,
    *watch.RESOURCES,
    Resource("/2/openapi.json", {"GET": Method(Access.NONE, "Describe the interface.", _openapi, _SHAPE)}),
)
