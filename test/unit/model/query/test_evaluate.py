"""Queries: what is asked, what is answered."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from ganeti import errors
from ganeti.model.enums import FieldKind, QueryResource
from ganeti.model.query import table as t
from ganeti.model.query.evaluate import plain_rows, prepare, query_fields, run_query
from ganeti.model.query.registry import TABLES
from ganeti.model.query.table import FieldRow, Need, Table


class Row(NamedTuple):
    name: str
    size: object = 0


SIZE = FieldRow[Row]("size", "Size", FieldKind.UNIT, "How big it is", lambda r: r.size, Need.LIVE)
NAME = FieldRow[Row]("name", "Name", FieldKind.TEXT, "What it is called", lambda r: r.name)
NODES = FieldRow[Row]("nodes", "Nodes", FieldKind.OTHER, "Where it is", lambda r: [], Need.NODES)
TABLE = Table(QueryResource.INSTANCE, "name", [SIZE, NAME, NODES])


def test_answer_describes_the_fields_asked_for_in_their_order():
    answer = run_query(TABLE, [], ["size", "name"])

    assert answer == {
        "fields": [
            {"name": "size", "title": "Size", "kind": "unit", "doc": "How big it is"},
            {"name": "name", "title": "Name", "kind": "text", "doc": "What it is called"},
        ],
        "data": [],
    }


def test_rows_keep_their_order_and_have_a_status_with_each_value():
    answer = run_query(TABLE, [Row("b", 2), Row("a", 1)], ["name", "size"])

    assert answer["data"] == [[[0, "b"], [0, 2]], [[0, "a"], [0, 1]]]


@pytest.mark.parametrize(
    ("value", "status"), [(t.UNKNOWN, 1), (t.NODATA, 2), (t.UNAVAIL, 3), (None, 3), (t.OFFLINE, 4)]
)
def test_missing_value_is_null_with_the_reason_as_status(value, status):
    assert run_query(TABLE, [Row("a", value)], ["size"])["data"] == [[[status, None]]]


@pytest.mark.parametrize("value", [0, "", False, []])
def test_empty_value_is_a_value(value):
    assert run_query(TABLE, [Row("a", value)], ["size"])["data"] == [[[0, value]]]


def test_unknown_field_is_no_error_but_a_status():
    answer = run_query(TABLE, [Row("a")], ["nosuch", "name"])

    assert answer["fields"][0] == {
        "name": "nosuch",
        "title": "nosuch",
        "kind": "unknown",
        "doc": "Unknown field 'nosuch'",
    }
    assert answer["data"] == [[[1, None], [0, "a"]]]


def test_no_selection_is_all_fields_in_natural_order():
    fields = [FieldRow[Row](f"f/{i}", f"F{i}", FieldKind.OTHER, "", lambda r: 1) for i in (10, 9, 1)]

    described = query_fields(Table(QueryResource.INSTANCE, "name", fields), None)

    assert [field["name"] for field in described["fields"]] == ["f/1", "f/9", "f/10"]


def test_empty_selection_is_no_field_but_all_rows():
    assert run_query(TABLE, [Row("a"), Row("b")], [])["data"] == [[], []]


def test_filter_chooses_rows_by_fields_that_are_not_shown():
    answer = run_query(TABLE, [Row("a", 1), Row("b", 5)], ["name"], [">", "size", 3])

    assert plain_rows(answer) == [["b"]]


def test_wrong_filter_is_refused_before_any_row():
    with pytest.raises(errors.ParameterError, match="unknown field 'nosuch'"):
        prepare(TABLE, ["name"], ["?", "nosuch"])


def test_only_what_is_asked_for_must_be_gathered():
    assert prepare(TABLE, ["name"]).needs == frozenset()
    assert prepare(TABLE, ["name", "nodes"]).asks == frozenset()
    assert prepare(TABLE, ["name", "nodes"]).needs == {Need.NODES}
    assert prepare(TABLE, ["size"]).asks == {Need.LIVE}
    assert prepare(TABLE, ["nosuch"]).needs == frozenset()


def test_filter_on_configuration_alone_can_be_decided_first():
    early = prepare(TABLE, ["size"], ["==", "name", "a"])
    late = prepare(TABLE, ["name"], [">", "size", 3])

    assert (early.filter_asks, early.asks) == (frozenset(), {Need.LIVE})
    assert late.filter_asks == {Need.LIVE}
    assert early.matching([Row("a"), Row("b")]) == [Row("a")]


def test_names_asked_for_are_known():
    assert prepare(TABLE, ["size"], ["|", ["==", "name", "b"], ["=", "name", "a"]]).names == ["b", "a"]
    assert prepare(TABLE, ["size"], ["?", "name"]).names is None
    assert prepare(TABLE, ["size"]).names is None


def test_values_alone_have_null_for_what_is_missing():
    assert prepare(TABLE, ["name", "size"]).values(Row("a", t.NODATA)) == ["a", None]
    assert plain_rows(run_query(TABLE, [Row("a", t.NODATA)], ["name", "size"])) == [["a", None]]


@pytest.mark.parametrize("resource", sorted(TABLES))
def test_all_fields_can_be_described(resource):
    described = query_fields(TABLES[resource], None)["fields"]

    assert len(described) == len(TABLES[resource].fields)
    assert all(field.keys() == {"name", "title", "kind", "doc"} for field in described)
