"""Begin and end of a cluster: what is left to do once the master daemon runs."""

from __future__ import annotations

from ganeti import errors
from ganeti.errors import ECode
from ganeti.masterd.cmdlib.base import HookRun, LogicalUnit
from ganeti.masterd.cmdlib.cluster import master_ip
from ganeti.masterd.config.snapshot import Config
from ganeti.model.opcodes.cluster import OpClusterDestroy, OpClusterPostInit


class LUClusterPostInit(LogicalUnit[OpClusterPostInit, None]):
    """Run the hooks of a cluster that was just made."""

    async def check(self, config: Config) -> None:
        return None

    def hooks(self, plan: None, config: Config) -> HookRun:
        return HookRun({"OP_TARGET": config.cluster.cluster_name}, [], [config.master.name])

    async def execute(self, plan: None) -> bool:
        return True


class LUClusterDestroy(LogicalUnit[OpClusterDestroy, None]):
    """See that nothing is left but the master; its files go when its daemons are down."""

    EXCLUSIVE = True

    async def check(self, config: Config) -> None:
        check_empty(config)

    def hooks(self, plan: None, config: Config) -> HookRun:
        # The master is still there when the operation is over, so its hook runs then.
        return HookRun({"OP_TARGET": config.cluster.cluster_name}, [], [config.master.name])

    async def execute(self, plan: None) -> str:
        config = self.services.config.current
        problem = await master_ip.try_deactivate(self.services, config)
        if problem:
            self.warn(problem)
        return config.master.name


def check_empty(config: Config) -> None:
    """Refuse to destroy a cluster that has instances, or nodes besides the master.

    Raises OpPrereqError.
    """
    others = len(config.nodes) - 1
    if others:
        raise errors.OpPrereqError(
            f"cannot destroy the cluster: it has {others} node(s) besides the master;"
            " remove them first (gnt-node remove)",
            ECode.STATE,
        )
    if config.instances:
        raise errors.OpPrereqError(
            f"cannot destroy the cluster: it has {len(config.instances)} instance(s);"
            " remove them first (gnt-instance remove)",
            ECode.STATE,
        )
