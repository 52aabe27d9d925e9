"""Binds the table of node calls to what carries them out."""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from ganeti import errors
from ganeti.noded.backend.blockdev import BlockDevices
from ganeti.noded.backend.config_copy import ConfigCopy
from ganeti.noded.backend.exports import Exports
from ganeti.noded.backend.following import Following
from ganeti.noded.backend.hooks import Hooks
from ganeti.noded.backend.iallocator import Allocators
from ganeti.noded.backend.instance import Instances
from ganeti.noded.backend.jobqueue import JobQueueReplica
from ganeti.noded.backend.keys import Keys
from ganeti.noded.backend.master import Master
from ganeti.noded.backend.migration import Migration
from ganeti.noded.backend.node import Node
from ganeti.noded.backend.os_definitions import OsDefinitions
from ganeti.noded.backend.os_scripts import OsScripts
from ganeti.noded.backend.programs import Programs
from ganeti.noded.backend.storage_units import FileStorage, StorageUnits
from ganeti.noded.backend.uploads import Uploads
from ganeti.noded.backend.verify import Verification
from ganeti.noded.backend.watcher import WatcherPause
from ganeti.noded.context import NodeContext
from ganeti.procedure import Procedure, table_of
from ganeti.rpc import procedures

Subject = Callable[[NodeContext], object]

#: a method of one of these whose name is a procedure's carries it out
SUBJECTS: tuple[Subject, ...] = (
    Allocators,
    BlockDevices,
    ConfigCopy,
    Exports,
    FileStorage,
    Following,
    Hooks,
    Instances,
    JobQueueReplica,
    Keys,
    Master,
    Migration,
    Node,
    OsDefinitions,
    OsScripts,
    Programs,
    StorageUnits,
    Uploads,
    Verification,
    WatcherPause,
)

Handler = Callable[..., Any]


def bind(node: NodeContext) -> Mapping[str, Handler]:
    """Return what carries out each call of the table on a node, by wire name.

    Raises ProgrammerError when a call has no handler, more than one, or one with
    other parameters.
    """
    return _Handlers(carriers(), node)


@functools.cache
def carriers() -> Mapping[str, tuple[Subject, str]]:
    """Return which method of which subject carries out each call of the table, by wire name.  Raises as `bind`."""
    return {name: _carrier_of(procedure) for name, procedure in table().items()}


@functools.cache
def table() -> Mapping[str, Procedure[..., Any]]:
    """Return the table of node calls, by wire name."""
    return table_of(procedures)


def warm_up() -> None:
    """Look up once what processes forked off this one then find made, and share."""
    for name in carriers():
        _ = table()[name].arguments
    root = logging.getLogger()
    root.setLevel(logging.INFO)  # writes to every logger there is


def _carrier_of(procedure: Procedure[..., Any]) -> tuple[Subject, str]:
    method = procedure.stub.__name__
    able = [subject for subject in SUBJECTS if hasattr(subject, method)]
    if len(able) != 1:
        owners = ", ".join(str(subject) for subject in able) or "nothing"
        raise errors.ProgrammerError(f"call {procedure.name} must have one handler, but is carried out by {owners}")
    procedure.check_handler(getattr(able[0], method))
    return able[0], method


class _Handlers(Mapping[str, Handler]):
    """Handlers whose subject is made when it is first asked for: a function process carries out one call, not all."""

    def __init__(self, found: Mapping[str, tuple[Subject, str]], node: NodeContext) -> None:
        self._carriers = found
        self._node = node
        self._subjects: dict[Subject, object] = {}

    def __getitem__(self, name: str) -> Handler:
        subject, method = self._carriers[name]
        if subject not in self._subjects:
            self._subjects[subject] = subject(self._node)
        handler: Handler = getattr(self._subjects[subject], method)
        return handler

    def __iter__(self) -> Iterator[str]:
        return iter(self._carriers)

    def __len__(self) -> int:
        return len(self._carriers)
