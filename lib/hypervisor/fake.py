"""The fake hypervisor: a complete and honest driver for instances that are not there.

An instance runs when it has a file in the state directory (three lines: 0, memory in
MiB, processors; format of `spec/files.json`).  Memory and processors are accounted
against what the node has, so placement, balancing and policies are as real as with any
other driver.  Migration moves an instance in the same steps as a real one; what only
exists between the steps lives in a directory of its own next to the state directory.

It can be told to misbehave: see `fake_faults`.
"""

from __future__ import annotations

import os
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import ClassVar, NamedTuple

from ganeti import errors
from ganeti.hypervisor.base import AttachedDisk, GuestState, Host, HvParams, Hypervisor, NodeState, RunningInstance
from ganeti.hypervisor.fake_faults import FaultFile, Operation
from ganeti.model.enums import ConsoleKind, HotplugAction, HotplugTarget, HypervisorName, MigrationMode
from ganeti.model.objects.disk import Disk
from ganeti.model.objects.instance import FilledInstance
from ganeti.model.objects.messages import InstanceConsole, MigrationStatus
from ganeti.model.objects.nic import NIC
from ganeti.model.scalars import InstanceName, MiB, is_host_name
from ganeti.utils import files, json

_LOCK_TIMEOUT = 60
_STATE_LIMIT = 4096
_MIB = 1024 * 1024


class _Size(NamedTuple):
    """What an instance takes of its node."""

    memory: MiB
    vcpus: int


class _Outcome(NamedTuple):
    """How a move ended, as its source sees it."""

    completed: bool
    size: _Size


class FakeHypervisor(Hypervisor):
    """See Hypervisor."""

    NAME: ClassVar[HypervisorName] = HypervisorName.FAKE
    CAN_MIGRATE: ClassVar[bool] = True

    def __init__(self, host: Host) -> None:
        super().__init__(host)
        self._state = host.fake_dir
        between = os.path.join(host.run_dir, "fake-hypervisor-migration")
        self._incoming = os.path.join(between, "incoming")
        self._outgoing = os.path.join(between, "outgoing")
        self._lock = os.path.join(host.run_dir, "fake-hypervisor.lock")
        self._faults = FaultFile(os.path.join(host.run_dir, "fake-hypervisor-faults.json"), host.sleep)

    # --- looking ---------------------------------------------------------------

    def running(self, hvparams: HvParams | None = None) -> list[RunningInstance]:
        self._faults.strike(Operation.LIST, "list the running instances")
        self._let_crash()
        found = []
        for name in _names(self._state):
            size = _read_size(os.path.join(self._state, name))
            if size is not None:
                found.append(RunningInstance(name, size.memory, size.vcpus, GuestState.RUNNING, 0.0))
        return found

    def find(self, name: InstanceName, hvparams: HvParams | None = None) -> RunningInstance | None:
        self._faults.strike(Operation.LIST, f"look at instance {name}", name)
        self._let_crash()
        size = self._running_size(name)
        return size and RunningInstance(name, size.memory, size.vcpus, GuestState.RUNNING, 0.0)

    def node_state(self, hvparams: HvParams | None = None) -> NodeState:
        self._faults.strike(Operation.NODE, f"look at node {self.host.node_name}")
        self._let_crash()
        return NodeState(self.host.capacity(), self._memory_free(), None)

    def verify(self, hvparams: HvParams | None = None) -> list[str]:
        try:
            self._faults.strike(Operation.VERIFY, "use the fake hypervisor")
        except errors.HypervisorError as err:
            return [str(err)]
        if os.path.isdir(self._state) and not os.access(self._state, os.R_OK | os.W_OK | os.X_OK):
            return [f"cannot use the fake hypervisor: directory {self._state} is not writable"]
        return []

    def check_params(self, hvparams: HvParams) -> None:
        self._faults.strike(Operation.PARAMS, "use the hypervisor parameters")
        mode = hvparams.get("migration_mode", MigrationMode.LIVE)
        if mode not in tuple(MigrationMode):
            raise errors.HypervisorError(f"cannot use hypervisor parameter migration_mode: unknown mode {mode!r}")

    def console(self, instance: FilledInstance, node_name: str) -> InstanceConsole:
        message = f"instance {instance.name} runs on the fake hypervisor of {node_name}: it has no console"
        return InstanceConsole(instance=instance.name, kind=ConsoleKind.MESSAGE, message=message)

    # --- acting ----------------------------------------------------------------

    def start(self, instance: FilledInstance, disks: Sequence[AttachedDisk], *, paused: bool) -> None:
        act = f"start instance {instance.name}"
        self._faults.strike(Operation.START, act, instance.name)
        with self._changing():
            if self._running_size(instance.name) is not None:
                raise errors.HypervisorError(f"cannot {act}: it runs already")
            self._check_disks(act, disks)
            size = self._fit(act, instance)
            self._forget_moves(instance.name)
            self._write_running(instance.name, size)

    def stop(self, name: InstanceName, *, force: bool, timeout: float) -> None:
        self._faults.strike(Operation.STOP, f"stop instance {name}", name)
        with self._changing():
            files.remove_file(self._path(name), missing_ok=True, durable=False)

    def cleanup(self, name: InstanceName) -> None:
        with self._changing():
            self._forget_moves(name)

    def reboot(self, instance: FilledInstance) -> None:
        act = f"reboot instance {instance.name}"
        self._faults.strike(Operation.REBOOT, act, instance.name)
        self._let_crash()
        with self._changing():
            self._must_run(act, instance.name)

    def set_memory(self, name: InstanceName, memory: MiB) -> None:
        act = f"change the memory of instance {name}"
        self._faults.strike(Operation.MEMORY, act, name)
        self._let_crash()
        if memory <= 0:
            raise errors.HypervisorError(f"cannot {act}: {memory} MiB is not a size")
        with self._changing():
            size = self._must_run(act, name)
            free = self._memory_free()
            if memory - size.memory > free:
                raise errors.HypervisorError(
                    f"cannot {act}: needs {memory - size.memory} MiB more, node has {free} MiB free"
                )
            self._write_running(name, _Size(memory, size.vcpus))

    def powercycle(self, hvparams: HvParams | None = None) -> None:
        """Simulate a power cut of a virtual node: nothing runs, and the boot id is new."""
        self._faults.strike(Operation.POWERCYCLE, f"powercycle node {self.host.node_name}")
        if self.host.boot_id_file is None:
            raise errors.HypervisorError(
                f"cannot powercycle node {self.host.node_name}: the fake hypervisor only does that to virtual nodes"
            )
        with self._changing():
            for directory in (self._state, self._incoming, self._outgoing):
                for name in _names(directory):
                    files.remove_file(os.path.join(directory, name), missing_ok=True, durable=False)
            files.write_file(self.host.boot_id_file, f"{uuid.uuid4()}\n", durable=False)

    # --- moving a running instance -----------------------------------------------

    def migration_info(self, instance: FilledInstance) -> str:
        self._let_crash()
        size = self._must_run(f"migrate instance {instance.name}", instance.name)
        return json.dumps({"memory": size.memory, "vcpus": size.vcpus})

    def accept(self, instance: FilledInstance, info: str, target: str, disks: Sequence[AttachedDisk]) -> None:
        act = f"accept instance {instance.name}"
        self._faults.strike(Operation.ACCEPT, act, instance.name)
        size = _parse_info(act, info)
        with self._changing():
            if self._running_size(instance.name) is not None:
                raise errors.HypervisorError(f"cannot {act}: it runs here already")
            self._check_disks(act, disks)
            files.remove_file(os.path.join(self._incoming, instance.name), missing_ok=True, durable=False)
            self._check_memory(act, size.memory)
            self._write(self._incoming, instance.name, size)

    def migrate(self, cluster_name: str, instance: FilledInstance, target: str, *, live: bool) -> None:
        act = f"migrate instance {instance.name}"
        self._faults.strike(Operation.MIGRATE, act, instance.name)
        self._let_crash()
        with self._changing():
            size = self._must_run(act, instance.name)
            try:
                self._faults.strike(Operation.TRANSFER, f"transfer the memory of {instance.name}", instance.name)
                completed = True
            except errors.HypervisorError:
                completed = False
            content = json.dumps({"completed": completed, "memory": size.memory, "vcpus": size.vcpus})
            files.ensure_dir(self._outgoing, 0o750)
            files.write_file(os.path.join(self._outgoing, instance.name), content, durable=False)
            if completed:  # stopped here from now on, to go on over there, or here again
                files.remove_file(self._path(instance.name), durable=False)

    def migration_status(self, instance: FilledInstance) -> MigrationStatus:
        outcome = self._outcome(instance.name)
        if outcome is None:
            return MigrationStatus(status="failed")
        total = outcome.size.memory * _MIB
        if not outcome.completed:
            return MigrationStatus(status="failed", transferred_ram=total // 2, total_ram=total)
        return MigrationStatus(status="completed", transferred_ram=total, total_ram=total)

    def finish_source(self, instance: FilledInstance, *, success: bool, live: bool) -> None:
        act = f"finish the migration of instance {instance.name}"
        self._faults.strike(Operation.FINISH_SOURCE, act, instance.name)
        with self._changing():
            outcome = self._outcome(instance.name)
            moved = outcome is not None and outcome.completed
            if success and not moved and self._running_size(instance.name) is not None:
                raise errors.HypervisorError(f"cannot {act}: its memory was never transferred")
            if outcome is not None and moved and not success and self._running_size(instance.name) is None:
                self._write_running(instance.name, outcome.size)
            files.remove_file(os.path.join(self._outgoing, instance.name), missing_ok=True, durable=False)

    def finish_target(self, instance: FilledInstance, info: str, *, success: bool) -> None:
        act = f"take over instance {instance.name}"
        self._faults.strike(Operation.FINISH_TARGET, act, instance.name)
        incoming = os.path.join(self._incoming, instance.name)
        with self._changing():
            if success and self._running_size(instance.name) is None:
                size = _read_size(incoming)
                if size is None:
                    raise errors.HypervisorError(f"cannot {act}: this node was not told to accept it")
                self._write_running(instance.name, size)
            files.remove_file(incoming, missing_ok=True, durable=False)

    # --- devices of a running instance -------------------------------------------

    def check_hotplug(self, instance: FilledInstance) -> None:
        self._let_crash()
        if self._running_size(instance.name) is None:
            raise errors.HotplugError(f"cannot hotplug devices of instance {instance.name}: it does not run here")

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
        act = f"{action} {target} {index} of instance {instance.name}"
        self._faults.strike(Operation.HOTPLUG, act, instance.name)
        self.check_hotplug(instance)
        if path is not None and not os.path.exists(path):
            raise errors.HotplugError(f"cannot {act}: disk {path} is not there")

    # --- memory ------------------------------------------------------------------

    def _fit(self, act: str, instance: FilledInstance) -> _Size:
        """Return the size to start with: all memory it may have, or what is free of it."""
        minimum, maximum = (_number(instance, name) for name in ("minmem", "maxmem"))
        memory = min(maximum, max(minimum, self._memory_free()))
        self._check_memory(act, MiB(memory))
        return _Size(MiB(memory), _number(instance, "vcpus"))

    def _check_memory(self, act: str, memory: MiB) -> None:
        free = self._memory_free()
        if memory > free:
            raise errors.HypervisorError(f"cannot {act}: needs {memory} MiB, node has {free} MiB free")

    def _memory_free(self) -> MiB:
        """Return what is left after the running instances and those being accepted."""
        capacity = self.host.capacity()
        sizes = [_read_size(os.path.join(d, n)) for d in (self._state, self._incoming) for n in _names(d)]
        moved = [outcome for name in _names(self._outgoing) if (outcome := self._outcome(name))]
        sizes += [outcome.size for outcome in moved if outcome.completed]
        taken = sum(size.memory for size in sizes if size is not None)
        return MiB(max(0, capacity.memory_total - capacity.memory_dom0 - taken))

    # --- state files -------------------------------------------------------------

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """Keep others from starting or stopping anything meanwhile."""
        files.ensure_dir(self._state, 0o775)
        with files.locked_file(self._lock, timeout=_LOCK_TIMEOUT):
            yield

    def _let_crash(self) -> None:
        names = _names(self._state)
        for name in self._faults.crashed(names) if names else ():
            files.remove_file(self._path(name), missing_ok=True, durable=False)

    def _outcome(self, name: InstanceName) -> _Outcome | None:
        """Return how the move of an instance away from here ended, None when there was none."""
        try:
            outcome = json.loads(files.read_file(os.path.join(self._outgoing, name), limit=_STATE_LIMIT))
        except FileNotFoundError:
            return None
        return _Outcome(bool(outcome["completed"]), _Size(MiB(int(outcome["memory"])), int(outcome["vcpus"])))

    def _forget_moves(self, name: InstanceName) -> None:
        for directory in (self._incoming, self._outgoing):
            files.remove_file(os.path.join(directory, name), missing_ok=True, durable=False)

    def _path(self, name: InstanceName) -> str:
        return os.path.join(self._state, name)

    def _running_size(self, name: InstanceName) -> _Size | None:
        return _read_size(self._path(name))

    def _must_run(self, act: str, name: InstanceName) -> _Size:
        size = self._running_size(name)
        if size is None:
            raise errors.HypervisorError(f"cannot {act}: it does not run on {self.host.node_name}")
        return size

    def _write_running(self, name: InstanceName, size: _Size) -> None:
        self._write(self._state, name, size)

    def _write(self, directory: str, name: InstanceName, size: _Size) -> None:
        # not durable: after a power cut nothing runs, which is what a missing file says
        files.ensure_dir(directory, 0o775)
        files.write_file(os.path.join(directory, name), f"0\n{size.memory}\n{size.vcpus}\n", durable=False)

    def _check_disks(self, act: str, disks: Sequence[AttachedDisk]) -> None:
        for disk in disks:
            if not os.path.exists(disk.path):
                raise errors.HypervisorError(f"cannot {act}: disk {disk.path} is not there")


def _number(instance: FilledInstance, name: str) -> int:
    value = instance.beparams.get(name)
    if not isinstance(value, int) or value <= 0:
        raise errors.HypervisorError(f"cannot start instance {instance.name}: backend parameter {name} is {value!r}")
    return value


def _names(directory: str) -> list[InstanceName]:
    try:
        entries = os.listdir(directory)
    except FileNotFoundError:
        return []
    return [InstanceName(entry) for entry in sorted(entries) if is_host_name(entry)]


def _read_size(path: str) -> _Size | None:
    """Return what the instance of a state file takes, or None when there is no such file."""
    try:
        lines = files.read_text(path, limit=_STATE_LIMIT).split()
    except FileNotFoundError:
        return None
    if len(lines) != 3 or not all(line.isdecimal() for line in lines):
        raise errors.HypervisorError(f"cannot read instance state {path}: expected three numbers; remove the file")
    return _Size(MiB(int(lines[1])), int(lines[2]))


def _parse_info(act: str, info: str) -> _Size:
    try:
        values = json.loads(info)
        size = _Size(MiB(int(values["memory"])), int(values["vcpus"]))
    except (errors.ParseError, ValueError, TypeError, KeyError) as err:
        raise errors.HypervisorError(f"cannot {act}: {info[:60]!r} does not come from the fake hypervisor") from err
    if size.memory <= 0 or size.vcpus <= 0:
        raise errors.HypervisorError(f"cannot {act}: {size.memory} MiB and {size.vcpus} processors are no size")
    return size
