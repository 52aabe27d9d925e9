"""Rules about the roles of nodes, and who holds copies of the configuration.  Pure.

A node is regular, master candidate, drained or offline; the master is a candidate.
There should be as many candidates as the cluster's pool size says, or as many as
there are nodes that can be one, and never none: the master always is.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from ganeti import errors
from ganeti.errors import ECode
from ganeti.model.enums import NodeRole
from ganeti.model.objects.node import Node
from ganeti.model.scalars import Uuid
from ganeti.schema import replace
from ganeti.utils.text import natural_key


class PoolChange(NamedTuple):
    """Nodes that become master candidates, and nodes that are no longer."""

    promote: Sequence[Node]
    demote: Sequence[Node]


class FlagRequest(NamedTuple):
    """What is asked of a node; None leaves a flag as it is."""

    master_candidate: bool | None = None
    offline: bool | None = None
    drained: bool | None = None
    master_capable: bool | None = None
    vm_capable: bool | None = None

    @property
    def is_empty(self) -> bool:
        """Whether nothing is asked."""
        return all(value is None for value in self)


class Decision(NamedTuple):
    """The node with its new flags, and what the user should know about that."""

    node: Node
    notes: Sequence[str]


def role_of(node: Node, master: Uuid) -> NodeRole:
    """Return the role of a node."""
    if node.uuid == master:
        return NodeRole.MASTER
    return _role_by_flags(node)


def can_be_candidate(node: Node) -> bool:
    """Tell whether a node may hold a copy of the configuration."""
    return node.master_capable and not node.offline and not node.drained


def wanted_candidates(nodes: Iterable[Node], pool_size: int) -> int:
    """Return how many candidates there should be among these nodes."""
    return min(max(pool_size, 1), sum(1 for node in nodes if can_be_candidate(node)))


def plan_pool(
    nodes: Collection[Node],
    master: Uuid,
    pool_size: int,
    *,
    shrink: bool = False,
    leaving: Collection[Uuid] = (),
    unable: Collection[Uuid] = (),
) -> PoolChange:
    """Decide who is promoted to fill the pool, or demoted if it is too large and may `shrink`.

    Nodes that are `leaving` do not count; those that are `unable`, say because they
    do not answer, are not promoted.  Copies are spread over the node groups.
    """
    staying = [node for node in nodes if node.uuid not in leaving]
    candidates = [node for node in staying if node.master_candidate]
    missing = wanted_candidates(staying, pool_size) - len(candidates)
    if missing > 0:
        free = [n for n in staying if can_be_candidate(n) and not n.master_candidate and n.uuid not in unable]
        return PoolChange(_spread(free, candidates, missing), ())
    if shrink and missing < 0:
        others = [node for node in candidates if node.uuid != master]
        return PoolChange((), _thin_out(others, candidates, -missing))
    return PoolChange((), ())


def has_room(nodes: Collection[Node], newcomer: Node, pool_size: int) -> bool:
    """Tell whether a node that comes (back) is needed as a candidate; `nodes` may hold its old record."""
    others = [node for node in nodes if node.uuid != newcomer.uuid and node.master_candidate]
    return can_be_candidate(newcomer) and len(others) < pool_size


def decide_flags(node: Node, request: FlagRequest, *, is_master: bool, pool_needs_it: bool) -> Decision:
    """Return the node as the request makes it.

    `pool_needs_it` says whether there is room for it among the candidates: a node
    that comes back is then promoted at once.

    Raises OpPrereqError for a request that contradicts itself or the node's state.
    """
    asked = [name for name in _ROLE_FLAGS if getattr(request, name)]
    if len(asked) > 1:
        raise _refusal(node, f"it cannot be {' and '.join(_words(asked))} at the same time", ECode.INVAL)
    if is_master:
        _check_master(node, request)
    capable = node.master_capable if request.master_capable is None else request.master_capable
    if request.master_candidate and not capable:
        raise _refusal(node, "it is not master capable; set that first (--master-capable=yes)", ECode.STATE)

    notes: list[str] = []
    role = _role_by_flags(node)
    before = role
    if asked:
        role = _ROLE_FLAGS[asked[0]]
    elif any(getattr(request, name) is False and getattr(node, name) for name in _ROLE_FLAGS):
        role = NodeRole.REGULAR
    gained = capable and not node.master_capable
    comes_back = before in (NodeRole.OFFLINE, NodeRole.DRAINED)
    if role == NodeRole.REGULAR and capable and pool_needs_it and (gained or comes_back):
        notes.append(f"node {node.name} becomes master candidate: the pool is not full")
        role = NodeRole.CANDIDATE
    if role == NodeRole.CANDIDATE and not capable:
        notes.append(f"node {node.name} is no longer master candidate: it is not master capable")
        role = NodeRole.REGULAR
    flags = {name: role == flag_role for name, flag_role in _ROLE_FLAGS.items()}
    vm_capable = node.vm_capable if request.vm_capable is None else request.vm_capable
    return Decision(replace(node, **flags, master_capable=capable, vm_capable=vm_capable), notes)


def check_pool(nodes: Collection[Node], changed: Node, master: Uuid, pool_size: int) -> None:
    """Refuse a change that leaves too few candidates while others could take over.

    Raises OpPrereqError.
    """
    was = next((node for node in nodes if node.uuid == changed.uuid), None)
    if was is None or not was.master_candidate or changed.master_candidate:
        return
    if plan_pool(nodes, master, pool_size, leaving={changed.uuid}).promote:
        raise _refusal(
            changed,
            "there would be too few master candidates; have others promoted for it (--auto-promote)",
            ECode.STATE,
        )


def changed_flags(old: Node, new: Node) -> list[tuple[str, bool]]:
    """Return the flags that differ, with their new values."""
    return [(name, getattr(new, name)) for name in FlagRequest._fields if getattr(old, name) != getattr(new, name)]


# --- steps ----------------------------------------------------------------------------

_ROLE_FLAGS = {
    "master_candidate": NodeRole.CANDIDATE,
    "drained": NodeRole.DRAINED,
    "offline": NodeRole.OFFLINE,
}


def _role_by_flags(node: Node) -> NodeRole:
    if node.offline:
        return NodeRole.OFFLINE
    if node.drained:
        return NodeRole.DRAINED
    return NodeRole.CANDIDATE if node.master_candidate else NodeRole.REGULAR


def _check_master(node: Node, request: FlagRequest) -> None:
    if request.offline or request.drained or request.master_candidate is False or request.master_capable is False:
        raise _refusal(node, "it is the master", ECode.INVAL)


def _refusal(node: Node, reason: str, code: ECode) -> errors.OpPrereqError:
    return errors.OpPrereqError(f"cannot change node {node.name}: {reason}", code)


def _words(flags: Iterable[str]) -> list[str]:
    return [flag.replace("_", " ") for flag in flags]


def _spread(free: Sequence[Node], candidates: Iterable[Node], count: int) -> list[Node]:
    """Choose `count` nodes, each from the group that has fewest candidates then."""
    per_group = Counter(node.group for node in candidates)
    left = sorted(free, key=lambda node: natural_key(node.name))
    chosen: list[Node] = []
    while left and len(chosen) < count:
        node = min(left, key=lambda node: per_group[node.group])
        left.remove(node)
        per_group[node.group] += 1
        chosen.append(node)
    return chosen


def _thin_out(others: Sequence[Node], candidates: Iterable[Node], count: int) -> list[Node]:
    """Choose `count` candidates to demote, each from the group that has most then."""
    per_group = Counter(node.group for node in candidates)
    left = sorted(others, key=lambda node: natural_key(node.name), reverse=True)
    chosen: list[Node] = []
    while left and len(chosen) < count:
        node = max(left, key=lambda node: per_group[node.group])
        left.remove(node)
        per_group[node.group] -= 1
        chosen.append(node)
    return chosen
