"""Allocators are asked on the master, with fresh figures, and what they answer is checked."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator

import pytest

from ganeti import errors
from ganeti.model.enums import AdminState
from ganeti.model.opcodes.instance import OpInstanceFailover, OpInstanceMultiAlloc
from ganeti.schema import replace
from ganeti.utils import files, json
from test.support.node import write_script
from test.support.sim import Master, SimCluster, log_of
from test.support.sim_net import State
from test.support.sim_ops import create, name_of, node

Write = Callable[[str], str]


@pytest.fixture
def cluster(sim_directory: str) -> Iterator[SimCluster]:
    yield SimCluster(os.path.join(sim_directory, "c"), seed=1)


@pytest.fixture
def allocator(cluster: SimCluster) -> Write:
    """Write the allocator `mine` on the master; return where it leaves what it was asked."""
    path = f"{cluster.nodes[0].paths.iallocator_search_path[0]}/mine"

    def write(answer: str) -> str:
        write_script(path, f"#!/bin/sh\ncp \"$1\" '{path}.asked'\ncat <<'END'\n{answer}\nEND\n")
        return f"{path}.asked"

    return write


#: instance 1 is to go to another node
AWAY = OpInstanceFailover(instance_name=name_of(1), iallocator="mine")


def yes(*nodes: str) -> str:
    return json.dumps({"success": True, "info": "", "result": nodes})


def anywhere(**fields: object) -> dict[str, object]:
    return {"pnode": None, "iallocator": "mine", **fields}


def test_an_instance_goes_where_the_allocator_says(cluster: SimCluster, allocator: Write) -> None:
    asked = allocator(yes(node(3)))

    async def scenario(master: Master) -> None:
        job = await master.end_of(await master.submit(create(1, on=1, **anywhere())))
        assert job.ops[0].result == [node(3)]
        assert f"allocator chose node {node(3)} for instance {name_of(1)}" in log_of(job)

    cluster.live(scenario)
    question = json.loads(files.read_file(asked))
    assert question["request"]["name"] == name_of(1)
    assert {each["free_memory"] for each in question["nodes"].values()} == {4096}


def test_a_silent_node_is_asked_about_without_figures(cluster: SimCluster, allocator: Write) -> None:
    asked = allocator(yes(node(3)))
    cluster.network.states[node(2)] = State.NO_DAEMON

    async def scenario(master: Master) -> None:
        await master.run(create(1, on=1, **anywhere()))

    cluster.live(scenario)
    nodes = json.loads(files.read_file(asked))["nodes"]
    assert [name for name in sorted(nodes) if "free_memory" in nodes[name]] == [node(1), node(3)]


@pytest.mark.parametrize(
    ("answer", "error", "reason"),
    [
        ('{"success": false, "info": "all full", "result": []}', errors.OpPrereqError, "mine finds no place: all full"),
        ("no idea", errors.OpExecError, "cannot read the answer of allocator mine"),
        (yes("gone"), errors.OpExecError, "unknown node gone"),
    ],
)
def test_without_a_good_answer_there_is_no_instance(
    cluster: SimCluster, allocator: Write, answer: str, error: type[Exception], reason: str
) -> None:
    allocator(answer)

    async def scenario(master: Master) -> None:
        with pytest.raises(error, match=reason):
            await master.run(create(1, on=1, **anywhere()))
        assert not master.daemon.config.current.instances

    cluster.live(scenario)


def test_a_size_that_is_none_is_named_before_anybody_is_asked(cluster: SimCluster, allocator: Write) -> None:
    asked = allocator(yes(node(3)))

    async def scenario(master: Master) -> None:
        with pytest.raises(errors.OpPrereqError, match=r"disks\[0\]\.size: cannot read size 'big'"):
            await master.run(replace(create(1, on=1, disks=1, **anywhere()), disks=({"size": "big"},)))

    cluster.live(scenario)
    assert not os.path.exists(asked)


def test_an_allocator_that_is_not_there_is_refused_by_its_name(cluster: SimCluster) -> None:
    async def scenario(master: Master) -> None:
        with pytest.raises(errors.GenericError, match=r"cannot run allocator nobody on node .*: no such program"):
            await master.run(create(1, on=1, **anywhere(iallocator="nobody")))

    cluster.live(scenario)


def test_an_instance_fails_over_to_the_node_the_allocator_says(cluster: SimCluster, allocator: Write) -> None:
    allocator(yes(node(3)))

    async def scenario(master: Master) -> None:
        await master.run(create(1, on=2))
        await master.run(AWAY)
        instance = master.daemon.config.current.instance_named(name_of(1))
        assert instance is not None and instance.admin_state == AdminState.UP

    cluster.live(scenario)
    assert cluster.nodes[2].running() == [name_of(1)]


def test_an_instance_does_not_fail_over_to_where_it_is(cluster: SimCluster, allocator: Write) -> None:
    allocator(yes(node(2)))

    async def scenario(master: Master) -> None:
        await master.run(create(1, on=2))
        with pytest.raises(errors.OpExecError, match=f"node {node(2)} is not one of those allowed"):
            await master.run(AWAY)

    cluster.live(scenario)
    assert cluster.nodes[1].running() == [name_of(1)]


def test_several_instances_are_placed_with_one_question(cluster: SimCluster, allocator: Write) -> None:
    asked = allocator(
        json.dumps({"success": True, "info": "", "result": [[[name_of(1), [node(2)]]], [[name_of(2), "no room"]]]})
    )

    async def scenario(master: Master) -> None:
        ops = [create(number, on=1, pnode=None) for number in (1, 2)]
        (answer,) = await master.run(OpInstanceMultiAlloc(iallocator="mine", instances=tuple(ops)))
        assert isinstance(answer, dict)
        assert (answer["allocatable"], answer["failed"]) == ([name_of(1)], [name_of(2)])
        await master.all_ended()
        assert master.daemon.config.current.instance_names() == [name_of(1)]

    cluster.live(scenario)
    assert [one["name"] for one in json.loads(files.read_file(asked))["request"]["instances"]] == [
        name_of(1),
        name_of(2),
    ]
