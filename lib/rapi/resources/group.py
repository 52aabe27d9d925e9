"""Node groups."""

from __future__ import annotations

from ganeti.luxi import methods
from ganeti.model.enums import TagKind
from ganeti.model.opcodes import group as op
from ganeti.rapi import fields
from ganeti.rapi.arguments import DRY_RUN, FORCE
from ganeti.rapi.look import Kind, tag_methods
from ganeti.rapi.submit import job
from ganeti.rapi.table import Resource

_NAME = {"group": "group_name"}
_KIND = Kind("group", "/2/groups", "group", "name", methods.query_groups, fields.GROUP)

RESOURCES = (
    Resource("/2/groups", {
        "GET": _KIND.listing(),
        "POST": job(
            op.OpGroupAdd, "Create a node group.", args=[DRY_RUN], body=True, rename={"name": "group_name"}
        ),
    }),
    Resource("/2/groups/<group>", {
        "GET": _KIND.single(),
        "DELETE": job(op.OpGroupRemove, "Remove a node group that is empty.", names=_NAME, args=[DRY_RUN]),
    }),
    Resource("/2/groups/<group>/modify", {
        "PUT": job(
            op.OpGroupSetParams,
            "Change a node group.",
            names=_NAME,
            body=True,
            rename={
                "custom_diskparams": "diskparams",
                "custom_ipolicy": "ipolicy",
                "custom_ndparams": "ndparams",
            },
        )
    }),
    Resource("/2/groups/<group>/rename", {
        "PUT": job(op.OpGroupRename, "Rename a node group.", names=_NAME, args=[DRY_RUN], body=True)
    }),
    Resource("/2/groups/<group>/assign-nodes", {
        "PUT": job(
            op.OpGroupAssignNodes, "Move nodes into a node group.", names=_NAME, args=[DRY_RUN, FORCE], body=True
        )
    }),
    Resource("/2/groups/<group>/tags", tag_methods(TagKind.NODEGROUP, "group")),
)  # fmt: skip
