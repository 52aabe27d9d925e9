"""Opcodes on the instances of a simulated cluster, with only the relevant things spelt out.

Instances are numbered: the n-th is `inst<n>.example.com` and has an address and a MAC
of its own.
"""

from __future__ import annotations

from typing import Any

from ganeti.model.opcodes import instance as i
from ganeti.model.opcodes.test import OpTestDelay
from ganeti.model.scalars import InstanceName, NodeName
from test.support.cluster_dir import node_name

DISK = 4
"""Size of disks, MiB."""


def name_of(number: int) -> InstanceName:
    """Return the name of an instance."""
    return InstanceName(f"inst{number}.example.com")


def number_of(name: InstanceName) -> int:
    """Return the number of an instance."""
    return int(name.partition(".")[0].removeprefix("inst"))


def node(number: int) -> NodeName:
    """Return the name of a node, counted from 1 as everywhere."""
    return NodeName(node_name(number))


def create(number: int, on: int, *, disks: int = 0, shared: bool = False, **fields: Any) -> i.OpInstanceCreate:
    """Create an instance on a node, with file disks or none; it is started unless `start` is false."""
    template = "diskless" if not disks else "sharedfile" if shared else "file"
    values: dict[str, Any] = {
        "instance_name": name_of(number),
        "pnode": node(on),
        "mode": "create",
        "disk_template": template,
        "disks": [{"size": DISK}] * disks,
        "nics": [{"ip": f"198.51.100.{number}"}],
        "os_type": "noop",
        "no_install": True,
        "beparams": {"memory": 256},
    }
    op: i.OpInstanceCreate = i.OpInstanceCreate.from_wire({**values, **fields})
    return op


def startup(number: int, **fields: Any) -> i.OpInstanceStartup:
    return i.OpInstanceStartup(instance_name=name_of(number), **fields)


def shutdown(number: int, **fields: Any) -> i.OpInstanceShutdown:
    return i.OpInstanceShutdown(instance_name=name_of(number), **fields)


def remove(number: int, **fields: Any) -> i.OpInstanceRemove:
    return i.OpInstanceRemove(instance_name=name_of(number), **fields)


def failover(number: int, to: int, **fields: Any) -> i.OpInstanceFailover:
    return i.OpInstanceFailover(instance_name=name_of(number), target_node=node(to), **fields)


def migrate(number: int, to: int, **fields: Any) -> i.OpInstanceMigrate:
    return i.OpInstanceMigrate(instance_name=name_of(number), target_node=node(to), **fields)


def modify(number: int, **fields: Any) -> i.OpInstanceSetParams:
    return i.OpInstanceSetParams(instance_name=name_of(number), **fields)


def delay(seconds: float, *nodes: int, **fields: Any) -> OpTestDelay:
    """Sleep on the master, or on nodes holding their locks."""
    values = {"on_master": not nodes, "on_nodes": tuple(map(node, nodes)), "no_locks": not nodes}
    return OpTestDelay(duration=seconds, **{**values, **fields})
