"""The watcher of one node group: looks at its instances, acts, and writes down how they are."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from ganeti import errors, ssconf
from ganeti.luxi.client import Client
from ganeti.model.enums import AdminStateSource
from ganeti.model.opcodes.base import OpCode, result_type
from ganeti.model.opcodes.group import OpGroupVerifyDisks
from ganeti.model.opcodes.instance import OpInstanceActivateDisks, OpInstanceShutdown, OpInstanceStartup
from ganeti.model.scalars import GroupName, InstanceName
from ganeti.paths import Paths
from ganeti.utils import files
from ganeti.watcher import master, plan, repair
from ganeti.watcher import state as memory
from ganeti.watcher.plan import Locked, Plan

log = logging.getLogger(__name__)

#: seconds to wait for jobs: a run must not hinder the runs after it for hours
PATIENCE = 900.0
VERIFY_PATIENCE = 300.0


class Choices(NamedTuple):
    """What the command line says of looking after a group."""

    verify_disks: bool = True
    strict: bool = True


class _Act(NamedTuple):
    """What can be done about an instance: in words, the opcode, and whose turn a plan says it is."""

    doing: str
    done: str
    why: str
    opcode: Callable[[InstanceName], OpCode]
    instances: Callable[[Plan], Sequence[InstanceName]]


ACTS: Sequence[_Act] = (
    _Act(
        "cleaning up",
        "cleaned up",
        "stopped by its user",
        lambda name: OpInstanceShutdown(instance_name=name, admin_state_source=AdminStateSource.USER),
        lambda todo: todo.clean_up,
    ),
    _Act(
        "starting", "started", "found down", lambda name: OpInstanceStartup(instance_name=name), lambda todo: todo.start
    ),
    _Act(
        "activating disks of",
        "activated the disks of",
        "secondary node was rebooted",
        lambda name: OpInstanceActivateDisks(instance_name=name),
        lambda todo: todo.activate,
    ),
)


def watch(paths: Paths, client: Client, group: str, choices: Choices, now: Callable[[], float]) -> None:
    """Look after a node group, given by name or uuid, unless another watcher does.

    Raises GenericError and OSError when that is not possible.
    """
    uuid, name = master.group_of(client, group)
    try:
        with files.locked_file(paths.watcher_group_lock(uuid), timeout=0):
            _watch(paths, client, uuid, name, choices, now)
    except errors.LockError:
        log.info("group %s is being looked after by another watcher", name)


def _watch(paths: Paths, client: Client, uuid: str, name: str, choices: Choices, now: Callable[[], float]) -> None:
    state = memory.load(memory.GroupState, paths.watcher_state(uuid))
    facts = master.facts(client, uuid)
    write_statuses(paths, uuid, {fact.name: fact.status for fact in facts.instances})
    locked = Locked(facts.locks)
    todo = plan.make_plan(state, facts.nodes, facts.instances, locked, now())
    for note in todo.notes:
        log.log(note.level, "%s", note.text)
    # Before acting: should we die meanwhile, the attempt counts.
    if todo.state != state:
        memory.save(paths.watcher_state(uuid), todo.state)
    for act in ACTS:
        _do(client, act, act.instances(todo))
    repair.look_after(paths, client, uuid, facts, todo.state, now())
    if choices.verify_disks and facts.instances:
        inactive = _verify_disks(client, name, choices)
        again = plan.to_activate(inactive, facts.instances, todo, Locked([*facts.locks, *master.locks(client)]))
        _do(client, ACTS[-1]._replace(why="disks found inactive"), again)


def write_statuses(paths: Paths, uuid: str, statuses: Mapping[str, str]) -> None:
    """Write how the instances of a group are, and put the files of all groups together."""
    memory.write_status(paths.watcher_instance_status(uuid), statuses)
    merged: dict[str, str] = {}
    with files.locked_file(paths.watcher_status_lock):
        for line in ssconf.read_ssconf_lines(paths, "nodegroups"):
            merged |= memory.read_status(paths.watcher_instance_status(line.split()[0]))
        memory.write_status(paths.instance_status, merged)


def _do(client: Client, act: _Act, names: Sequence[InstanceName]) -> None:
    if not names:
        return
    log.info("%s %s (%s)", act.doing, plan.describe(names), act.why)
    outcomes = master.run_jobs(client, [act.opcode(name) for name in names], act.why, PATIENCE)
    for name, outcome in zip(names, outcomes, strict=True):
        if outcome.problem:
            log.error("cannot be done: %s %s: %s", act.doing, name, outcome.problem)
    done = [name for name, outcome in zip(names, outcomes, strict=True) if not outcome.problem]
    if done:
        log.info("%s %s", act.done, plan.describe(done))


def _verify_disks(client: Client, group: str, choices: Choices) -> Sequence[str]:
    """Have the disks of a group looked at; return the instances with some that are not active."""
    op = OpGroupVerifyDisks(group_name=GroupName(group), is_strict=choices.strict)
    (outcome,) = master.run_jobs(client, [op], "verify disks", VERIFY_PATIENCE)
    if outcome.problem:
        log.warning("cannot verify the disks of group %s: %s", group, outcome.problem)
        return ()
    problems, inactive, missing = result_type(OpGroupVerifyDisks).parse(outcome.result, "result")
    for node, problem in problems.items():
        log.warning("cannot verify the disks on node %s: %s", node, problem)
    for name, gone in missing.items():
        log.warning("instance %s misses disks: %s", name, ", ".join(f"{disk} on {node}" for node, disk in gone))
    return list(inactive)
