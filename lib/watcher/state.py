"""What the watcher remembers from run to run, in small JSON files (`spec/files.json`).

A file that is missing or damaged is an empty memory: the watcher must work after
whatever happened to it.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TypeVar

from ganeti import errors
from ganeti.model.scalars import InstanceName, NodeName, NonNegativeInt
from ganeti.schema import Record, param
from ganeti.utils import files, json

log = logging.getLogger(__name__)

_LIMIT = 64 * 1024 * 1024
_STATUS_MODE = 0o644

R = TypeVar("R", bound=Record)


class SeenNode(Record, keep_unknown=True):
    """What is remembered of a node."""

    bootid: str = param(doc="Id of the boot in which its disks were last seen to")


class Attempts(Record, keep_unknown=True):
    """How often an instance was started, or failed over, lately."""

    restart_count: NonNegativeInt = param(doc="How often; one more than the limit: and that was reported")
    restart_when: float = param(doc="When last, in seconds since the epoch")


class GroupState(Record, keep_unknown=True, omit_none=True):
    """The memory of the watcher of one node group."""

    node: Mapping[NodeName, SeenNode] = param(factory=dict, doc="Nodes, by name")
    instance: Mapping[InstanceName, Attempts] = param(factory=dict, doc="Instances started lately, by name")
    repair: Mapping[InstanceName, Attempts] | None = param(default=None, doc="Instances failed over lately, by name")


class Restarts(Record, keep_unknown=True):
    """How often a daemon that gave no answer was restarted lately."""

    count: NonNegativeInt = param(doc="How often")
    when: float = param(doc="When last, in seconds since the epoch")


class NodeMemory(Record, keep_unknown=True):
    """The memory of the watcher of a node about its daemons."""

    daemon: Mapping[str, Restarts] = param(factory=dict, doc="Daemons restarted lately, by name")


def load(kind: type[R], path: str) -> R:
    """Return what a file holds; an empty record, with a warning, when it cannot be understood."""
    try:
        return kind.from_wire(json.loads(files.read_file(path, _LIMIT)))
    except FileNotFoundError:
        pass
    except (OSError, errors.ParseError, errors.ParameterError) as err:
        log.warning("cannot read %s, going on without what was remembered: %s", path, err)
    return kind()


def save(path: str, record: Record) -> None:
    """Write a file, so that it is there after a crash.  Raises OSError."""
    files.write_file(path, json.dumps(record.to_wire()) + "\n")


def write_status(path: str, statuses: Mapping[str, str]) -> None:
    """Write a file with the status of instances, a line each.  Raises OSError."""
    text = "".join(f"{name} {status}\n" for name, status in sorted(statuses.items()))
    files.write_file(path, text, mode=_STATUS_MODE, durable=False)


def read_status(path: str) -> dict[str, str]:
    """Return the status of instances in a file; nothing when there is none, or it is not one."""
    try:
        lines = files.read_text(path, _LIMIT).splitlines()
    except (OSError, UnicodeDecodeError):
        return {}
    return {name: status for name, sign, status in (line.partition(" ") for line in lines) if sign}
