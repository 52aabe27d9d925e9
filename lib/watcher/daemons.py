"""Keeps the daemons of this node alive: starts those that do not run, restarts those that give no answer.

A daemon that runs and does not answer is restarted once in a run, and with growing
pauses from run to run: one that is slow because there is much to do is not helped by
being killed again and again.
"""

from __future__ import annotations

import enum
import logging
import os
from collections.abc import Callable, Mapping
from typing import NamedTuple

from ganeti import _autoconf, errors
from ganeti.paths import Paths
from ganeti.utils import process
from ganeti.watcher import probes
from ganeti.watcher.state import NodeMemory, Restarts, load, save

log = logging.getLogger(__name__)

#: seconds an answer may take, at the first and the second try
PROBE_SECONDS = (4.0, 8.0)
#: seconds a daemon without answer is given to end by itself
END_SECONDS = 2.0
START_SECONDS = 120.0
#: seconds between one restart and the next, by how many there were
PAUSES = (0, 900, 1800, 3600, 7200)
EXPIRY = 8 * 3600
EXIT_NOT_MASTER = 11


class Role(NamedTuple):
    """What this node is, as far as it knows."""

    is_master: bool
    is_candidate: bool


class Row(NamedTuple):
    """A daemon: on which nodes it is to run, and how it is asked for a sign of life."""

    name: str
    belongs: Callable[[Role], bool]
    answers: probes.Probe


#: in the order they are started
DAEMONS: tuple[Row, ...] = (
    Row("ganeti-noded", lambda role: True, probes.noded),
    Row("ganeti-masterd", lambda role: role.is_master, probes.masterd),
    Row("ganeti-rapi", lambda role: role.is_master, probes.rapi),
    Row("ganeti-confd", lambda role: role.is_candidate, probes.confd),
)


class Action(enum.Enum):
    """What is to be done about a daemon."""

    NOTHING = enum.auto()
    START = enum.auto()
    RESTART = enum.auto()
    WAIT = enum.auto()


def decide(runs: bool, answers: bool | None, before: Restarts | None, now: float) -> Action:
    """Decide about one daemon; `answers` is None when that cannot be told."""
    if not runs:
        return Action.START
    if answers is not False:
        return Action.NOTHING
    if before is None:
        return Action.RESTART
    pause = PAUSES[min(before.count, len(PAUSES) - 1)]
    return Action.RESTART if now - before.when >= pause else Action.WAIT


def remember(known: Mapping[str, Restarts], restarted: list[str], now: float) -> dict[str, Restarts]:
    """Return the restarts to remember: those that did not expire, and the new ones."""
    kept = {name: one for name, one in known.items() if 0 <= now - one.when < EXPIRY}
    for name in restarted:
        kept[name] = Restarts(count=kept[name].count + 1 if name in kept else 1, when=now)
    return kept


def look_after(node: probes.Node, role: Role, now: Callable[[], float]) -> None:
    """Start and restart what has to be; failures are told in the log."""
    paths = node.paths
    memory = load(NodeMemory, paths.watcher_daemons)
    restarted = []
    for row in DAEMONS:
        if not row.belongs(role) or not os.access(os.path.join(_autoconf.SBINDIR, row.name), os.X_OK):
            continue
        pid = process.running_pid(paths.pid_file(row.name))
        answers = _answers(row, node) if pid is not None else None
        match decide(pid is not None, answers, memory.daemon.get(row.name), now()):
            case Action.START:
                _start(paths, row.name)
            case Action.RESTART:
                assert pid is not None
                log.error("%s runs as process %d but gives no answer: restarting it", row.name, pid)
                restarted.append(row.name)
                # Before it is done: should we die meanwhile, it counts.
                save(paths.watcher_daemons, NodeMemory(daemon=remember(memory.daemon, restarted, now())))
                process.kill(pid, END_SECONDS)
                _start(paths, row.name)
                if _answers(row, node) is False:
                    log.error("%s gives no answer after its restart, too; see %s", row.name, paths.log_file(row.name))
            case Action.WAIT:
                log.warning("%s gives no answer; it was restarted a short time ago, so it is left alone", row.name)
    kept = NodeMemory(daemon=remember(memory.daemon, restarted, now()))
    if kept != memory:
        save(paths.watcher_daemons, kept)


def _answers(row: Row, node: probes.Node) -> bool | None:
    told: bool | None = None
    for seconds in PROBE_SECONDS:
        told = row.answers(node, seconds)
        if told is not False:
            break
    return told


def _start(paths: Paths, name: str) -> None:
    try:
        result = process.run(
            [paths.daemon_util, "check-and-start", name], env={**os.environ, **paths.environ}, timeout=START_SECONDS
        )
    except errors.CommandError as err:
        log.error("%s", err)
        return
    if result.exit_code == EXIT_NOT_MASTER:
        log.info("%s does not run: this node is not the master (any more)", name)
    elif result.failed:
        log.error("cannot start %s: %s", name, result.output.strip() or result.reason)
    else:
        log.info("started %s", name)
