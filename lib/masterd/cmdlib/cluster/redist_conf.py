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
        sent = await services.distribution.send_files(config, config.online_nodes())
        await services.config.redistribute()
        await services.distribution.catch_up()
        behind = {node: sorted(missing) for node, missing in services.distribution.behind.items()}
        for node in behind:
            self.warn(f"node {node} misses {' and '.join(behind[node])}", hint="it is caught up as soon as it answers")
        for problem in sent.problems:
            self.warn(problem)
        if sent.problems:
            raise errors.OpExecError(f"cannot bring all nodes up to date: {'; '.join(sent.problems)}")
