"""The tables are those of the specification."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest

from ganeti import errors
from ganeti.model.enums import QueryResource
from ganeti.model.query.registry import TABLES, table_of

_SPEC_FILE = os.path.join(os.path.dirname(__file__), "..", "..", "..", "data", "spec", "query_fields.json")

with open(_SPEC_FILE, encoding="utf-8") as _file:
    SPEC: dict[str, Any] = json.load(_file)["resources"]

# Two spellings of an address are one: more than the specification asks for.
MATCHES_BESIDES = {("node", "pip"): ["ip"], ("node", "sip"): ["ip"]}


def expanded(resource: str) -> dict[str, dict[str, Any]]:
    """Return the fields of the specification, families written out."""
    found: dict[str, dict[str, Any]] = dict(SPEC[resource]["fields"])
    for name, family in SPEC[resource].get("families", {}).items():
        for member, row in family.get("members", {}).items():
            found[name.replace("PARAM", member)] = row
        if "N" in family:
            low, high = family["N"]
            for index in range(low, high + 1):
                found[name.replace("/N", f"/{index}")] = {**family, "title": family["title"].replace("{N}", str(index))}
    return found


@pytest.fixture(params=sorted(SPEC))
def resource(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_resources_are_all_there():
    assert set(TABLES) == set(SPEC) == set(QueryResource)


def test_families_are_written_out_as_the_specification_counts(resource):
    assert len(expanded(resource)) == SPEC[resource]["count_expanded"]


def test_fields_are_those_of_the_specification(resource):
    assert set(table_of(resource).fields) == set(expanded(resource))


def test_titles_are_those_of_the_specification(resource):
    titles = {name: row.title for name, row in table_of(resource).fields.items()}

    assert titles == {name: row["title"] for name, row in expanded(resource).items()}


def test_kinds_are_those_of_the_specification(resource):
    kinds = {name: row.kind for name, row in table_of(resource).fields.items()}

    assert kinds == {name: row["kind"] for name, row in expanded(resource).items()}


def test_needs_are_those_of_the_specification(resource):
    needs = {name: row.need for name, row in table_of(resource).fields.items()}

    assert needs == {name: row.get("needs") for name, row in expanded(resource).items()}


def test_special_comparisons_are_those_of_the_specification(resource):
    found = {name: [row.match] if row.match else [] for name, row in table_of(resource).fields.items()}
    besides = {name: match for (where, name), match in MATCHES_BESIDES.items() if where == resource}

    assert found == {name: row.get("match", []) for name, row in expanded(resource).items()} | besides


def test_name_fields_are_those_of_the_specification(resource):
    assert table_of(resource).name_field == SPEC[resource]["name_field"]


def test_fields_that_lists_show_exist(resource):
    assert set(SPEC[resource].get("cli_default_fields", [])) <= set(table_of(resource).fields)


def test_every_field_is_documented_in_a_sentence(resource):
    for row in table_of(resource).fields.values():
        assert len(row.doc) > 2 and not row.doc[0].islower() and not row.doc.endswith("."), row


def test_unknown_resource_is_refused_with_those_there_are():
    with pytest.raises(errors.OpPrereqError, match="cannot query 'nodes': expected one of cluster, export"):
        table_of("nodes")
