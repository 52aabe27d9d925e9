"""Operations that exercise the cluster itself: delays, allocators, the job queue."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ganeti.model.enums import DiskTemplate, EvacMode, HypervisorName, IAllocatorDirection, IAllocatorMode, NicParam
from ganeti.model.opcodes.base import OpCode
from ganeti.model.scalars import (
    AllocatorName,
    GroupName,
    HostName,
    InstanceName,
    MiB,
    NodeName,
    NonNegativeInt,
    OsName,
    Secret,
    Tag,
    Uuid,
)
from ganeti.schema import param

_NS_PER_SECOND = 1e9


class OpTestDelay(OpCode):
    """Sleep, on the master and on nodes, holding locks or not."""

    SUMMARY_FIELD = "duration"

    duration: float = param(doc="How long to sleep, in seconds")
    on_master: bool = param(default=True, doc="Sleep in the master daemon")
    on_nodes: Sequence[NodeName] = param(default=(), doc="Nodes to sleep on, all at the same time")
    on_node_uuids: Sequence[Uuid] | None = param(default=None, doc="UUIDs of the nodes to sleep on")
    repeat: NonNegativeInt = param(default=0, doc="How often to sleep; 0 sleeps once and tells nothing of rounds")
    interruptible: bool = param(
        default=False, doc="End early when something connects to a socket told in the job's log"
    )
    no_locks: bool = param(default=True, doc="Sleep without holding locks of the nodes")

    @classmethod
    def _summary_text(cls, value: object) -> str:
        # Formatted, not rounded: of what is too large for a number of nanoseconds it makes a text, too.
        return f"{value * _NS_PER_SECOND:.0f} ns" if isinstance(value, (int, float)) else str(value)


class OpTestAllocator(OpCode):
    """Show what an allocator is asked, or what it answers, without doing it."""

    SUMMARY_FIELD = "iallocator"
    RESULT = str

    direction: IAllocatorDirection = param(doc="`in` shows the question, `out` runs the allocator and shows its answer")
    mode: IAllocatorMode = param(doc="What the allocator is asked")
    name: HostName = param(doc="Name of the new instance, or of the instance to relocate")
    nics: Sequence[Mapping[NicParam, str | None]] | None = param(default=None, doc="NICs of the new instance")
    disks: Sequence[object] | None = param(default=None, doc="Disks of the new instance, each with size and mode")
    hypervisor: HypervisorName | None = param(default=None, doc="Hypervisor of the new instance; null: the default")
    iallocator: AllocatorName | None = param(default=None, doc="Allocator to run; `.` stands for the default")
    tags: Sequence[Tag] = param(default=(), doc="Tags of the new instance")
    memory: MiB | None = param(default=None, doc="Memory of the new instance, in MiB")
    vcpus: NonNegativeInt | None = param(default=None, doc="Virtual processors of the new instance")
    os: OsName | None = param(default=None, doc="OS definition of the new instance")
    disk_template: DiskTemplate | None = param(default=None, doc="How the disks of the new instance are laid out")
    instances: Sequence[InstanceName] | None = param(default=None, doc="Instances to find a new place for")
    evac_mode: EvacMode | None = param(default=None, doc="Which of a node's instances are to leave it")
    target_groups: Sequence[GroupName] | None = param(default=None, doc="Groups the instances may move to")
    spindle_use: NonNegativeInt = param(default=1, doc="How many spindles the new instance counts for")
    count: NonNegativeInt = param(default=1, doc="How many instances of this kind to place")
    group_name: GroupName | None = param(default=None, doc="Group the new instance is to go to; null: any")


class OpTestJqueue(OpCode):
    """Exercise the job queue: tell when locks are awaited, when it runs, and write to the job's log."""

    RESULT = bool

    notify_waitlock: bool = param(default=False, doc="Tell the client when the job waits for its locks")
    notify_exec: bool = param(default=False, doc="Tell the client when the job begins to run")
    log_messages: Sequence[str] = param(default=(), doc="Messages to write to the job's log")
    fail: bool = param(default=False, doc="End in an error")


class OpTestOsParams(OpCode):
    """Take secret OS parameters and do nothing with them: shows that they are kept from logs."""

    osparams_secret: Mapping[str, Secret] | None = param(default=None, secret=True, doc="Secret OS parameters, by name")


class OpTestDummy(OpCode):
    """Answer as told: for tests of whoever runs opcodes."""

    result: object = param(default=None, doc="What to answer")
    messages: object = param(default=None, doc="Messages to write to the job's log")
    fail: object = param(default=None, doc="Whether to end in an error")
    submit_jobs: object = param(default=None, doc="Jobs to submit, each a list of opcodes")
