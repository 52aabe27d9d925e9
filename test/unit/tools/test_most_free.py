"""The allocator most-free never promises more than fits."""

from __future__ import annotations

import collections
import importlib.machinery
import importlib.util
import os
from collections.abc import Mapping, Sequence
from types import ModuleType
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganeti.masterd.config.snapshot import Config
from ganeti.masterd.iallocator import evacuation, request
from ganeti.model.enums import AdminState, AllocPolicy, DiskTemplate, EvacMode
from ganeti.schema import replace
from ganeti.schema_types import dump_any
from ganeti.utils import files, json, process
from test.support.allocator import create_op, figures_of
from test.support.config import make_config, make_disk, make_instance, make_node, uuid_of

PROGRAM = os.path.join(os.path.dirname(__file__), *[".."] * 3, "tools", "iallocators", "most-free")


def _load() -> ModuleType:
    loader = importlib.machinery.SourceFileLoader("most_free", PROGRAM)
    spec = importlib.util.spec_from_loader("most_free", loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    return module


MOST_FREE = _load()


def config_of(
    nodes: Sequence[Mapping[str, Any]], policies: Sequence[AllocPolicy] = (AllocPolicy.PREFERRED,), **more: Any
) -> Config:
    """Return a cluster with these nodes; groups are numbered."""
    config = make_config(nodes=0, **more)
    (default,) = config.groups.values()
    groups = [
        replace(default, uuid=uuid_of("group", number), name=f"group{number}", alloc_policy=policy)
        for number, policy in enumerate(policies)
    ]
    records = [make_node(number, **fields) for number, fields in enumerate(nodes)]
    return config.changed(
        {"nodes": {node.uuid: node for node in records}, "nodegroups": {group.uuid: group for group in groups}},
        config.head,
    )


def document(config: Config, asked: Mapping[str, object], rooms: Sequence[tuple[int, int]]) -> dict[str, Any]:
    """Return the document about nodes with this much free memory and disk space."""
    figures = {
        uuid_of("node", number): figures_of(memory_free=memory, storage_free=space)
        for number, (memory, space) in enumerate(rooms)
    }
    made: dict[str, Any] = json.loads(json.dumps(dump_any(request.document(config, figures, asked))))
    return made


def ask(question: Mapping[str, Any]) -> dict[str, Any]:
    """Ask the program's own functions: a process for each of many questions takes long."""
    read = json.loads(json.dumps(question))
    nodes = {name: node for name, node in read["nodes"].items() if MOST_FREE.usable(node)}
    serve = {
        "allocate": MOST_FREE.allocate,
        "multi-allocate": MOST_FREE.allocate_all,
        "relocate": MOST_FREE.relocate,
        "node-evacuate": MOST_FREE.evacuate,
    }
    answer: dict[str, Any] = serve[read["request"]["type"]](nodes, read["request"], read)
    return answer


def run(directory: object, question: Mapping[str, Any]) -> process.RunResult:
    path = f"{directory}/question"
    files.write_file(path, json.dumps(question), durable=False)
    return process.run([PROGRAM, path], timeout=30)


def placing(config: Config, count: int = 1, **fields: Any) -> dict[str, Any]:
    """Return the request for places of new instances."""
    ops = [create_op(f"new{number}.example.com", **fields) for number in range(count)]
    asked = [request.allocation(config, op, None) for op in ops]
    if count == 1:
        return asked[0]
    return {"type": "multi-allocate", "instances": [{k: v for k, v in one.items() if k != "type"} for one in asked]}


def a_size(memory: int, *disks: int) -> dict[str, Any]:
    return {"beparams": {"memory": memory}, "disks": [{"size": size} for size in disks]}


# --- as a program ------------------------------------------------------------------------------


def test_the_program_answers_what_masters_understand(tmp_path: object) -> None:
    config = config_of([{}, {}])

    done = run(tmp_path, document(config, placing(config, **a_size(512)), [(1000, 0), (2000, 0)]))

    result = request.read_answer("most-free", done.stdout)
    assert request.chosen_nodes("most-free", result, config, 1) == ["node1.example.com"]


def test_what_fits_nowhere_is_refused_with_what_it_needs_and_what_there_is(tmp_path: object) -> None:
    config = config_of([{}, {}])

    done = run(tmp_path, document(config, placing(config, **a_size(8192, 1024)), [(1000, 9000), (2000, 9000)]))

    info = json.loads(done.stdout)["info"]
    assert "8192 MiB of memory" in info and "1024 MiB of disk space" in info
    assert "most free memory of a node: 2000 MiB" in info


def test_a_request_it_does_not_serve_is_answered_with_no(tmp_path: object) -> None:
    done = run(tmp_path, document(config_of([{}]), {"type": "change-group"}, [(1000, 0)]))

    answer = json.loads(done.stdout)
    assert not done.failed
    assert (answer["success"], answer["info"]) == (False, "change-group requests are not served")


def test_without_a_file_it_says_what_it_is() -> None:
    done = process.run([PROGRAM], timeout=30)

    assert (done.exit_code, "most memory is free" in done.stdout) == (1, True)


# --- one instance ------------------------------------------------------------------------------


def test_most_free_memory_wins() -> None:
    config = config_of([{}, {}, {}])

    answer = ask(document(config, placing(config, **a_size(512)), [(1000, 0), (3000, 0), (2000, 0)]))

    assert answer["result"] == ["node1.example.com"]


def test_a_node_without_room_for_the_disks_is_passed_over() -> None:
    config = config_of([{}, {}])

    answer = ask(document(config, placing(config, **a_size(512, 100, 100)), [(1000, 200), (3000, 199)]))

    assert answer["result"] == ["node0.example.com"]


@pytest.mark.parametrize("state", [{"offline": True}, {"drained": True}, {"vm_capable": False}])
def test_a_node_that_takes_no_instances_is_passed_over(state: Mapping[str, bool]) -> None:
    config = config_of([{}, state])

    answer = ask(document(config, placing(config, **a_size(512)), [(1000, 0), (3000, 0)]))

    assert answer["result"] == ["node0.example.com"]


def test_only_nodes_it_is_restricted_to_are_chosen() -> None:
    config = config_of([{}, {}])
    asked = {**placing(config, **a_size(512)), "restrict-to-nodes": ["node0.example.com"]}

    assert ask(document(config, asked, [(1000, 0), (3000, 0)]))["result"] == ["node0.example.com"]


def test_groups_that_take_nothing_are_passed_over_and_last_resorts_come_last() -> None:
    policies = [AllocPolicy.UNALLOCABLE, AllocPolicy.LAST_RESORT, AllocPolicy.PREFERRED]
    config = config_of([{"group": uuid_of("group", number)} for number in range(3)], policies)

    def chosen(memory: int) -> object:
        return ask(document(config, placing(config, **a_size(memory)), [(3000, 0), (2000, 0), (1000, 0)]))["result"]

    assert chosen(512) == ["node2.example.com"]
    assert chosen(1500) == ["node1.example.com"]
    assert chosen(2500) == []


def test_only_nodes_of_the_group_asked_for_are_chosen() -> None:
    config = config_of([{}, {"group": uuid_of("group", 1)}], [AllocPolicy.PREFERRED] * 2)

    for name in ("group0", uuid_of("group", 0)):
        asked = placing(config, **a_size(512), group_name=name)
        assert ask(document(config, asked, [(1000, 0), (3000, 0)]))["result"] == ["node0.example.com"]


def test_both_nodes_of_a_mirrored_instance_are_of_one_group() -> None:
    groups = [{"group": uuid_of("group", number)} for number in (0, 1, 1)]
    config = config_of(groups, [AllocPolicy.PREFERRED] * 2)
    asked = placing(config, **a_size(512, 100), disk_template="drbd")

    answer = ask(document(config, asked, [(4000, 4000), (1000, 4000), (900, 4000)]))

    assert answer["result"] == ["node1.example.com", "node2.example.com"]


# --- several -----------------------------------------------------------------------------------

rooms_ = st.lists(st.tuples(st.integers(0, 2000), st.integers(0, 2000)), min_size=1, max_size=5)
sizes_ = st.tuples(st.integers(1, 900), st.lists(st.integers(1, 900), max_size=2))


@given(rooms_, st.lists(sizes_, min_size=1, max_size=8), st.sampled_from([DiskTemplate.FILE, DiskTemplate.DRBD]))
def test_what_is_placed_fits_and_what_is_not_would_not(
    rooms: list[tuple[int, int]], sizes: list[tuple[int, list[int]]], template: DiskTemplate
) -> None:
    config = config_of([{}] * len(rooms))
    ops = [
        create_op(f"new{number}.example.com", disk_template=template.value, **a_size(memory, *disks))
        for number, (memory, disks) in enumerate(sizes)
    ]
    asked = {op.instance_name: request.allocation(config, op, None) for op in ops}
    given_ = document(config, {"type": "multi-allocate", "instances": list(asked.values())}, rooms)
    memory = {name: node["free_memory"] for name, node in given_["nodes"].items()}
    space = {name: node["free_disk"] for name, node in given_["nodes"].items()}

    answer = ask(given_)
    needed = {name: one["required_nodes"] for name, one in asked.items()}
    placed, failed = request.chosen_for_all("most-free", answer["result"], config, needed)

    assert sorted([*placed, *failed]) == sorted(asked)
    for name, one in asked.items():
        fits = [n for n in memory if memory[n] >= one["memory"] and space[n] >= one["disk_space_total"]]
        assert (name in placed) == (len(fits) >= one["required_nodes"])
        nodes = placed.get(name, [])
        assert set(nodes) <= set(fits)
        for node in nodes[:1]:
            memory[node] -= one["memory"]
        for node in nodes:
            space[node] -= one["disk_space_total"]
    assert min([*memory.values(), *space.values()]) >= 0


@given(st.integers(1, 5), st.integers(1, 1000), st.integers(1, 8))
def test_room_that_all_nodes_share_is_given_once(nodes: int, space: int, count: int) -> None:
    config = config_of([{}] * nodes)
    asked = placing(config, count + 1, disk_template="sharedfile", **a_size(1, 100))

    placed, failed = ask(document(config, asked, [(5000, space)] * nodes))["result"]

    assert len(placed) == min(space // 100, count + 1)
    assert len(placed) + len(failed) == count + 1


@given(st.integers(1, 5), st.integers(1, 20))
def test_equal_instances_spread_over_equal_nodes(nodes: int, count: int) -> None:
    config = config_of([{}] * nodes)
    asked = placing(config, count + 1, **a_size(100))

    placed, _failed = ask(document(config, asked, [(5000, 0)] * nodes))["result"]

    on = collections.Counter(chosen for _name, (chosen,) in placed)
    assert max(on.values()) - min([on[node.name] for node in config.nodes.values()]) <= 1


# --- another place -------------------------------------------------------------------------------


def moving(template: DiskTemplate, rooms: Sequence[tuple[int, int]], policy: AllocPolicy) -> Any:
    disks = [] if template == DiskTemplate.DISKLESS else [make_disk(1, dev_type=template, size=500)]
    instance = make_instance(1, beparams={"maxmem": 512}, disks=tuple(disk.uuid for disk in disks))
    nodes = [{}, {}, {}, {"group": uuid_of("group", 1)}]
    config = config_of(nodes, [policy, AllocPolicy.PREFERRED], instances=[instance], disks=disks)
    return ask(document(config, request.relocation(config, instance, template), rooms))


@pytest.mark.parametrize("template", [DiskTemplate.DISKLESS, DiskTemplate.SHAREDFILE])
@pytest.mark.parametrize("policy", AllocPolicy)
def test_an_instance_moves_to_the_best_other_node_of_its_group(template: DiskTemplate, policy: AllocPolicy) -> None:
    """Its disks are there already, however full the storage is; the policy is about new instances."""
    answer = moving(template, [(9000, 0), (1000, 0), (2000, 0), (5000, 0)], policy)

    assert answer["result"] == ["node2.example.com"]


def test_an_instance_that_fits_nowhere_else_stays() -> None:
    answer = moving(DiskTemplate.DISKLESS, [(9000, 0), (500, 0), (511, 0), (5000, 0)], AllocPolicy.PREFERRED)

    assert (answer["success"], answer["result"]) == (False, [])


# --- leaving a node ------------------------------------------------------------------------------


def leaving(mode: EvacMode, *, offline: bool = False) -> Any:
    """Have three diskless instances of 1024 MiB leave node 0, and one whose disk is a file there."""
    config = config_of([{"offline": offline}, {}, {}])
    beparams = {"maxmem": 1024, "minmem": 1024}
    made = [make_instance(number, beparams=beparams, admin_state=AdminState.UP) for number in range(3)]
    made[1] = replace(made[1], admin_state=AdminState.DOWN)
    stored = make_instance(3, beparams=beparams, disks=(uuid_of("disk", 0),))
    config = config.changed(
        {
            "instances": {instance.uuid: instance for instance in [*made, stored]},
            "disks": {uuid_of("disk", 0): make_disk(0, nodes=(uuid_of("node", 0),))},
        },
        config.head,
    )
    names = [instance.name for instance in [*made, stored]]
    answer = ask(document(config, request.evacuation(names, mode), [(9000, 0), (1500, 0), (1200, 0)]))
    assert answer["success"]
    return evacuation.read("most-free", answer["result"], config, names)


def test_instances_leave_for_the_nodes_with_most_room_and_the_others_say_what_ties_them() -> None:
    found = leaving(EvacMode.PRIMARY)

    assert found.moved == [("inst0.example.com", ["node1.example.com"]), ("inst1.example.com", ["node2.example.com"])]
    assert [(name, why[:22]) for name, why in found.failed] == [
        ("inst2.example.com", "no group has 1 node wi"),
        ("inst3.example.com", "its disks (file) are o"),
    ]
    assert [(job[0].OP_ID, job[0].summary()) for job in found.jobs] == [
        ("OP_INSTANCE_MIGRATE", "INSTANCE_MIGRATE(inst0.example.com)"),
        ("OP_INSTANCE_FAILOVER", "INSTANCE_FAILOVER(inst1.example.com)"),
    ]


def test_instances_of_a_node_that_is_down_are_failed_over() -> None:
    found = leaving(EvacMode.ALL, offline=True)

    assert [job[0].OP_ID for job in found.jobs] == ["OP_INSTANCE_FAILOVER"] * 2


def test_secondary_nodes_are_not_its_business() -> None:
    found = leaving(EvacMode.SECONDARY)

    assert found.moved == [] and {why for _, why in found.failed} == {"new secondary nodes are not served"}
