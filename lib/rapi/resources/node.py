"""Nodes."""

from __future__ import annotations

from collections.abc import Mapping

from ganeti.luxi import methods
from ganeti.model.enums import NodeRole, TagKind
from ganeti.model.opcodes import node as op
from ganeti.rapi import fields
from ganeti.rapi.arguments import DRY_RUN, FORCE, Arg, ArgKind, flag, text
from ganeti.rapi.look import Kind, Object, tag_methods
from ganeti.rapi.replies import Reply, bad_request, reply
from ganeti.rapi.submit import Fields, job
from ganeti.rapi.table import Access, Body, Call, Method, Resource, Shape

_NAME = {"node": "node_name"}
_TYPE = text("storage_type", "Kind of storage: file, lvm-pv, lvm-vg...")
_UNIT = text("name", "Name of the storage unit", required=True)


def _add_secondary(shown: Object) -> None:
    shown["secondary_ip"] = shown["sip"]


_KIND = Kind("node", "/2/nodes", "node", "id", methods.query_nodes, fields.NODE, adapt_single=_add_secondary)

#: letters of the field `role` in words
_ROLES: Mapping[str, str] = {
    NodeRole.MASTER: "master",
    NodeRole.CANDIDATE: "master-candidate",
    NodeRole.DRAINED: "drained",
    NodeRole.OFFLINE: "offline",
    NodeRole.REGULAR: "regular",
}
_TO_BECOME: Mapping[str, Fields] = {
    "regular": {"master_candidate": False, "offline": False, "drained": False},
    "master-candidate": {"master_candidate": True},
    "drained": {"drained": True},
    "offline": {"offline": True},
}
_ROLE_NAMES = list(_ROLES.values())


async def _role(call: Call) -> Reply:
    rows = await call.master.call(methods.query_nodes, [call.variables["node"]], ["role"], False)
    return reply(_ROLES[rows[0][0]])


def _new_role(call: Call) -> Fields:
    wanted = call.body
    if not isinstance(wanted, str) or wanted not in _TO_BECOME:
        raise bad_request(f"body: expected one of the strings {', '.join(_TO_BECOME)}")
    return _TO_BECOME[wanted]


_LIVE = flag("live", "While the guest runs; old form of mode")._replace(own=True)
_MODE = text("mode", "live or non-live")._replace(own=True)


def _migration(call: Call) -> Fields:
    """Return how instances are to be moved: from arguments, or from the body where there are none."""
    given = call.arguments.keys() & {_LIVE.name, _MODE.name}
    if len(given) > 1:
        raise bad_request("give either live or mode, not both")
    if _MODE.name in given:
        return {"mode": _MODE.value(call.arguments)}
    if _LIVE.name in given:
        return {"mode": "live" if _LIVE.value(call.arguments) else "non-live"}
    return call.object_body()


_ALLOCATABLE = flag("allocatable", "Whether new disks may be put there")._replace(own=True)


def _unit_changes(call: Call) -> Fields:
    given = _ALLOCATABLE.name in call.arguments
    return {"changes": {_ALLOCATABLE.name: _ALLOCATABLE.value(call.arguments)} if given else {}}


def _of_this(call: Call) -> Fields:
    return {"nodes": [call.variables["node"]]}


def _on(path: str, verb: str, method: Method) -> Resource:
    return Resource(f"/2/nodes/<node>/{path}", {verb: method})


_NO_BODY = Body("")

RESOURCES = (
    Resource("/2/nodes", {"GET": _KIND.listing()}),
    Resource("/2/nodes/<node>", {"GET": _KIND.single()}),
    _on("powercycle", "POST", job(op.OpNodePowercycle, "Reset a node at once.", names=_NAME, args=[FORCE])),
    _on("evacuate", "POST", job(
        op.OpNodeEvacuate, "Move instances away from a node.", names=_NAME, args=[DRY_RUN], body=True
    )),
    _on("migrate", "POST", job(
        op.OpNodeMigrate,
        "Migrate all primary instances of a node.",
        names=_NAME,
        args=[_LIVE, _MODE],
        body=_migration,
    )),
    _on("modify", "POST", job(op.OpNodeSetParams, "Change a node.", names=_NAME, body=True)),
    Resource("/2/nodes/<node>/role", {
        "GET": Method(
            Access.NONE,
            "Tell the role of a node.",
            _role,
            Shape(f"One of {', '.join(_ROLE_NAMES)}", {"enum": _ROLE_NAMES}),
            calls=[methods.query_nodes],
        ),
        "PUT": job(
            op.OpNodeSetParams,
            "Give a node another role.",
            names=_NAME,
            args=[FORCE, flag("auto-promote", "Make other nodes candidates where needed", "auto_promote")],
            body=_new_role,
            described=Body("The role", schema={"enum": list(_TO_BECOME)}),
        ),
    }),
    _on("storage", "GET", job(
        op.OpNodeQueryStorage,
        "List storage units of a node, as a job.",
        args=[_TYPE, Arg("output_fields", ArgKind.TEXTS, "Fields to answer, with commas between", required=True)],
        body=_of_this,
        described=_NO_BODY,
    )),
    _on("storage/modify", "PUT", job(
        op.OpNodeModifyStorage,
        "Change a storage unit.",
        names=_NAME,
        args=[_TYPE, _UNIT, _ALLOCATABLE],
        body=_unit_changes,
        described=_NO_BODY,
    )),
    _on("storage/repair", "PUT", job(
        op.OpRepairNodeStorage, "Repair a storage unit.", names=_NAME, args=[_TYPE, _UNIT]
    )),
    Resource("/2/nodes/<node>/tags", tag_methods(TagKind.NODE, "node")),
)  # fmt: skip
