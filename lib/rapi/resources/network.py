"""Networks."""

from __future__ import annotations

from ganeti.luxi import methods
from ganeti.model.enums import TagKind
from ganeti.model.opcodes import network as op
from ganeti.rapi import fields
from ganeti.rapi.arguments import DRY_RUN
from ganeti.rapi.look import Kind, tag_methods
from ganeti.rapi.submit import job
from ganeti.rapi.table import Resource

_NAME = {"network": "network_name"}
_KIND = Kind("network", "/2/networks", "network", "name", methods.query_networks, fields.NETWORK)

RESOURCES = (
    Resource("/2/networks", {
        "GET": _KIND.listing(),
        "POST": job(
            op.OpNetworkAdd, "Create a network.", args=[DRY_RUN], body=True, rename={"name": "network_name"}
        ),
    }),
    Resource("/2/networks/<network>", {
        "GET": _KIND.single(),
        "DELETE": job(op.OpNetworkRemove, "Remove a network.", names=_NAME, args=[DRY_RUN], body=True),
    }),
    Resource("/2/networks/<network>/modify", {
        "PUT": job(op.OpNetworkSetParams, "Change a network.", names=_NAME, body=True)
    }),
    Resource("/2/networks/<network>/rename", {
        "PUT": job(op.OpNetworkRename, "Rename a network.", names=_NAME, args=[DRY_RUN], body=True)
    }),
    Resource("/2/networks/<network>/connect", {
        "PUT": job(
            op.OpNetworkConnect, "Connect a network to a node group.", names=_NAME, args=[DRY_RUN], body=True
        )
    }),
    Resource("/2/networks/<network>/disconnect", {
        "PUT": job(
            op.OpNetworkDisconnect, "Disconnect a network from a node group.", names=_NAME, args=[DRY_RUN], body=True
        )
    }),
    Resource("/2/networks/<network>/tags", tag_methods(TagKind.NETWORK, "network")),
)  # fmt: skip
