"""Operations that run programs for nodes: out-of-band helpers and restricted commands."""

from __future__ import annotations

from collections.abc import Sequence

from ganeti.model.enums import OobCommand
from ganeti.model.opcodes.base import OpCode
from ganeti.model.opcodes.results import CheckedRows
from ganeti.model.scalars import NodeName, PluginName, Uuid
from ganeti.schema import param


class OpOobCommand(OpCode):
    """Switch nodes on or off, or ask for their health, through their out-of-band helper."""

    RESULT = CheckedRows

    node_names: Sequence[NodeName] = param(default=(), doc="Nodes to act on; none given means all")
    node_uuids: Sequence[Uuid] | None = param(default=None, doc="UUIDs of the nodes to act on")
    command: OobCommand = param(doc="What the helper is to do")
    timeout: int = param(default=60, doc="How long the helper may take for a node, in seconds")
    ignore_status: bool = param(default=False, doc="Switch a node off even if it is not marked offline")
    power_delay: float = param(default=2.0, doc="Pause between switching on one node and the next, in seconds")


class OpRestrictedCommand(OpCode):
    """Run a command on nodes that their admin put into the directory of restricted commands."""

    RESULT = Sequence[tuple[bool, str]]

    use_locking: bool = param(default=False, doc="Hold the nodes' locks while the command runs")
    nodes: Sequence[NodeName] = param(doc="Nodes to run the command on")
    node_uuids: Sequence[Uuid] | None = param(default=None, doc="UUIDs of the nodes to run the command on")
    command: PluginName = param(doc="Name of the command")
