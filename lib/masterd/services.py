"""All that a logical unit may use: the seams of the master daemon, in one record.

A logical unit reads the configuration, calls nodes, reserves resources and asks an
allocator through this record only; it opens no file or socket and reads no clock
of its own.  That is what lets the simulation run the same units on virtual time.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from typing import NamedTuple

from ganeti.clock import Clock
from ganeti.masterd.config.store import ConfigStore
from ganeti.masterd.distribute import Distribution
from ganeti.masterd.iallocator.run import Allocator
from ganeti.masterd.names import HostNames
from ganeti.masterd.queries import Queries
from ganeti.model.opcodes.base import OpCode
from ganeti.model.scalars import JobId
from ganeti.rpc.client import NodeRpc

#: submits jobs made by a job: returns their ids, in order
SubmitJobs = Callable[[Sequence[Sequence[OpCode]]], Awaitable[Sequence[JobId]]]


class Services(NamedTuple):
    """What every logical unit is given."""

    config: ConfigStore
    rpc: NodeRpc
    clock: Clock
    distribution: Distribution
    allocator: Allocator
    queries: Queries
    names: HostNames
