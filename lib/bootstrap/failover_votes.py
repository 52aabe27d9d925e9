"""What the votes of the nodes allow a candidate that wants to be the master.  Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Set
from typing import NamedTuple

from ganeti import errors
from ganeti.errors import ECode
from ganeti.mastership import Mastership, is_majority
from ganeti.model.scalars import NodeName
from ganeti.rpc.answers import MasterTerm, MasterVote
from ganeti.rpc.result import NodeResult, Phase

#: a term that is so much beyond all others is a lie, or damage: terms are used up by the failovers there were
_MOST_TERMS_AHEAD = 1000

Votes = Mapping[NodeName, NodeResult[MasterVote]]
"""What each node that is not marked offline answered, this one among them."""


class Claim(NamedTuple):
    """The mastership to be claimed, and the masters that nodes follow until then."""

    wanted: Mastership
    held_by: tuple[NodeName, ...]


class Copies(NamedTuple):
    """Where the newest copies are: configuration at `config`, jobs at all of `jobs`.

    `own_count` tells whether the jobs this node has are among them; if not, what only
    this node has is older than a failover, or was archived while it was away.
    """

    config: NodeName
    jobs: tuple[NodeName, ...]
    own_count: bool


def claim(me: NodeName, votes: Votes, *, voting: bool) -> Claim:
    """Decide what to claim.

    Raises OpPrereqError when too few nodes answer, unless there is no `voting`.
    """
    given = _given(votes)
    if voting and not is_majority(len(given), len(votes)):
        raise errors.OpPrereqError(_too_few(me, votes), ECode.STATE)
    held_by = tuple(sorted({vote.master for vote in given.values()} - {me}))
    return Claim(Mastership(_newest_term(vote.term for vote in given.values()) + 1, me), held_by)


def _newest_term(terms: Iterable[int]) -> int:
    """Return the newest term, but for what nobody can have come to: with it one node could use up all there are."""
    newest = 0
    for term in sorted(terms):
        if term - newest <= _MOST_TERMS_AHEAD:
            newest = term
    return newest


def check_promises(promises: Mapping[NodeName, NodeResult[MasterTerm]], wanted: Mastership, *, voting: bool) -> None:
    """See whether enough nodes follow this one now.

    Raises OpPrereqError if not.
    """
    followed = {name: answer.unwrap("promise") for name, answer in promises.items() if answer.ok}
    mine = [name for name, found in followed.items() if (found.term, found.master) == wanted[:2]]
    rivals = {found.master for found in followed.values() if found.term >= wanted.term} - {wanted.master, None}
    if wanted.master not in mine:
        raise errors.OpPrereqError(
            f"cannot become the master: this node itself follows {followed.get(NodeName(wanted.master))}", ECode.STATE
        )
    if voting and not is_majority(len(mine), len(promises)):
        reason = f"{', '.join(map(str, rivals))} wants to be it at the same time" if rivals else "try again"
        raise errors.OpPrereqError(
            f"cannot become the master: only {len(mine)} of {len(promises)} nodes follow this one; {reason}",
            ECode.STATE,
        )


def copies(me: NodeName, votes: Votes, candidates: Collection[str], *, voting: bool) -> Copies:
    """Decide which copies of configuration and jobs are the newest.

    Only those of `candidates` count: what another node offers could be anything.

    Raises OpPrereqError when those who have them do not answer, unless there is no `voting`.
    """
    given = _given(votes)
    age = {
        name: (vote.config_term or 0, vote.config_serial)
        for name, vote in given.items()
        if vote.config_serial is not None and name in candidates
    }
    if not age:
        raise errors.OpPrereqError(
            "cannot become the master: no candidate has a copy of the configuration", ECode.STATE
        )
    behind = _behind(given.values())
    current = {name: found for name, found in age.items() if name not in behind}
    if not current and voting:
        raise errors.OpPrereqError(_all_behind(votes, behind), ECode.STATE)
    counted = current or age
    newest = max(counted.values())
    same_term = sorted(name for name, found in counted.items() if found[0] == newest[0])
    best = [name for name in same_term if counted[name] == newest]
    return Copies(
        me if me in best else best[0], tuple(name for name in same_term if name != me), own_count=me in same_term
    )


def _given(votes: Votes) -> dict[NodeName, MasterVote]:
    return {name: answer.unwrap("vote") for name, answer in votes.items() if answer.ok}


def _behind(votes: Iterable[MasterVote]) -> set[NodeName]:
    """Return who is behind as the nodes that follow the newest master know it, and any doubt counts."""
    return {name for vote in votes for name in vote.behind}


def _silent(votes: Votes) -> str:
    return "; ".join(f"{name}: {answer.failure}" for name, answer in votes.items() if not answer.ok)


def _too_few(me: NodeName, votes: Votes) -> str:
    answered = len(_given(votes))
    refusing = sorted(name for name, vote in votes.items() if vote.failure and vote.failure.phase is Phase.REFUSED)
    if refusing:
        return (
            f"cannot become the master: {', '.join(refusing)} refuse this node, which was taken out of the master"
            f" candidates, or marked offline, while it was away ({_silent(votes)}). Run this on another candidate"
        )
    if len(votes) == 2:
        (other,) = set(votes) - {me}
        return (
            f"cannot become the master: {other}, the only other node, does not answer ({votes[other].failure}), and"
            f" one node of two is no majority. If you are sure that {other} is off and stays off, use --no-voting"
        )
    return (
        f"cannot become the master: only {answered} of {len(votes)} nodes answer, more than half are needed"
        f" ({_silent(votes)}). If you are sure that no other master runs among those, use --no-voting"
    )


def _all_behind(votes: Votes, behind: Set[NodeName]) -> str:
    late = ", ".join(sorted(behind & votes.keys()))
    return (
        f"cannot become the master: {late} missed changes that the master acknowledged, and no candidate"
        f" that has them answers ({_silent(votes)}). Bring one of them up; or lose those changes, with --no-voting"
    )
