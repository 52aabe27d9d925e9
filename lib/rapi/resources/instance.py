"""Instances."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

from ganeti.luxi import methods
from ganeti.model.enums import TagKind
from ganeti.model.opcodes import instance as op
from ganeti.model.opcodes.backup import OpBackupExport, OpBackupPrepare
from ganeti.rapi import fields
from ganeti.rapi.arguments import DRY_RUN, FORCE, flag, text
from ganeti.rapi.look import Kind, Object, tag_methods
from ganeti.rapi.replies import Refusal, Reply, not_found, reply
from ganeti.rapi.resources import instance_bodies as bodies
from ganeti.rapi.submit import job
from ganeti.rapi.table import Access, Body, Call, Method, Resource, Shape

_NAME = {"instance": "instance_name"}


def _add_memory(shown: Object) -> None:
    """Clients of before there was a range of memory know it by this name."""
    if shown["beparams"] and "maxmem" in shown["beparams"]:
        shown["beparams"]["memory"] = shown["beparams"]["maxmem"]


_KIND = Kind("instance", "/2/instances", "instance", "id", methods.query_instances, fields.INSTANCE, _add_memory)


async def _console(call: Call) -> Reply:
    rows = await call.master.call(
        methods.query_instances, [call.variables["instance"]], ["console", "oper_state"], False
    )
    if not rows:
        raise not_found()
    console, running = rows[0]
    if not running or console is None:
        raise Refusal(HTTPStatus.SERVICE_UNAVAILABLE, "the instance is not running, it has no console")
    return reply(console)


def _on(path: str, verb: str, method: Method) -> Resource:
    return Resource(f"/2/instances/<instance>/{path}", {verb: method})


_REINSTALL: Mapping[str, tuple[Mapping[str, object], str]] = {
    "os": ({"type": ["string", "null"]}, "OS to install; none means that of the instance"),
    "start": ({"type": "boolean", "default": True}, "Start it afterwards"),
    "osparams": ({"type": ["object", "null"]}, "OS parameters to change"),
}

RESOURCES = (
    Resource(
        "/2/instances",
        {
            "GET": _KIND.listing(),
            "POST": job(
                op.OpInstanceCreate,
                "Create an instance.",
                args=[DRY_RUN],
                body=bodies.creation,
                rename=bodies.CREATION_NAMES,
                described=Body(
                    "Parameters of OP_INSTANCE_CREATE and the version of their format",
                    op.OpInstanceCreate,
                    bodies.CREATION_NAMES,
                    ["dry_run"],
                    {bodies.VERSION: ({"const": 1}, "Version of the format: 1")},
                    [bodies.VERSION],
                ),
            ),
        },
    ),
    Resource(
        "/2/instances-multi-alloc",
        {
            "POST": job(
                op.OpInstanceMultiAlloc,
                "Create several instances, placed together.",
                args=[DRY_RUN],
                body=bodies.several,
            )
        },
    ),
    Resource(
        "/2/instances/<instance>",
        {
            "GET": _KIND.single(),
            "DELETE": job(
                op.OpInstanceRemove,
                "Remove an instance.",
                names=_NAME,
                args=[DRY_RUN],
                fixed={"ignore_failures": False},
                body=True,
            ),
        },
    ),
    _on(
        "info",
        "GET",
        job(
            op.OpInstanceQueryData,
            "Ask for everything about an instance, as a job.",
            args=[flag("static", "Only what the configuration says")],
            body=bodies.only_this,
            described=bodies.NO_BODY,
            access=Access.NONE,
        ),
    ),
    _on(
        "reboot",
        "POST",
        job(
            op.OpInstanceReboot,
            "Reboot an instance.",
            names=_NAME,
            args=[
                bodies.REBOOT_TYPE,
                flag("ignore_secondaries", "Do not start if a secondary's disk is missing"),
                DRY_RUN,
            ],
            body=bodies.reboot,
        ),
    ),
    _on(
        "shutdown",
        "PUT",
        job(
            op.OpInstanceShutdown,
            "Stop an instance.",
            names=_NAME,
            args=[flag("no_remember", "Do not note that it is to be down"), DRY_RUN],
            body=True,
        ),
    ),
    _on(
        "startup",
        "PUT",
        job(
            op.OpInstanceStartup,
            "Start an instance.",
            names=_NAME,
            args=[FORCE, DRY_RUN, flag("no_remember", "Do not note that it is to be up")],
        ),
    ),
    _on(
        "reinstall",
        "POST",
        job(
            op.OpInstanceReinstall,
            "Stop an instance, install its OS anew, and start it.",
            names=_NAME,
            args=[bodies.OS, bodies.NO_START],
                body=bodies.reinstall,
            described=Body("What to install; not together with arguments", fields=_REINSTALL),
            around=bodies.stop_and_start,
            also=[op.OpInstanceShutdown, op.OpInstanceStartup],
        ),
    ),
    _on(
        "replace-disks",
        "POST",
        job(
            op.OpInstanceReplaceDisks,
            "Replace disks of an instance, or its secondary node.",
            names=_NAME,
            args=bodies.REPLACE_DISKS,
                body=bodies.replace_disks,
        ),
    ),
    _on(
        "activate-disks",
        "PUT",
        job(
            op.OpInstanceActivateDisks,
            "Assemble the disks of an instance that is down.",
            names=_NAME,
            args=[flag("ignore_size", "Whatever size they are")],
        ),
    ),
    _on(
        "deactivate-disks",
        "PUT",
        job(
            op.OpInstanceDeactivateDisks,
            "Take the disks of an instance that is down out of use.",
            names=_NAME,
            args=[FORCE],
        ),
    ),
    _on("recreate-disks", "POST", job(op.OpInstanceRecreateDisks, "Make lost disks anew.", names=_NAME, body=True)),
    _on("prepare-export", "PUT", job(
        OpBackupPrepare, "Prepare an export.", names=_NAME, args=[text("mode", "local or remote", required=True)]
    )),
    _on("export", "PUT", job(
        OpBackupExport, "Export an instance.", names=_NAME, body=True, rename={"destination": "target_node"}
    )),
    _on("migrate", "PUT", job(op.OpInstanceMigrate, "Move a running instance.", names=_NAME, body=True)),
    _on("failover", "PUT", job(
        op.OpInstanceFailover, "Stop an instance and start it on another node.", names=_NAME, body=True
    )),
    _on("rename", "PUT", job(op.OpInstanceRename, "Rename an instance that is down.", names=_NAME, body=True)),
    _on("modify", "PUT", job(
        op.OpInstanceSetParams,
        "Change an instance.",
        names=_NAME,
        body=bodies.changes,
        rename={"custom_beparams": "beparams", "custom_hvparams": "hvparams"},
    )),
    Resource(
        "/2/instances/<instance>/disk/<disk>/grow",
        {
            "POST": job(
                op.OpInstanceGrowDisk,
                "Make a disk larger.",
                names=_NAME,
                body=bodies.grown_disk,
                described=bodies.GROWN_DISK,
            )
        },
    ),
    _on("console", "GET", Method(
        Access.READ,
        "Say how to reach the console of a running instance.",
        _console,
        Shape("Console object", {"type": "object"}),
        calls=[methods.query_instances],
    )),
    Resource("/2/instances/<instance>/tags", tag_methods(TagKind.INSTANCE, "instance")),
)  # fmt: skip
