"""The opcodes are those of the specification, field by field."""

from __future__ import annotations

import enum
import json
import os
import re
from collections.abc import Iterator
from typing import Any

import pytest

from ganeti.model import enums
from ganeti.model.opcodes import results
from ganeti.model.opcodes.base import OpCode, result_type
from ganeti.model.opcodes.registry import OPCODES, load
from ganeti.schema import REQUIRED, Record, fields_of
from test.support import notation

_FILE = os.path.join(os.path.dirname(__file__), "..", "..", "data", "spec", "opcodes.json")
with open(_FILE, encoding="utf-8") as _file:
    SPEC: dict[str, Any] = json.load(_file)

COMMON = [f["name"] for f in SPEC["common_fields"]]
SPEC_ENUMS = {name: row["values"] for name, row in SPEC["enums"].items()}
OUR_ENUMS = {
    name: [member.value for member in cls]
    for name, cls in vars(enums).items()
    if isinstance(cls, type) and issubclass(cls, enum.Enum)
}

# Ours checks here what the newest release leaves to the logical unit; 2.7 had it as we do.
AS_IN_2_7 = {("OP_INSTANCE_MULTI_ALLOC", "instances")}


def _structs() -> dict[str, notation.Tree]:
    found: dict[str, notation.Tree] = {"OpInstanceCreate": ("OpInstanceCreate",)}
    for name, cls in vars(results).items():
        if isinstance(cls, type) and issubclass(cls, Record) and cls is not Record:
            fields = {f.wire: notation.read(f.type.notation, OUR_ENUMS, found) for f in fields_of(cls)}
            found[name] = ("struct", frozenset(fields.items()))
    return found


STRUCTS = _structs()


def _spec_fields(op_id: str) -> dict[str, dict[str, Any]]:
    return {f["name"]: f for f in SPEC["common_fields"] + SPEC["opcodes"][op_id]["fields"]}


def _spec_type(op_id: str, field: dict[str, Any]) -> notation.Tree:
    if (op_id, field["name"]) in AS_IN_2_7:
        return notation.read(field["type_2_7"].replace("object:", ""), SPEC_ENUMS, STRUCTS)
    return notation.read(field["type"], SPEC_ENUMS)


each_opcode = pytest.mark.parametrize("op_id", sorted(SPEC["opcodes"]))


def test_every_opcode_of_the_specification_exists_and_no_other():
    assert OPCODES.keys() == SPEC["opcodes"].keys()


@each_opcode
def test_class_name_is_that_of_the_specification(op_id):
    assert OPCODES[op_id].__name__ == SPEC["opcodes"][op_id]["class"]


#: what the specification does not have: optional, and nothing changes for who does not know it
OUR_OWN = {"OP_CLUSTER_SET_PARAMS": {"automatic_failover"}}


def own_fields(op_id):
    """Return our fields of an opcode that the specification knows."""
    return [field for field in fields_of(OPCODES[op_id]) if field.wire not in OUR_OWN.get(op_id, ())]


@each_opcode
def test_field_names_are_those_of_the_specification(op_id):
    ours = [f.wire for f in own_fields(op_id)]

    assert sorted(ours) == sorted(_spec_fields(op_id))


@each_opcode
def test_field_types_are_those_of_the_specification(op_id):
    spec = _spec_fields(op_id)

    ours = {f.wire: notation.read(f.type.notation, OUR_ENUMS, STRUCTS) for f in own_fields(op_id)}

    assert ours == {name: _spec_type(op_id, field) for name, field in spec.items()}


@each_opcode
def test_defaults_are_those_of_the_specification(op_id):
    ours = {}
    for field in own_fields(op_id):
        default = field.make_default()
        ours[field.wire] = "required" if default is REQUIRED else field.type.dump(default)

    assert ours == {name: field["default"] for name, field in _spec_fields(op_id).items()}


@each_opcode
def test_a_missing_field_has_a_default_that_would_be_accepted(op_id):
    for field in fields_of(OPCODES[op_id]):
        default = field.make_default()
        if default is not REQUIRED:
            wire = None if default is None else field.type.dump(default)
            assert field.type.parse(wire, field.name) == default


@each_opcode
def test_summary_field_is_that_of_the_specification(op_id):
    assert SPEC["opcodes"][op_id]["summary_field"] == OPCODES[op_id].SUMMARY_FIELD


@each_opcode
def test_result_is_that_of_the_specification(op_id):
    ours = notation.read(result_type(OPCODES[op_id]).notation, OUR_ENUMS, STRUCTS)

    assert ours == notation.read(SPEC["opcodes"][op_id]["result"], SPEC_ENUMS)


@each_opcode
def test_hooks_are_those_of_the_specification(op_id):
    hooks = SPEC["opcodes"][op_id].get("hooks") or {"path": None, "type": None}

    assert hooks == {"path": OPCODES[op_id].HOOKS_PATH, "type": OPCODES[op_id].HOOKS_TYPE}


@each_opcode
def test_private_values_are_marked_secret(op_id):
    private = {name for name, f in _spec_fields(op_id).items() if re.search("private<|secret<", f["type"])}

    assert {f.wire for f in fields_of(OPCODES[op_id]) if f.secret} == private


@each_opcode
def test_opcode_and_each_field_are_documented_for_users(op_id):
    cls = OPCODES[op_id]

    assert re.match(r"[A-Z].*\.$", (cls.__doc__ or "").strip().splitlines()[0])
    for field in fields_of(cls):
        assert re.match(r"[A-Z`].*[^. ]$", field.doc), f"{op_id}.{field.name}: {field.doc!r}"


# --- round trips over all fields ----------------------------------------------------------


UUID = "00000000-1111-2222-3333-444444444444"
WORDS = {
    "str": "web1.example.com",
    "bool": True,
    "int": 3,
    "int>=0": 0,
    "int>0": 1,
    "int>=0,<16": 15,
    "float": 0.5,
    "any": {"free": ["form", 1, None]},
    "null": None,
    "jobid": 17,
    "relative-jobid(int<0)": -1,
    "ipv4address": "192.0.2.7",
    "ipv4network": "192.0.2.0/24",
    "ipv6address": "2001:db8::7",
    "ipv6network": "2001:db8::/64",
    "private<any>": "hush",
    "secret<any>": "hush",
}


def _samples(tree: notation.Tree, name: str) -> Iterator[Any]:
    """Yield wire values of a type that show each alternative."""
    kind, *inner = tree
    if kind == "union":
        for option in sorted(inner[0], key=str):
            yield from _samples(option, name)
    elif kind == "enum":
        yield from sorted(inner[0])
    elif kind == "list":
        yield []
        for item in _samples(inner[0], name):
            yield [item]
    elif kind == "dict":
        yield {}
        for key in _samples(inner[0], name):
            for value in _samples(inner[1], name):
                yield {key: value}
    elif kind == "tuple":
        columns = [list(_samples(item, name)) for item in inner]
        for row in range(max(map(len, columns))):
            yield [column[min(row, len(column) - 1)] for column in columns]
    elif kind == "OpInstanceCreate":
        yield _create()
    elif kind == "str" and "uuid" in name:
        yield UUID
    elif kind == "str" and name in ("primary_ip", "secondary_ip"):
        yield "192.0.2.1"
    else:
        yield WORDS[kind]


def _create() -> dict[str, Any]:
    return load(
        {"OP_ID": "OP_INSTANCE_CREATE", "instance_name": "web2", "disks": [], "nics": [], "mode": "create"}
    ).to_wire()


def _wire_forms(op_id: str) -> Iterator[dict[str, Any]]:
    """Yield wire forms with all fields set, so that each alternative of each field occurs."""
    columns = {name: list(_samples(_spec_type(op_id, f), name)) for name, f in _spec_fields(op_id).items()}
    for row in range(max(map(len, columns.values()))):
        yield {"OP_ID": op_id, **{name: values[min(row, len(values) - 1)] for name, values in columns.items()}}


@each_opcode
def test_wire_form_survives_a_round_trip(op_id):
    for wire in _wire_forms(op_id):
        op = load(wire)

        assert isinstance(op, OpCode)
        assert {**dict.fromkeys(OUR_OWN.get(op_id, ())), **wire} == op.to_wire()
        assert load(json.loads(json.dumps(op.to_wire()))) == op
        assert op.summary().startswith(op_id.removeprefix("OP_"))


@each_opcode
def test_redacted_form_names_private_values_but_holds_none(op_id):
    for wire in _wire_forms(op_id):
        redacted = load(wire).redacted()

        assert "hush" not in json.dumps(redacted)
        assert redacted.keys() == wire.keys() | OUR_OWN.get(op_id, set())
