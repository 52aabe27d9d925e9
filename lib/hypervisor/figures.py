"""What a node has to give: memory, processors and disk.

A real node's figures are the machine's.  A virtual node has figures of its own in a
small JSON file (`Paths.node_figures_file`), so that many of them on one machine still
run out of memory one at a time:

    {"memory_total": 4096, "memory_dom0": 256, "cpu_total": 4, "disk_total": 102400}

`memory_total` (MiB), `cpu_total` and `disk_total` (MiB) are what matters;
`memory_dom0`, `cpu_dom0`, `cpu_nodes` and `cpu_sockets` may be left out, and whatever
is missing is the machine's own.
"""

from __future__ import annotations

import psutil

from ganeti import errors
from ganeti.model.scalars import MiB, NonNegativeInt
from ganeti.schema import Record, param
from ganeti.utils import files, json

_MIB = 1024 * 1024
_SIZE_LIMIT = 64 * 1024


class NodeFigures(Record, omit_none=True, keep_unknown=True):
    """The figures file of a virtual node; None where the machine's own figure holds."""

    memory_total: NonNegativeInt | None = param(default=None, doc="Memory of the node, MiB")
    memory_dom0: NonNegativeInt | None = param(default=None, doc="Memory the node itself uses, MiB")
    cpu_total: NonNegativeInt | None = param(default=None, doc="Processors")
    cpu_dom0: NonNegativeInt | None = param(default=None, doc="Processors the node itself uses")
    cpu_nodes: NonNegativeInt | None = param(default=None, doc="NUMA nodes")
    cpu_sockets: NonNegativeInt | None = param(default=None, doc="Processor sockets")
    disk_total: NonNegativeInt | None = param(default=None, doc="Space for disks of instances, MiB")


class Capacity(Record):
    """Memory and processors of a node, before any instance runs."""

    memory_total: MiB = param(doc="Memory of the node")
    memory_dom0: MiB = param(doc="Memory the node itself uses")
    cpu_total: int = param(doc="Processors")
    cpu_dom0: int = param(doc="Processors the node itself uses")
    cpu_nodes: int = param(doc="NUMA nodes")
    cpu_sockets: int = param(doc="Processor sockets")


def read_figures(path: str) -> NodeFigures:
    """Return the figures of a node; all of them None when there is no file.

    Raises EnvironmentFailure when the file cannot be understood: wrong figures are
    worse than none.
    """
    try:
        content = files.read_file(path, limit=_SIZE_LIMIT)
    except FileNotFoundError:
        return NodeFigures()
    try:
        return NodeFigures.from_wire(json.loads(content))
    except (errors.ParseError, errors.ParameterError) as err:
        raise errors.EnvironmentFailure(f"cannot read node figures {path}: {err}") from err


def capacity_of(figures: NodeFigures) -> Capacity:
    """Return memory and processors: the given figures, completed by the machine's."""
    virtual = figures.memory_total is not None
    memory = psutil.virtual_memory()
    total = figures.memory_total if figures.memory_total is not None else memory.total // _MIB
    used = 0 if virtual else (memory.total - memory.available) // _MIB
    return Capacity(
        memory_total=MiB(total),
        memory_dom0=MiB(min(total, _first(figures.memory_dom0, used))),
        cpu_total=_first(figures.cpu_total, psutil.cpu_count() or 1),
        cpu_dom0=_first(figures.cpu_dom0, 0 if virtual else 1),
        cpu_nodes=_first(figures.cpu_nodes, 1),
        cpu_sockets=_first(figures.cpu_sockets, 1),
    )


def _first(given: int | None, otherwise: int) -> int:
    return otherwise if given is None else given
