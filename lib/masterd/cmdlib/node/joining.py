"""Whether a machine may become a node, and as what.  Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from ganeti import errors
from ganeti.errors import ECode
from ganeti.masterd.cmdlib.node.common import merged_ndparams, single_homed
from ganeti.masterd.config.snapshot import Config
from ganeti.model.objects.node import Node
from ganeti.model.opcodes.node import OpNodeAdd
from ganeti.model.scalars import IPAddress, NodeName, Uuid
from ganeti.schema import replace

#: seconds by which clocks may differ without a complaint
MAX_CLOCK_SKEW = 150.0


def plan_node(config: Config, op: OpNodeAdd, new_uuid: Uuid) -> Node:
    """Return the record of the node that is added, or taken back; not yet a candidate.

    Raises OpPrereqError.
    """
    known = config.node_named(op.node_name)
    if op.readd:
        return _taken_back(config, op, known)
    if known is not None:
        raise _refusal(op, "it is in the cluster already (--readd takes a node back)", ECode.EXISTS)
    if op.primary_ip is None:
        raise _refusal(op, "primary_ip is missing", ECode.INVAL)
    node = Node(
        uuid=new_uuid,
        name=NodeName(op.node_name),
        primary_ip=op.primary_ip,
        secondary_ip=op.secondary_ip or op.primary_ip,
        group=_group(config, op),
        master_capable=op.master_capable is not False,
        vm_capable=op.vm_capable is not False,
        ndparams=merged_ndparams({}, op.ndparams or {}),
    )
    check_addresses(config, node)
    return node


def _taken_back(config: Config, op: OpNodeAdd, known: Node | None) -> Node:
    if known is None:
        raise _refusal(op, "it is not in the cluster, so it cannot be taken back", ECode.NOENT)
    if known.uuid == config.cluster.master_node:
        raise _refusal(op, "it is the master", ECode.INVAL)
    if op.group is not None:
        raise _refusal(op, "a node that is taken back stays in its group", ECode.INVAL)
    primary, secondary = op.primary_ip or known.primary_ip, op.secondary_ip or known.secondary_ip
    if (primary, secondary) != (known.primary_ip, known.secondary_ip):
        raise _refusal(
            op,
            f"it must have its addresses of before, {known.primary_ip} and {known.secondary_ip},"
            f" not {primary} and {secondary}",
            ECode.INVAL,
        )
    return replace(
        known,
        offline=False,
        drained=False,
        master_candidate=False,
        powered=True,
        master_capable=known.master_capable if op.master_capable is None else op.master_capable,
        vm_capable=known.vm_capable if op.vm_capable is None else op.vm_capable,
        ndparams=merged_ndparams(known.ndparams, op.ndparams or {}),
    )


def check_addresses(config: Config, node: Node) -> None:
    """Refuse addresses others have, and a node that has one where the others have two.

    Raises OpPrereqError.
    """
    own = {node.primary_ip, node.secondary_ip}
    for other in config.nodes.values():
        common = sorted(own & {other.primary_ip, other.secondary_ip})
        if common and other.uuid != node.uuid:
            raise _conflict(node, common[0], f"node {other.name}")
    if config.cluster.master_ip in own and config.cluster.master_ip not in _addresses(config.nodes.values()):
        raise _conflict(node, config.cluster.master_ip, "the cluster itself")
    if single_homed(node) != single_homed(config.master):
        has, master_has = ("no", "one") if single_homed(node) else ("a", "none")
        raise errors.OpPrereqError(
            f"cannot use addresses of node {node.name}: it has {has} secondary address of its own,"
            f" the master {config.master.name} has {master_has}",
            ECode.INVAL,
        )


def problems_of(name: NodeName, checks: Mapping[str, object]) -> list[str]:
    """Return why a node cannot join, from what node_verify found there."""
    found: list[str] = []
    for key in ("nodesetup", "nodelist"):
        result = checks.get(key)
        if isinstance(result, str):
            found.append(result)
        elif isinstance(result, Mapping):
            found += [str(problem) for problem in result.values()]
        elif isinstance(result, list | tuple):
            found += [str(problem) for problem in result]
        else:
            found.append(f"node {name} did not answer check {key}")
    return found


def clock_skew(checks: Mapping[str, object], start: float, end: float) -> float | None:
    """Return by how many seconds a node's clock is off, given when it was asked; None when it did not tell."""
    match checks.get("time"):
        case [int(seconds), int(microseconds)]:
            there = seconds + microseconds / 1_000_000
            if there < start:
                return start - there
            return max(there - end, 0.0)
    return None


def _group(config: Config, op: OpNodeAdd) -> Uuid:
    if op.group is not None:
        group = config.group_named(op.group)
        assert group is not None, "names are resolved before"
        return group.uuid
    if len(config.groups) > 1:
        raise _refusal(op, "there are several node groups; say which one it is for (--node-group)", ECode.INVAL)
    return next(iter(config.groups))


def _addresses(nodes: Iterable[Node]) -> set[IPAddress]:
    return {address for node in nodes for address in (node.primary_ip, node.secondary_ip)}


def _conflict(node: Node, address: IPAddress, owner: str) -> errors.OpPrereqError:
    return errors.OpPrereqError(
        f"cannot use address {address} for node {node.name}: it is that of {owner}", ECode.NOTUNIQUE
    )


def _refusal(op: OpNodeAdd, reason: str, code: ECode) -> errors.OpPrereqError:
    return errors.OpPrereqError(f"cannot add node {op.node_name}: {reason}", code)
