"""The table and its numbers are those of the specification."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest

from ganeti.confd.requests import (
    BY_NAME,
    DEFAULT_PORT,
    PROTOCOL,
    REQUESTS,
    ErrorCode,
    MasterField,
    QueryKey,
    RequestType,
    Role,
    Status,
)
from ganeti.confd.wire import MAGIC, MAX_CLOCK_SKEW, MAX_DATAGRAM

SPEC = os.path.join(os.path.dirname(__file__), "..", "..", "data", "spec", "constants.json")


@pytest.fixture(scope="module")
def spec() -> dict[str, Any]:
    with open(SPEC, encoding="utf-8") as file:
        return dict(json.load(file))


def _values(spec: dict[str, Any], part: str) -> dict[str, Any]:
    wire = next(
        value["confd"]
        for value in spec.values()
        if isinstance(value, dict) and "request_types" in value.get("confd", {})
    )
    return dict(wire[part])


def test_types_are_those_of_the_specification_and_two_lists_of_the_design(spec: dict[str, Any]) -> None:
    told = {name.upper(): row["value"] for name, row in _values(spec, "request_types").items()}

    assert {row.name: row.value for row in RequestType} == {**told, "OFFLINE_NODES": 100, "INSTANCE_LIST": 101}


def test_every_type_has_its_row() -> None:
    assert set(REQUESTS) == {row.value for row in RequestType}
    assert len(BY_NAME) == len(REQUESTS)


def test_numbers_inside_messages_are_those_of_the_specification(spec: dict[str, Any]) -> None:
    assert {row.name.lower(): row.value for row in Role} == _values(spec, "node_roles")
    assert {row.name.lower().replace("_", ""): row.value for row in Status} == _values(spec, "reply_status")
    assert {row.name.lower(): row.value for row in ErrorCode} == {
        name: row["value"] for name, row in _values(spec, "error_codes").items()
    }
    assert _values(spec, "query_keys") == {
        "link": QueryKey.LINK,
        "ip": QueryKey.IP,
        "iplist": QueryKey.IP_LIST,
        "fields": QueryKey.FIELDS,
    }
    assert _values(spec, "query_fields") == {
        "name": MasterField.NAME,
        "ip": MasterField.IP,
        "mnode_primary_ip": MasterField.PRIMARY_IP,
    }


def test_limits_are_those_of_the_specification() -> None:
    assert (MAGIC, MAX_DATAGRAM, MAX_CLOCK_SKEW, PROTOCOL, DEFAULT_PORT) == (b"plj0", 61440, 300, 1, 1814)
