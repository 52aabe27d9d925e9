"""What should run on a node that is off runs elsewhere, where its tags allow that.

A tag `ganeti:watcher:autorepair:failover` of an instance, of its node group or of the
cluster allows it (`spec/htools.json`, tags); without one nothing is done.  The node's
out-of-band helper has to say that it is off: a node that only gives no answer may go on
with its instances.  The master daemon asks for the same proof again, under its locks.
"""

from __future__ import annotations

import concurrent.futures
import logging
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple

from ganeti.luxi import methods
from ganeti.luxi.client import Client
from ganeti.model.enums import REACHABLE_ANYWHERE, InstanceStatus, QueryStatus
from ganeti.model.opcodes.instance import OpInstanceFailover
from ganeti.model.scalars import InstanceName, NodeName
from ganeti.paths import Paths
from ganeti.schema import replace
from ganeti.watcher import failover, master, plan
from ganeti.watcher.plan import InstanceFact, Locked, Note, Trying
from ganeti.watcher.state import Attempts, GroupState, save

log = logging.getLogger(__name__)

PREFIX = "ganeti:watcher:autorepair:"
#: what tags allow, by how much harm it can do; each allows those before it
KINDS = ("fix-storage", "migrate", "failover", "reinstall")
SUSPEND = "suspend"
#: seconds to wait for the jobs of a node
PATIENCE = 900.0
AT_ONCE = 16

_LOST = (InstanceStatus.ERROR_NODE_DOWN, InstanceStatus.ERROR_NODE_OFFLINE)
_TRYING = Trying("was to be failed over", "failed over", "gnt-instance failover")


class Lost(NamedTuple):
    """An instance that should run, on a node that gives no answer; `memory` is the least it needs, MiB."""

    name: InstanceName
    node: NodeName
    memory: int


class Host(NamedTuple):
    """A node of the group: MiB free for instances, 0 if it takes none; its out-of-band helper, "" for none."""

    name: NodeName
    free: int
    helper: str


class Repair(NamedTuple):
    """An instance to be failed over; to the node an allocator chooses if that is None."""

    instance: Lost
    target: NodeName | None


class Repairs(NamedTuple):
    """What is to be done, what to remember of it before, and what to tell."""

    todo: Sequence[Repair]
    tried: Mapping[InstanceName, Attempts]
    notes: Sequence[Note]


# --- decisions ------------------------------------------------------------------------


def lost_ones(instances: Sequence[InstanceFact], locked: Locked) -> list[InstanceName]:
    """Return which instances should run and are on nodes that give no answer, or are marked offline."""
    return [i.name for i in instances if i.status in _LOST and i.wanted_up and i.name not in locked]


def is_allowed(levels: Sequence[Collection[str]], now: float) -> bool:
    """Tell whether an instance may be failed over, by the tags of itself, its node group and the cluster.

    The nearest that names a kind decides, by the mildest it names; a suspension counts wherever it is.
    """
    words = [[tag.removeprefix(PREFIX) for tag in tags if tag.startswith(PREFIX)] for tags in levels]
    if any(_suspends(word, now) for level in words for word in level):
        return False
    for level in words:
        kinds = [KINDS.index(word) for word in level if word in KINDS]
        if kinds:
            return min(kinds) >= KINDS.index("failover")
    return False


def _suspends(word: str, now: float) -> bool:
    kind, _, until = word.partition(":")
    # An end that cannot be read has not come.
    return kind == SUSPEND and not (until.isascii() and until.isdigit() and int(until) <= now)


def make_repairs(
    tried: Mapping[InstanceName, Attempts], lost: Sequence[Lost], hosts: Sequence[Host], allocator: bool, now: float
) -> Repairs:
    """Decide which instances are failed over now, and where to: without an allocator where most memory is free."""
    remembered, todo, notes = dict(tried), list[Repair](), list[Note]()
    dead = {instance.node for instance in lost}
    free = {host.name: host.free for host in hosts if host.free and host.name not in dead}
    for instance in lost:
        attempts, told = plan.next_attempt(instance.name, remembered.get(instance.name), now, _TRYING)
        notes += told
        if attempts is None:
            continue
        if attempts.restart_count <= plan.MAX_RESTARTS:
            target = None if allocator else max(free, key=lambda name: free[name], default=None)
            if not allocator and (target is None or free[target] < instance.memory):
                notes.append(Note(logging.WARNING, f"no node has {instance.memory} MiB free for {instance.name}"))
                continue
            if target is not None:
                free[target] -= instance.memory
            todo.append(Repair(instance, target))
        remembered[instance.name] = attempts
    return Repairs(todo, remembered, notes)


# --- deeds ----------------------------------------------------------------------------


def look_after(paths: Paths, client: Client, group: str, facts: master.Facts, state: GroupState, now: float) -> None:
    """Fail over what should run in a node group and was on nodes that are off, as far as tags allow it.

    `state` is what is remembered of the group; it is saved when it changes.
    """
    lost = lost_ones(facts.instances, Locked(facts.locks))
    tried = plan.current(state.repair or {}, {fact.name for fact in facts.instances}, now)
    if not lost and tried == (state.repair or {}):
        return
    settings = client.call(methods.query_cluster_info)
    hosts = _hosts(client, group)
    wanted = _allowed(client, group, lost, settings["tags"], now)
    found = make_repairs(tried, _on_nodes_off(paths, wanted, hosts), hosts, bool(settings["default_iallocator"]), now)
    for note in found.notes:
        log.log(note.level, "%s", note.text)
    # Before acting: should we die meanwhile, the attempt counts.
    if found.tried != (state.repair or {}):
        save(paths.watcher_state(group), replace(state, repair=found.tried or None))
    for host in hosts:
        _carry_out(client, host, [repair for repair in found.todo if repair.instance.node == host.name])


def _carry_out(client: Client, host: Host, todo: Sequence[Repair]) -> None:
    """Fail over instances of a node that is off, each by a job that says why."""
    if not todo:
        return
    why = f"automatic repair: {host.helper} says that node {host.name} is off"
    log.error("%s: failing over %s", why, plan.describe([repair.instance.name for repair in todo]))
    ops = [OpInstanceFailover(instance_name=repair.instance.name, target_node=repair.target) for repair in todo]
    for repair, outcome in zip(todo, master.run_jobs(client, ops, why, PATIENCE), strict=True):
        if outcome.problem:
            log.error("cannot fail over %s: %s", repair.instance.name, outcome.problem)
        else:
            log.info("failed over %s", repair.instance.name)


def _on_nodes_off(paths: Paths, instances: Sequence[Lost], hosts: Sequence[Host]) -> list[Lost]:
    """Return the instances whose nodes are off, by the word of their out-of-band helpers."""
    nodes = {instance.node for instance in instances}
    asked = [host for host in hosts if host.name in nodes]
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        off = {
            host.name
            for host, is_off in zip(asked, pool.map(lambda h: _is_off(paths, h), asked), strict=True)
            if is_off
        }
    return [instance for instance in instances if instance.node in off]


def _is_off(paths: Paths, host: Host) -> bool:
    if not host.helper:
        log.warning(
            "no automatic failover: node %s has no out-of-band helper (oob_program) to say whether it is off", host.name
        )
        return False
    return failover.is_off(paths, host.helper, host.name)


def _hosts(client: Client, group: str) -> list[Host]:
    """Return the nodes of a group."""
    fields = ["name", "offline", "drained", "vm_capable", "mfree", "ndp/oob_program"]
    rows = client.call(methods.query, "node", fields, ["=", "group.uuid", group])
    found = []
    for (_, name), (_, offline), (_, drained), (_, capable), (known, free), (_, helper) in rows["data"]:
        fit = capable and not offline and not drained and known == QueryStatus.NORMAL
        found.append(Host(NodeName(name), int(free) if fit else 0, str(helper or "")))
    return found


def _allowed(
    client: Client, group: str, names: Collection[str], cluster_tags: Collection[str], now: float
) -> list[Lost]:
    """Return those of the lost instances that may be failed over, and can be."""
    (((_, group_tags),),) = client.call(methods.query, "group", ["tags"], ["=", "uuid", group])["data"]
    fields = ["name", "pnode", "be/minmem", "disk_template", "tags"]
    rows = client.call(methods.query, "instance", fields, ["=", "pnode.group.uuid", group])
    found = []
    for (_, name), (_, node), (_, memory), (_, template), (_, tags) in rows["data"]:
        fit = name in names and template in REACHABLE_ANYWHERE
        if fit and is_allowed([tags, group_tags, cluster_tags], now):
            found.append(Lost(InstanceName(name), NodeName(node), int(memory)))
    return found
