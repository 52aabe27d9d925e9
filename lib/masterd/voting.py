"""Decides whether this node is the master, before the master daemon serves anybody.

Every node is asked whom it holds for the master.  This node must be the one most
name, and those who name it must not be fewer than the rest (`spec/luxi.json`,
startup_vote).  A node that does not answer votes for nobody.

One node that follows the master of a later term is enough for a no: there was a
failover, of which this node has not heard.  So is a master candidate with a newer
configuration: changes that were acknowledged are missing here.
"""

from __future__ import annotations

import asyncio
import collections
import logging
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from ganeti.clock import Clock
from ganeti.model.scalars import NodeName
from ganeti.rpc import procedures as p
from ganeti.rpc.answers import MasterVote
from ganeti.rpc.client import Address, NodeRpc

log = logging.getLogger(__name__)

TRIES = 6
PAUSE = 10.0
#: seconds that the last answers are waited for when the first were enough
LATE = 0.5


class Standing(NamedTuple):
    """What this node would be master with."""

    term: int = 0
    serial: int = 0


class Outcome(NamedTuple):
    """Result of one vote; `reason` says why it is not a yes."""

    elected: bool
    reason: str = ""
    #: another try may end differently: nodes did not answer
    retry: bool = False
    #: an administrator may know better than the nodes: nothing proves that there is another master
    doubtful: bool = True


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


def objection(me: NodeName, standing: Standing, votes: Mapping[NodeName, MasterVote | None]) -> str:
    """Return what one node knows that this node must not be master then, "" for nothing."""
    for node, vote in votes.items():
        if vote is None:
            continue
        if vote.term > standing.term and vote.master != me:
            return (
                f"node {node} follows {vote.master}, the master since term {vote.term} (here {standing.term}):"
                f" run commands on {vote.master}, which brings this node up to date by itself"
            )
        if (vote.config_term or 0, vote.config_serial or 0) > standing:
            return (
                f"the configuration on node {node} is newer (serial number {vote.config_serial}, here"
                f" {standing.serial}): gnt-cluster master-failover on this node fetches it"
            )
    return ""


async def ask(rpc: NodeRpc, me: NodeName, nodes: Sequence[Address], clock: Clock, standing: Standing) -> Outcome:
    """Ask the other `nodes` until the outcome is clear; this node votes for itself."""
    outcome = Outcome(True)
    for attempt in range(TRIES):
        outcome = await _ask_once(rpc, me, nodes, clock, standing)
        if outcome.elected or not outcome.retry:
            return outcome
        log.warning("vote %s of %s: %s", attempt + 1, TRIES, outcome.reason)
        if attempt + 1 < TRIES:
            await clock.sleep(PAUSE)
    return outcome


async def _ask_once(rpc: NodeRpc, me: NodeName, nodes: Sequence[Address], clock: Clock, standing: Standing) -> Outcome:
    """Return soon after this node is elected whatever the rest say: a node that hangs holds up nobody then."""
    votes: dict[NodeName, MasterVote | None] = dict.fromkeys((node.name for node in nodes), None)
    failures: list[str] = []
    asking = {asyncio.ensure_future(rpc.call(node, p.master_vote)) for node in nodes}
    late: asyncio.Future[None] | None = None
    try:
        while True:
            outcome = decide(me, [me, *(vote.master if vote else None for vote in votes.values())])
            if reason := objection(me, standing, votes):
                return Outcome(False, reason, doubtful=False)
            if not asking or (late is not None and late.done()):
                # One will do: it is often the same with all, as when the certificates here cannot be read.
                return (
                    outcome._replace(reason=f"{outcome.reason}; {failures[0]}")
                    if outcome.retry and failures
                    else outcome
                )
            if outcome.elected and late is None:
                late = asyncio.ensure_future(clock.sleep(LATE))
            waiting: set[asyncio.Future[object]] = {*asking, *([late] if late else [])}  # type: ignore[arg-type]
            await asyncio.wait(waiting, return_when=asyncio.FIRST_COMPLETED)
            for answer in [call.result() for call in asking if call.done()]:
                votes[answer.node] = answer.unwrap("vote") if answer.ok else None
                if not answer.ok:
                    failures.append(f"{answer.node}: {answer.failure}")
            asking = {call for call in asking if not call.done()}
    finally:
        ending: list[asyncio.Future[object]] = [*asking, *([late] if late else [])]  # type: ignore[list-item]
        for future in ending:
            future.cancel()
        await asyncio.gather(*ending, return_exceptions=True)
