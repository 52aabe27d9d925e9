"""The master is lost at the worst moment, and another takes its place."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable

import pytest

from ganeti import errors, mastership
from ganeti.bootstrap.failover import ADDRESS_PATIENCE
from ganeti.luxi import methods as m
from ganeti.masterd.daemon import NotMaster, check_mastership
from ganeti.mastership import Mastership
from ganeti.model.enums import JobStatus
from ganeti.model.opcodes.node import OpNodeSetParams
from ganeti.model.opcodes.tags import OpTagsSet
from ganeti.model.scalars import NodeName
from ganeti.rpc.answers import MasterTerm, MasterVote, QueueCopy
from ganeti.utils import files
from test.support.sim import Master, SimCluster
from test.support.sim_failover import NoDaemons, become_master, config_of, fail_over, job_files
from test.support.sim_net import State
from test.support.sim_ops import create, delay, name_of, node

THOROUGH = os.environ.get("HYPOTHESIS_PROFILE") == "thorough"
#: requests between two places where a failover is cut off, when not at all of them
STEP = 4

MakeCluster = Callable[..., SimCluster]


def tag(name: str) -> OpTagsSet:
    return OpTagsSet(kind="cluster", name=None, tags=[name])  # type: ignore[arg-type]  # as clients send it


def tags(cluster: SimCluster, number: int) -> set[str]:
    return set(config_of(cluster, number).cluster.tags)


def down(cluster: SimCluster, *numbers: int) -> None:
    """Let exactly these nodes be without power."""
    cluster.network.states.clear()
    for number in numbers:
        cluster.network.states[cluster.nodes[number - 1].name] = State.OFF


def lose_master(cluster: SimCluster, master: int = 1) -> None:
    down(cluster, master)


# --- F03 ------------------------------------------------------------------------------


def test_f03_candidate_that_missed_changes_fetches_them_before_it_is_master(cluster: SimCluster) -> None:
    async def act(master: Master) -> None:
        await master.run(tag("seen"))
        down(cluster, 2)
        await master.run(tag("missed"))
        await master.run(create(1, on=3))
        await master.submit(delay(1000.0))

    cluster.live(act)
    lose_master(cluster)
    jobs = job_files(cluster, 3)
    said = become_master(cluster, 2)

    assert any(f"comes from {node(3)}" in line for line in said)
    assert tags(cluster, 2) == {"seen", "missed"}
    assert config_of(cluster, 2).instance_named(name_of(1)) is not None
    assert job_files(cluster, 2) == jobs and len(jobs) == 4

    async def look(master: Master) -> None:
        assert {job.id for job in master.daemon.queue.jobs()} == {1, 2, 3, 4}
        assert await master.run(tag("after"))

    cluster.live(look)


def test_f03_candidate_that_missed_changes_is_refused_while_nobody_has_them(make_cluster: MakeCluster) -> None:
    cluster = make_cluster(nodes=5, candidates=3)

    async def act(master: Master) -> None:
        down(cluster, 2)
        await master.run(tag("missed"))

    cluster.live(act)
    down(cluster, 1, 3)

    with pytest.raises(errors.OpPrereqError, match=f"{node(2)} missed changes that the master acknowledged"):
        become_master(cluster, 2)

    assert config_of(cluster, 2).master.name == node(1)
    assert not [n for n in (2, 4, 5) if mastership.read(cluster.nodes[n - 1].paths).term]
    down(cluster, 1)
    become_master(cluster, 2)
    assert tags(cluster, 2) == {"missed"}


def test_f03_job_that_was_archived_meanwhile_does_not_run_again(cluster: SimCluster) -> None:
    async def act(master: Master) -> None:
        await master.run(delay(0.1))

    cluster.live(act)
    old = job_files(cluster, 2)
    queued = next(iter(old.values())).replace(b'"success"', b'"queued"')

    async def archive(master: Master) -> None:
        down(cluster, 2)
        await master.call(m.archive_job, 1)

    cluster.live(archive)
    lose_master(cluster)
    files.write_file(cluster.nodes[1].paths.job_file(1), queued)
    become_master(cluster, 2)

    assert job_files(cluster, 2) == {}
    assert b'"success"' in files.read_file(cluster.nodes[1].paths.archived_job_file(1))


def test_candidate_that_was_caught_up_is_not_held_for_behind(make_cluster: MakeCluster) -> None:
    cluster = make_cluster(nodes=5, candidates=3)

    async def act(master: Master) -> None:
        down(cluster, 2)
        await master.run(tag("missed"))
        down(cluster)
        await master.caught_up()
        await asyncio.sleep(30.0)

    cluster.live(act)
    down(cluster, 1, 3)
    become_master(cluster, 2)

    assert tags(cluster, 2) == {"missed"}


# --- F04: the old master ------------------------------------------------------------------


def test_f04_running_master_that_was_replaced_acknowledges_nothing_and_ends(make_cluster: MakeCluster) -> None:
    cluster = make_cluster(nodes=3)
    answered: list[object] = []

    async def act(master: Master) -> None:
        await master.run(tag("kept"))
        cluster.network.cut(cluster.nodes[:1], cluster.nodes[1:])
        await fail_over(cluster, 2)
        cluster.network.cut()

        async def client() -> None:
            answered.append(await master.submit(delay(0.1)))

        waiting = asyncio.create_task(client())
        await master.daemon.fence.wait_until_shut()
        await asyncio.sleep(60.0)
        waiting.cancel()

    with pytest.raises(NotMaster, match=f"{node(2)} is, since term 1"):
        cluster.live(act)

    assert answered == []
    cluster.master = 1

    async def look(master: Master) -> None:
        assert {job.id for job in master.daemon.queue.jobs()} == {1}
        await asyncio.sleep(30.0)

    cluster.live(look)
    assert tags(cluster, 1) == {"kept"} and config_of(cluster, 1).master.name == node(2)


def test_f04_idle_master_that_was_replaced_notices(make_cluster: MakeCluster) -> None:
    cluster = make_cluster(nodes=3)

    async def act(master: Master) -> None:
        cluster.network.cut(cluster.nodes[:1], cluster.nodes[1:])
        await fail_over(cluster, 2)
        cluster.network.cut()
        await asyncio.wait_for(master.daemon.fence.wait_until_shut(), 60.0)

    with pytest.raises(NotMaster):
        cluster.live(act)


def test_f04_old_master_is_refused_its_start_by_one_node_that_knows(make_cluster: MakeCluster) -> None:
    cluster = make_cluster(nodes=5)
    lose_master(cluster)
    become_master(cluster, 2)
    down(cluster, 2, 3, 4)

    async def stand() -> None:
        local = cluster.local_node(0)
        config = (await local.load_config()).current
        await check_mastership(local, config, cluster.rpc(0, config), vote=True)

    with pytest.raises(NotMaster, match=f"node {node(5)} follows {node(2)}, the master since term 1") as told:
        cluster.work(stand)
    assert "--no-voting" not in str(told.value)  # that would make two masters


# --- F05: a split ----------------------------------------------------------------------------


def test_f05_minority_is_refused_and_the_majority_goes_on(make_cluster: MakeCluster) -> None:
    cluster = make_cluster(nodes=5)

    async def act(master: Master) -> None:
        cluster.network.cut(cluster.nodes[:3], cluster.nodes[3:])
        with pytest.raises(errors.OpPrereqError, match="only 2 of 5 nodes answer, more than half are needed"):
            await fail_over(cluster, 4)
        await master.run(tag("on"))
        cluster.network.cut()
        await master.caught_up()

    cluster.live(act)

    assert all(tags(cluster, number) == {"on"} for number in range(1, 6))


def test_f05_majority_replaces_a_master_that_is_cut_off(make_cluster: MakeCluster) -> None:
    cluster = make_cluster(nodes=5)

    async def act(master: Master) -> None:
        await master.run(tag("before"))
        cluster.network.cut(cluster.nodes[:2], cluster.nodes[2:])
        await fail_over(cluster, 3)
        cluster.network.cut()
        await asyncio.sleep(60.0)

    with pytest.raises(NotMaster):
        cluster.live(act)

    assert tags(cluster, 3) == {"before"} and config_of(cluster, 3).master.name == node(3)


# --- F06: two nodes ----------------------------------------------------------------------------


def test_f06_one_node_of_two_is_told_the_way_without_a_vote(make_cluster: MakeCluster) -> None:
    cluster = make_cluster(nodes=2)
    cluster.live(lambda master: master.run(tag("kept")))
    lose_master(cluster)

    with pytest.raises(errors.OpPrereqError, match=r"one node of two is no majority\..*is off.*use --no-voting"):
        become_master(cluster, 2)
    become_master(cluster, 2, voting=False)

    cluster.live(lambda master: master.run(tag("new")))
    assert tags(cluster, 2) == {"kept", "new"}


# --- F07: again and again -------------------------------------------------------------------------


def test_f07_two_candidates_at_the_same_time_leave_one_master(make_cluster: MakeCluster) -> None:
    for number in range(6):
        cluster = make_cluster(number, nodes=5)
        lose_master(cluster)

        async def both(cluster: SimCluster = cluster) -> list[object]:
            return list(await asyncio.gather(fail_over(cluster, 2), fail_over(cluster, 3), return_exceptions=True))

        outcomes = cluster.work(both)
        winners = [n for n, outcome in zip((2, 3), outcomes, strict=True) if not isinstance(outcome, Exception)]
        assert len(winners) <= 1, outcomes
        assert all(isinstance(outcome, (list, errors.OpPrereqError)) for outcome in outcomes), outcomes
        winner = winners[0] if winners else 2
        if not winners:
            become_master(cluster, 2)
        cluster.master = winner - 1
        cluster.live(lambda master: master.run(tag("works")))
        assert [n for n in range(2, 6) if config_of(cluster, n).master.name == node(winner)] == [2, 3, 4, 5]


def test_f07_failover_to_and_fro_ends_with_one_master(cluster: SimCluster) -> None:
    for turn, number in enumerate((2, 3, 2, 1, 3), 1):
        become_master(cluster, number)
        cluster.live(lambda master, turn=turn: master.run(tag(f"t{turn}")))  # type: ignore[misc]  # bound now

    assert tags(cluster, 3) == {f"t{turn}" for turn in range(1, 6)}
    assert config_of(cluster, 3).cluster.master_term == 5


def test_f07_failover_that_was_cut_off_anywhere_is_run_again(make_cluster: MakeCluster) -> None:
    """The program dies between two requests it makes; then the same, or another candidate, finishes."""
    number = 0
    while True:
        cluster = make_cluster(number, nodes=4)
        cluster.live(lambda master: master.run(tag("kept")))
        lose_master(cluster)
        limit = len(cluster.network.sent) + number

        async def cut_off(cluster: SimCluster = cluster, limit: int = limit) -> bool:
            running = asyncio.create_task(fail_over(cluster, 2))
            while not running.done() and len(cluster.network.sent) <= limit:
                await asyncio.sleep(0.0002)
            return running.done()

        done = cluster.work(cut_off)
        winner = cluster.rng.choice((2, 3))
        become_master(cluster, winner)
        cluster.live(lambda master: master.run(tag("after")))
        assert tags(cluster, winner) == {"kept", "after"}
        if done:
            return
        number += 1 if THOROUGH else STEP


# --- F08, F23: the address, and nodes marked offline --------------------------------------------------


def test_f08_address_that_goes_on_answering_is_waited_for_then_its_holder_named(make_cluster: MakeCluster) -> None:
    cluster = make_cluster(nodes=3, settings={"master_ip": "192.0.2.77"})
    daemons = NoDaemons()
    daemons.in_use.add("192.0.2.77")
    begun = cluster.time.now

    with pytest.raises(errors.OpPrereqError, match=r"a machine still has .* 192\.0\.2\.77 \(.*\); take it away there"):
        cluster.work(lambda: fail_over(cluster, 2, daemons=daemons))

    assert cluster.time.now - begun >= ADDRESS_PATIENCE
    assert {config_of(cluster, n).master.name for n in (1, 2, 3)} == {node(1)}
    assert [mastership.read(n.paths).term for n in cluster.nodes] == [0, 0, 0]
    daemons.in_use.clear()
    cluster.work(lambda: fail_over(cluster, 2, daemons=daemons))
    assert config_of(cluster, 2).master.name == node(2)


def test_f23_node_that_is_marked_offline_does_not_become_the_master(make_cluster: MakeCluster) -> None:
    cluster = make_cluster(nodes=4)

    async def act(master: Master) -> None:
        await master.run(OpNodeSetParams(node_name=node(2), offline=True, auto_promote=True))

    cluster.live(act)
    lose_master(cluster)

    refusal = rf"{node(3)}, {node(4)} refuse this node.*marked offline.*Run this on another"
    with pytest.raises(errors.OpPrereqError, match=refusal):
        become_master(cluster, 2)
    become_master(cluster, 3)
    assert config_of(cluster, 3).master.name == node(3)


# --- automatic failover ---------------------------------------------------------------------------------


def test_master_cut_off_acknowledges_nothing_where_another_may_be_made_without_a_word(
    make_cluster: MakeCluster,
) -> None:
    cluster = make_cluster(nodes=5, settings={"automatic_failover": 2})

    async def act(master: Master) -> None:
        await asyncio.sleep(30.0)
        cluster.network.cut(cluster.nodes[:2], cluster.nodes[2:])
        await asyncio.sleep(60.0)  # no sooner do the others act
        changing = asyncio.create_task(master.submit(tag("cut-off")))
        await asyncio.sleep(600.0)
        assert not changing.done()
        cluster.network.cut()
        await asyncio.wait_for(changing, 120.0)

    cluster.live(act)


# --- F09: jobs -----------------------------------------------------------------------------------------


def test_f09_jobs_go_on_under_the_new_master(cluster: SimCluster) -> None:
    async def act(master: Master) -> None:
        running = await master.submit(delay(1000.0, 2))
        await master.until(running, JobStatus.RUNNING)
        waiting = await master.submit(delay(0.1, 2))
        await master.until(waiting, JobStatus.WAITING)
        await master.call(m.set_drain_flag, True)
        cluster.disk.on_death()

    with pytest.raises(BaseException):  # noqa: B017 - the death of the master
        cluster.live(act)
    lose_master(cluster)
    become_master(cluster, 2)

    async def look(master: Master) -> None:
        interrupted, run = await master.all_ended()
        assert (interrupted.status, run.status) == (JobStatus.ERROR, JobStatus.SUCCESS)
        assert "the master daemon ended while this was running" in str(interrupted.ops[0].result)
        assert master.daemon.queue.drained

    cluster.live(look)


# --- F50: what does not belong here ----------------------------------------------------------------------


def test_f50_failover_does_not_take_a_foreign_configuration_however_new(cluster: SimCluster) -> None:
    path = cluster.nodes[1].paths.config_file
    uuid = config_of(cluster, 2).cluster.uuid.encode()
    foreign = files.read_file(path).replace(uuid, b"11111111-2222-4333-8444-555555555555")
    files.write_file(path, foreign.replace(b'"serial_no":1,"ctime"', b'"serial_no":999,"ctime"'))
    lose_master(cluster)

    become_master(cluster, 2)

    assert config_of(cluster, 2).cluster.uuid == uuid.decode() and config_of(cluster, 2).serial_no < 900


# --- nodes that lie -----------------------------------------------------------------------------------------


def test_failover_takes_nothing_from_a_node_that_is_no_candidate(make_cluster: MakeCluster) -> None:
    cluster = make_cluster(nodes=5, candidates=3)
    forged = files.read_file(cluster.nodes[1].paths.config_file)
    forged = forged.replace(b'"serial_no":1,"ctime"', b'"serial_no":999,"ctime"').replace(
        b'"cluster_name":"', b'"cluster_name":"forged-'
    )
    files.write_file(cluster.nodes[4].paths.config_file, forged)
    lose_master(cluster)

    become_master(cluster, 2)

    taken = config_of(cluster, 2)
    assert "forged" not in taken.cluster.cluster_name and taken.serial_no < 900


@pytest.mark.parametrize(
    "lie",
    [
        {"archived": [("../../../../etc/owned", "x")]},
        {"archived": [("/nowhere/here/../owned", "x")]},
        {"files": [("../../etc/job-7", "x")]},
        {"names": ["job-7/../../x"]},
    ],
)
def test_failover_writes_no_file_that_is_not_a_job(cluster: SimCluster, lie: dict[str, object]) -> None:
    empty: dict[str, object] = {"files": [], "archived": [], "names": []}
    copy = QueueCopy(**{**empty, **lie}, serial=7, drained=False, more=False)  # type: ignore[arg-type]
    cluster.nodes[2].pretend("jobqueue_read", lambda known: copy)
    lose_master(cluster)
    before = config_of(cluster, 2).serial_no

    with pytest.raises(errors.OpExecError, match=f"cannot fetch the job queue from node {node(3)}: .* job file"):
        become_master(cluster, 2)

    assert config_of(cluster, 2).serial_no == before
    assert not os.path.exists(f"{cluster.nodes[1].paths.root}/etc/owned")


def test_node_that_tells_of_an_absurd_term_does_not_use_up_all_terms(make_cluster: MakeCluster) -> None:
    cluster = make_cluster(nodes=5)
    vote = MasterVote(
        master=NodeName(node(5)), term=10**15 - 1, behind=[], config_term=0, config_serial=1, job_serial=0,
        serving=False, absent=None,
    )  # fmt: skip
    cluster.nodes[4].pretend("master_vote", lambda: vote)
    refused = MasterTerm(term=vote.term, master=vote.master)
    cluster.nodes[4].pretend("master_promise", lambda term, master, held_by: refused)
    lose_master(cluster)

    become_master(cluster, 2)

    assert mastership.read(cluster.nodes[2].paths) == Mastership(1, node(2))
