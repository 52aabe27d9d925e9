"""Who is the master: asked of all, refused to a minority."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from ganeti.masterd.daemon import NotMaster, check_mastership
from ganeti.utils import files
from test.support.sim import SimCluster
from test.support.sim_ops import node

MakeCluster = Callable[..., SimCluster]


def stand(cluster: SimCluster, number: int = 1) -> None:
    """Let a node find out whether it is the master."""

    async def act() -> None:
        local = cluster.local_node(number - 1)
        config = (await local.load_config()).current
        await check_mastership(local, config, cluster.rpc(number - 1, config), vote=True)

    cluster.work(act)


def test_the_master_is_elected_by_all(cluster: SimCluster) -> None:
    stand(cluster)


def test_a_node_the_configuration_does_not_name_is_refused(cluster: SimCluster) -> None:
    with pytest.raises(NotMaster, match=f"names {node(1)} as the master, this is {node(2)}"):
        stand(cluster, 2)


def test_the_majority_side_of_a_split_has_its_master(make_cluster: MakeCluster) -> None:
    cluster = make_cluster(nodes=5)
    cluster.network.cut(cluster.nodes[:3], cluster.nodes[3:])

    stand(cluster)


def test_the_minority_side_of_a_split_has_none(make_cluster: MakeCluster) -> None:
    cluster = make_cluster(nodes=5)
    cluster.network.cut(cluster.nodes[:2], cluster.nodes[2:])

    with pytest.raises(NotMaster, match="only 2 of 5 nodes name this node"):
        stand(cluster)

    assert cluster.time.now < 300


def test_a_split_that_ends_during_the_vote_lets_the_master_start(make_cluster: MakeCluster) -> None:
    cluster = make_cluster(nodes=5)
    cluster.network.cut(cluster.nodes[:2], cluster.nodes[2:])

    async def act() -> None:
        local = cluster.local_node()
        config = (await local.load_config()).current
        asyncio.get_running_loop().call_later(20.0, cluster.network.cut)
        await check_mastership(local, config, cluster.rpc(0, config), vote=True)

    cluster.work(act)


def test_a_master_that_was_replaced_meanwhile_is_refused_at_once(make_cluster: MakeCluster) -> None:
    cluster = make_cluster(nodes=3)
    for each in cluster.nodes[1:]:
        path = each.paths.ssconf_file("master_node")
        files.write_file(path, f"{node(2)}\n", mode=0o444)

    with pytest.raises(NotMaster, match=f"2 of 3 nodes name {node(2)} as the master"):
        stand(cluster)

    assert cluster.time.now < 1
