"""How a command can end, and what the user is told about errors.

The only place that turns errors into words for a terminal and into exit codes.
"""

from __future__ import annotations

import enum

from ganeti import errors
from ganeti.paths import Paths


class ExitCode(enum.IntEnum):
    """Exit codes of all `gnt-*` programs (`spec/cli.json`)."""

    SUCCESS = 0
    FAILURE = 1
    NOT_CLUSTER = 5
    NOT_MASTER = 11
    NODE_SETUP_ERROR = 12
    CONFIRMATION_DECLINED = 13
    UNKNOWN_FIELD = 14
    INTERRUPTED = 130


class UsageError(errors.UserError):
    """The command line cannot be understood."""


class DeclinedError(errors.UserError):
    """The user was asked and did not agree."""


class UnknownFieldError(errors.UserError):
    """A list was asked for columns that do not exist."""


def describe(error: errors.GenericError, paths: Paths) -> tuple[str, ExitCode]:
    """Return what to tell the user about an error, and the exit code."""
    match error:
        case DeclinedError():
            return f"{error}", ExitCode.CONFIRMATION_DECLINED
        case UnknownFieldError():
            return f"{error}", ExitCode.UNKNOWN_FIELD
        case errors.NoMasterError():
            return _describe_no_master(error, paths)
        case errors.PermissionError():
            return f"{error}: run this as root, or as a member of the daemons' group", ExitCode.FAILURE
        case errors.OpPrereqError():
            if error.args[1] == errors.ECode.EXISTS:
                return f"{error}", ExitCode.FAILURE  # the message says so already
            return f"{error} ({str(error.args[1]).replace('_', ' ')})", ExitCode.FAILURE
        case errors.JobQueueDrainError():
            return f"{error}: the queue takes jobs again after gnt-cluster queue undrain", ExitCode.FAILURE
        case errors.Bug():
            return f"{error}: this is a bug in the program, please report it", ExitCode.FAILURE
    return f"{error}", ExitCode.FAILURE


def _describe_no_master(error: errors.NoMasterError, paths: Paths) -> tuple[str, ExitCode]:
    master = _recorded_master(paths)
    if master is None:
        return (
            f"this node ({paths.hostname}) is part of no cluster: make one with gnt-cluster init,"
            " or add the node on the master with gnt-node add",
            ExitCode.NOT_CLUSTER,
        )
    if master != paths.hostname:
        return f"this node ({paths.hostname}) is not the master: run the command on {master}", ExitCode.NOT_MASTER
    return (
        f"{error}; this node is the master, but its daemon does not run:"
        f" see {paths.log_file('ganeti-masterd')}, then daemon-util start-master",
        ExitCode.FAILURE,
    )


def _recorded_master(paths: Paths) -> str | None:
    """Return the master as this node knows it, None on a node of no cluster."""
    try:
        with open(paths.ssconf_file("master_node"), encoding="utf-8") as file:
            return file.readline().strip() or None
    except OSError:
        return None
