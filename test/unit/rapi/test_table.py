"""The table of resources is that of the specification."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from typing import Any

import pytest

from ganeti.rapi import fields
from ganeti.rapi.resources import cluster
from ganeti.rapi.resources.all import RESOURCES
from ganeti.rapi.routing import VARIABLES
from ganeti.rapi.table import Access, Method
from ganeti.schema import fields_of

TABLE = {resource.path: resource for resource in RESOURCES}
ACCESS = {"none": Access.NONE, "write": Access.WRITE, "read|write": Access.READ}
VERBS = ("GET", "PUT", "POST", "DELETE")
#: arguments the interface takes of every resource that submits an opcode, or ours
COMMON = {"reason"}
#: that only their texts tell of in the specification
IN_TEXTS = {("/2/query/<query_res>", "PUT"): {"fields"}}

with open(os.path.join(os.path.dirname(__file__), *[".."] * 2, "data", "spec", "rapi.json"), encoding="utf-8") as _file:
    SPEC: dict[str, Any] = json.load(_file)


def rows() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, resource in SPEC["resources"].items():
        for verb in VERBS:
            if verb in resource:
                yield path, verb, resource[verb]


def ours(path: str, verb: str) -> Method:
    return TABLE[path].methods[verb]


def test_every_path_of_the_interface_is_a_row_once() -> None:
    assert len(TABLE) == len(RESOURCES)
    assert SPEC["resources"].keys() <= TABLE.keys()


@pytest.mark.parametrize(("path", "verb", "row"), list(rows()))
def test_a_method_has_the_access_opcode_and_arguments_of_the_specification(
    path: str, verb: str, row: dict[str, Any]
) -> None:
    method = ours(path, verb)

    assert method.access is ACCESS[row["access"]]
    wanted = set(row.get("query", ())) | IN_TEXTS.get((path, verb), set())
    given = {arg.name for arg in method.args}
    # `lock` is taken by every list.
    assert wanted <= given <= wanted | COMMON | {"lock"}
    if row.get("opcode") and str(row["answer"]).startswith("job id"):
        assert row["opcode"] == method.opcodes[0].OP_ID
        assert "reason" in given


@pytest.mark.parametrize(("path", "verb", "row"), [r for r in rows() if "rename" in r[2]])
def test_a_body_has_the_names_of_the_interface(path: str, verb: str, row: dict[str, Any]) -> None:
    body = ours(path, verb).body

    assert body is not None
    assert body.rename == row["rename"]


def test_no_resource_has_methods_beyond_the_specification() -> None:
    for path, row in SPEC["resources"].items():
        assert TABLE[path].methods.keys() == row.keys() & set(VERBS), path


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        ("instance_fields", fields.INSTANCE),
        ("node_fields", fields.NODE),
        ("group_fields", fields.GROUP),
        ("network_fields", fields.NETWORK),
    ],
)
def test_objects_have_the_fields_of_the_specification_in_order(kind: str, names: tuple[str, ...]) -> None:
    assert list(names) == SPEC[kind]["fields"]


def test_jobs_and_filters_have_the_fields_of_the_specification() -> None:
    assert list(fields.JOB) == SPEC["job_fields"]
    assert list(fields.JOB_BULK) == SPEC["job_fields_bulk"]
    assert list(fields.FILTER_RULE) == SPEC["filter_rule_fields"]


def test_features_are_those_of_the_specification() -> None:
    assert list(cluster.FEATURES) == SPEC["features"]


@pytest.mark.parametrize("opcode", sorted(SPEC["opcode_body_params"]))
def test_every_opcode_takes_the_parameters_of_the_interface(opcode: str) -> None:
    known = {op.OP_ID: op for r in RESOURCES for m in r.methods.values() for op in m.opcodes}
    if opcode not in known:
        pytest.skip("asked over LUXI, not submitted")

    names = {field.wire for field in fields_of(known[opcode])}

    assert set(SPEC["opcode_body_params"][opcode]["params"]) <= names


def test_paths_use_known_variables_alone() -> None:
    for path in TABLE:
        for word in path.split("/"):
            assert not word.startswith("<") or word[1:-1] in VARIABLES, path


def test_reason_trails_name_resources_as_clients_know_them() -> None:
    assert TABLE["/2/instances/<instance>/shutdown"].label == "instances_name_shutdown"
    assert TABLE["/2/groups/<group>/assign-nodes"].label == "groups_name_assign_nodes"
    assert TABLE["/2/instances"].label == "instances"
