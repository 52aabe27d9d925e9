"""Disks taken into and out of use: what is recorded and what nodes have agree, and no guest loses its disks."""

from __future__ import annotations

import os
from typing import Any

import pytest

from ganeti import errors
from ganeti.model.opcodes.instance import (
    OpInstanceActivateDisks,
    OpInstanceDeactivateDisks,
    OpInstanceFailover,
    OpInstanceReinstall,
    OpInstanceRename,
)
from ganeti.schema import replace
from ganeti.utils import files
from test.support.sim import Master, SimCluster, log_of
from test.support.sim_check import check_at_rest, check_master, disk_files
from test.support.sim_net import State
from test.support.sim_ops import create, name_of, node, shutdown

BY_WATCHER = {"reason": [["gnt:watcher", "secondary node was rebooted", 1]]}


def activate(number: int, **fields: Any) -> OpInstanceActivateDisks:
    return OpInstanceActivateDisks(instance_name=name_of(number), **fields)


def deactivate(number: int, **fields: Any) -> OpInstanceDeactivateDisks:
    return OpInstanceDeactivateDisks(instance_name=name_of(number), **fields)


def assembled(cluster: SimCluster) -> dict[str, list[str]]:
    """Return what each node knows of assembled disks ("inst1.example.com primary disk/0"), and its links to them."""
    found = {}
    for one in cluster.nodes:
        cache, links = one.paths.bdev_cache_dir, one.paths.instance_disks_dir
        lines = [files.read_text(os.path.join(cache, name)).strip() for name in sorted(_names(cache))]
        if lines or _names(links):
            found[str(one.name)] = [*lines, *_names(links)]
    return found


def _names(directory: str) -> list[str]:
    return sorted(os.listdir(directory)) if os.path.isdir(directory) else []


def active(master: Master, number: int) -> bool:
    instance = master.daemon.config.current.instance_named(name_of(number))
    assert instance is not None
    return instance.disks_active


async def mirror(master: Master, number: int, second: int) -> None:
    """Have the disks of an instance be on a second node, too."""
    store = master.daemon.config
    config = store.current
    instance, other = config.instance_named(name_of(number)), config.node_named(node(second))
    assert instance is not None and other is not None
    with store.update() as draft:
        for disk in config.disks_of(instance):
            assert disk.uuid is not None
            draft.disks[disk.uuid] = replace(disk, nodes=(*disk.nodes, other.uuid))
    await store.durable(draft)


def test_disks_of_a_stopped_instance_are_activated_and_deactivated(cluster: SimCluster) -> None:
    async def scenario(master: Master) -> None:
        await master.run(create(1, on=2, disks=2, start=False))
        assert assembled(cluster) == {}

        (found,) = await master.run(activate(1))

        assert isinstance(found, list)
        assert [(where, name, os.path.exists(path)) for where, name, path in found] == [
            (node(2), "disk/0", True),
            (node(2), "disk/1", True),
        ]
        assert active(master, 1)
        here = [f"{name_of(1)} primary disk/{n}" for n in (0, 1)] + [f"{name_of(1)}:{n}" for n in (0, 1)]
        assert {where: sorted(what) for where, what in assembled(cluster).items()} == {node(2): sorted(here)}

        assert await master.run(deactivate(1)) == [None]
        assert assembled(cluster) == {} and not active(master, 1)
        check_at_rest(cluster, master)

    cluster.live(scenario)


def test_an_instance_without_disks_has_none_to_activate(cluster: SimCluster) -> None:
    async def scenario(master: Master) -> None:
        await master.run(create(1, on=2, start=False))
        assert await master.run(activate(1), deactivate(1)) == [[], None]

    cluster.live(scenario)


def test_disks_in_use_are_deactivated_by_force_alone(cluster: SimCluster) -> None:
    async def scenario(master: Master) -> None:
        await master.run(create(1, on=2, disks=1))
        with pytest.raises(errors.OpPrereqError, match=r"cannot deactivate the disks of .*: it is marked up"):
            await master.run(deactivate(1))
        await master.run(shutdown(1, no_remember=True))
        with pytest.raises(errors.OpPrereqError, match="marked up"):
            await master.run(deactivate(1))
        await master.run(deactivate(1, force=True))
        assert assembled(cluster) == {} and not active(master, 1)

    cluster.live(scenario)


def test_a_rebooted_secondary_node_gets_its_side_back_while_the_guest_runs(cluster: SimCluster) -> None:
    async def scenario(master: Master) -> None:
        await master.run(create(1, on=2, disks=1, shared=True))
        await mirror(master, 1, 3)
        before = assembled(cluster)[node(2)]

        await master.run(activate(1, **BY_WATCHER))

        assert assembled(cluster) == {node(2): before, node(3): [f"{name_of(1)} secondary disk/0"]}

    cluster.live(scenario)


def test_a_guest_keeps_its_disks_when_its_secondary_node_cannot_be_reached(cluster: SimCluster) -> None:
    async def scenario(master: Master) -> None:
        await master.run(create(1, on=2, disks=2, shared=True))
        await mirror(master, 1, 3)
        before = assembled(cluster)
        cluster.network.states[node(3)] = State.OFF

        job = await master.end_of(await master.submit(activate(1)))

        error = errors.from_wire(job.ops[0].result)
        assert str(error).startswith(f"cannot assemble disk/0 of instance {name_of(1)} on node {node(3)}: ")
        assert any(f"cannot assemble disk/1 on node {node(3)}" in line for line in log_of(job))
        assert assembled(cluster) == before and active(master, 1)

    cluster.live(scenario)


def test_an_offline_secondary_node_is_passed_over(cluster: SimCluster) -> None:
    async def scenario(master: Master) -> None:
        await master.run(create(1, on=2, disks=1, shared=True))
        await mirror(master, 1, 3)
        store = master.daemon.config
        with store.update() as draft:
            (other,) = [n for n in store.current.nodes.values() if n.name == node(3)]
            draft.nodes[other.uuid] = replace(other, offline=True, master_candidate=False)
        await store.durable(draft)
        cluster.network.states[node(3)] = State.OFF

        job = await master.end_of(await master.submit(activate(1)))

        assert isinstance(job.ops[0].result, list) and len(job.ops[0].result) == 1
        assert any(f"on secondary node {node(3)}" in line for line in log_of(job))

    cluster.live(scenario)


def test_activating_that_fails_leaves_the_disks_of_a_stopped_instance_inactive(cluster: SimCluster) -> None:
    async def scenario(master: Master) -> None:
        await master.run(create(1, on=2, disks=2, start=False))
        (lost,) = [name for name in disk_files(cluster) if name.endswith("disk1")]
        os.unlink(os.path.join(cluster.nodes[1].paths.file_storage_dir, lost.split()[1]))

        with pytest.raises(errors.BlockDeviceError, match=f"cannot assemble disk/1 .* on node {node(2)}: .*not there"):
            await master.run(activate(1))

        assert assembled(cluster) == {} and not active(master, 1)
        check_at_rest(cluster, master)

    cluster.live(scenario)


def test_f20_disks_deactivated_after_the_watcher_looked_stay_inactive(cluster: SimCluster) -> None:
    async def scenario(master: Master) -> None:
        await master.run(create(1, on=2, disks=1))
        stopping = await master.submit(shutdown(1))
        activating = await master.submit(activate(1, **BY_WATCHER))
        await master.end_of(stopping)
        job = await master.end_of(activating)
        assert "were deactivated meanwhile" in str(job.ops[0].result)
        assert assembled(cluster) == {} and not active(master, 1)
        check_at_rest(cluster, master)

    cluster.live(scenario)


@pytest.mark.parametrize("what", ["rename", "reinstall", "failover"])
def test_what_shuts_disks_down_records_it(cluster: SimCluster, what: str) -> None:
    async def scenario(master: Master) -> None:
        await master.run(create(1, on=2, disks=1, shared=True, start=False), activate(1))
        op: Any = {
            "rename": OpInstanceRename(instance_name=name_of(1), new_name=name_of(2), name_check=False),
            "reinstall": OpInstanceReinstall(instance_name=name_of(1)),
            "failover": OpInstanceFailover(instance_name=name_of(1), target_node=node(3)),
        }[what]

        await master.run(op)

        assert assembled(cluster) == {}
        assert not active(master, 2 if what == "rename" else 1)
        check_master(master)

    cluster.live(scenario)
