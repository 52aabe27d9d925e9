"""Moves that were cut off: what is remembered of them, and how nodes give up what they keep.

Between the first and the last step of a migration both nodes hold something of the
instance, memory above all.  The record says which nodes that may be (`moving`) before
any of them holds something, and until each has said that it holds nothing any more:
so whatever ends the instance's life or goes on with it finds them, however the
migration ended.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from ganeti import errors
from ganeti.errors import ECode
from ganeti.masterd.cmdlib.instance import devices
from ganeti.masterd.cmdlib.instance.common import Placed
from ganeti.masterd.config.draft import Draft
from ganeti.masterd.config.snapshot import Config
from ganeti.masterd.services import Services
from ganeti.model.objects.node import Node
from ganeti.model.scalars import NodeName, Uuid
from ganeti.rpc import procedures as p
from ganeti.rpc.answers import ReasonTrail
from ganeti.schema import replace


async def remember(services: Services, instance: Uuid, nodes: Iterable[Node]) -> None:
    """Record, before a move begins, that nodes may keep something of an instance."""
    with services.config.update() as draft:
        now = draft.instances[instance]
        draft.instances[instance] = replace(now, moving=_sorted({*(now.moving or ()), *(n.uuid for n in nodes)}))
    await services.config.durable(draft)


async def is_over(services: Services, instance: Uuid, nodes: Iterable[Node] | None = None) -> None:
    """Record that nodes (all, when none are named) keep nothing of an instance any more."""
    if not services.config.current.instances[instance].moving:
        return
    with services.config.update() as draft:
        forget(draft, instance, nodes)
    await services.config.durable(draft)


def forget(draft: Draft, instance: Uuid, nodes: Iterable[Node] | None = None) -> None:
    """Do as `is_over` does, in a draft."""
    now = draft.instances[instance]
    left = set() if nodes is None else set(now.moving or ()) - {node.uuid for node in nodes}
    draft.instances[instance] = replace(now, moving=_sorted(left))


def elsewhere(config: Config, plan: Placed) -> list[Node]:
    """Return the nodes, but the primary, that may keep something of an instance."""
    uuids = plan.instance.moving or ()
    return [config.nodes[uuid] for uuid in uuids if uuid in config.nodes and uuid != plan.primary.uuid]


async def need_stopped_elsewhere(services: Services, config: Config, plan: Placed, act: str) -> None:
    """Refuse to go on with an instance that may run on another node, where a move that was cut off left it.

    Raises OpPrereqError.
    """
    remedy = f"see gnt-instance migrate --cleanup {plan.instance.name}"
    others = [node for node in elsewhere(config, plan) if not node.offline]
    filled = plan.on_node
    answers = await services.rpc.call_many(others, p.instance_info, filled.name, filled.hypervisor, filled.hvparams)
    for name, answer in answers.items():
        if answer.failure:
            raise errors.OpPrereqError(
                f"cannot {act}: node {name} may keep it from a move that was cut off, and cannot be asked:"
                f" {answer.failure}; mark the node offline when it is down, else {remedy}",
                ECode.STATE,
            )
        if answer.unwrap("look") is not None:
            raise errors.OpPrereqError(
                f"cannot {act}: it runs on node {name} since a move that was cut off; {remedy}", ECode.STATE
            )


async def give_up_elsewhere(
    services: Services, config: Config, plan: Placed, trail: ReasonTrail, warn: Callable[[str], None]
) -> list[Node]:
    """Have all nodes but the primary end what they keep of an instance; return those that could not be told.

    Nodes that are offline are none of them: what they kept is gone when they return.
    """
    others = elsewhere(config, plan)
    answers = await services.rpc.call_many(
        [node for node in others if not node.offline], p.instance_shutdown, plan.on_node, 0, trail
    )
    failed = []
    for node in others:
        answer = answers.get(NodeName(node.name))
        if answer and answer.failure:
            warn(f"cannot clean up after a move of instance {plan.instance.name} on node {node.name}: {answer.failure}")
            failed.append(node)
    return failed


async def go_on(services: Services, plan: Placed) -> bool:
    """Let an instance that a move left stopped, its memory kept on its primary node, go on there.

    Returns whether it runs now.  Raises OpExecError when the node does not answer.
    """
    rpc, primary, filled = services.rpc, plan.primary, plan.on_node
    await rpc.call(primary, p.instance_finalize_migration_dst, filled, "", True)
    if not await devices.is_running(services, primary, filled):
        await rpc.call(primary, p.instance_finalize_migration_src, filled, False, False)
    return await devices.is_running(services, primary, filled)


def _sorted(uuids: Iterable[Uuid]) -> Sequence[Uuid] | None:
    return tuple(sorted(uuids)) or None
