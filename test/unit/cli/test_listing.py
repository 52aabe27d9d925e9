import csv
import json
import pathlib
import subprocess
import sys

import pytest
import yaml

from ganeti.cli.listing import Column, Style, plain_text, render
from test.support.cli import Cli

COLUMNS = [
    Column("name", "Instance", "text"),
    Column("oper_ram", "Memory", "unit"),
    Column("up", "Up", "bool"),
    Column("count", "NICs", "number"),
    Column("tags", "Tags", "other"),
]
ROWS: list[list[list[object]]] = [
    [[0, "web1.example.com"], [0, 2048], [0, True], [0, 1], [0, ["a", "b"]]],
    [[0, "db"], [4, None], [2, None], [3, None], [0, []]],
    [[0, 'odd "name", here'], [0, 100], [0, False], [0, 12], [0, {"k": [1]}]],
]


def style(
    form: str = "table", headers: bool = True, separator: str | None = None, units: str = "h", verbose: bool = False
) -> Style:
    return Style(form, headers, separator, units, verbose, {})


def test_table_is_aligned_numbers_to_the_right_with_short_marks() -> None:
    assert render(COLUMNS, ROWS, style()) == [
        "Instance         Memory Up NICs Tags",
        "web1.example.com   2.0G Y     1 a,b",
        "db                    * ?     - -",
        'odd "name", here   100M N    12 {"k":[1]}',
    ]


def test_verbose_table_spells_marks_out() -> None:
    assert render(COLUMNS, ROWS[1:2], style(headers=False, verbose=True)) == ["db (offline) (nodata) (unavail) -"]


def test_separator_turns_alignment_off() -> None:
    assert render(COLUMNS, ROWS[:2], style(separator="|", units="m")) == [
        "Instance|Memory|Up|NICs|Tags",
        "web1.example.com|2048|Y|1|a,b",
        "db|*|?|-|",
    ]


def test_an_empty_list_is_a_dash_for_people_and_nothing_for_programs() -> None:
    said = [render(COLUMNS[4:], [ROWS[1][4:]], style(headers=False, **how)) for how in ({}, {"separator": ":"})]

    assert said == [["-"], [""]]
    assert render(COLUMNS[3:], [ROWS[1][3:]], style("csv", headers=False)) == ["-,"]


def test_json_has_values_by_field_and_null_for_what_there_is_none_of() -> None:
    first, second, _ = json.loads("\n".join(render(COLUMNS, ROWS, style("json"))))

    assert first == {"name": "web1.example.com", "oper_ram": 2048, "up": True, "count": 1, "tags": ["a", "b"]}
    assert second == {"name": "db", "oper_ram": None, "up": None, "count": None, "tags": []}


def test_verbose_json_tells_why_a_value_is_missing() -> None:
    (row,) = json.loads("\n".join(render(COLUMNS, ROWS[1:2], style("json", verbose=True))))

    assert row["_missing"] == {"oper_ram": "offline", "up": "nodata", "count": "unavail"}


def test_yaml_says_the_same_as_json() -> None:
    as_json, as_yaml = ("\n".join(render(COLUMNS, ROWS, style(form))) for form in ("json", "yaml"))

    assert yaml.safe_load(as_yaml) == json.loads(as_json)
    assert yaml.safe_load("\n".join(render(COLUMNS, [], style("yaml")))) == []
    assert json.loads("\n".join(render(COLUMNS, [], style("json")))) == []


def test_csv_is_read_back_by_others() -> None:
    rows = list(csv.reader(render(COLUMNS, ROWS, style("csv", units="m"))))

    assert rows[0] == ["name", "oper_ram", "up", "count", "tags"]
    assert rows[3] == ['odd "name", here', "100", "N", "12", '{"k":[1]}']


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "-"), (True, "Y"), ([], "-"), ([1, None, "x"], "1,-,x"), ([[1]], "[[1]]"), (1.5, "1.5"), ("x", "x")],
)
def test_any_value_fits_on_one_line(value: object, text: str) -> None:
    assert plain_text(value) == text


@pytest.fixture
def instances(cli: Cli) -> Cli:
    names = [("web1.example.com", 512, "running"), ("web2.example.com", 2048, "ADMIN_down")]
    usual = {"hypervisor": [0, "fake"], "os": [0, "noop"], "pnode": [0, "node1"]}
    cli.master.tables["instance"] = [
        {"name": [0, name], "status": [0, state], "oper_ram": [0, ram], **usual} for name, ram, state in names
    ]
    cli.master.kinds["oper_ram"] = "unit"
    return cli


def test_list_shows_the_usual_columns(instances: Cli) -> None:
    ran = instances.run("gnt-instance list")

    assert ran == (0, (
        "Name             Hypervisor Os   Pnode Status     Oper_Ram\n"
        "web1.example.com fake       noop node1 running        512M\n"
        "web2.example.com fake       noop node1 ADMIN_down     2.0G\n"
    ), "")  # fmt: skip


@pytest.mark.parametrize(
    ("words", "fields", "qfilter"),
    [
        ("-o name", ["name"], None),
        ("-o +name,os", ["name", "hypervisor", "os", "pnode", "status", "oper_ram", "name", "os"], None),
        ("-o name web1", ["name"], ["|", ["==", "name", "web1"]]),
        ("-o name web1 web2", ["name"], ["|", ["==", "name", "web1"], ["==", "name", "web2"]]),
    ],
)
def test_list_asks_for_what_was_said(instances: Cli, words: str, fields: list[str], qfilter: object) -> None:
    assert instances.run(f"gnt-instance list {words}").code == 0

    what, asked, asked_filter = instances.master.queries[0]
    assert (what, asked) == ("instance", fields)
    if qfilter is None:
        assert asked_filter is None
    else:
        assert [p[1:] for p in asked_filter[1:]] == [p[1:] for p in qfilter[1:]]  # type: ignore[index]


def test_expression_becomes_a_filter(instances: Cli) -> None:
    ran = instances.run(["gnt-instance", "list", "--no-headers", "-o", "name", 'status == "running"'])

    assert ran == (0, "web1.example.com\n", "")


def test_expression_that_does_not_parse_is_told(instances: Cli) -> None:
    ran = instances.run(["gnt-instance", "list", "status == "])

    assert ran.code == 1
    assert "gnt-instance list: " in ran.err


def test_default_arguments_come_from_the_environment(instances: Cli) -> None:
    instances.environ["GNT_INSTANCE_LIST"] = "--no-headers -o 'name'"

    assert instances.run("gnt-instance list").out == "web1.example.com\nweb2.example.com\n"


def test_unknown_field_has_its_exit_code_and_a_suggestion(instances: Cli) -> None:
    ran = instances.run("gnt-instance list -o name,statsu")

    assert ran.code == 14
    assert "unknown field statsu (did you mean status?)" in ran.err
    assert "??" in ran.out


def test_unknown_name_is_told_and_the_others_are_listed(instances: Cli) -> None:
    ran = instances.run("gnt-instance list --no-headers -o name web1 web2.exmaple.com")

    assert ran.out == "web1.example.com\n"
    assert ran.code == 1
    assert "unknown instance web2.exmaple.com (did you mean web2.example.com?)" in ran.err


def test_list_as_json(instances: Cli) -> None:
    ran = instances.run("gnt-instance list --format json -o name,oper_ram")

    assert json.loads(ran.out)[1] == {"name": "web2.example.com", "oper_ram": 2048}


def test_fields_are_listed_with_their_kinds(instances: Cli) -> None:
    ran = instances.run("gnt-instance list-fields oper_ram")

    assert ran.out == "Name     Type Title    Description\noper_ram unit Oper_Ram The oper_ram\n"
    assert instances.run("gnt-instance list-fields nothing").code == 14


def test_modules_of_a_list_are_cheap(tmp_path: pathlib.Path) -> None:
    code = (
        "import sys; sys.path[:0] = sys.argv[1:]\n"
        "import ganeti.cli.gnt_instance, ganeti.cli.main, ganeti.cli.session, ganeti.cli.instance.show\n"
        "print(' '.join(m for m in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code, *sys.path], capture_output=True, text=True, check=True)
    loaded = set(done.stdout.split())

    assert "simplejson" in loaded
    assert not loaded & {"asyncio", "aiohttp", "pyparsing", "cryptography", "inspect", "dataclasses", "pathlib"}
    assert not {m for m in loaded if m.startswith("ganeti.model.opcodes") or m == "ganeti.model.query.language"}
