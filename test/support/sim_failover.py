"""A failover in the simulation: the real steps, between simulated nodes."""

from __future__ import annotations

import os

from ganeti.bootstrap.failover import Failover, Options
from ganeti.masterd.config.load import read_config
from ganeti.masterd.config.snapshot import Config
from ganeti.utils import files
from test.support.sim import SimCluster


class NoDaemons:
    """The daemons of a simulated node: tests start them with `SimCluster.live`."""

    def __init__(self) -> None:
        self.started = False
        #: addresses that answer
        self.in_use: set[str] = set()

    def start_master(self, *, voting: bool) -> None:
        """See `failover.Daemons`."""
        self.started = True

    def holder(self, address: str, netdev: str) -> str:
        """See `failover.Daemons`."""
        return "a machine" if address in self.in_use else ""


async def fail_over(
    cluster: SimCluster, number: int, *, voting: bool = True, daemons: NoDaemons | None = None
) -> list[str]:
    """Make a node the master (counted from 1); return what was said.

    Raises as `Failover.run`.
    """
    node = cluster.nodes[number - 1]
    said: list[str] = []
    rpc = cluster.rpc(number - 1, first_config(cluster))
    options = Options(voting=voting)
    failover = Failover(node.paths, rpc, cluster.clock, daemons or NoDaemons(), options, said.append, said.append)
    await failover.run()
    return said


def become_master(cluster: SimCluster, number: int, *, voting: bool = True) -> list[str]:
    """Do so while no master daemon lives; the next to live is that of this node."""
    said = cluster.work(lambda: fail_over(cluster, number, voting=voting))
    cluster.master = number - 1
    return said


def first_config(cluster: SimCluster) -> Config:
    """Return the configuration of the first node."""
    return read_config(cluster.nodes[0].paths.config_file).config


def config_of(cluster: SimCluster, number: int) -> Config:
    """Return the copy of the configuration on a node (counted from 1)."""
    return read_config(cluster.nodes[number - 1].paths.config_file).config


def job_files(cluster: SimCluster, number: int) -> dict[str, bytes]:
    """Return the job files in the queue of a node."""
    directory = cluster.nodes[number - 1].paths.queue_dir
    names = os.listdir(directory) if os.path.isdir(directory) else []
    return {name: files.read_file(os.path.join(directory, name)) for name in names if name.startswith("job-")}
