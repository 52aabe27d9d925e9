"""Decides whether this node is the master, before the master daemon serves anybody.

Every node is asked whom it holds for the master.  This node must be the one most
name, and those who name it must not be fewer than the rest (`spec/luxi.json`,
startup_vote).  A node that does not answer votes for nobody.
"""

from __future__ import annotations

import asyncio
import collections
import logging
from collections.abc import Sequence
from typing import NamedTuple

from ganeti.clock import Clock
from ganeti.model.scalars import NodeName
from ganeti.rpc import procedures as p
from ganeti.rpc.client import Address, NodeRpc

log = logging.getLogger(__name__)

TRIES = 6
PAUSE = 10.0


class Outcome(NamedTuple):
    """Result of one vote; `reason` says why it is not a yes."""

    elected: bool
    reason: str = ""
    #: another try may end differently: nodes did not answer
    retry: bool = False


def decide(me: NodeName, votes: Sequence[NodeName | None]) -> Outcome:
    """Count the votes; None stands for a node that gave none."""
    counted = collections.Counter(vote for vote in votes if vote is not None)
    mine = counted[me]
    if not votes:
        return Outcome(True)
    if counted:
        top, most = counted.most_common(1)[0]
        if top != me and most > mine:
            return Outcome(False, f"{most} of {len(votes)} nodes name {top} as the master")
    others = len(votes) - mine
    if mine < others:
        silent = sum(1 for vote in votes if vote is None)
        return Outcome(False, f"only {mine} of {len(votes)} nodes name this node ({silent} did not answer)", True)
    return Outcome(True)


async def ask(rpc: NodeRpc, me: NodeName, nodes: Sequence[Address], clock: Clock) -> Outcome:
    """Ask the other `nodes` until the outcome is clear; this node votes for itself."""
    outcome = Outcome(True)
    for attempt in range(TRIES):
        outcome = await _ask_once(rpc, me, nodes)
        if outcome.elected or not outcome.retry:
            return outcome
        log.warning("vote %s of %s: %s", attempt + 1, TRIES, outcome.reason)
        if attempt + 1 < TRIES:
            await clock.sleep(PAUSE)
    return outcome


async def _ask_once(rpc: NodeRpc, me: NodeName, nodes: Sequence[Address]) -> Outcome:
    """Return as soon as this node is elected whatever the rest say: a node that hangs holds up nobody then."""
    votes: dict[NodeName, NodeName | None] = dict.fromkeys((node.name for node in nodes), None)
    failures: list[str] = []
    asking = {asyncio.ensure_future(rpc.call(node, p.master_node_name)) for node in nodes}
    try:
        while True:
            outcome = decide(me, [me, *votes.values()])
            if outcome.elected or not asking:
                # One will do: it is often the same with all, as when the certificates here cannot be read.
                return (
                    outcome._replace(reason=f"{outcome.reason}; {failures[0]}")
                    if outcome.retry and failures
                    else outcome
                )
            done, asking = await asyncio.wait(asking, return_when=asyncio.FIRST_COMPLETED)
            for answer in [call.result() for call in done]:
                votes[answer.node] = NodeName(answer.unwrap("vote")) if answer.ok else None
                if not answer.ok:
                    failures.append(f"{answer.node}: {answer.failure}")
    finally:
        for call in asking:
            call.cancel()
        await asyncio.gather(*asking, return_exceptions=True)
