"""What opcodes promise besides their tables: errors, summaries, secrets, cheap imports."""

from __future__ import annotations

import ast
import os
import subprocess
import sys

import pytest

from ganeti import errors
from ganeti.model.enums import DeviceAction, FinalStatus, SubmitPriority
from ganeti.model.opcodes import base, cluster, group, instance, node, query, registry, tags, test
from ganeti.model.opcodes.registry import load
from ganeti.model.scalars import GroupName, InstanceName, NodeName
from ganeti.schema import fields_of
from ganeti.schema_types import CheckedType

_DIR = os.path.dirname(base.__file__)
_NOUNS = sorted(n[:-3] for n in os.listdir(_DIR) if n.endswith(".py") and n not in ("__init__.py", "registry.py"))


def _create(**changes):
    return {
        "OP_ID": "OP_INSTANCE_CREATE",
        "instance_name": "web1",
        "mode": "create",
        "disks": [{"size": 1024}],
        "nics": [{}],
        **changes,
    }


def _error(data, path=""):
    with pytest.raises(errors.ParameterError) as caught:
        load(data, path)
    return str(caught.value)


# --- errors ----------------------------------------------------------------------------


def test_unknown_opcode_is_refused_by_name():
    with pytest.raises(errors.OpCodeUnknown, match="OP_INSTANCE_FLY"):
        load({"OP_ID": "OP_INSTANCE_FLY"})


@pytest.mark.parametrize("data", [{}, {"OP_ID": None}, {"OP_ID": ["OP_TEST_DUMMY"]}, {"OP_ID": {}}])
def test_opcode_without_id_is_refused(data):
    assert "OP_ID: required" in _error(data)


@pytest.mark.parametrize("data", [None, [], "OP_TEST_DUMMY", 7])
def test_what_is_no_object_is_refused(data):
    assert "ops[2]: expected an object" in _error(data, "ops[2]")


def test_unknown_field_is_refused_with_a_suggestion():
    text = _error(_create(disk_templat="plain"))

    assert text == "disk_templat: unknown field of OpInstanceCreate (did you mean disk_template?)"


def test_missing_field_is_named():
    assert _error({"OP_ID": "OP_INSTANCE_STARTUP"}, "ops[0]") == "ops[0].instance_name: required, but missing"


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"disks": [{"size": []}]}, "disks[0].size: expected non-empty text or a whole number, got []"),
        ({"disks": [{"size": 1}, {"mode": ""}]}, "disks[1].mode: expected non-empty text or a whole number, got ''"),
        ({"disks": [7]}, "disks[0]: expected an object, got 7"),
        ({"disks": {}}, "disks: expected a list, got {}"),
        ({"nics": [{"mac": 7}]}, "nics[0].mac: expected text, got 7"),
        ({"start": "yes"}, "start: expected true or false, got 'yes'"),
        ({"pnode": "../etc"}, "pnode: expected a name of letters, digits, '.', '-' and '_', got '../etc'"),
        ({"compress": "/bin/sh"}, "compress: expected the name of a program, without a path, got '/bin/sh'"),
        ({"mode": "dream"}, "mode: expected one of create, import, remote-import, got 'dream'"),
        ({"beparams": None}, "beparams: expected an object, got None"),
    ],
)
def test_wrong_value_is_named_by_its_path(changes, text):
    assert _error(_create(**changes)) == text


def test_wrong_value_in_one_of_several_forms_is_named_by_its_path():
    data = {"OP_ID": "OP_INSTANCE_SET_PARAMS", "instance_name": "web1"}

    assert _error({**data, "disks": [["add", -1, {"size": None}]]}).startswith("disks[0][2].size: expected non-empty")
    assert _error({**data, "disks": [["add", {"size": None}]]}).startswith("disks[0][1].size: expected non-empty")
    assert _error({**data, "nics": [["add", -1, {"mtu": "9000"}]]}).startswith("nics[0][2].mtu (key): expected one of")
    assert _error({**data, "nics": "all"}).startswith("nics: expected ")


def test_unknown_nic_parameter_is_named():
    assert _error(_create(nics=[{"speed": "9"}])).startswith("nics[0].speed (key): expected one of bridge, ip, ")


def test_nested_opcode_is_checked_and_named_by_its_path():
    data = {"OP_ID": "OP_INSTANCE_MULTI_ALLOC", "instances": [_create(), _create(disks=[{"size": []}])]}

    assert _error(data, "ops[0]").startswith("ops[0].instances[1].disks[0].size: expected")


def test_nested_opcode_must_be_of_its_kind():
    data = {"OP_ID": "OP_INSTANCE_MULTI_ALLOC", "instances": [{"OP_ID": "OP_CLUSTER_DESTROY"}]}

    assert _error(data) == "instances[0].OP_ID: expected OP_INSTANCE_CREATE, got 'OP_CLUSTER_DESTROY'"


def test_body_without_op_id_is_read_by_the_class_it_is_for():
    body = {"group_name": "rack1"}

    assert group.OpGroupAdd.from_wire(body) == group.OpGroupAdd(group_name=GroupName("rack1"))


# --- common fields ------------------------------------------------------------------------


def test_dependencies_may_be_absolute_relative_and_written_as_text():
    op = load({"OP_ID": "OP_TEST_DUMMY", "depends": [[12, ["success"]], [-1, []], ["13", ["error", "canceled"]]]})

    assert op.depends == (
        (12, (FinalStatus.SUCCESS,)),
        (-1, ()),
        (13, (FinalStatus.ERROR, FinalStatus.CANCELED)),
    )


@pytest.mark.parametrize("depends", [[["x", []]], [[1]], [[1, ["running"]]], [[1.5, []]], [["-1", []]]])
def test_wrong_dependencies_are_refused(depends):
    assert _error({"OP_ID": "OP_TEST_DUMMY", "depends": depends}).startswith("depends[0]")


def test_priority_is_one_of_three():
    assert load({"OP_ID": "OP_TEST_DUMMY", "priority": -10}).priority is SubmitPriority.HIGH
    assert _error({"OP_ID": "OP_TEST_DUMMY", "priority": -20}) == "priority: expected one of -10, 0, 10, got -20"


def test_whole_number_passes_for_a_number():
    assert load({"OP_ID": "OP_TEST_DELAY", "duration": 2}).to_wire()["duration"] == 2.0


# --- summaries ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("op", "summary", "tiny"),
    [
        (instance.OpInstanceStartup(instance_name=InstanceName("web1")), "INSTANCE_STARTUP(web1)", "I_STARTUP"),
        (node.OpNodeAdd(node_name=NodeName("node2")), "NODE_ADD(node2)", "N_ADD"),
        (cluster.OpClusterVerify(), "CLUSTER_VERIFY", "C_VERIFY"),
        (group.OpGroupRemove(group_name=GroupName("rack1")), "GROUP_REMOVE(rack1)", "G_REMOVE"),
        (tags.OpTagsGet(kind="cluster"), "TAGS_GET(None)", "TAGS_GET"),
        (query.OpQuery(what="node", fields=("name",)), "QUERY(node)", "QUERY"),
        (test.OpTestDelay(duration=1.5), "TEST_DELAY(1500000000 ns)", "TEST_DELAY"),
        (test.OpTestDelay(duration=1e-6), "TEST_DELAY(1000 ns)", "TEST_DELAY"),
        (test.OpTestDelay(duration=1e308), "TEST_DELAY(inf ns)", "TEST_DELAY"),
    ],
)
def test_summary_shows_what_and_on_which_object(op, summary, tiny):
    assert (op.summary(), op.tiny_summary()) == (summary, tiny)


# --- secrets ------------------------------------------------------------------------------


def _with_secrets():
    return load(_create(osparams={"a": "shown"}, osparams_private={"b": "hush"}, osparams_secret={"c": {"d": "hush"}}))


def test_redacted_form_keeps_names_and_hides_values():
    redacted = _with_secrets().redacted()

    assert redacted["osparams"] == {"a": "shown"}
    assert redacted["osparams_private"] == {"b": "<redacted>"}
    assert redacted["osparams_secret"] == {"c": {"d": "<redacted>"}}


def test_redacted_form_of_nested_opcodes_hides_values():
    op = load({"OP_ID": "OP_INSTANCE_MULTI_ALLOC", "instances": [_with_secrets().to_wire()]})

    assert op.redacted()["instances"][0]["osparams_private"] == {"b": "<redacted>"}


def test_representation_for_logs_holds_no_secret():
    assert "hush" not in repr(_with_secrets())


def test_wire_form_keeps_the_secrets():
    assert _with_secrets().to_wire()["osparams_private"] == {"b": "hush"}


# --- kinds of names -------------------------------------------------------------------------


def _kinds(op):
    return {f.name: f.type.newtype for f in fields_of(op) if isinstance(f.type, CheckedType) and f.type.newtype}


def test_names_of_what_exists_tell_their_kind_and_new_names_do_not():
    assert _kinds(instance.OpInstanceMove)["instance_name"] is InstanceName
    assert _kinds(instance.OpInstanceMove)["target_node"] is NodeName
    assert _kinds(group.OpGroupRename) == {"group_name": GroupName}
    assert "instance_name" not in _kinds(instance.OpInstanceCreate)
    assert "node_name" not in _kinds(node.OpNodeAdd)


def test_device_changes_are_read_in_long_and_short_form():
    data = {"OP_ID": "OP_INSTANCE_SET_PARAMS", "instance_name": "web1"}

    long = load({**data, "disks": [["modify", "data", {"mode": "ro"}]]})
    short = load({**data, "disks": [[0, {"mode": "ro"}]]})

    assert long.disks == ((DeviceAction.MODIFY, "data", {"mode": "ro"}),)
    assert short.disks == ((0, {"mode": "ro"}),)


# --- start-up time ----------------------------------------------------------------------------


def test_registry_knows_each_opcode_under_its_id():
    assert all(op_id == cls.OP_ID for op_id, cls in registry.OPCODES.items())


@pytest.mark.parametrize("noun", _NOUNS)
def test_module_of_one_noun_imports_no_other(noun):
    with open(os.path.join(_DIR, f"{noun}.py"), encoding="utf-8") as file:
        tree = ast.parse(file.read())

    imported = {n.module for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)}
    siblings = {m.rpartition(".")[2] for m in imported if m.startswith("ganeti.model.opcodes")}

    assert siblings <= {"base", "results"}


def test_sending_an_opcode_imports_nothing_heavy():
    heavy = ["asyncio", "aiohttp", "pyparsing", "cryptography", "inspect", "dataclasses", "pathlib", "simplejson"]
    code = (
        "import sys; from ganeti.model.opcodes import instance as i; "
        "i.OpInstanceStartup(instance_name='web1').to_wire(); "
        f"print(' '.join(m for m in {heavy!r} if m in sys.modules))"
    )

    found = subprocess.run(
        [sys.executable, "-S", "-c", code],
        env={"PYTHONPATH": os.path.dirname(os.path.dirname(os.path.dirname(_DIR)))},
        capture_output=True,
        text=True,
        check=True,
    )

    assert found.stdout.strip() == ""
