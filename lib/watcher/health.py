"""Stops what runs on a node that the cluster has marked offline, if it is to (`maintain_node_health`).

Such a node gets no news any more, and what ran on it may have been started elsewhere.
So it asks the other master candidates what it is; its own files may be old.
"""

from __future__ import annotations

import concurrent.futures
import logging

from ganeti import errors, ssconf
from ganeti.confd.client import PEERS_KEY, ConfdClient, read_key
from ganeti.confd.quorum import Result
from ganeti.confd.requests import RequestType, Role
from ganeti.hypervisor.base import Hypervisor
from ganeti.model.enums import HypervisorName
from ganeti.model.scalars import InstanceName
from ganeti.noded.backend import links
from ganeti.noded.context import NodeContext
from ganeti.paths import Paths
from ganeti.watcher.probes import Node

log = logging.getLogger(__name__)

WANTED_KEY = "maintain_node_health"
#: seconds an instance is given to end by itself
SHUTDOWN_SECONDS = 120.0
AT_ONCE = 16


def is_offline(result: Result) -> bool:
    """Tell whether this node is offline, by what other candidates said when asked for its role.

    Raises ConfdClientError, saying why, when that is not certain.
    """
    if not result.is_complete:
        raise errors.ConfdClientError(
            f"{result.replied} of {result.asked} master candidates answered, {result.needed} have to"
        )
    if not result.consistent:
        raise errors.ConfdClientError(
            f"master candidates say different things of the same configuration (serial {result.reply.serial})"
        )
    if not result.reply.ok:
        raise errors.ConfdClientError(f"the newest configuration (serial {result.reply.serial}) has no such node")
    return result.reply.answer == Role.OFFLINE


def look_after(node: Node) -> None:
    """Stop the instances that run here, if this node is offline and the cluster wants that."""
    paths = node.paths
    if ssconf.read_ssconf(paths, WANTED_KEY) != "True":
        return
    others = [peer for peer in ssconf.read_ssconf_lines(paths, PEERS_KEY) if peer != node.address]
    if not others:
        return
    context = NodeContext.of(paths)
    try:
        with ConfdClient(read_key(paths), others) as client:
            offline = is_offline(client.ask(RequestType.NODE_ROLE_BYNAME, context.name, coverage=-1))
    except errors.ConfdClientError as err:
        log.warning("cannot tell whether this node is offline, what runs goes on: %s", err)
        return
    if offline:
        stop_all(context, paths)


def stop_all(context: NodeContext, paths: Paths) -> None:
    """Stop all instances of this node; those that cannot be are told in the log."""
    for name in ssconf.read_ssconf_lines(paths, "hypervisor_list"):
        driver = context.hypervisor(HypervisorName(name))
        running = [instance.name for instance in driver.running()]
        with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
            list(pool.map(lambda instance, driver=driver: _stop(context, driver, instance), running))


def _stop(context: NodeContext, driver: Hypervisor, name: InstanceName) -> None:
    log.warning("this node is marked offline: stopping instance %s", name)
    try:
        driver.stop(name, force=False, timeout=SHUTDOWN_SECONDS)
        if driver.find(name) is not None:
            driver.stop(name, force=True, timeout=0)
        driver.cleanup(name)
        links.remove_links(context, name)
    except (errors.HypervisorError, OSError) as err:
        log.error("cannot stop instance %s: %s", name, err)
