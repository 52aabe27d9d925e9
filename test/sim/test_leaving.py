"""Instances leave a node: by migration, or where an allocator says."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import pytest

from ganeti import errors
from ganeti.model.enums import JobStatus
from ganeti.model.opcodes.node import OpNodeEvacuate, OpNodeMigrate
from ganeti.utils import files, json
from test.support.sim import Master, SimCluster
from test.support.sim_check import check_at_rest, running
from test.support.sim_ops import create, name_of, node

TARGET = node(3)


def evacuate(**fields: Any) -> OpNodeEvacuate:
    op: OpNodeEvacuate = OpNodeEvacuate.from_wire({"node_name": node(2), "mode": "all", "iallocator": "mine", **fields})
    return op


def migrate(**fields: Any) -> OpNodeMigrate:
    return OpNodeMigrate.from_wire({"node_name": node(2), "target_node": TARGET, **fields})


def answer(cluster: SimCluster, moved: Mapping[str, str], failed: Mapping[str, str]) -> str:
    """Have the allocator `mine` answer so; return the file its question and options are in."""
    path = f"{cluster.nodes[0].paths.iallocator_search_path[0]}/mine"
    jobs = [[{"OP_ID": "OP_INSTANCE_FAILOVER", "instance_name": i, "target_node": to}] for i, to in moved.items()]
    result = [[[i, "default", [to]] for i, to in moved.items()], [[i, why] for i, why in failed.items()], jobs]
    text = json.dumps({"success": True, "info": "", "result": result})
    files.ensure_dir(os.path.dirname(path), 0o755)
    script = f"#!/bin/sh\n(cat \"$1\"; shift; echo \"\n$*\") > '{path}.asked'\ncat <<'END'\n{text}\nEND\n"
    files.write_file(path, script, mode=0o755, durable=False)
    return f"{path}.asked"


async def ended(master: Master, result: Any) -> list[JobStatus]:
    """Return how the jobs ended that an opcode answered with."""
    return [(await master.end_of(job_id)).status for accepted, job_id in result["jobs"] if accepted]


def test_instances_go_where_an_allocator_says(cluster: SimCluster) -> None:
    asked = answer(cluster, {name_of(1): TARGET, name_of(2): node(1)}, {})

    async def scenario(master: Master) -> None:
        await master.run(create(1, on=2), create(2, on=2, start=False), create(3, on=1))
        (result,) = await master.run(evacuate(ignore_soft_errors=True))
        assert await ended(master, result) == [JobStatus.SUCCESS] * 2
        config = master.daemon.config.current
        where = {i.name: config.nodes[i.primary_node].name for i in config.instances.values() if i.primary_node}
        assert where == {name_of(1): TARGET, name_of(2): node(1), name_of(3): node(1)}
        assert running(cluster) == {name_of(1): [TARGET], name_of(3): [node(1)]}
        check_at_rest(cluster, master)

    cluster.live(scenario)
    question, options = files.read_text(asked).strip().rsplit("\n", 1)
    assert json.loads(question)["request"] == {
        "type": "node-evacuate",
        "instances": [name_of(1), name_of(2)],
        "evac_mode": "all",
    }
    assert options.strip() == "--ignore-soft-errors"


def test_all_leave_or_none(cluster: SimCluster) -> None:
    answer(cluster, {name_of(1): TARGET}, {name_of(2): "no room"})

    async def scenario(master: Master) -> None:
        await master.run(create(1, on=2), create(2, on=2))
        with pytest.raises(errors.OpExecError, match=rf"no place for {name_of(2)} \(no room\); nothing was moved"):
            await master.run(evacuate())
        assert running(cluster) == {name_of(1): [node(2)], name_of(2): [node(2)]}

    cluster.live(scenario)


def test_a_node_without_instances_is_left_by_none(cluster: SimCluster) -> None:
    async def scenario(master: Master) -> None:
        await master.run(create(1, on=2))
        for op in (
            evacuate(mode="secondary-only"),
            evacuate(mode="secondary-only", iallocator=None, remote_node=node(3)),
            migrate(node_name=node(3), target_node=node(2)),
        ):
            assert await master.run(op) == [{"jobs": []}]

    cluster.live(scenario)


@pytest.mark.parametrize(
    ("op", "reason"),
    [
        (evacuate(remote_node=node(3)), "not both"),
        (evacuate(remote_node=node(2), iallocator=None), "its own new secondary"),
        (evacuate(remote_node=node(3), iallocator=None), "an allocator chooses"),
        (evacuate(iallocator=None), "no default allocator"),
        (migrate(iallocator="mine"), "not both"),
        (migrate(target_node=node(2)), "to itself"),
        (migrate(live=True, mode="live"), "not both"),
    ],
)
def test_wishes_that_contradict_each_other_are_refused(cluster: SimCluster, op: Any, reason: str) -> None:
    async def scenario(master: Master) -> None:
        await master.run(create(1, on=2))
        with pytest.raises(errors.OpPrereqError, match=reason):
            await master.run(op)
        assert running(cluster) == {name_of(1): [node(2)]}

    cluster.live(scenario)


def test_instances_are_migrated_each_by_a_job_of_its_own(cluster: SimCluster) -> None:
    async def scenario(master: Master) -> None:
        await master.run(create(1, on=2), create(2, on=2, disks=1), create(3, on=2, disks=1, shared=True))
        (result,) = await master.run(migrate())
        assert await ended(master, result) == [JobStatus.SUCCESS, JobStatus.ERROR, JobStatus.SUCCESS]
        assert running(cluster) == {name_of(1): [TARGET], name_of(2): [node(2)], name_of(3): [TARGET]}
        check_at_rest(cluster, master)

    cluster.live(scenario)


def test_a_dry_run_submits_nothing(cluster: SimCluster) -> None:
    async def scenario(master: Master) -> None:
        await master.run(create(1, on=2))
        assert await master.run(evacuate(dry_run=True), migrate(dry_run=True)) == [{"jobs": []}] * 2
        assert running(cluster) == {name_of(1): [node(2)]}

    cluster.live(scenario)
