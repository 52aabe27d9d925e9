"""A master that is lost is replaced, where the cluster wants that (automatic_failover).

On every node but the master, each run of the watcher looks whether the master's node
daemon gives an answer, and notes since when it does not.  A master candidate that has
missed it often enough asks the other nodes; only when most of all nodes have missed
it, too, and the out-of-band helper (where there is one) says that it is off, the
candidate fails over, which is a vote of its own (doc/design-failover.rst).
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Mapping
from typing import NamedTuple

from ganeti import _autoconf, errors, mastership, ssconf
from ganeti.mastership import Absence
from ganeti.model.objects.configdata import ConfigData
from ganeti.model.oob import OOB_TIMEOUT, read_power_status
from ganeti.model.params.fill import fill_ndparams
from ganeti.model.scalars import NodeName
from ganeti.paths import Paths
from ganeti.rpc import procedures as p
from ganeti.rpc.curl import CredentialFiles
from ganeti.rpc.sync import call_sync
from ganeti.utils import files, json, process
from ganeti.watcher import probes

log = logging.getLogger(__name__)

#: seconds the master may take to answer, at the first and the second try
PROBE_SECONDS = (4.0, 8.0)
#: seconds the master must have been missed by most nodes: in less it cannot know that it is cut off
SETTLED = 60.0
FAILOVER_SECONDS = 600.0


class Wanted(NamedTuple):
    """What the configuration says: after how many runs (0: never), and the helper that knows whether the master is off.

    `helper` is "" where there is none.
    """

    runs: int
    helper: str = ""


def look_after(node: probes.Node, *, candidate: bool, now: Callable[[], float]) -> None:
    """Look for the master; take its place if it has to be."""
    paths = node.paths
    master = mastership.read(paths).master or ssconf.read_ssconf(paths, "master_node")
    if master == paths.hostname:
        mastership.note_absence(paths, None)
        return
    answered = _answers(node, master)
    found = None if answered else noted(mastership.read_absence(paths), master, now())
    mastership.note_absence(paths, found)
    if found is None:
        return
    log.warning("the master %s gives no answer, at look %d since %.0f s", master, found.looks, found.last - found.since)
    if candidate:
        wanted = read_wanted(paths, master)
        if is_due(found, wanted.runs):
            _take_its_place(node, master, wanted, now)


# --- decisions ------------------------------------------------------------------------


def noted(before: Absence | None, master: str, now: float) -> Absence:
    """Return what is noted when the master gave no answer once more."""
    if before is None or before.seconds(master, now) is None:
        return Absence(master, 1, now, now)
    return before._replace(looks=before.looks + 1, last=now)


def is_due(found: Absence, runs: int) -> bool:
    """Tell whether a master was missed long enough; 0 `runs` stand for never."""
    return bool(runs) and found.looks >= runs and found.last - found.since >= SETTLED


def enough(absences: Mapping[NodeName, float | None]) -> bool:
    """Tell whether more than half of all nodes have missed the master long enough; None stands for a no."""
    missing = [seconds for seconds in absences.values() if seconds is not None and seconds >= SETTLED]
    return mastership.is_majority(len(missing), len(absences))


def read_wanted(paths: Paths, master: str) -> Wanted:
    """Return what the copy of the configuration here says.

    Raises ConfigurationError.
    """
    try:
        config = ConfigData.from_wire(json.loads(files.read_file(paths.config_file)))
    except (OSError, errors.ParseError, errors.ParameterError) as err:
        raise errors.ConfigurationError(f"cannot read {paths.config_file}: {err}") from err
    node = next((node for node in config.nodes.values() if node.name == master), None)
    group = config.nodegroups[node.group] if node else None
    helper = fill_ndparams(config.cluster, group, node)["oob_program"] if group else ""
    return Wanted(config.cluster.automatic_failover or 0, str(helper or ""))


# --- deeds ----------------------------------------------------------------------------


def _take_its_place(node: probes.Node, master: str, wanted: Wanted, now: Callable[[], float]) -> None:
    absences = _ask_nodes(node, master)
    missing = sorted(name for name, seconds in absences.items() if seconds is not None)
    if not enough(absences):
        log.warning(
            "no automatic failover: %d of %d nodes miss the master %s (%s), more than half have to, for %.0f s",
            len(missing), len(absences), master, ", ".join(missing) or "none", SETTLED,
        )  # fmt: skip
        return
    if wanted.helper and not is_off(node.paths, wanted.helper, master):
        return
    log.error("the master %s is lost (missed by %s): %s takes its place", master, missing, node.paths.hostname)
    program = os.path.join(_autoconf.BINDIR, "gnt-cluster")
    done = process.run([program, "master-failover"], env={**os.environ, **node.paths.environ}, timeout=FAILOVER_SECONDS)
    if done.failed:
        log.error("cannot take the place of %s: %s", master, done.output.strip() or done.reason)
    else:
        log.error("%s", done.output.strip())
        mastership.note_absence(node.paths, None)


def _answers(node: probes.Node, master: str) -> bool:
    address = ssconf.node_addresses(node.paths).get(master)
    return address is not None and any(
        probes.noded(node._replace(address=address), seconds) for seconds in PROBE_SECONDS
    )


def _ask_nodes(node: probes.Node, master: str) -> dict[NodeName, float | None]:
    """Return how long each node that is not marked offline has missed the master; None for those that do not answer."""
    paths = node.paths
    credentials = CredentialFiles(paths.server_cert, paths.client_cert)
    absences: dict[NodeName, float | None] = {}
    for name, address in [(NodeName(name), address) for name, address in ssconf.node_addresses(paths).items()]:
        absences[name] = None
        if name != master:
            answer = call_sync(name, address, credentials, node.cluster_uuid, p.master_vote)
            if answer.ok and (vote := answer.unwrap("vote")).master == master:
                absences[name] = vote.absent
    return absences


def is_off(paths: Paths, helper: str, node: str) -> bool:
    """Ask the out-of-band helper whether a node's machine is off; any doubt is a no."""
    try:
        done = process.run([helper, "power-status", node], env=paths.environ, timeout=OOB_TIMEOUT)
        powered = read_power_status(done.stdout) if not done.failed else None
    except errors.CommandError as err:
        log.error("no automatic failover: %s cannot tell whether %s is off: %s", helper, node, err)
        return False
    match powered:
        case False:
            return True
        case True:
            log.error("no automatic failover: %s says that %s is on; switch it off, then it goes on", helper, node)
        case _:
            log.error(
                "no automatic failover: %s cannot tell whether %s is off: %s",
                helper, node, done.output.strip() or done.reason,
            )  # fmt: skip
    return False
