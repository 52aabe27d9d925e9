"""gnt-debug locks: the lock table of the master daemon."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ganeti.cli import listing
from ganeti.cli.failures import UsageError
from ganeti.cli.parse import Values
from ganeti.cli.session import Session


def locks(session: Session, options: Values, args: Sequence[str]) -> int:
    """Show locks, once or again and again."""
    if options.interval is not None and options.interval < 1:
        raise UsageError("--interval has to be at least 1 second")
    while True:
        code = listing.list_things(session, options, args, what="lock", formatters=_FORMATTERS)
        if options.interval is None or code:
            return code
        session.console.show("")
        session.clock.sleep(options.interval)


def _owners(value: Any) -> str:
    return ",".join(value) if value else "-"


def _pending(value: Any) -> str:
    """Show [[mode, [owner, ...]], ...] as mode:owner,owner mode:owner."""
    return " ".join(f"{mode}:{','.join(owners)}" for mode, owners in value) if value else "-"


def _mode(value: Any) -> str:
    return value or "-"


_FORMATTERS: Mapping[str, listing.Formatter] = {"owner": _owners, "pending": _pending, "mode": _mode}
