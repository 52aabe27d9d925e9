"""How the fake hypervisor of a node is told to misbehave.

The control file `fake-hypervisor-faults.json` in the run directory is a list of
faults; tests and people at a shell write it, the driver reads it at every call:

    [{"operation": "start", "instance": "web1.example.com", "action": "fail",
      "times": 1, "message": "no more event channels"},
     {"operation": "any", "action": "slow", "seconds": 2.5},
     {"action": "crash", "instance": "web2.example.com", "times": 3}]

`action`     fail: the operation fails with `message`;
             slow: it takes `seconds` longer;
             crash: a running instance is gone the next time anybody looks.
`operation`  one of the names of `Operation`, or "any" (the default); a crash needs none.
`instance`   only for this one; left out: for all.
`times`      how often, counted down in the file; left out: always.

Without the file nothing is ever wrong.
"""

from __future__ import annotations

import enum
from collections.abc import Callable, Collection, Sequence
from typing import Annotated

from ganeti import errors
from ganeti.model.scalars import InstanceName, PositiveInt
from ganeti.schema import Check, Record, param, replace, type_of
from ganeti.utils import files, json

_Wait = Annotated[float, Check("float>=0", "a number of seconds, 0 or more", lambda value: 0 <= value <= 86400)]
_SIZE_LIMIT = 1024 * 1024


class Operation(enum.StrEnum):
    """What can be made to fail or to be slow."""

    ANY = "any"
    START = "start"
    STOP = "stop"
    REBOOT = "reboot"
    MEMORY = "memory"
    LIST = "list"
    NODE = "node"
    VERIFY = "verify"
    PARAMS = "params"
    ACCEPT = "accept"
    MIGRATE = "migrate"
    TRANSFER = "transfer"
    FINISH_SOURCE = "finish-source"
    FINISH_TARGET = "finish-target"
    HOTPLUG = "hotplug"
    POWERCYCLE = "powercycle"


class Action(enum.StrEnum):
    """What goes wrong."""

    FAIL = "fail"
    SLOW = "slow"
    CRASH = "crash"


class Fault(Record, omit_none=True):
    """One row of the control file."""

    action: Action = param(doc="What goes wrong")
    operation: Operation = param(default=Operation.ANY, doc="During which operation")
    instance: InstanceName | None = param(default=None, doc="Only for this instance")
    times: PositiveInt | None = param(default=None, doc="How often; null: always")
    seconds: _Wait = param(default=0.0, doc="How much longer a slow operation takes")
    message: str = param(default="fault injected", doc="The reason a failing operation gives")


_FAULTS = type_of(Sequence[Fault])


class FaultFile:
    """The control file of one node."""

    def __init__(self, path: str, sleep: Callable[[float], None]) -> None:
        self.path = path
        self.sleep = sleep

    def strike(self, operation: Operation, act: str, name: InstanceName | None = None) -> None:
        """Wait or fail as told for this operation; `act` says what fails, in the error.

        Raises HypervisorError.
        """
        found = self._use(
            lambda fault: (
                fault.action is not Action.CRASH
                and fault.operation in (operation, Operation.ANY)
                and (fault.instance is None or fault.instance == name)
            )
        )
        for fault in found:
            if fault.action is Action.SLOW:
                self.sleep(fault.seconds)
        for fault in found:
            if fault.action is Action.FAIL:
                raise errors.HypervisorError(f"cannot {act}: {fault.message}")

    def crashed(self, running: Collection[InstanceName]) -> list[InstanceName]:
        """Return which of the running instances crash now."""
        if not any(fault.action is Action.CRASH for fault in self._read()):
            return []
        crashed: list[InstanceName] = []
        for name in running:
            if self._use(lambda f, n=name: f.action is Action.CRASH and f.instance in (None, n)):  # type: ignore[misc]
                crashed.append(name)
        return crashed

    def _use(self, wanted: Callable[[Fault], bool]) -> list[Fault]:
        """Return the faults wanted, and count them down in the file."""
        if not any(wanted(fault) for fault in self._read()):
            return []
        with files.locked_file(f"{self.path}.lock", timeout=30):
            found, left = [], []
            for fault in self._read():
                if not wanted(fault):
                    left.append(fault)
                    continue
                found.append(fault)
                if fault.times is None:
                    left.append(fault)
                elif fault.times > 1:
                    left.append(replace(fault, times=fault.times - 1))
            if any(fault.times is not None for fault in found):
                files.write_file(self.path, json.dumps([f.to_wire() for f in left]), durable=False)
            return found

    def _read(self) -> Sequence[Fault]:
        try:
            content = files.read_file(self.path, limit=_SIZE_LIMIT)
        except FileNotFoundError:
            return ()
        try:
            faults: Sequence[Fault] = _FAULTS.parse(json.loads(content), "faults")
        except (errors.ParseError, errors.ParameterError) as err:
            raise errors.HypervisorError(f"cannot read the faults to inject from {self.path}: {err}") from err
        return faults
