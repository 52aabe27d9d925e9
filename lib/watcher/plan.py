"""What is to be done about the instances of a node group: facts and memory in, a plan out.  Pure.

An instance that is locked by a job is left alone, whatever it looks like: the job is
about to change it.  One that does not stay up is started with growing pauses, at most
MAX_RESTARTS times; then that is told once, and it is left until its count expires.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import NamedTuple

from ganeti.model.enums import InstanceStatus
from ganeti.model.scalars import InstanceName, NodeName
from ganeti.schema import replace
from ganeti.utils import text
from ganeti.watcher.state import Attempts, GroupState, SeenNode

MAX_RESTARTS = 5
#: seconds after which an instance that was started counts as one that never was
EXPIRY = 8 * 3600
#: seconds between a start and the next one, by how many there were
PAUSES = (0, 0, 300, 900, 2700)

_INSTANCE = "instance/"
_EVERYTHING = frozenset({"[lockset]", "instance/[lockset]"})


class InstanceFact(NamedTuple):
    """An instance as it was found; `secondaries` are the nodes that mirror its disks."""

    name: InstanceName
    status: str
    wanted_up: bool
    disks_active: bool
    secondaries: Sequence[str] = ()


class NodeFact(NamedTuple):
    """A node as it was found; `boot_id` is None when it did not answer."""

    name: NodeName
    boot_id: str | None


class LockFact(NamedTuple):
    """A lock as the master daemon lists it; `pending` are the modes of those who wait."""

    name: str
    mode: str | None
    pending: Sequence[str] = ()


class Trying(NamedTuple):
    """What is tried again and again, in words."""

    was: str
    done: str
    remedy: str


STARTING = Trying("was started", "started", "gnt-instance startup")


class Note(NamedTuple):
    """A line for the log."""

    level: int
    text: str


class Plan(NamedTuple):
    """What to do, and what to remember before it is begun."""

    start: Sequence[InstanceName]
    activate: Sequence[InstanceName]
    clean_up: Sequence[InstanceName]
    state: GroupState
    notes: Sequence[Note]


class Locked:
    """Tells which instances jobs work on, or are about to."""

    def __init__(self, locks: Iterable[LockFact]) -> None:
        # Whoever holds a lock together with others only looks.
        names = {lock.name for lock in locks if lock.mode == "exclusive" or "exclusive" in lock.pending}
        self._all = bool(names & _EVERYTHING) or any(name.startswith("cluster/") for name in names)
        self._names = frozenset(name.removeprefix(_INSTANCE) for name in names if name.startswith(_INSTANCE))

    def __contains__(self, name: object) -> bool:
        return self._all or name in self._names


def make_plan(
    state: GroupState,
    nodes: Sequence[NodeFact],
    instances: Sequence[InstanceFact],
    locked: Locked,
    now: float,
) -> Plan:
    """Decide what is to be done."""
    notes: list[Note] = []
    remembered = current(state.instance, {instance.name for instance in instances}, now)
    start: list[InstanceName] = []
    clean_up: list[InstanceName] = []
    for instance in instances:
        if instance.name in locked:
            if instance.status == InstanceStatus.ERROR_DOWN:
                notes.append(Note(logging.INFO, f"instance {instance.name} is down, but a job works on it"))
            continue
        if instance.status == InstanceStatus.USER_DOWN and instance.wanted_up:
            clean_up.append(instance.name)
        elif instance.status == InstanceStatus.ERROR_DOWN:
            attempts, told = next_attempt(instance.name, remembered.get(instance.name), now, STARTING)
            notes += told
            if attempts is not None:
                if attempts.restart_count <= MAX_RESTARTS:
                    start.append(instance.name)
                remembered[instance.name] = attempts
    boots, activate = _rebooted(state.node, nodes, instances, locked, frozenset(start))
    return Plan(start, activate, clean_up, replace(state, node=boots, instance=remembered), notes)


def current(known: Mapping[InstanceName, Attempts], names: Collection[str], now: float) -> dict[InstanceName, Attempts]:
    """Leave out instances that are gone, and what expired (or is from the future: the clock was set back)."""
    return {
        name: attempts
        for name, attempts in known.items()
        if name in names and -EXPIRY < now - attempts.restart_when < EXPIRY
    }


def next_attempt(
    name: InstanceName, before: Attempts | None, now: float, words: Trying
) -> tuple[Attempts | None, list[Note]]:
    """Return what to remember of an instance found down, None for nothing new; and what to tell.

    A count beyond the limit says that the end of trying was told.
    """
    if before is None:
        return Attempts(restart_count=1, restart_when=now), []
    count = before.restart_count
    if count > MAX_RESTARTS:
        return None, []
    if count == MAX_RESTARTS:
        hours = EXPIRY // 3600
        told = f"instance {name} {words.was} {count} times and is down again: not {words.done} for {hours} hours;"
        return replace(before, restart_count=count + 1), [
            Note(logging.ERROR, f"{told} find out why, then {words.remedy} {name}")
        ]
    wait = PAUSES[count] - (now - before.restart_when)
    if wait > 0:
        return None, [
            Note(logging.DEBUG, f"instance {name} is down again: {words.done} in {wait:.0f} s at the earliest")
        ]
    return Attempts(restart_count=count + 1, restart_when=now), []


def _rebooted(
    known: Mapping[NodeName, SeenNode],
    nodes: Sequence[NodeFact],
    instances: Sequence[InstanceFact],
    locked: Locked,
    starting: Collection[str],
) -> tuple[dict[NodeName, SeenNode], list[InstanceName]]:
    """Return the boots to remember, and whose disks are to be activated since a secondary node lost them.

    A boot is remembered once nothing is left to do about it.
    """
    boots: dict[NodeName, SeenNode] = {}
    activate: dict[InstanceName, None] = {}
    for node in nodes:
        before = known.get(node.name)
        if node.boot_id is None or (before is not None and before.bootid == node.boot_id):
            if before is not None:
                boots[node.name] = before
            continue
        # What is started now has its disks assembled on all its nodes anyway.
        affected = [i for i in instances if node.name in i.secondaries and i.disks_active and i.name not in starting]
        free = [i for i in affected if i.name not in locked]
        activate.update(dict.fromkeys(i.name for i in free))
        if len(free) == len(affected):
            boots[node.name] = SeenNode(bootid=node.boot_id)
        elif before is not None:
            boots[node.name] = before
    return boots, list(activate)


def to_activate(
    inactive: Iterable[str], instances: Sequence[InstanceFact], plan: Plan, locked: Locked
) -> list[InstanceName]:
    """Return which of the instances found with inactive disks are to have them activated."""
    seen_to = {*plan.start, *plan.activate, *plan.clean_up}
    wanted = set(inactive)
    fit = (InstanceStatus.RUNNING, InstanceStatus.ERROR_DOWN)
    return [
        i.name
        for i in instances
        if i.name in wanted and i.disks_active and i.status in fit and i.name not in seen_to and i.name not in locked
    ]


def describe(names: Sequence[str]) -> str:
    """Return names for a line of the log, the number alone of many."""
    return ", ".join(names) if len(names) <= 10 else text.plural(len(names), "instance")
