"""gnt-instance batch-create: many instances from one file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ganeti import errors
from ganeti.cli.failures import ExitCode, UsageError
from ganeti.cli.jobs import Work, follow_children, run_many, run_op
from ganeti.cli.parse import Values
from ganeti.cli.session import Session
from ganeti.cli.values import sizes
from ganeti.model.opcodes.instance import OpInstanceCreate, OpInstanceMultiAlloc
from ganeti.utils import json

_DEFAULTS: Mapping[str, Any] = {"mode": "create", "nics": [{}]}


def batch_create(session: Session, options: Values, args: Sequence[str]) -> int:
    """Create the instances of a file."""
    ops = read_instances(args[0])
    placed = [op for op in ops if op.pnode]
    if placed and (len(placed) != len(ops) or options.iallocator):
        raise UsageError("either every instance of the file names its nodes (pnode, snode), or none does")
    if placed or any(op.iallocator for op in ops):
        return run_many(session, options, [Work(op.instance_name, [op]) for op in ops])
    multi = OpInstanceMultiAlloc.from_wire({"iallocator": options.iallocator})
    result = run_op(session, options, _with_instances(multi, ops))
    for name in result.get("failed", []):
        session.console.say(f"{name}: the allocator found no place for it")
    code = follow_children(session, result)
    return code or (ExitCode.FAILURE if result.get("failed") else ExitCode.SUCCESS)


def read_instances(file: str) -> list[OpInstanceCreate]:
    """Return the opcodes that create the instances of a file.

    Raises UsageError naming the file and what is wrong in it.
    """
    try:
        with open(file, encoding="utf-8") as stream:
            data = json.loads(stream.read())
        if not isinstance(data, list) or not data:
            raise UsageError("expected a list with an object per instance")
        return [OpInstanceCreate.from_wire(_complete(row, f"[{n}]"), f"[{n}]") for n, row in enumerate(data)]
    except OSError as err:
        raise UsageError(f"cannot read instances from {file}: {err.strerror}") from err
    except (UnicodeDecodeError, errors.UserError) as err:
        raise UsageError(f"cannot read instances from {file}: {err}") from err


def _complete(row: object, path: str) -> dict[str, Any]:
    if not isinstance(row, Mapping):
        raise UsageError(f"{path}: expected an object")
    disks = row.get("disks", [])
    if not isinstance(disks, list) or not all(isinstance(disk, Mapping) for disk in disks):
        raise UsageError(f"{path}.disks: expected a list of objects")
    return {**_DEFAULTS, **row, "disks": [sizes(disk, ["size"]) for disk in disks]}


def _with_instances(op: OpInstanceMultiAlloc, instances: Sequence[OpInstanceCreate]) -> OpInstanceMultiAlloc:
    return OpInstanceMultiAlloc(iallocator=op.iallocator, instances=tuple(instances))
