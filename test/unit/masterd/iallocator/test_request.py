"""The document an allocator reads, and what is made of its answer."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganeti import errors
from ganeti.errors import ECode
from ganeti.masterd.config.snapshot import Config
from ganeti.masterd.iallocator import request
from ganeti.masterd.iallocator.run import allocator_name
from ganeti.model.enums import AdminState, DiskTemplate
from ganeti.model.opcodes.instance import OpInstanceCreate
from ganeti.model.scalars import InstanceName, NodeName
from ganeti.schema import replace
from ganeti.schema_types import dump_any
from ganeti.utils import json as our_json
from test.support.allocator import create_op, figures_of
from test.support.config import make_config, make_drbd, make_instance, make_nic, uuid_of

_SPEC = os.path.join(os.path.dirname(__file__), *[".."] * 3, "data", "spec", "iallocator.json")
with open(_SPEC, encoding="utf-8") as _file:
    SPEC = json.load(_file)

NODE0, NODE1, NODE2 = (NodeName(f"node{number}.example.com") for number in range(3))


def document(config: Config, asked: dict[str, Any] | None = None, **figures: int) -> dict[str, Any]:
    known = {node.uuid: figures_of(**figures) for node in config.nodes.values()}
    made = request.document(config, known, asked or {})
    read: dict[str, Any] = json.loads(our_json.dumps(dump_any(made)))
    return read


def a_config(**more: Any) -> Config:
    disk = make_drbd(1, 0, 1, size=1024)
    first = make_instance(1, disks=(disk.uuid,), nics=(make_nic(1), make_nic(2, nicparams={"mode": "routed"})))
    return make_config(nodes=3, instances=[first, make_instance(2)], disks=[disk], **more)


def mark(config: Config, number: int, **flags: Any) -> Config:
    node = replace(config.nodes[uuid_of("node", number)], **flags)
    return config.changed({"nodes": {node.uuid: node}}, config.head)


# --- the document -----------------------------------------------------------------------------


def test_the_document_has_the_parts_of_the_specification() -> None:
    doc = document(a_config())

    assert doc.keys() == SPEC["input"].keys()
    assert doc["version"] == 2


def test_groups_have_the_keys_of_the_specification() -> None:
    doc = document(a_config())

    assert {frozenset(group) for group in doc["nodegroups"].values()} == {frozenset(SPEC["nodegroup"])}
    for policy in (doc["ipolicy"], *(group["ipolicy"] for group in doc["nodegroups"].values())):
        assert policy.keys() == SPEC["ipolicy"].keys() - {"min", "max", "spec_keys"}
        assert policy["std"].keys() == set(SPEC["ipolicy"]["spec_keys"])


def test_a_node_that_answered_has_all_keys_of_the_specification() -> None:
    wanted = dict(SPEC["node"])
    wanted.pop("whitelist")
    figures = wanted.pop("only_if_not_offline_and_vm_capable")

    doc = document(a_config())

    assert all(node.keys() == wanted.keys() | figures.keys() for node in doc["nodes"].values())
    assert all(isinstance(node[key], int) for node in doc["nodes"].values() for key in figures)


@pytest.mark.parametrize("flags", [{"offline": True}, {"vm_capable": False}])
def test_a_node_that_cannot_take_instances_has_no_figures(flags: dict[str, bool]) -> None:
    doc = document(mark(a_config(), 2, **flags))

    assert "free_memory" in doc["nodes"][NODE1]
    assert "free_memory" not in doc["nodes"][NODE2]


def test_a_node_that_did_not_answer_has_no_figures() -> None:
    doc = request.document(a_config(), {uuid_of("node", 0): figures_of()}, {})

    assert {name for name, node in doc["nodes"].items() if "free_memory" in node} == {NODE0}


def test_instances_have_the_keys_of_the_specification() -> None:
    doc = document(a_config())

    assert all(instance.keys() == SPEC["instance"].keys() for instance in doc["instances"].values())
    first = doc["instances"]["inst1.example.com"]
    assert first["nodes"] == [NODE0, NODE1]
    assert first["disks"] == [{"size": 1024, "mode": "rw", "type": "drbd", "spindles": None}]
    assert first["disk_space_total"] == 1024 + 128
    bridged, routed = first["nics"]
    assert bridged.keys() == SPEC["instance"]["nics"][0].keys()
    assert routed.keys() == bridged.keys() - {"bridge"}


def test_memory_promised_to_running_instances_is_not_free() -> None:
    running = make_instance(1, beparams={"maxmem": 512, "minmem": 128}, admin_state=AdminState.UP)
    stopped = make_instance(2, beparams={"maxmem": 256, "minmem": 256})
    config = make_config(nodes=1, instances=[running, stopped])
    known = {uuid_of("node", 0): figures_of(memory_free=3000, running={running.name: 200, "stray.example.com": 100})}

    node = request.document(config, known, {})["nodes"][NODE0]

    assert node["free_memory"] == 3000 - (512 - 200)
    assert (node["i_pri_memory"], node["i_pri_up_memory"]) == (768, 512)


# --- requests -------------------------------------------------------------------------------------


def test_a_request_for_a_place_has_the_keys_of_the_specification() -> None:
    wanted = SPEC["requests"]["allocate"].keys() - {"result"}
    op = create_op("web1", disks=[{"size": "1g"}, {"size": 512, "mode": "ro"}], beparams={"memory": 300, "vcpus": 2})

    asked = request.allocation(make_config(), op, [NODE1, NODE0])

    assert asked.keys() == wanted
    assert asked["disks"] == [
        {"size": 1024, "mode": "rw", "type": "file"},
        {"size": 512, "mode": "ro", "type": "file"},
    ]
    assert (asked["disk_space_total"], asked["memory"], asked["vcpus"]) == (1536, 300, 2)
    assert asked["restrict-to-nodes"] == [NODE0, NODE1]
    assert request.allocation(make_config(), op, None).keys() == wanted - {"restrict-to-nodes"}


def test_a_request_for_another_node_has_the_keys_of_the_specification() -> None:
    config = a_config()

    asked = request.relocation(config, config.instances[uuid_of("inst", 1)], DiskTemplate.DRBD)

    assert asked.keys() == SPEC["requests"]["relocate"].keys() - {"result"}
    assert (asked["relocate_from"], asked["disk_space_total"]) == ([NODE0], 1024 + 128)


@pytest.mark.parametrize("size", ["big", "", None])
def test_a_size_that_is_none_is_refused_by_its_name(size: Any) -> None:
    op = OpInstanceCreate(**{**create_op("web1").__dict__, "disks": ({"size": 4}, {"size": size})})

    with pytest.raises((errors.OpPrereqError, errors.ParameterError), match=r"disks\[1\]\.size"):
        request.allocation(make_config(), op, None)


@given(st.lists(st.integers(0, 10_000), max_size=4), st.sampled_from(DiskTemplate))
def test_room_is_reckoned_per_node(sizes: list[int], template: DiskTemplate) -> None:
    space = request.disk_space(sizes, template)

    if template == DiskTemplate.DISKLESS:
        assert space == 0
    else:
        assert space - sum(sizes) == (128 * len(sizes) if template == DiskTemplate.DRBD else 0)


# --- answers --------------------------------------------------------------------------------------


def answer(**keys: Any) -> str:
    return json.dumps({"success": True, "info": "fine", "result": [NODE0], **keys})


def test_the_result_of_an_answer_is_returned() -> None:
    assert request.read_answer("a", answer()) == [NODE0]


def test_the_old_name_of_the_result_is_understood() -> None:
    assert request.read_answer("a", json.dumps({"success": True, "info": "", "nodes": [NODE0]})) == [NODE0]


def test_a_no_is_the_user_s_to_read() -> None:
    with pytest.raises(errors.OpPrereqError, match="allocator a finds no place: all full") as caught:
        request.read_answer("a", answer(success=False, info="all full", result=[]))
    assert caught.value.args[1] == ECode.NORES


@pytest.mark.parametrize(
    "text", ["", "no", "[]", '"x"', "null", "{}", '{"success": true, "info": ""}', '{"result": []}']
)
def test_what_is_no_answer_is_refused_with_the_allocator_s_name(text: str) -> None:
    with pytest.raises(errors.OpExecError, match="the answer of allocator a"):
        request.read_answer("a", text)


@given(st.recursive(st.none() | st.booleans() | st.text() | st.integers(), lambda inner: st.lists(inner, max_size=3)))
def test_any_result_is_nodes_there_are_or_refused(result: Any) -> None:
    config = make_config(nodes=3)
    try:
        nodes = request.chosen_nodes("a", result, config, 1)
    except errors.OpExecError as err:
        assert "the answer of allocator a" in str(err)
    else:
        assert [config.node_named(name) for name in nodes] and nodes == result


@pytest.mark.parametrize(
    ("result", "reason"),
    [
        ([NODE0, NODE1], "expected 1 node name, got"),
        ([], "expected 1 node name, got"),
        (["gone.example.com"], r"unknown node gone\.example\.com"),
        (NODE0, "expected 1 node name"),
        ([7], "expected 1 node name"),
        ([NODE2], rf"node {NODE2} is not one of those allowed"),
    ],
)
def test_nodes_that_cannot_be_are_refused(result: Any, reason: str) -> None:
    with pytest.raises(errors.OpExecError, match=reason):
        request.chosen_nodes("a", result, make_config(nodes=3), 1, allowed=[NODE0, NODE1])


def test_a_node_cannot_be_chosen_twice_for_one_instance() -> None:
    with pytest.raises(errors.OpExecError, match="twice"):
        request.chosen_nodes("a", [NODE0, NODE0], make_config(nodes=3), 2)


# --- answers about several --------------------------------------------------------------------------

WEB, DB = InstanceName("web.example.com"), InstanceName("db.example.com")


def for_all(result: Any) -> Any:
    return request.chosen_for_all("a", result, make_config(nodes=3), {WEB: 1, DB: 1})


def test_every_instance_is_placed_or_failed() -> None:
    assert for_all([[[WEB, [NODE0]]], [DB]]) == ({WEB: [NODE0]}, [DB])


def test_failures_may_come_with_their_reasons() -> None:
    assert for_all([[[WEB, [NODE0]]], [[DB, "too big"]]]) == ({WEB: [NODE0]}, [DB])


def test_one_that_is_not_spoken_of_has_failed() -> None:
    assert for_all([[], []]) == ({}, [WEB, DB])


@pytest.mark.parametrize(
    "result",
    [
        None,
        [],
        [[]],
        {"a": 1},
        [[[WEB, [NODE0], 1]], []],
        [[["other.example.com", [NODE0]]], []],
        [[[WEB, [NODE0, NODE1]]], []],
        [[[WEB, []]], []],
        [[[WEB, ["gone"]]], []],
        [[[WEB, [NODE0]], [WEB, [NODE1]]], []],
        [[[WEB, [NODE0]]], [WEB]],
    ],
)
def test_what_is_no_placement_is_refused(result: Any) -> None:
    with pytest.raises(errors.OpExecError, match="cannot use the answer of allocator a"):
        for_all(result)


# --- which allocator ----------------------------------------------------------------------------------


def test_the_default_is_taken_where_none_is_named() -> None:
    config = make_config(settings={"default_iallocator": "hail"})

    assert [allocator_name(config, given_) for given_ in (None, ".", "other")] == ["hail", "hail", "other"]


@pytest.mark.parametrize("given_", [None, ".", ""])
def test_without_a_default_one_must_be_named(given_: str | None) -> None:
    with pytest.raises(errors.OpPrereqError, match="no default allocator"):
        allocator_name(make_config(), given_)
