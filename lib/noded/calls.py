"""Binds the table of node calls to what carries them out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
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

#: a method of one of these whose name is a procedure's carries it out
SUBJECTS: tuple[Callable[[NodeContext], object], ...] = (
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
    subjects = [subject(node) for subject in SUBJECTS]
    return {name: _handler_of(procedure, subjects) for name, procedure in table_of(procedures).items()}


def _handler_of(procedure: Procedure[..., Any], subjects: list[object]) -> Handler:
    method = procedure.stub.__name__
    able = [subject for subject in subjects if hasattr(subject, method)]
    if len(able) != 1:
        owners = ", ".join(type(subject).__name__ for subject in able) or "nothing"
        raise errors.ProgrammerError(f"call {procedure.name} must have one handler, but is carried out by {owners}")
    handler: Handler = getattr(able[0], method)
    procedure.check_handler(handler)
    return handler
