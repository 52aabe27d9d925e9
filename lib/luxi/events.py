"""Events of a cluster as they travel: their kinds, and the place of each in the order of all.

An event is [serial, seconds since the epoch, kind, what is told of it].  Serials count
within an *epoch*, the life of one master daemon: what one knows of another epoch says
nothing about what was missed.
"""

from __future__ import annotations

import enum
import re
from collections.abc import Mapping
from typing import NamedTuple

_POSITION = re.compile(r"([0-9a-f]{1,32})-([0-9]{1,18})", re.ASCII)


class EventKind(enum.StrEnum):
    """What an event is about."""

    JOB = "job"
    CLUSTER = "cluster"
    NODE = "node"
    GROUP = "group"
    INSTANCE = "instance"
    NETWORK = "network"
    DISK = "disk"
    FILTER = "filter"


class Change(enum.StrEnum):
    """What happened to a record of the configuration."""

    ADDED = "added"
    CHANGED = "changed"
    REMOVED = "removed"


class Position(NamedTuple):
    """A place in the order of events: after the event of this serial; written `epoch-serial`."""

    epoch: str
    serial: int

    def __str__(self) -> str:
        return f"{self.epoch}-{self.serial}"


NOW = Position("", 0)
"""Stands for the place after all that has happened."""


def read_position(text: str) -> Position | None:
    """Return the position a text stands for, None if for none."""
    match = _POSITION.fullmatch(text)
    return Position(match[1], int(match[2])) if match else None


class Event(NamedTuple):
    """Something that happened; a list of these on the wire."""

    serial: int
    time: float
    kind: EventKind
    data: Mapping[str, object]
