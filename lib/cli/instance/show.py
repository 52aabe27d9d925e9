"""gnt-instance list and list-fields."""

from __future__ import annotations

from collections.abc import Sequence

from ganeti.cli import listing
from ganeti.cli.parse import Values
from ganeti.cli.session import Session


def list_instances(session: Session, options: Values, args: Sequence[str]) -> int:
    """List instances."""
    return listing.list_things(session, options, args, what="instance")


def list_instance_fields(session: Session, options: Values, args: Sequence[str]) -> int:
    """Show the fields of instances."""
    return listing.list_fields(session, options, args, what="instance")
