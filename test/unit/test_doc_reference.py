"""The reference pages hold all of the tables they are made from."""

import importlib
import os
import sys

import pytest

from ganeti import errors
from ganeti.cli.command import PROGRAMS, load_program
from ganeti.luxi import methods
from ganeti.masterd.config.initial import FirstNode, MasterAddress, initial_config
from ganeti.masterd.config.ssconf import ssconf_values
from ganeti.model.enums import DiskTemplate, HypervisorName
from ganeti.model.opcodes.registry import OPCODES
from ganeti.model.query.registry import TABLES
from ganeti.model.scalars import HostName, IPAddress, NodeName, Timestamp, Uuid
from ganeti.procedure import table_of
from ganeti.rapi.resources.all import RESOURCES
from ganeti.rpc import procedures

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
EXTENSIONS = os.path.join(ROOT, "doc", "extensions")


def extension(name):
    """Import a module of the manual's own."""
    sys.path.insert(0, EXTENSIONS)
    try:
        return importlib.import_module(name)
    finally:
        sys.path.remove(EXTENSIONS)


def page(name):
    return extension("reference").PAGES[name]()


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("opcodes", OPCODES),
        ("node-calls", table_of(procedures)),
        ("luxi", methods.METHODS),
        ("query-fields", [str(resource) for resource in TABLES]),
    ],
)
def test_each_row_of_a_table_has_its_section(name, wanted):
    lines = page(name)

    assert [row for row in wanted if row not in lines] == []


def test_each_resource_of_the_remote_api_has_its_section_with_its_methods():
    lines = extension("remote").PAGES["rapi"]()

    for resource in RESOURCES:
        start = lines.index(resource.path)
        methods_told = [line for line in lines[start:] if line.startswith("**")][: len(resource.methods)]
        assert [line.split("**")[1] for line in methods_told] == list(resource.methods)
    body = lines[lines.index("/2/modify") :]
    (keys,) = [line for line in body if line.startswith("Body:")][:1]
    assert "``vg_name``" in keys and "``compression_tools``" not in keys


def test_each_error_is_on_the_page_of_errors():
    text = "\n".join(page("errors"))

    for cls in errors._CLASSES.values():
        if cls not in (errors.GenericError, errors.RapiTestResult):
            assert cls.__name__ in text


def test_a_family_of_fields_is_shown_once():
    instances = TABLES["instance"].fields

    shown = [name for name, _ in extension("reference").families(instances)]

    assert "disk.size/N" in shown
    assert "disk.size/0" not in shown
    assert len(shown) == len(set(shown))


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_manual_page_of_a_program_has_all_its_commands_and_options(name):
    text = "\n".join(extension("manpages").commands(name))

    for command in load_program(name).commands:
        assert f"\n{command.name}\n~" in text
        assert command.example.splitlines()[0] in text


def test_the_page_of_ssconf_files_knows_every_key():
    values = ssconf_values(
        initial_config(
            HostName("cluster"),
            FirstNode(NodeName("node1"), IPAddress("127.84.0.10"), IPAddress("127.84.0.10")),
            MasterAddress(IPAddress("127.84.0.1"), "lo", 32),
            [HypervisorName.FAKE],
            [DiskTemplate.DISKLESS],
            iter([Uuid(f"00000000-0000-0000-0000-00000000000{n}") for n in range(9)]).__next__,
            Timestamp(0.0),
        )
    )

    places = extension("places")

    assert {key for key in values if not key.startswith(places.HVPARAMS)} == set(places.SSCONF)


def test_plain_text_in_a_table_is_no_markup():
    markup = extension("markup")

    assert markup.prose("a `name` and *stars* | bars_") == "a ``name`` and \\*stars\\* \\| bars\\_"
