"""gnt-cluster queue, watcher and redist-conf."""

from __future__ import annotations

from collections.abc import Sequence

from ganeti.cli.failures import ExitCode, UsageError
from ganeti.cli.jobs import run_op
from ganeti.cli.listing import time_text
from ganeti.cli.parse import Values
from ganeti.cli.session import Session
from ganeti.cli.values import read_age
from ganeti.luxi import methods
from ganeti.model.opcodes.cluster import OpClusterRedistConf


def queue(session: Session, options: Values, args: Sequence[str]) -> int:
    """Drain the queue, undrain it, or tell its state."""
    if args[0] == "info":
        (drained,) = session.client.call(methods.query_config_values, ["drain_flag"])
        session.console.out(f"The drain flag is {'set' if drained else 'unset'}")
    else:
        session.client.call(methods.set_drain_flag, args[0] == "drain")
    return ExitCode.SUCCESS


def watcher(session: Session, options: Values, args: Sequence[str]) -> int:
    """Pause the watcher, let it continue, or tell its state."""
    if args[0] == "pause":
        if len(args) < 2:
            raise UsageError("missing argument: for how long, such as 30m or 4h")
        duration = read_age(args[1])
        if duration <= 0:
            raise UsageError(f"cannot pause the watcher for {args[1]}: give a time such as 30m or 4h")
        _tell_pause(session, session.client.call(methods.set_watcher_pause, session.clock.time() + duration))
    elif len(args) > 1:
        raise UsageError(f"too many arguments: {args[1]}; only pause has a time")
    elif args[0] == "continue":
        session.client.call(methods.set_watcher_pause, None)
        _tell_pause(session, None)
    else:
        (until,) = session.client.call(methods.query_config_values, ["watcher_pause"])
        _tell_pause(session, until)
    return ExitCode.SUCCESS


def redist_conf(session: Session, options: Values, args: Sequence[str]) -> int:
    """Send configuration and files to all nodes."""
    run_op(session, options, OpClusterRedistConf())
    return ExitCode.SUCCESS


def _tell_pause(session: Session, until: float | None) -> None:
    if until is None or until < session.clock.time():
        session.console.out("The watcher is not paused.")
    else:
        session.console.out(f"The watcher is paused until {time_text(until)}.")
