"""What comes of a call to one node: a value, or a failure that says how far it got.

The failure of one node among many is no exception: callers look at `ok`, or `unwrap`
when they cannot do without the value.
"""

from __future__ import annotations

import enum
from typing import Generic, NamedTuple, TypeVar, cast

from ganeti import errors
from ganeti.model.scalars import NodeName

R_co = TypeVar("R_co", covariant=True)


class Phase(enum.StrEnum):
    """How far a failed call got."""

    OFFLINE = "offline"
    """Not made: the node is marked offline."""
    UNREACHABLE = "unreachable"
    """No connection, or the connection broke."""
    TIMEOUT = "timeout"
    """The node daemon is silent, or the call took too long."""
    REFUSED = "refused"
    """The node daemon, or its certificate, is not one we can work with."""
    FAILED = "failed"
    """The call ran and failed, or its process died."""


class Failure(NamedTuple):
    """Why a call has no value.

    `error` is the node's own error where the call ran.  `uncertain` means that what
    was asked for may have been done all the same, or may still be going on.
    """

    phase: Phase
    message: str
    error: errors.GenericError | None = None
    uncertain: bool = False

    def __str__(self) -> str:
        return self.message


class NodeResult(Generic[R_co]):
    """The value or failure of one call to one node."""

    __slots__ = ("_value", "failure", "node")

    def __init__(self, node: NodeName, value: R_co | None = None, failure: Failure | None = None) -> None:
        self.node = node
        self.failure = failure
        self._value = value

    @property
    def ok(self) -> bool:
        """True when there is a value."""
        return self.failure is None

    @property
    def value(self) -> R_co | None:
        """The value; None when the call failed."""
        return self._value

    def unwrap(self, act: str) -> R_co:
        """Return the value, or raise what kept us from it: `cannot <act> on node X: ...`.

        The node's own error keeps its class and further arguments; everything else
        is an OpExecError.
        """
        failure = self.failure
        if failure is None:
            return cast(R_co, self._value)
        # A node that tells of the same act says it once, not twice.
        told_already = failure.message.removeprefix(f"cannot {act}: ")
        message = f"cannot {act} on node {self.node}: {told_already}"
        error = failure.error
        # Only where the first argument is the message can the node and the act be put before it.
        if error is not None and error.args and error.args[0] == str(error):
            told = type(error).__new__(type(error))
            told.args = (message, *error.args[1:])
            raise told
        raise errors.OpExecError(message) from error

    def __repr__(self) -> str:
        return f"<{self.node}: {self.failure or repr(self._value)}>"
