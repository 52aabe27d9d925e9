"""Hooks of every unit are those of the specification: path, nodes, variables."""

from __future__ import annotations

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest

from ganeti.masterd.cmdlib.base import HookRun
from ganeti.masterd.cmdlib.cluster.life import LUClusterDestroy
from ganeti.masterd.cmdlib.node.add import Addition, LUNodeAdd
from ganeti.masterd.cmdlib.registry import UNITS
from ganeti.masterd.config.snapshot import Config
from ganeti.model.enums import LogType
from ganeti.model.opcodes import cluster as c
from ganeti.model.opcodes import group as g
from ganeti.model.opcodes import instance as i
from ganeti.model.opcodes import node as n
from ganeti.model.opcodes.base import OpCode
from ganeti.model.opcodes.registry import OPCODES
from ganeti.model.scalars import JobId, NodeName
from test.support import sim_ops
from test.support.config import make_config, make_node
from test.support.sim import Master, SimCluster

_SPEC = os.path.join(os.path.dirname(__file__), *[".."] * 2, "data", "spec", "hooks.json")
with open(_SPEC, encoding="utf-8") as _file:
    SPEC = json.load(_file)
HOOKS: Mapping[str, Any] = SPEC["hooks"]

MASTER, PRIMARY, TARGET, NEW = (f"node{number}.example.com" for number in (1, 2, 3, 4))

#: instance 1 is diskless and runs on the primary, 2 is stopped there, 4 has a disk, 5 lost one
EXAMPLES: Mapping[str, Callable[[], OpCode]] = {
    "cluster-init": c.OpClusterPostInit,
    "cluster-modify": lambda: c.OpClusterSetParams(candidate_pool_size=3),
    "cluster-verify": lambda: c.OpClusterVerifyGroup.from_wire({"group_name": "default"}),
    "group-add": lambda: g.OpGroupAdd.from_wire({"group_name": "new"}),
    "group-modify": lambda: g.OpGroupSetParams.from_wire({"group_name": "default", "alloc_policy": "last_resort"}),
    "group-remove": lambda: g.OpGroupRemove.from_wire({"group_name": "empty"}),
    "group-rename": lambda: g.OpGroupRename.from_wire({"group_name": "default", "new_name": "other"}),
    "node-modify": lambda: n.OpNodeSetParams.from_wire({"node_name": PRIMARY, "master_candidate": False}),
    "node-migrate": lambda: n.OpNodeMigrate.from_wire({"node_name": PRIMARY, "target_node": TARGET}),
    "node-remove": lambda: n.OpNodeRemove.from_wire({"node_name": NEW}),
    "instance-add": lambda: sim_ops.create(9, on=2),
    "instance-reinstall": lambda: i.OpInstanceReinstall(instance_name=sim_ops.name_of(4)),
    "instance-rename": lambda: i.OpInstanceRename.from_wire(
        {"instance_name": sim_ops.name_of(2), "new_name": "other.example.com", "name_check": False, "ip_check": False}
    ),
    "instance-remove": lambda: sim_ops.remove(1),
    "instance-failover": lambda: sim_ops.failover(1, to=3),
    "instance-migrate": lambda: sim_ops.migrate(1, to=3),
    "instance-start": lambda: sim_ops.startup(2),
    "instance-stop": lambda: sim_ops.shutdown(1),
    "instance-reboot": lambda: i.OpInstanceReboot.from_wire(
        {"instance_name": sim_ops.name_of(1), "reboot_type": "full"}
    ),
    "disk-grow": lambda: i.OpInstanceGrowDisk.from_wire({"instance_name": sim_ops.name_of(4), "disk": 0, "amount": 4}),
    "instance-recreate-disks": lambda: i.OpInstanceRecreateDisks(instance_name=sim_ops.name_of(5)),
    "instance-modify": lambda: sim_ops.modify(1, beparams={"vcpus": 2}),
}
#: looked at below: one needs a node that is no node yet, the other a cluster of one
NO_EXAMPLE = {"node-add", "cluster-destroy"}

#: where hooks run, in the words of the specification
PLACES: Mapping[str, list[str]] = {
    "master": [MASTER],
    "nodes of the group": [MASTER, PRIMARY, TARGET, NEW],
    "master and group members": [MASTER, PRIMARY, TARGET, NEW],
    "all but the removed": [MASTER, PRIMARY, TARGET],
    "master, the node": [MASTER, PRIMARY],
    "master, primary, secondaries": [MASTER, PRIMARY],
    "master, secondaries (3.x: and target)": [MASTER, TARGET],
    "pre list plus the old primary": [MASTER, TARGET, PRIMARY],
    "master, primary, secondaries (3.x: and target)": [MASTER, PRIMARY, TARGET],
}

#: given only with some requests, which are not those above
SOMETIMES = {
    "instance-add": {"SRC_NODE", "SRC_PATH", "SRC_IMAGES"},
    "instance-modify": {"NEW_DISK_TEMPLATE", "RUNTIME_MEMORY"},
}


class _Call:
    job_id = JobId(1)

    def log(self, kind: LogType, message: object) -> None:
        """Nobody listens."""

    def raise_if_canceled(self) -> None:
        """Nobody cancels."""


Runs = Mapping[str, HookRun | None]


@pytest.fixture(scope="module")
def asked() -> Iterator[tuple[Runs, Config]]:
    """The hooks of every example, on one cluster, and the configuration they are about."""
    directory = tempfile.mkdtemp(prefix="hooks-", dir="/dev/shm" if os.access("/dev/shm", os.W_OK) else None)
    cluster = SimCluster(os.path.join(directory, "c"), seed=1, nodes=4)

    async def hooks_of(master: Master, op: OpCode) -> HookRun | None:
        services = master.daemon.services
        unit = UNITS[type(op)](op, services, _Call(), lambda level: ())
        config = services.config.current
        return unit.hooks(await unit.check(config), config)

    async def scenario(master: Master) -> tuple[Runs, Config]:
        await master.run(sim_ops.create(1, on=2), sim_ops.create(2, on=2, start=False))
        await master.run(sim_ops.create(4, on=2, disks=1, start=False), g.OpGroupAdd.from_wire({"group_name": "empty"}))
        await master.run(sim_ops.create(5, on=2, disks=1, start=False))
        shutil.rmtree(os.path.join(cluster.nodes[1].paths.file_storage_dir, sim_ops.name_of(5)))
        runs = {path: await hooks_of(master, example()) for path, example in EXAMPLES.items()}
        return runs, master.daemon.config.current

    yield cluster.live(scenario)
    shutil.rmtree(directory)


def test_every_operation_with_hooks_has_those_of_the_specification() -> None:
    ours = {op.HOOKS_PATH: (op.OP_ID, op.HOOKS_TYPE) for op in OPCODES.values() if op.HOOKS_PATH}

    assert ours == {path: (row["opcode"], row["object"]) for path, row in HOOKS.items()}


def test_every_unit_that_has_hooks_is_looked_at_here() -> None:
    assert {op.HOOKS_PATH for op in UNITS if op.HOOKS_PATH} == EXAMPLES.keys() | NO_EXAMPLE
    assert {path: UNITS[type(make())].__name__ for path, make in EXAMPLES.items()}


@pytest.mark.parametrize("path", EXAMPLES)
def test_hooks_run_where_the_specification_says(path: str, asked: tuple[Runs, Config]) -> None:
    run = asked[0][path]
    row = HOOKS[path]
    pre = PLACES[row["pre"]] if row["pre"] else []
    post = pre if row["post"] == "same" else PLACES[row["post"]]

    assert run is not None
    assert (sorted(run.pre), sorted(run.post)) == (sorted(pre), sorted(post))
    assert len(set(run.post)) == len(run.post)


@pytest.mark.parametrize("path", EXAMPLES)
def test_hooks_are_told_what_the_specification_says(path: str, asked: tuple[Runs, Config]) -> None:
    runs, config = asked
    run, row = runs[path], HOOKS[path]
    assert run is not None
    own = set(row["env"]) - SOMETIMES.get(path, set())
    per_node = {name for name in own if name.endswith("<node name>")}
    wanted = own - per_node | {name.replace("<node name>", node) for name in per_node for node in config.node_names()}
    if row.get("instance_env"):
        wanted |= {name for name in SPEC["instance_env"] if "<" not in name}
    else:
        assert set(run.env) == wanted
    if "object" in row and row["object"] == "NODE" and path != "node-migrate":
        wanted.add("OP_TARGET")

    assert wanted - set(run.env) == set()
    assert all(isinstance(value, str) for value in run.env.values())


def test_hooks_of_a_removed_node_run_there_too_before_it_leaves(asked: tuple[Runs, Config]) -> None:
    run = asked[0]["node-remove"]

    assert run is not None and list(run.farewell) == [NEW]


def test_the_state_of_a_new_instance_is_whether_it_is_started(asked: tuple[Runs, Config]) -> None:
    run = asked[0]["instance-add"]

    assert run is not None
    assert (run.env["INSTANCE_STATUS"], run.env["ADD_MODE"]) == ("True", "create")


def test_flags_that_are_not_asked_for_are_none(asked: tuple[Runs, Config]) -> None:
    run = asked[0]["node-modify"]

    assert run is not None
    assert (run.env["MASTER_CANDIDATE"], run.env["OFFLINE"]) == ("False", "None")


def test_moves_tell_where_from_and_where_to(asked: tuple[Runs, Config]) -> None:
    for path in ("instance-failover", "instance-migrate"):
        run = asked[0][path]
        assert run is not None
        assert (run.env["OLD_PRIMARY"], run.env["NEW_PRIMARY"]) == (PRIMARY, TARGET)


def test_a_new_node_runs_hooks_only_after_it_was_added() -> None:
    config, new = make_config(nodes=2), make_node(7)
    op = n.OpNodeAdd.from_wire({"node_name": new.name})
    unit = LUNodeAdd(op, None, _Call(), lambda level: ())  # type: ignore[arg-type]  # no services are used

    run = unit.hooks(Addition(new, "AA"), config)

    assert run.pre == ["node0.example.com", "node1.example.com"]
    assert run.post == [*run.pre, "node7.example.com"]
    assert set(run.env) == set(HOOKS["node-add"]["env"])


def test_the_last_hooks_of_a_cluster_run_on_its_master() -> None:
    unit = LUClusterDestroy(c.OpClusterDestroy(), None, _Call(), lambda level: ())  # type: ignore[arg-type]  # as above

    run = unit.hooks(None, make_config())

    assert run == HookRun({"OP_TARGET": "cluster.example.com"}, [], [NodeName("node0.example.com")])
