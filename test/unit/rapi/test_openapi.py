"""The document of the interface is valid, and says what the table says."""

from __future__ import annotations

import json
from typing import Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from ganeti.rapi.openapi import document
from ganeti.rapi.resources.all import RESOURCES
from ganeti.rapi.table import Access


@pytest.fixture(scope="module")
def shown() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(json.dumps(document(RESOURCES)))
    return found


def test_it_is_valid(shown: dict[str, Any]) -> None:
    assert [error.message for error in OpenAPIV31SpecValidator(shown).iter_errors()] == []


def test_every_method_of_the_table_is_an_operation_with_its_rights(shown: dict[str, Any]) -> None:
    for resource in RESOURCES:
        operations = shown["paths"][resource.path.replace("<", "{").replace(">", "}")]
        assert {verb.lower() for verb in resource.methods} == operations.keys() - {"parameters"}
        for verb, method in resource.methods.items():
            operation = operations[verb.lower()]
            assert ("security" in operation) == (method.access is not Access.NONE)
            assert [one["name"] for one in operation.get("parameters", ())] == [arg.name for arg in method.args]


def test_bodies_have_the_names_of_the_interface_and_no_secrets(shown: dict[str, Any]) -> None:
    def keys(path: str, verb: str) -> set[str]:
        return set(shown["paths"][path][verb]["requestBody"]["content"]["application/json"]["schema"]["properties"])

    assert {"__version__", "name", "os", "mode"} <= keys("/2/instances", "post")
    assert not {"instance_name", "os_type", "OP_ID", "dry_run"} & keys("/2/instances", "post")
    assert "compression_tools" not in keys("/2/modify", "put")
    assert "ignore_failures" not in keys("/2/instances/{instance}", "delete")
