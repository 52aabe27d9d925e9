"""Sends the cluster's files to all nodes again."""

from __future__ import annotations

from ganeti import errors
from ganeti.masterd.cmdlib.base import ALL, Locks, LogicalUnit
from ganeti.masterd.config.snapshot import Config
from ganeti.model.enums import Level
from ganeti.model.opcodes.cluster import OpClusterRedistConf


class LUClusterRedistConf(LogicalUnit[OpClusterRedistConf, None]):
    """Copy keys and configuration to the online nodes; tell who did not take them."""

    def locks(self, level: Level, config: Config) -> Locks | None:
        return Locks(ALL, shared=True) if level in (Level.NODE, Level.NODE_ALLOC) else None

    async def check(self, config: Config) -> None:
        return None

    async def execute(self, plan: None) -> None:
        services = self.services
        config = services.config.current
        problems = await services.distribution.send_files(config.cluster, config.online_nodes())
        await services.config.redistribute()
        await services.distribution.catch_up()
        for node, missing in services.distribution.behind.items():
            problems.append(f"node {node} misses {' and '.join(sorted(missing))}")
        for problem in problems:
            self.warn(problem)
        if problems:
            raise errors.OpExecError(f"cannot bring all nodes up to date: {'; '.join(problems)}")
