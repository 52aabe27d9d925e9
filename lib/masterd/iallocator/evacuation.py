"""Pure: the check of an allocator's answer to where instances of a node can go."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

from ganeti import errors
from ganeti.masterd.config.snapshot import Config
from ganeti.model.opcodes import registry
from ganeti.model.opcodes.base import OpCode
from ganeti.model.opcodes.instance import OpInstanceFailover, OpInstanceMigrate, OpInstanceReplaceDisks
from ganeti.model.scalars import InstanceName, NodeName

#: what moves an instance (`spec/iallocator.json`, node-evacuate)
Move = OpInstanceFailover | OpInstanceMigrate | OpInstanceReplaceDisks


class Evacuation(NamedTuple):
    """Instances with their new nodes, those without and why, and the jobs that move them."""

    moved: Sequence[tuple[InstanceName, Sequence[NodeName]]]
    failed: Sequence[tuple[InstanceName, str]]
    jobs: Sequence[Sequence[OpCode]]


def read(allocator: str, result: Any, config: Config, asked: Collection[InstanceName]) -> Evacuation:
    """Check and return the result of an evacuation; it is about the instances asked about, all of them, alone.

    Raises OpExecError.
    """
    try:
        return _read(result, config, asked)
    except errors.UserError as err:
        raise errors.OpExecError(f"cannot use the answer of allocator {allocator}: {err}") from err


def _read(result: Any, config: Config, asked: Collection[InstanceName]) -> Evacuation:
    match result:
        case [list(moved), list(failed), list(jobs)]:
            places = [_place(entry, config) for entry in moved]
            reasons = [_reason(entry) for entry in failed]
            told = sorted([name for name, _ in places] + [name for name, _ in reasons])
            if told != sorted(asked):
                raise errors.OpPrereqError(f"it was asked about {', '.join(sorted(asked))} and tells of {told}")
            movable = {name for name, _ in places}
            return Evacuation(places, reasons, [_job(job, f"jobs[{n}]", movable) for n, job in enumerate(jobs)])
    raise errors.OpPrereqError(f"expected moved instances, failed ones and jobs, got {str(result)[:200]}")


def _place(entry: Any, config: Config) -> tuple[InstanceName, Sequence[NodeName]]:
    match entry:
        case [str(name), str(), list(nodes)] if nodes:
            unknown = [node for node in nodes if not isinstance(node, str) or config.node_named(node) is None]
            if unknown:
                raise errors.OpPrereqError(f"unknown node {unknown[0]}")
            return InstanceName(name), nodes
    raise errors.OpPrereqError(f"{str(entry)[:200]} is no placement")


def _reason(entry: Any) -> tuple[InstanceName, str]:
    match entry:
        case [str(name), str() | None as reason]:
            return InstanceName(name), reason or "no reason given"
    raise errors.OpPrereqError(f"{str(entry)[:200]} is no instance with a reason")


def _job(job: Any, path: str, movable: Collection[InstanceName]) -> list[OpCode]:
    if not isinstance(job, list) or not job:
        raise errors.OpPrereqError(f"{path}: expected opcodes, got {str(job)[:200]}")
    ops: list[OpCode] = []
    for number, given in enumerate(job):
        here = f"{path}[{number}]"
        if not isinstance(given, Mapping):
            raise errors.OpPrereqError(f"{here}: expected an opcode, got {str(given)[:200]}")
        op = registry.load(given, here)
        if not isinstance(op, Move) or op.instance_name not in movable:
            raise errors.OpPrereqError(f"{here}: {op.summary()} moves none of the instances")
        ops.append(op)
    return ops
