"""Verifies the cluster: makes a job for the configuration and one for each group."""

from __future__ import annotations

from collections.abc import Sequence

from ganeti.masterd.cmdlib.base import Jobs, LogicalUnit, get_group
from ganeti.masterd.config.snapshot import Config
from ganeti.model.enums import FinalStatus
from ganeti.model.objects.nodegroup import NodeGroup
from ganeti.model.opcodes.base import OpCode
from ganeti.model.opcodes.cluster import (
    OpClusterVerify,
    OpClusterVerifyConfig,
    OpClusterVerifyDisks,
    OpClusterVerifyGroup,
)
from ganeti.model.opcodes.group import OpGroupVerifyDisks
from ganeti.model.scalars import GroupName, RelativeJobId
from ganeti.utils.text import natural_key

#: the groups' jobs run whatever was found in the configuration
_ANY_END = tuple(FinalStatus)


class LUClusterVerify(LogicalUnit[OpClusterVerify, Sequence[NodeGroup]]):
    """Split the work; with a group given, verify that alone."""

    EFFECTS = False

    async def check(self, config: Config) -> Sequence[NodeGroup]:
        return chosen_groups(config, self.op.group_name)

    async def execute(self, plan: Sequence[NodeGroup]) -> Jobs:
        return Jobs(verify_jobs(self.op, [group.name for group in plan]))


class LUClusterVerifyDisks(LogicalUnit[OpClusterVerifyDisks, Sequence[NodeGroup]]):
    """Make a job for each group, or the one given."""

    EFFECTS = False

    async def check(self, config: Config) -> Sequence[NodeGroup]:
        return chosen_groups(config, self.op.group_name)

    async def execute(self, plan: Sequence[NodeGroup]) -> Jobs:
        return Jobs([[OpGroupVerifyDisks(group_name=group.name, is_strict=self.op.is_strict)] for group in plan])


def chosen_groups(config: Config, name: GroupName | None) -> list[NodeGroup]:
    """Return the group named, or all in natural order.

    Raises OpPrereqError.
    """
    if name is not None:
        return [get_group(config, name)]
    return sorted(config.groups.values(), key=lambda group: natural_key(group.name))


def verify_jobs(op: OpClusterVerify, groups: Sequence[GroupName]) -> list[list[OpCode]]:
    """Return the jobs of a verification: the configuration first, groups after it."""
    jobs: list[list[OpCode]] = []
    if op.group_name is None:
        jobs.append(
            [
                OpClusterVerifyConfig(
                    debug_simulate_errors=op.debug_simulate_errors,
                    error_codes=op.error_codes,
                    ignore_errors=op.ignore_errors,
                    verbose=op.verbose,
                )
            ]
        )
    for group in groups:
        depends = [(RelativeJobId(-len(jobs)), _ANY_END)] if op.group_name is None else None
        jobs.append(
            [
                OpClusterVerifyGroup(
                    group_name=group,
                    debug_simulate_errors=op.debug_simulate_errors,
                    error_codes=op.error_codes,
                    skip_checks=op.skip_checks,
                    ignore_errors=op.ignore_errors,
                    verbose=op.verbose,
                    verify_clutter=op.verify_clutter,
                    depends=depends,
                )
            ]
        )
    return jobs
