"""The watcher of one node: the steps of every run on every node, and on the master all node groups.

STEPS is the table of what is done on a node; further steps are further rows.
"""

from __future__ import annotations

import concurrent.futures
import logging
import os
from collections.abc import Callable, Sequence
from typing import NamedTuple

from ganeti import _autoconf, errors, ssconf
from ganeti.luxi.client import Client
from ganeti.paths import Paths
from ganeti.utils import process
from ganeti.watcher import daemons, failover, health, master, probes

log = logging.getLogger(__name__)

PROGRAM = "ganeti-watcher"
HOOKS = "watcher"
HOOKS_SECONDS = 300.0
#: how many groups are looked after at the same time, and how long one may take
AT_ONCE = 16
GROUP_SECONDS = 3600.0

_LOOPBACK = "127.0.0.1"


class Run(NamedTuple):
    """One run on this node: what a step knows of it.

    `now` is the time of day in seconds.
    """

    paths: Paths
    role: daemons.Role
    node: probes.Node
    now: Callable[[], float]


class Step(NamedTuple):
    """Something to be done on a node, in words for the log, and on which nodes."""

    doing: str
    belongs: Callable[[daemons.Role], bool]
    act: Callable[[Run], None]


def _everywhere(role: daemons.Role) -> bool:
    return True


def run_hooks(run: Run) -> None:
    """Run the administrator's scripts for the watcher."""
    env = {"PATH": process.SEARCH_PATH, **run.paths.environ}
    for name, status, output in process.run_parts(os.path.join(run.paths.hooks_dir, HOOKS), env, HOOKS_SECONDS):
        if status is process.PartStatus.FAIL:
            log.warning("hook %s failed: %s", name, output.strip() or "it wrote nothing")
        elif status is process.PartStatus.SUCCESS:
            log.debug("hook %s: %s", name, output.strip())


def keep_daemons(run: Run) -> None:
    """Start and restart daemons."""
    daemons.look_after(run.node, run.role, run.now)


def keep_health(run: Run) -> None:
    """Stop what runs here if this node is marked offline and the cluster wants that."""
    health.look_after(run.node)


def keep_master(run: Run) -> None:
    """Look for the master; take its place if it is lost and the cluster wants that."""
    failover.look_after(run.node, candidate=run.role.is_candidate, now=run.now)


#: what is done on a node, in this order; what one step fails with keeps no other from being done
STEPS: Sequence[Step] = (
    Step("run hooks", _everywhere, run_hooks),
    Step("look after daemons", _everywhere, keep_daemons),
    Step("look for the master", lambda role: not role.is_master, keep_master),
    Step("stop instances of an offline node", _everywhere, keep_health),
)


def describe_run(paths: Paths, rapi_address: str, now: Callable[[], float]) -> Run:
    """Return what is known of this node, from its ssconf files.

    Raises ConfigurationError when they are not there.
    """
    me = paths.hostname
    addresses = dict(line.split() for line in ssconf.read_ssconf_lines(paths, "node_primary_ips"))
    own = addresses.get(me, _LOOPBACK)
    role = daemons.Role(
        is_master=ssconf.read_ssconf(paths, "master_node") == me,
        is_candidate=me in ssconf.read_ssconf_lines(paths, "master_candidates"),
    )
    # In a virtual cluster every node has its own; else the remote API listens everywhere.
    rapi = rapi_address or (own if paths.is_virtual else _LOOPBACK)
    return Run(paths, role, probes.Node(paths, own, rapi, ssconf.read_ssconf(paths, "cluster_uuid")), now)


def run_steps(run: Run) -> bool:
    """Do all steps that belong to this node; return whether none failed.

    Does nothing while another watcher of this node is at it.
    """
    try:
        with process.PidFile(run.paths.pid_file(PROGRAM)):
            failed = [step for step in STEPS if step.belongs(run.role) and not _done(step, run)]
            return not failed
    except errors.PidFileLockError as err:
        log.info("another watcher looks after this node: %s", err)
        return True


def _done(step: Step, run: Run) -> bool:
    try:
        step.act(run)
    except (errors.GenericError, OSError) as err:
        log.error("cannot %s: %s", step.doing, err)
        return False
    except Exception:
        log.exception("cannot %s", step.doing)
        return False
    return True


# --- on the master --------------------------------------------------------------------


def run_cluster(run: Run, job_age: int, arguments: Sequence[str]) -> bool:
    """Archive old jobs and look after every node group; return whether that worked.

    Each group has a process of its own, started with `arguments`; all at the same
    time.  Raises LuxiError when the master daemon cannot be asked.
    """
    with Client(run.paths.query_socket) as client:
        _archive(client, job_age)
        uuids = master.groups(client)
    programs = [[os.path.join(_autoconf.SBINDIR, PROGRAM), "--node-group", uuid, *arguments] for uuid in uuids]
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        return all(list(pool.map(lambda argv: _look_after_group(run.paths, argv), programs)))


def _archive(client: Client, age: int) -> None:
    try:
        master.archive_jobs(client, age)
    except errors.ProtocolError:
        raise
    except errors.GenericError as err:
        log.error("cannot archive jobs: %s", err)


def _look_after_group(paths: Paths, argv: Sequence[str]) -> bool:
    # Into the log, not to the terminal: cron would send a mail for each line.
    result = process.run(argv, env=paths.environ, timeout=GROUP_SECONDS, output_file=paths.log_file(PROGRAM))
    if result.timed_out:
        log.error("the watcher of group %s %s", argv[2], result.reason)
    return not result.failed
