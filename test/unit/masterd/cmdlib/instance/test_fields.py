"""What may be asked of an instance is done or refused by name: nothing is passed over in silence."""

from __future__ import annotations

import asyncio
import inspect
import re
from typing import Any

import pytest

from ganeti import errors
from ganeti.masterd import names
from ganeti.masterd.cmdlib.base import LogicalUnit
from ganeti.masterd.cmdlib.instance import build as records
from ganeti.masterd.cmdlib.instance.create import LUInstanceCreate
from ganeti.masterd.cmdlib.instance.multi_alloc import LUInstanceMultiAlloc
from ganeti.masterd.cmdlib.instance.relocation import choose_target
from ganeti.masterd.cmdlib.registry import UNITS
from ganeti.masterd.iallocator import request
from ganeti.model.enums import DiskTemplate
from ganeti.model.opcodes.base import InstanceOpCode, OpCode
from ganeti.model.opcodes.instance import OpInstanceCreate, OpInstanceMultiAlloc
from ganeti.schema import fields_of
from test.support import config as build

INSTANCE_UNITS = [(op, unit) for op, unit in UNITS.items() if "cmdlib.instance" in unit.__module__]

#: fields that ask for nothing here, and why
WITHOUT_EFFECT = {
    "wait_for_sync": "no disks are mirrored",
    "hotplug": "no driver can: changes wait for the next start, as clients say",
    "hotplug_if_possible": "as hotplug",
    "ignore_hvversions": "versions are not compared",
    "OpInstanceStartup.shutdown_timeout": "no driver keeps guests that have halted",
}


@pytest.mark.parametrize(("op", "unit"), INSTANCE_UNITS, ids=lambda each: each.__name__)
def test_every_field_is_looked_at(op: type[OpCode], unit: type[LogicalUnit[Any, Any]]) -> None:
    # names: name_check and ip_check; request: what an allocator is told; records: where disks are to be
    modules = (inspect.getmodule(unit), names, request, records)
    text = "".join(inspect.getsource(module) for module in modules if module)
    by_the_processor = {field.name for each in (OpCode, InstanceOpCode) for field in fields_of(each)}

    passed_over = [
        field.name
        for field in fields_of(op)
        if field.name not in by_the_processor
        and not {field.name, f"{op.__name__}.{field.name}"} & WITHOUT_EFFECT.keys()
        and not re.search(rf"\b{field.name}\b", text)
    ]

    assert passed_over == []


def creation(**fields: Any) -> OpInstanceCreate:
    values = {
        "instance_name": "new.example.com",
        "mode": "create",
        "disks": [],
        "nics": [],
        "disk_template": "diskless",
    }
    op: OpInstanceCreate = OpInstanceCreate.from_wire({**values, **fields})
    return op


def refused(unit: LogicalUnit[Any, Any], *more: DiskTemplate) -> str:
    config = build.make_config(settings={"enabled_disk_templates": [DiskTemplate.DISKLESS, *more]})
    with pytest.raises(errors.OpPrereqError) as caught:
        asyncio.run(unit.check(config))
    return str(caught.value)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("forthcoming", True),
        ("commit", True),
        ("instance_communication", True),
        ("snode", "node1.example.com"),
        ("snode_uuid", build.uuid_of("node", 1)),
        ("compress", "gzip"),
        ("src_node", "node1.example.com"),
        ("src_node_uuid", build.uuid_of("node", 1)),
        ("src_path", "/srv/export"),
        ("source_handshake", []),
        ("source_instance_name", "old.example.com"),
        ("source_x509_ca", "PEM"),
        ("source_shutdown_timeout", 7),
        ("helper_startup_timeout", 7),
        ("helper_shutdown_timeout", 7),
        ("file_storage_dir", "below"),
    ],
)
def test_a_creation_refuses_by_name_what_it_cannot_do(name: str, value: object) -> None:
    unit: Any = LUInstanceCreate(creation(**{name: value}), None, None, None)  # type: ignore[arg-type]  # not reached

    assert refused(unit).startswith(f"{name}: ")


@pytest.mark.parametrize(
    ("enabled", "reason"),
    [
        ((), "disk template drbd is not enabled in this cluster (enabled: diskless)"),
        ((DiskTemplate.DRBD,), "disk template drbd is not supported by this version"),
    ],
)
def test_a_template_that_cannot_be_is_blamed_before_the_nodes_it_needs(
    enabled: tuple[DiskTemplate, ...], reason: str
) -> None:
    op = creation(disk_template="drbd", pnode="node1.example.com", snode="node2.example.com", disks=[{"size": 64}])

    assert refused(LUInstanceCreate(op, None, None, None), *enabled) == reason  # type: ignore[arg-type]  # as above
    several: Any = LUInstanceMultiAlloc(OpInstanceMultiAlloc(instances=(op,)), None, None, None)  # type: ignore[arg-type]  # as above
    assert refused(several, *enabled) == reason


@pytest.mark.parametrize(("name", "value"), [("group_name", "default"), ("opportunistic_locking", True)])
def test_what_an_allocator_is_told_is_refused_beside_a_node(name: str, value: object) -> None:
    op = creation(pnode="node1.example.com", **{name: value})

    assert refused(LUInstanceCreate(op, None, None, None)).startswith(f"{name}: ")  # type: ignore[arg-type]  # as above


def test_several_creations_are_told_that_they_cannot_pass_over_busy_nodes() -> None:
    op = OpInstanceMultiAlloc(instances=(creation(),), opportunistic_locking=True)

    assert refused(LUInstanceMultiAlloc(op, None, None, None)).startswith("opportunistic_locking: ")  # type: ignore[arg-type]  # as above


@pytest.mark.parametrize("name", [None, "node1.example.com"])
def test_a_target_given_by_a_uuid_nobody_has_is_refused(name: Any) -> None:
    config = build.make_config(instances=[build.make_instance(1)])
    plan: Any = type("Plan", (), {"instance": config.instance_named("inst1.example.com"), "primary": config.master})
    uuid = build.uuid_of("node", 77 if name is None else 0)

    with pytest.raises(errors.OpPrereqError, match=r"is not known|is not the one of node"):
        asyncio.run(
            choose_target(None, config, plan, "move", target_node=name, target_uuid=uuid, iallocator=None)  # type: ignore[arg-type]  # as above
        )
