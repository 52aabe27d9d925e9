"""A running instance that needs more memory than its target has free is shrunk, if it may be."""

from __future__ import annotations

import pytest

from ganeti import errors
from ganeti.luxi import methods as m
from test.support.sim import Master, SimCluster
from test.support.sim_check import running
from test.support.sim_ops import create, migrate, name_of, node


async def memory(master: Master) -> int:
    """Return what the first instance uses, MiB."""
    (row,) = await master.call(m.query_instances, [name_of(1)], ["oper_ram"], False)
    return int(row[0])


async def prepare(master: Master) -> None:
    """Leave 196 MiB free on node 3, for an instance of 128 to 256 MiB on node 1."""
    await master.run(create(1, on=1, beparams={"minmem": 128, "maxmem": 256}))
    await master.run(create(2, on=3, beparams={"memory": 3900}))


def test_it_is_shrunk_when_it_moves_and_not_by_a_dry_run(cluster: SimCluster) -> None:
    async def scenario(master: Master) -> None:
        await prepare(master)
        await master.run(migrate(1, to=3, dry_run=True))
        assert (await memory(master), running(cluster)[name_of(1)]) == (256, [node(1)])
        await master.run(migrate(1, to=3))
        assert (await memory(master), running(cluster)[name_of(1)]) == (196, [node(3)])

    cluster.live(scenario)


def test_it_stays_as_and_where_it_is_when_it_may_not_be_shrunk(cluster: SimCluster) -> None:
    async def scenario(master: Master) -> None:
        await prepare(master)
        with pytest.raises(errors.OpPrereqError, match="196 MiB free"):
            await master.run(migrate(1, to=3, allow_runtime_changes=False))
        assert (await memory(master), running(cluster)[name_of(1)]) == (256, [node(1)])

    cluster.live(scenario)
