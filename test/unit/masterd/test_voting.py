"""Who may be master."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganeti.masterd import voting
from ganeti.model.scalars import NodeName
from ganeti.rpc.client import Address
from ganeti.utils import files
from test.support.sim import SimCluster
from test.support.sim_net import State

ME, RIVAL, OTHER = NodeName("node1"), NodeName("node2"), NodeName("node3")

votes_ = st.lists(st.sampled_from([ME, RIVAL, OTHER, None]), max_size=9)


@given(votes_)
def test_the_master_is_named_most_and_by_no_fewer_than_the_rest(votes: list[NodeName | None]) -> None:
    counted = Counter(vote for vote in votes if vote)
    mine = counted[ME]

    outcome = voting.decide(ME, votes)

    assert outcome.elected == (mine >= max(counted.values(), default=0) and mine >= len(votes) - mine)
    assert bool(outcome.reason) != outcome.elected


@given(votes_)
def test_two_masters_need_a_tie(votes: list[NodeName | None]) -> None:
    """Both may be elected only where each has exactly half of the votes."""
    both = voting.decide(ME, votes).elected and voting.decide(RIVAL, votes).elected

    assert not both or votes.count(ME) == votes.count(RIVAL) == len(votes) / 2


@given(votes_)
def test_asking_again_is_worth_it_only_where_somebody_was_silent_or_undecided(votes: list[NodeName | None]) -> None:
    outcome = voting.decide(ME, votes)

    if outcome.retry:
        assert not outcome.elected
        assert max(Counter(vote for vote in votes if vote).values(), default=0) <= votes.count(ME)


def test_a_node_alone_is_master() -> None:
    assert voting.decide(ME, []).elected
    assert voting.decide(ME, [ME]).elected


def test_the_reason_names_who_is_held_for_the_master() -> None:
    assert voting.decide(ME, [ME, RIVAL, RIVAL]).reason == "2 of 3 nodes name node2 as the master"


def test_the_reason_counts_the_silent() -> None:
    assert voting.decide(ME, [ME, None, None]).reason == "only 1 of 3 nodes name this node (2 did not answer)"


# --- asking ---------------------------------------------------------------------------------


@pytest.fixture
def cluster(sim_directory: str) -> Iterator[SimCluster]:
    yield SimCluster(os.path.join(sim_directory, "c"), seed=1)


def ask(cluster: SimCluster, number: int) -> voting.Outcome:
    """Let a node ask the others."""

    async def act() -> voting.Outcome:
        config = (await cluster.local_node().load_config()).current
        me = cluster.nodes[number].name
        others = [Address(NodeName(n.name), n.primary_ip) for n in config.online_nodes() if n.name != me]
        return await voting.ask(
            cluster.rpc(number, config), me, others, cluster.clock, voting.Standing(0, config.serial_no)
        )

    return cluster.work(act)


def test_the_master_everybody_knows_is_elected_at_once(cluster: SimCluster) -> None:
    assert ask(cluster, 0).elected
    assert len(cluster.network.sent) == 2


def test_a_node_others_do_not_know_as_master_is_told_so_at_once(cluster: SimCluster) -> None:
    assert ask(cluster, 1) == voting.Outcome(False, "2 of 3 nodes name node1.example.com as the master")


def test_one_silent_node_of_three_does_not_matter(cluster: SimCluster) -> None:
    cluster.network.states[cluster.nodes[2].name] = State.OFF

    assert ask(cluster, 0).elected


def test_a_node_that_hangs_holds_up_nobody_whom_the_others_elect(cluster: SimCluster) -> None:
    cluster.network.states[cluster.nodes[2].name] = State.HANGING

    assert ask(cluster, 0).elected
    assert cluster.time.now < 1.0


def test_silent_nodes_are_asked_again_and_then_given_up(cluster: SimCluster) -> None:
    for node in cluster.nodes[1:]:
        cluster.network.states[node.name] = State.NO_DAEMON

    outcome = ask(cluster, 0)

    assert not outcome.elected and outcome.retry
    assert "; node2.example.com: " in outcome.reason or "; node3.example.com: " in outcome.reason  # why one was silent
    assert len(cluster.network.sent) == 2 * voting.TRIES
    assert (voting.TRIES - 1) * voting.PAUSE <= cluster.time.now < voting.TRIES * voting.PAUSE


def test_a_node_whose_ssconf_is_damaged_gives_no_vote(cluster: SimCluster) -> None:
    files.write_file(cluster.nodes[1].paths.ssconf_file("master_node"), b"\n")
    cluster.network.states[cluster.nodes[2].name] = State.NO_DAEMON

    outcome = ask(cluster, 0)

    assert re.match(r"only 1 of 3 nodes name this node \(2 did not answer\); node[23]\.example\.com: ", outcome.reason)
