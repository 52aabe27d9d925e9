"""Every error of Ganeti, as one tree; four families, by who has to act.

    GenericError
    ├─ UserError            ask differently
    ├─ StateError           the cluster is not in the right state for it
    ├─ EnvironmentFailure   a node, disk, network, file or program let us down
    └─ Bug                  ours: logged with traceback, please report

The classes that travel over LUXI and RPC have the names and arguments of
`spec/luxi.json`; `to_wire` and `from_wire` are the only places that encode them.
Messages read `cannot <act> <object>: <reason>` in lower case, no full stop.
"""

from __future__ import annotations

import enum
from collections.abc import Iterator
from typing import Any


class ECode(enum.StrEnum):
    """What kind of thing is wrong with a request (second argument of OpPrereqError)."""

    RESOLVER = "resolver_error"
    NORES = "insufficient_resources"
    TEMP_NORES = "temp_insufficient_resources"
    INVAL = "wrong_input"
    STATE = "wrong_state"
    NOENT = "unknown_entity"
    EXISTS = "already_exists"
    NOTUNIQUE = "resource_not_unique"
    FAULT = "internal_error"
    ENVIRON = "environment_error"


class GenericError(Exception):
    """Root of the tree.  `str()` is the message; `args` is what travels."""

    def __str__(self) -> str:
        try:
            return self._describe()
        except (AttributeError, IndexError, TypeError, ValueError):
            # Arguments may come from another version: show them as they are.
            return ", ".join(str(arg) for arg in self.args) or type(self).__name__

    def _describe(self) -> str:
        return str(self.args[0])


class UserError(GenericError):
    """The request is wrong: ask differently."""


class StateError(GenericError):
    """The cluster is not in the right state for the request."""


class EnvironmentFailure(GenericError):
    """Something outside the program failed."""


class Bug(GenericError):
    """The program is wrong."""


# --- the request ---------------------------------------------------------------


class OpPrereqError(UserError):
    """A prerequisite of an operation does not hold; args: (message, ecode)."""

    def __init__(self, message: str, ecode: str = ECode.INVAL) -> None:
        super().__init__(message, str(ecode))

    @property
    def ecode(self) -> ECode:
        """What kind of prerequisite."""
        return ECode(self.args[1])


class OpCodeUnknown(UserError):
    """No such opcode; args: (opcode id)."""

    def _describe(self) -> str:
        return f"unknown opcode {self.args[0]!r}"


class ParameterError(UserError):
    """A parameter is wrong; the message names its path."""


class TypeEnforcementError(UserError):
    """A parameter value has the wrong type."""


class UnitParseError(UserError):
    """Not a size such as 512m or 20g."""


class ParseError(UserError):
    """Text that does not parse."""


class QueryFilterParseError(ParseError):
    """A query filter does not parse; args: (message, details)."""


class TagError(UserError):
    """Not a valid tag."""


class IPAddressError(UserError):
    """Not a valid IP address."""


class FileStoragePathError(UserError):
    """A file storage path that is not allowed."""


class LuxiError(UserError):
    """A LUXI request that cannot be understood."""


class ProtocolError(LuxiError):
    """Client side: the conversation with the master daemon broke."""


class ConnectionClosedError(ProtocolError):
    """Client side: the master daemon closed the connection."""


class TimeoutError(ProtocolError):
    """Client side: the master daemon did not answer in time."""


class RequestError(ProtocolError):
    """Client side: the master daemon answered with a text instead of a result."""


class NoMasterError(ProtocolError):
    """Client side: no master daemon listens here."""


class PermissionError(ProtocolError):
    """Client side: not allowed to talk to the master daemon."""


# --- the state of the cluster --------------------------------------------------


class LockError(StateError):
    """A lock cannot be taken."""


class PidFileLockError(LockError):
    """The daemon runs already."""


class ReservationError(StateError):
    """A resource is reserved by another job."""


class AddressPoolError(StateError):
    """An address is not available in its network."""


class ConfigurationError(StateError):
    """The cluster configuration cannot be used."""


class ConfigVersionMismatch(ConfigurationError):
    """The configuration is of another version; args: (expected, found)."""

    def _describe(self) -> str:
        return "configuration is of version {1}, this is version {0}".format(*self.args)


class ConfigVerifyError(ConfigurationError):
    """The configuration is not consistent; args: (message, [problem])."""

    def _describe(self) -> str:
        return f"{self.args[0]}: {'; '.join(str(p) for p in self.args[1])}"


class JobQueueError(StateError):
    """The job queue cannot do it."""


class JobQueueDrainError(JobQueueError):
    """The job queue is drained: no new jobs."""


class JobQueueFull(JobQueueError):
    """Too many jobs are in the queue."""


class JobLost(StateError):
    """A job is gone (archived or lost)."""


class JobCanceled(StateError):
    """A job was canceled."""


class JobFileCorrupted(StateError):
    """A job's file cannot be read."""


class OpResultError(StateError):
    """An operation answered something unexpected."""


class OpRetryNotSupportedError(StateError):
    """An operation cannot be retried."""


# --- nodes, disks, networks, programs ------------------------------------------


class OpExecError(EnvironmentFailure):
    """The execution of an operation failed."""


class HypervisorError(EnvironmentFailure):
    """A hypervisor failed."""


class HotplugError(HypervisorError):
    """A device could not be plugged."""


class BlockDeviceError(EnvironmentFailure):
    """A disk failed."""


class DeviceCreationError(EnvironmentFailure):
    """A disk could not be created; args: (message, [[node, disk]] created so far)."""


class StorageError(EnvironmentFailure):
    """A storage unit failed."""


class RemoteError(EnvironmentFailure):
    """A remote end failed."""


class CommandError(EnvironmentFailure):
    """A command failed."""


class ResolverError(EnvironmentFailure):
    """A host name does not resolve; args: (host name, errno, message)."""

    def _describe(self) -> str:
        return "cannot resolve host name {0}: {2}".format(*self.args)


class HooksFailure(EnvironmentFailure):
    """Hooks could not be run."""


class HooksAbort(HooksFailure):
    """A pre hook failed; args: ([[node, script, output]])."""

    def _describe(self) -> str:
        shown = (f"{script} on {node}: {output.strip() or 'no output'}" for node, script, output in self.args[0])
        return "hooks failed: " + "; ".join(shown)


class X509CertError(EnvironmentFailure):
    """A certificate cannot be used; args: (file name, message)."""

    def _describe(self) -> str:
        return "certificate {0}: {1}".format(*self.args)


class SignatureError(EnvironmentFailure):
    """A signature does not hold."""


class InotifyError(EnvironmentFailure):
    """Watching files failed."""


class ConfdMagicError(EnvironmentFailure):
    """A confd datagram with the wrong magic."""


class ConfdClientError(EnvironmentFailure):
    """The confd client was misused or got no answer."""


class UdpDataSizeError(EnvironmentFailure):
    """Too much data for a datagram."""


class NoCtypesError(EnvironmentFailure):
    """The ctypes module is missing."""


class SshUpdateError(EnvironmentFailure):
    """SSH keys could not be updated."""


# --- ours ----------------------------------------------------------------------


class NotMasterError(StateError):
    """The caller was the master once; args: (message, name of the node that is now)."""


class ProgrammerError(Bug):
    """The program contradicts itself."""


class ResultValidationError(Bug):
    """A result does not have its declared type."""


# --- signals, not failures -----------------------------------------------------


class RapiTestResult(GenericError):
    """Carries the result of a client test; args: (data)."""


class QuitGanetiException(Exception):
    """A node daemon is to end itself; args: (error flag, message)."""


class JobSubmittedException(Exception):
    """A job was submitted and is not waited for; args: (job id)."""


def to_wire(error: BaseException) -> list[Any]:
    """Return [class name, [arguments]] of an error; foreign errors travel as OpExecError."""
    name = type(error).__name__
    if _CLASSES.get(name) is type(error):
        return [name, list(error.args)]
    text = f"{name}: {error}" if str(error) else name
    return ["OpExecError", [text]]


def from_wire(encoded: object) -> GenericError | None:
    """Return the error encoded by `to_wire`, or None when it is not an encoded error."""
    match encoded:
        case [str(name), [*args]] if name in _CLASSES:
            cls = _CLASSES[name]
            try:
                return cls(*args)
            except TypeError:
                error = cls.__new__(cls)
                error.args = tuple(args)
                return error
    return None


def _tree(cls: type[GenericError]) -> Iterator[type[GenericError]]:
    yield cls
    for sub in cls.__subclasses__():
        yield from _tree(sub)


_CLASSES = {cls.__name__: cls for cls in _tree(GenericError)}
