"""What out-of-band helpers answer (`spec/constants.json`, OOB_*): programs that manage the power of nodes."""

from __future__ import annotations

from ganeti import errors
from ganeti.model.scalars import WholeSeconds
from ganeti.utils import json

#: how long a helper may take
OOB_TIMEOUT = WholeSeconds(60)


def read_power_status(text: str) -> bool | None:
    """Return whether a node is powered, by what its helper printed for power-status; None when that says nothing."""
    try:
        told = json.loads(text)
    except errors.ParseError:
        return None
    match told:
        case {"powered": bool(powered)}:
            return powered
    return None
