"""What every hypervisor driver promises.

A driver starts, stops, looks at and moves instances on the node it runs on; it keeps
what it must remember in files below its own run directory, because each call may come
from another process.  Drivers know nothing of RPC, opcodes or the configuration: they
are given a filled instance and the paths of its assembled disks.

`test/contract/hypervisor` is the executable form of this page: each driver passes it.
"""

from __future__ import annotations

import abc
import enum
from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar, NamedTuple

from ganeti import errors
from ganeti.hypervisor.figures import Capacity
from ganeti.model.enums import DiskMode, HotplugAction, HotplugTarget, HypervisorName
from ganeti.model.objects.disk import Disk
from ganeti.model.objects.instance import FilledInstance
from ganeti.model.objects.messages import InstanceConsole, MigrationStatus
from ganeti.model.objects.nic import NIC
from ganeti.model.scalars import InstanceName, MiB

HvParams = Mapping[str, object]


class GuestState(enum.IntEnum):
    """What a guest does; SHUTDOWN is one that ended by itself and was not cleaned up yet."""

    RUNNING = 0
    SHUTDOWN = 1


class AttachedDisk(NamedTuple):
    """A disk as the guest gets it: assembled, with its path on this node."""

    disk: Disk
    path: str
    mode: DiskMode


class RunningInstance(NamedTuple):
    """An instance as the hypervisor sees it; `cpu_time` is seconds of processor time."""

    name: InstanceName
    memory: MiB
    vcpus: int
    state: GuestState
    cpu_time: float


class NodeState(NamedTuple):
    """The node as the hypervisor sees it; `memory_free` is what instances can still get."""

    capacity: Capacity
    memory_free: MiB
    hv_version: str | None


class Host(NamedTuple):
    """What a driver is given: where it may keep files, and what the node has.

    `run_dir` is the run directory of the daemons; `boot_id_file` is where a virtual
    node keeps the id of its current boot (None on a real node); `sleep` waits for
    some seconds.
    """

    node_name: str
    run_dir: str
    fake_dir: str
    capacity: Callable[[], Capacity]
    sleep: Callable[[float], None]
    boot_id_file: str | None = None


class Hypervisor(abc.ABC):
    """A driver; every method may be called from a new process, and by several at once.

    All methods raise HypervisorError with the instance and the reason named.
    """

    NAME: ClassVar[HypervisorName]
    CAN_MIGRATE: ClassVar[bool] = False
    #: files outside the cluster's own that all nodes must have equal, and those that may be missing
    ANCILLARY_FILES: ClassVar[Sequence[str]] = ()
    ANCILLARY_FILES_OPTIONAL: ClassVar[Sequence[str]] = ()

    def __init__(self, host: Host) -> None:
        self.host = host

    # --- looking ---------------------------------------------------------------

    @abc.abstractmethod
    def running(self, hvparams: HvParams | None = None) -> list[RunningInstance]:
        """Return the instances running here, sorted by name."""

    def find(self, name: InstanceName, hvparams: HvParams | None = None) -> RunningInstance | None:
        """Return one running instance, or None when it does not run here."""
        return next((i for i in self.running(hvparams) if i.name == name), None)

    @abc.abstractmethod
    def node_state(self, hvparams: HvParams | None = None) -> NodeState:
        """Return what the node has and what is free."""

    @abc.abstractmethod
    def verify(self, hvparams: HvParams | None = None) -> list[str]:
        """Return what is wrong with the hypervisor on this node; empty when it can be used."""

    @abc.abstractmethod
    def check_params(self, hvparams: HvParams) -> None:
        """Refuse parameters that cannot work on this node (missing kernel, unreadable file)."""

    @abc.abstractmethod
    def console(self, instance: FilledInstance, node_name: str) -> InstanceConsole:
        """Return how to reach the console; looks at nothing but its arguments."""

    # --- acting ----------------------------------------------------------------

    @abc.abstractmethod
    def start(self, instance: FilledInstance, disks: Sequence[AttachedDisk], *, paused: bool) -> None:
        """Start an instance; after a failure it does not run and nothing is held for it."""

    @abc.abstractmethod
    def stop(self, name: InstanceName, *, force: bool, timeout: float) -> None:
        """Ask an instance to stop, or end it at once with `force`.

        Returns when it is down, or after `timeout` seconds without `force`; an
        instance that does not run is stopped already.
        """

    @abc.abstractmethod
    def cleanup(self, name: InstanceName) -> None:
        """Remove what a stopped instance left on the node; harmless when there is nothing."""

    @abc.abstractmethod
    def reboot(self, instance: FilledInstance) -> None:
        """Restart the guest without ending the instance."""

    @abc.abstractmethod
    def set_memory(self, name: InstanceName, memory: MiB) -> None:
        """Change the memory of a running instance."""

    def powercycle(self, hvparams: HvParams | None = None) -> None:
        """Reboot the node at once, without stopping instances."""
        raise errors.HypervisorError(f"cannot powercycle the node: not supported by hypervisor {self.NAME}")

    # --- moving a running instance -----------------------------------------------
    #
    # source: migration_info ─ migrate ─ (migration_status)* ─ finish_source
    # target:              accept                                finish_target
    #
    # At any step the instance is listed by at most one of the two.

    def migration_info(self, instance: FilledInstance) -> str:
        """On the source: return what the target must know, opaque to everybody else."""
        raise self._cannot_migrate(instance)

    def accept(self, instance: FilledInstance, info: str, target: str, disks: Sequence[AttachedDisk]) -> None:
        """On the target: get ready, and hold the memory; `target` is the address to listen at."""
        raise self._cannot_migrate(instance)

    def migrate(self, cluster_name: str, instance: FilledInstance, target: str, *, live: bool) -> None:
        """On the source: start moving the instance to the node at address `target`."""
        raise self._cannot_migrate(instance)

    def migration_status(self, instance: FilledInstance) -> MigrationStatus:
        """On the source: return how far the move is."""
        raise self._cannot_migrate(instance)

    def finish_source(self, instance: FilledInstance, *, success: bool, live: bool) -> None:
        """On the source: give the instance up, or go on with it when the move did not succeed."""
        raise self._cannot_migrate(instance)

    def finish_target(self, instance: FilledInstance, info: str, *, success: bool) -> None:
        """On the target: take the instance over, or forget it when the move did not succeed."""
        raise self._cannot_migrate(instance)

    # --- devices of a running instance -------------------------------------------

    def check_hotplug(self, instance: FilledInstance) -> None:
        """Refuse when devices of this running instance cannot be changed."""
        raise errors.HotplugError(f"cannot hotplug devices of {instance.name}: not supported by {self.NAME}")

    def hotplug(
        self,
        instance: FilledInstance,
        action: HotplugAction,
        target: HotplugTarget,
        device: Disk | NIC,
        *,
        path: str | None,
        index: int,
    ) -> None:
        """Add, remove or change a device; `path` is that of an assembled disk."""
        raise errors.HotplugError(f"cannot hotplug a {target} of {instance.name}: not supported by {self.NAME}")

    def _cannot_migrate(self, instance: FilledInstance) -> errors.HypervisorError:
        return errors.HypervisorError(f"cannot migrate instance {instance.name}: not supported by {self.NAME}")
