"""Sleeps on the master and on nodes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from ganeti import errors
from ganeti.errors import ECode
from ganeti.masterd.cmdlib.base import Locks, LogicalUnit, get_node, names, need_online
from ganeti.masterd.config.snapshot import Config
from ganeti.model.enums import Level
from ganeti.model.objects.node import Node
from ganeti.model.opcodes.test import OpTestDelay
from ganeti.rpc import procedures as p


class Delay(NamedTuple):
    """Where to sleep, and how often; `numbered` announces each round."""

    nodes: Sequence[Node]
    rounds: int
    numbered: bool


class LUTestDelay(LogicalUnit[OpTestDelay, Delay]):
    """Sleep, holding the nodes' locks if asked to."""

    def locks(self, level: Level, config: Config) -> Locks | None:
        if level == Level.NODE and not self.op.no_locks:
            return Locks(set(names(self._nodes(config))))
        return None

    async def check(self, config: Config) -> Delay:
        if self.op.duration <= 0:
            raise errors.OpPrereqError("duration: expected more than 0 seconds", ECode.INVAL)
        nodes = self._nodes(config)
        for node in nodes:
            need_online(node, "sleep")
        return Delay(nodes, max(self.op.repeat, 1), self.op.repeat > 0)

    async def execute(self, plan: Delay) -> None:
        for round_number in range(plan.rounds):
            if plan.numbered:
                self.info(f"test delay, round {round_number + 1} of {plan.rounds}")
            if self.op.on_master:
                await self.services.clock.sleep(self.op.duration)
            answers = await self.services.rpc.call_many(plan.nodes, p.test_delay, self.op.duration)
            for answer in answers.values():
                answer.unwrap("sleep")

    def _nodes(self, config: Config) -> list[Node]:
        unknown = [uuid for uuid in self.op.on_node_uuids or () if uuid not in config.nodes]
        if unknown:
            raise errors.OpPrereqError(f"node {unknown[0]} is not known", ECode.NOENT)
        by_uuid = [config.nodes[uuid] for uuid in self.op.on_node_uuids or ()]
        return [get_node(config, name) for name in self.op.on_nodes] + by_uuid
