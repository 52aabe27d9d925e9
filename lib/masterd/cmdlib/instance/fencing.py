"""Is an instance certainly down where it was?  It may be started elsewhere only then.

That a node is marked offline, or does not answer, proves nothing: what ran there may
go on, with its disks in use.  What does prove it is the node's own word, or the word
of the out-of-band helper that its machine has no power.
"""

from __future__ import annotations

from typing import NamedTuple

from ganeti import errors
from ganeti.errors import ECode
from ganeti.masterd.cmdlib.instance.common import Placed
from ganeti.masterd.config.snapshot import Config
from ganeti.masterd.services import Services
from ganeti.model.enums import OobCommand
from ganeti.model.objects.node import Node
from ganeti.model.oob import OOB_TIMEOUT, read_power_status
from ganeti.model.params.fill import fill_ndparams
from ganeti.model.scalars import NodeName
from ganeti.rpc import procedures as p
from ganeti.schema import replace


class Evidence(NamedTuple):
    """What is known of an instance on its primary node.

    `runs` is None when that cannot be told; `answers` says whether the node's daemon does.
    `told` is the source of what is known, or why nothing is.
    """

    answers: bool
    runs: bool | None
    told: str


def reachable(node: Node) -> Node:
    """Return a node as one that is called although it may be marked offline."""
    return replace(node, offline=False)


async def look(services: Services, config: Config, plan: Placed) -> Evidence:
    """Ask the primary node whether an instance runs there, and its out-of-band helper when it cannot tell.

    A node that is marked offline is asked, too.
    """
    node, instance = reachable(plan.primary), plan.on_node
    answer = await services.rpc.call(node, p.instance_info, instance.name, instance.hypervisor, instance.hvparams)
    if answer.ok:
        runs = answer.unwrap("look") is not None
        return Evidence(True, runs, f"node {node.name} says that it {'runs' if runs else 'does not run'} there")
    silence = f"node {node.name} cannot be asked: {answer.failure}"
    helper = str(fill_ndparams(config.cluster, config.groups[node.group], node)["oob_program"] or "")
    if not helper:
        return Evidence(False, None, f"{silence}; it has no out-of-band helper (node parameter oob_program)")
    said = await services.rpc.call(
        config.master, p.run_oob, helper, OobCommand.POWER_STATUS, NodeName(node.name), OOB_TIMEOUT
    )
    if said.failure:
        return Evidence(False, None, f"{silence}; its out-of-band helper does not tell: {said.failure}")
    match read_power_status(said.unwrap("ask for the power")):
        case False:
            return Evidence(False, False, f"{helper} says that node {node.name} is off")
        case True:
            return Evidence(False, None, f"{silence}; {helper} says that it is on")
    return Evidence(False, None, f"{silence}; {helper} does not tell whether it is on")


def need_proof(plan: Placed, evidence: Evidence, *, force: bool) -> None:
    """Refuse to start an instance elsewhere that may run where it was; with `force` only the administrator knows.

    One that is seen running on a node in service is fine: it is stopped first.

    Raises OpPrereqError.
    """
    act = f"cannot fail over instance {plan.instance.name}"
    if force:
        return
    if evidence.runs is None:
        raise errors.OpPrereqError(
            f"{act}: it may still run on node {plan.primary.name}, nothing proves that it does not: {evidence.told};"
            " switch the node off, make sure that it is, then use --ignore-consistency",
            ECode.STATE,
        )
    if evidence.runs and plan.primary.offline:
        raise errors.OpPrereqError(
            f"{act}: it runs on node {plan.primary.name}, which is marked offline by mistake:"
            f" gnt-node modify --offline=no {plan.primary.name} takes it back into service, or"
            " --ignore-consistency stops the instance there all the same",
            ECode.STATE,
        )
