"""Values that only travel in node calls: what a node tells about itself.

The records of the configuration and the messages shared with other protocols are in
`ganeti.model.objects`.  These know how they look on the wire and nothing else.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping, Sequence
from typing import Annotated

from ganeti.model.enums import StorageType
from ganeti.model.objects.instance import FilledInstance
from ganeti.model.objects.node import Node
from ganeti.model.objects.nodegroup import NodeGroup
from ganeti.model.scalars import MiB, NodeName
from ganeti.schema import Record, param
from ganeti.schema_types import Check

_JOB_FILE = re.compile(r"job-\d{1,18}", re.ASCII)

ReasonTrail = Sequence[tuple[str, str, int]]
"""Why something happens: (source, reason, nanoseconds since the epoch), oldest first."""

HvParams = Mapping[str, object]
"""Hypervisor parameters by name."""

StorageRef = tuple[StorageType, str, Sequence[object]]
"""A storage unit to ask for: (type, key, parameters of the type)."""

JobFileName = Annotated[
    str, Check("str+", "the name of a job file (job-12)", lambda value: bool(_JOB_FILE.fullmatch(value)))
]


class InstanceState(enum.IntEnum):
    """State of an instance as its hypervisor sees it."""

    RUNNING = 0
    SHUTDOWN = 1


class HookStatus(enum.IntEnum):
    """How one hook script ended."""

    SKIP = 0
    FAIL = 1
    SUCCESS = 2


HookResult = tuple[str, HookStatus, str]
"""How one hook script went: (path relative to the hooks directory, status, what it printed)."""


class StorageSpace(Record, omit_none=True):
    """Room in a storage unit."""

    type: StorageType = param(doc="Storage type of the unit")
    name: str = param(doc="Key of the unit: volume group, directory")
    storage_free: MiB | None = param(default=None, doc="Free space; none when it cannot be told")
    storage_size: MiB | None = param(default=None, doc="Whole size; none when it cannot be told")


class HypervisorFigures(Record, omit_none=True, keep_unknown=True):
    """What a hypervisor tells about its node; memory in MiB."""

    memory_total: MiB = param(doc="Memory of the node")
    memory_free: MiB = param(doc="Memory free for instances")
    memory_dom0: MiB = param(doc="Memory used by the node itself")
    memory_hv: MiB | None = param(default=None, doc="Memory used by the hypervisor (Xen)")
    cpu_total: int = param(doc="Logical CPUs")
    cpu_nodes: int = param(default=1, doc="NUMA nodes")
    cpu_sockets: int = param(default=1, doc="CPU sockets")
    cpu_dom0: int = param(default=0, doc="CPUs kept for the node itself")
    hv_version: Sequence[int] | str | None = param(default=None, doc="Version of the hypervisor")


class NodeInfo(Record):
    """Answer of node_info."""

    boot_id: str = param(doc="Changes with each boot of the node")
    storage: Sequence[StorageSpace] = param(doc="One per storage unit asked for, in that order")
    hypervisors: Sequence[HypervisorFigures] = param(doc="One per hypervisor asked for, in that order")


class InstanceFigures(Record):
    """What a hypervisor tells about one instance."""

    memory: MiB = param(doc="Memory the instance has now")
    vcpus: int = param(doc="Virtual CPUs")
    state: InstanceState = param(doc="State seen by the hypervisor")
    time: float = param(doc="CPU seconds used")


class ConsoleRequest(Record):
    """What a node needs to know to describe the console of one instance."""

    instance: FilledInstance = param(doc="The instance")
    node: Node = param(doc="Its primary node")
    group: NodeGroup = param(doc="The group of that node")
    hvparams: HvParams = param(wire="hvParams", doc="Filled hypervisor parameters")
    beparams: Mapping[str, object] = param(wire="beParams", doc="Filled backend parameters")


class AssembledDisk(Record):
    """Where an assembled disk is found; all none on a secondary node."""

    dev_path: str | None = param(default=None, doc="Device or file")
    link_name: str | None = param(default=None, doc="Stable link to it, given to the hypervisor")
    uri: str | None = param(default=None, doc="Address for userspace access")


class OsDiagnosis(Record):
    """One OS definition found on a node, good or bad."""

    name: str = param(doc="Name without variant")
    path: str = param(doc="Directory of the definition")
    status: bool = param(doc="Whether it can be used")
    diagnose: str = param(default="", doc="What is wrong with it")
    variants: Sequence[str] = param(factory=tuple, doc="Supported variants, default first")
    parameters: Sequence[tuple[str, str]] = param(factory=tuple, doc="(name, description) of each parameter")
    api_versions: Sequence[int] = param(factory=tuple, doc="Interface versions it supports")
    trusted: bool = param(default=True, doc="Whether its create script may run with the daemon's rights")
    version: str = param(default="", doc="Release of the definition, from its file os_version; empty if it has none")


class MasterInfo(Record):
    """Who a node thinks the master is."""

    netdev: str = param(doc="Interface of the cluster address")
    ip: str = param(doc="Cluster address")
    name: NodeName = param(doc="Master node")
    ip_family: int = param(doc="Socket family number: 2 or 10")
    netmask: int = param(doc="Prefix length of the cluster address")


class MasterTerm(Record):
    """A mastership: see `ganeti.mastership`."""

    term: int = param(doc="Which, in order; 0 for the one before any failover")
    master: NodeName | None = param(default=None, doc="Master node, none when the node has heard of no failover")


class MasterVote(Record, omit_none=True, keep_unknown=True):
    """Whom a node takes for the master, and how new its copies are; only candidates have some."""

    master: NodeName = param(doc="Master node")
    term: int = param(default=0, doc="Since which term")
    behind: Sequence[NodeName] = param(factory=tuple, doc="Candidates that miss what that master acknowledged")
    config_term: int | None = param(default=None, doc="Term of the master that wrote the configuration here")
    config_serial: int | None = param(default=None, doc="Serial number of the configuration here")
    job_serial: int | None = param(default=None, doc="Number of the newest job here")
    serving: bool = param(default=False, doc="Whether the master daemon runs here")
    absent: float | None = param(
        default=None, doc="Seconds since which that master gives this node's watcher no answer, none when it does"
    )


class QueueCopy(Record):
    """What one replica of the job queue has that another has not; names are relative to the queue directory."""

    files: Sequence[tuple[str, str]] = param(doc="Job files in the queue, with their content")
    archived: Sequence[tuple[str, str]] = param(doc="Jobs of the other's queue that are archived here")
    names: Sequence[str] = param(doc="All job files in the queue here")
    serial: int = param(doc="Number of the newest job here")
    drained: bool = param(doc="Whether the queue is drained here")
    more: bool = param(doc="Whether there is more, for another call")


class FileInfo(Record, omit_none=True):
    """What is known of a file; only `exists` when it does not exist."""

    exists: bool = param(doc="Whether there is such a file")
    mode: int | None = param(default=None, doc="Type and permission bits (stat(2))")
    size: int | None = param(default=None, doc="Bytes")
    uid: int | None = param(default=None, doc="Owner")
    gid: int | None = param(default=None, doc="Group")
    mtime: float | None = param(default=None, doc="Time of the last change")
