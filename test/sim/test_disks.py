"""Disks taken into and out of use: what is recorded and what nodes have agree, and no guest loses its disks."""

from __future__ import annotations

import asyncio
import glob
import os
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from ganeti import errors
from ganeti.luxi import methods as m
from ganeti.model.enums import JobStatus
from ganeti.model.opcodes.base import OpCode
from ganeti.model.opcodes.instance import (
    OpInstanceActivateDisks,
    OpInstanceDeactivateDisks,
    OpInstanceFailover,
    OpInstanceGrowDisk,
    OpInstanceRecreateDisks,
    OpInstanceReinstall,
    OpInstanceRename,
)
from ganeti.model.opcodes.node import OpNodeSetParams
from ganeti.schema import replace
from ganeti.utils import files
from test.support.disk import NO_SPACE
from test.support.sim import CrashPoint, Master, SimCluster, log_of
from test.support.sim_check import check_at_rest, check_master, running
from test.support.sim_net import State
from test.support.sim_ops import create, name_of, node, remove, shutdown, startup

BY_WATCHER = {"reason": [["gnt:watcher", "secondary node was rebooted", 1]]}


def activate(number: int, **fields: Any) -> OpInstanceActivateDisks:
    return OpInstanceActivateDisks(instance_name=name_of(number), **fields)


def grow(disk: int, amount: int, **fields: Any) -> OpInstanceGrowDisk:
    return OpInstanceGrowDisk(instance_name=name_of(1), disk=disk, amount=amount, **fields)


def recreate(**fields: Any) -> OpInstanceRecreateDisks:
    op: OpInstanceRecreateDisks = OpInstanceRecreateDisks.from_wire({"instance_name": name_of(1), **fields})
    return op


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


def lose(cluster: SimCluster, *indexes: int, number: int = 1) -> None:
    """Let disks of an instance in files be gone."""
    for one in cluster.nodes:
        for path in glob.glob(f"{one.paths.file_storage_dir}/{name_of(number)}/*.disk*"):
            if int(path.rpartition(".disk")[2]) in indexes:
                os.unlink(path)


def sizes(cluster: SimCluster, number: int = 1) -> list[tuple[str, str, int]]:
    """Return node, disk and MiB of the disks of an instance that there are."""
    return sorted(
        (str(one.name), path.rpartition(".")[2], os.path.getsize(path) >> 20)
        for one in cluster.nodes
        for path in glob.glob(f"{one.paths.file_storage_dir}/{name_of(number)}/*.disk*")
    )


def recorded(master: Master, number: int = 1) -> list[int]:
    """Return the sizes of an instance's disks as the configuration has them."""
    config = master.daemon.config.current
    instance = config.instance_named(name_of(number))
    assert instance is not None
    return [disk.size for disk in config.disks_of(instance)]


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
        lose(cluster, 1)

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


# --- growing --------------------------------------------------------------------------------------


@pytest.mark.parametrize("start", [True, False])
def test_a_disk_grows_by_an_amount_or_to_a_size(cluster: SimCluster, start: bool) -> None:
    async def scenario(master: Master) -> None:
        await master.run(create(1, on=2, disks=2, start=start))
        before = assembled(cluster)

        await master.run(grow(1, 3), grow(0, 9, absolute=True))
        await master.run(grow(0, 9, absolute=True))

        assert sizes(cluster) == [(node(2), "disk0", 9), (node(2), "disk1", 7)]
        assert recorded(master) == [9, 7]
        assert assembled(cluster) == before and active(master, 1) == start
        check_at_rest(cluster, master)

    cluster.live(scenario)


@pytest.mark.parametrize(
    ("op", "message"),
    [
        (grow(2, 1), "has no disk 2: it has 2 disks"),
        (grow(0, 3, absolute=True), "3 MiB is smaller than its 4 MiB, and disks do not shrink"),
        (grow(0, 2000000), "policy of its group: disk-size/0 value 2000004"),
        (grow(0, 20000), f"on node {node(2)}: .*MiB"),
    ],
)
def test_a_disk_that_cannot_grow_stays_as_it_is(cluster: SimCluster, op: OpInstanceGrowDisk, message: str) -> None:
    async def scenario(master: Master) -> None:
        await master.run(create(1, on=2, disks=2, start=False))
        with pytest.raises(errors.GenericError, match=message):
            await master.run(op)
        assert [size for _, _, size in sizes(cluster)] == recorded(master) == [4, 4]

    cluster.live(scenario)


def test_a_disk_outgrows_the_policy_when_that_is_wanted_and_a_dry_run_grows_nothing(cluster: SimCluster) -> None:
    async def scenario(master: Master) -> None:
        await master.run(create(1, on=2, disks=1, shared=True, start=False))
        await master.run(grow(0, 2000000, ignore_ipolicy=True, dry_run=True))
        assert recorded(master) == [4]
        await master.run(grow(0, 2000000, ignore_ipolicy=True))
        assert recorded(master) == [2000004]

    cluster.live(scenario)


def test_f15_growing_that_was_cut_off_is_asked_for_again(make_cluster: Callable[..., SimCluster]) -> None:
    async def scenario(master: Master, cluster: SimCluster, number: int) -> None:
        await master.run(create(1, on=1, disks=1, start=False))
        job_id = await master.submit(grow(0, 4))
        cluster.disk.error = NO_SPACE
        cluster.disk.fail_at = len(cluster.disk.operations) + number
        ended = await master.end_of(job_id)
        cluster.disk.repair()
        await asyncio.sleep(5.0)
        if recorded(master) == [4]:
            assert ended.status == JobStatus.ERROR
            await master.run(grow(0, 4))
        assert [size for _, _, size in sizes(cluster)] == recorded(master) == [8]

    for number in range(8):
        cluster = make_cluster(number)
        cluster.live(lambda master, of=cluster, at=number: scenario(master, of, at))


# --- making anew ----------------------------------------------------------------------------------


def test_lost_disks_are_made_anew(cluster: SimCluster) -> None:
    async def scenario(master: Master) -> None:
        await master.run(create(1, on=2, disks=3, start=False))
        lose(cluster, 0, 2)
        await master.run(recreate(disks=[[2, {"size": "8m", "mode": "ro"}], [0, {}]]))
        assert [(disk, size) for _, disk, size in sizes(cluster)] == [("disk0", 4), ("disk1", 4), ("disk2", 8)]
        assert recorded(master) == [4, 4, 8]
        lose(cluster, 0, 1, 2)
        await master.run(recreate(), startup(1))
        check_at_rest(cluster, master)

    cluster.live(scenario)


@pytest.mark.parametrize("lost", ["offline", "online"])
def test_an_instance_whose_disks_are_lost_moves_to_another_node(cluster: SimCluster, lost: str) -> None:
    async def scenario(master: Master) -> None:
        await master.run(create(1, on=2, disks=2, start=False))
        if lost == "offline":
            await master.run(OpNodeSetParams(node_name=node(2), offline=True))
        else:
            lose(cluster, 0, 1)
        await master.run(recreate(nodes=[node(3)]))
        assert [where for where, _, _ in sizes(cluster) if where == node(3)] == [node(3)] * 2
        await master.run(startup(1))
        assert running(cluster) == {name_of(1): [node(3)]}

    cluster.live(scenario)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"disks": [1]}, f"disk/1 is there on node {node(2)}"),
        ({"nodes": [node(3)], "disks": [0, 1]}, f"disk/1 is there on node {node(2)}"),
        ({"nodes": [node(3)], "disks": [0]}, f"would stay on {node(2)}"),
        ({"nodes": [node(3), node(1)]}, "on one node, and 2 are given"),
        ({"nodes": [node(3)], "iallocator": "any"}, "not both"),
        ({"disks": [0, 0]}, r"disks\[1\]: disk 0 is given twice"),
        ({"disks": [2]}, r"disks\[0\]: there is no disk 2: the instance has 2 disks"),
        ({"disks": [[0, {"name": "x"}]]}, r"disks\[0\].name: cannot be changed here, only mode, size, spindles can"),
        ({"disks": [[0, {"size": 0}]]}, "more than 0 MiB"),
    ],
)
def test_what_is_there_or_cannot_be_is_not_made_anew(cluster: SimCluster, fields: Any, message: str) -> None:
    async def scenario(master: Master) -> None:
        await master.run(create(1, on=2, disks=2, start=False))
        lose(cluster, 0)
        with pytest.raises(errors.OpPrereqError, match=message):
            await master.run(recreate(**fields))
        assert sizes(cluster) == [(node(2), "disk1", 4)]

    cluster.live(scenario)


def test_an_instance_that_runs_or_has_no_disks_gets_none(cluster: SimCluster) -> None:
    async def scenario(master: Master) -> None:
        await master.run(create(1, on=2, disks=1))
        with pytest.raises(errors.OpPrereqError, match="marked up"):
            await master.run(recreate())
        await master.run(remove(1), create(1, on=2, start=False))
        with pytest.raises(errors.OpPrereqError, match="it has none"):
            await master.run(recreate())

    cluster.live(scenario)


def test_f10_making_anew_that_is_killed_leaves_what_was_there_alone(make_cluster: Callable[..., SimCluster]) -> None:
    async def scenario(master: Master, cluster: SimCluster, moment: float) -> None:
        await master.run(create(1, on=2, disks=3, start=False))
        lose(cluster, 0, 2)
        job_id = await master.submit(recreate(disks=[0, 2]))
        await asyncio.sleep(moment)
        await master.call(m.cancel_job, job_id, True)
        ended = await master.end_of(job_id)
        await asyncio.sleep(20.0)
        await master.caught_up()
        left = [disk for _, disk, _ in sizes(cluster)]
        # One killed in its last step, when all is done, ends in error all the same.
        whole = ["disk0", "disk1", "disk2"]
        assert left == whole or (left == ["disk1"] and ended.status == JobStatus.ERROR)
        check_at_rest(cluster, master)

    for number in range(12):
        cluster = make_cluster(number)
        cluster.live(lambda master, of=cluster, after=0.005 * number: scenario(master, of, after))


# --- cut off by the death of the master -----------------------------------------------------------

#: what is done, which disks are lost before, the sizes after it, and whether disks are to be active then
CUT_OFF: dict[str, tuple[OpCode, Sequence[int], list[int], bool]] = {
    "activate": (activate(1), (), [4, 4], True),
    "deactivate": (deactivate(1), (), [4, 4], False),
    "grow": (grow(1, 4), (), [4, 8], False),
    "recreate": (recreate(disks=[[1, {"size": 8}]]), (1,), [4, 8], False),
    "move": (recreate(nodes=[node(3)]), (0, 1), [4, 4], False),
}


@pytest.mark.parametrize("late", [False, True])
@pytest.mark.parametrize("what", CUT_OFF)
def test_f09_disks_are_seen_to_again_after_the_master_died(
    make_cluster: Callable[..., SimCluster], what: str, late: bool
) -> None:
    op, lost, wanted, in_use = CUT_OFF[what]

    async def prepare(master: Master) -> None:
        await master.run(create(1, on=2, disks=2, start=False))

    async def doomed(master: Master) -> None:
        await master.end_of(await master.submit(op))

    async def again(master: Master) -> None:
        await master.all_ended()
        if recorded(master) != wanted or what in ("activate", "deactivate"):
            await master.run(op)
        else:
            missing = [number for number in (0, 1) if f"disk{number}" not in {disk for _, disk, _ in sizes(cluster)}]
            if missing:
                await master.run(recreate(disks=missing))
        await asyncio.sleep(3.0)
        await master.caught_up()
        assert [size for _, _, size in sizes(cluster)] == recorded(master) == wanted
        assert active(master, 1) == in_use == bool(assembled(cluster))
        check_at_rest(cluster, master)
        await master.run(startup(1))

    number, reached = 0, True
    while reached:
        cluster = make_cluster(number)
        cluster.live(prepare)
        lose(cluster, *lost)
        reached = cluster.crash(doomed, CrashPoint(request=number, late=late))
        cluster.live(again)
        number += 5
