"""What resources of instances make of the body and arguments of a call."""

from __future__ import annotations

from typing import Any

from ganeti.model.enums import RebootType, ReplaceMode
from ganeti.model.opcodes.instance import (
    OpInstanceGrowDisk,
    OpInstanceReinstall,
    OpInstanceShutdown,
    OpInstanceStartup,
)
from ganeti.rapi.arguments import Arg, ArgKind, flag, text
from ganeti.rapi.replies import bad_request
from ganeti.rapi.submit import DEPENDS, Fields, renamed
from ganeti.rapi.table import Body, Call

NO_BODY = Body("")

# --- new instances ------------------------------------------------------------------

VERSION = "__version__"
CREATION_NAMES = {"os": "os_type", "name": "instance_name"}
_KNOWN_VERSION = 1


def creation(call: Call) -> Fields:
    """Return the parameters of a new instance.

    Raises Refusal unless they say that they are of the known version.
    """
    body = call.object_body()
    version = body.pop(VERSION, 0)
    if version != _KNOWN_VERSION or isinstance(version, bool):
        raise bad_request(f"{VERSION}: this version of the format is not known, expected {_KNOWN_VERSION}")
    return body


def several(call: Call) -> Fields:
    """Return the parameters of new instances, each like that of a single one."""
    body = call.object_body()
    instances = body.get("instances")
    if not isinstance(instances, list) or not all(isinstance(one, dict) for one in instances):
        raise bad_request("instances: expected a list of objects")
    body["instances"] = [_one_of_several(one) for one in instances]
    return body


def _one_of_several(one: dict[str, Any]) -> Fields:
    return {"OP_ID": "OP_INSTANCE_CREATE", **renamed({k: v for k, v in one.items() if k != VERSION}, CREATION_NAMES)}


# --- changes ------------------------------------------------------------------------


def only_this(call: Call) -> Fields:
    """Return the name of the instance as the list of those asked about."""
    return {"instances": [call.variables["instance"]]}


def changes(call: Call) -> Fields:
    """Return the changes; USB devices may be listed with spaces, as some clients do."""
    body = call.object_body()
    hvparams = body.get("hvparams", body.get("custom_hvparams"))
    if isinstance(hvparams, dict) and isinstance(hvparams.get("usb_devices"), str):
        hvparams["usb_devices"] = hvparams["usb_devices"].replace(" ", ",")
    return body


GROWN_DISK = Body("Parameters of OP_INSTANCE_GROW_DISK", OpInstanceGrowDisk, fixed=["instance_name", "disk"])


def grown_disk(call: Call) -> Fields:
    """Return how a disk is to grow; which one is in the path."""
    body = call.object_body()
    if "disk" in body:
        raise bad_request("disk: the resource sets this itself, the body must not")
    return {**body, "disk": int(call.variables["disk"])}


REBOOT_TYPE = text("type", "soft, hard (default) or full", "reboot_type")


def reboot(call: Call) -> Fields:
    """Return the parameters of a reboot, hard unless another kind is named."""
    body = call.object_body()
    if REBOOT_TYPE.value(call.arguments) is None:
        body.setdefault("reboot_type", RebootType.HARD)
    return body


REPLACE_DISKS = [
    arg._replace(own=True)
    for arg in (
        text("remote_node", "New secondary node"),
        text("mode", "How: " + ", ".join(ReplaceMode)),
        Arg("disks", ArgKind.NUMBERS, "Numbers of the disks, with commas between"),
        text("iallocator", "Allocator that chooses the new secondary node"),
    )
]


def replace_disks(call: Call) -> Fields:
    """Return how disks are to be replaced: from the body, or from arguments where there is none."""
    body = call.object_body()
    if not body:
        return {arg.name: value for arg in REPLACE_DISKS if (value := arg.value(call.arguments)) is not None}
    if isinstance(body.get("disks"), str):
        body["disks"] = Arg("disks", ArgKind.NUMBERS, "").value({"disks": [body["disks"]]})
    return body


# --- reinstallation -----------------------------------------------------------------

OS = text("os", "OS to install")._replace(own=True)
NO_START = flag("nostartup", "Do not start it afterwards")._replace(own=True)
_REINSTALL_KEYS = frozenset({"os", "start", "osparams", DEPENDS})


def reinstall(call: Call) -> Fields:
    """Return what to install, from the body or from arguments."""
    body = call.object_body()
    if body and call.arguments.keys() & {OS.name, NO_START.name}:
        raise bad_request("give either arguments or a body, not both")
    unknown = sorted(body.keys() - _REINSTALL_KEYS)
    if unknown:
        raise bad_request(f"{unknown[0]}: unknown, expected os, start or osparams")
    fields: Fields = {"os_type": body.get("os", OS.value(call.arguments)), "osparams": body.get("osparams")}
    return {name: value for name, value in fields.items() if value is not None}


def stop_and_start(call: Call, fields: Fields) -> list[Fields]:
    """Return the opcodes that stop the instance, install it, and start it if wished."""
    body = call.object_body()
    start = body.get("start", True) if body else not NO_START.value(call.arguments)
    if not isinstance(start, bool):
        raise bad_request(f"start: expected true or false, got {start!r:.60}")
    common: Fields = {name: fields[name] for name in ("instance_name", "reason", "dry_run") if name in fields}
    first: Fields = {name: fields[name] for name in (DEPENDS,) if name in fields}
    ops = [
        {"OP_ID": OpInstanceShutdown.OP_ID, **common, **first},
        {"OP_ID": OpInstanceReinstall.OP_ID, **{k: v for k, v in fields.items() if k != DEPENDS}},
    ]
    return [*ops, {"OP_ID": OpInstanceStartup.OP_ID, **common}] if start else ops
