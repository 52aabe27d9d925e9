"""Verifies the configuration itself: what it says, not what is so."""

from __future__ import annotations

from collections.abc import Sequence

from ganeti.masterd.cmdlib.base import LogicalUnit
from ganeti.masterd.cmdlib.cluster.findings import Finding, Style, report
from ganeti.masterd.config.snapshot import Config
from ganeti.masterd.config.verify import verify
from ganeti.model.enums import VerifyCode
from ganeti.model.opcodes.cluster import OpClusterVerifyConfig


class LUClusterVerifyConfig(LogicalUnit[OpClusterVerifyConfig, Sequence[Finding]]):
    """Look at one snapshot; nothing needs to be locked for that."""

    EFFECTS = False

    async def check(self, config: Config) -> Sequence[Finding]:
        return judge_config(config)

    async def execute(self, plan: Sequence[Finding]) -> bool:
        self.info("* Verifying cluster configuration")
        style = Style(self.op.error_codes, self.op.ignore_errors, self.op.debug_simulate_errors)
        return report(plan, style, self.info)


def judge_config(config: Config) -> list[Finding]:
    """Return what is wrong with a configuration."""
    found = [Finding(VerifyCode.ECLUSTERCFG, "", text) for text in verify(config)]
    for node in config.nodes.values():
        if node.group not in config.groups:
            found.append(
                Finding(VerifyCode.ECLUSTERDANGLINGNODES, node.name, "is in no node group, so it is not verified")
            )
    for instance in config.instances.values():
        if instance.primary_node not in config.nodes:
            found.append(
                Finding(VerifyCode.ECLUSTERDANGLINGINST, instance.name, "has no primary node, so it is not verified")
            )
    return found
