"""What allocators are asked: requests and figures of nodes, with only the relevant things spelt out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ganeti.masterd.iallocator.request import NodeFigures
from ganeti.model.enums import StorageType
from ganeti.model.opcodes.instance import OpInstanceCreate
from ganeti.rpc.answers import HypervisorFigures, InstanceFigures, InstanceState, NodeInfo, StorageSpace


def create_op(name: str, **fields: Any) -> OpInstanceCreate:
    """Return a request to create an instance somewhere."""
    values: dict[str, Any] = {
        "instance_name": name,
        "mode": "create",
        "disk_template": "file",
        "disks": [],
        "nics": [],
        "os_type": "noop",
    }
    op: OpInstanceCreate = OpInstanceCreate.from_wire({**values, **fields})
    return op


def figures_of(
    *,
    memory_total: int = 4096,
    memory_free: int = 3072,
    storage_free: int = 8192,
    cpu_total: int = 4,
    running: Mapping[str, int] | None = None,
) -> NodeFigures:
    """Return what a node tells about itself; `running` is the memory of the instances there."""
    hypervisor: Any = {"memory_total": memory_total, "memory_free": memory_free, "memory_dom0": 1024}
    space: Any = {"storage_free": storage_free, "storage_size": 10240}
    info = NodeInfo(
        boot_id="b",
        storage=(StorageSpace(type=StorageType.FILE, name="/srv", **space),),
        hypervisors=(HypervisorFigures(cpu_total=cpu_total, **hypervisor),),
    )
    there: Any = {
        name: InstanceFigures(memory=memory, vcpus=1, state=InstanceState.RUNNING, time=1.0)  # type: ignore[arg-type]  # plain numbers
        for name, memory in (running or {}).items()
    }
    return NodeFigures(info, there)
