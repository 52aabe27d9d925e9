"""Queries that come as opcodes; they look and change nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar, Generic, TypeVar

from ganeti import errors
from ganeti.errors import ECode
from ganeti.masterd.cmdlib.base import Locks, LogicalUnit
from ganeti.masterd.config.snapshot import Config
from ganeti.model.enums import Level, QueryResource
from ganeti.model.opcodes.group import OpGroupQuery
from ganeti.model.opcodes.instance import OpInstanceQuery
from ganeti.model.opcodes.network import OpNetworkQuery
from ganeti.model.opcodes.node import OpNodeQuery
from ganeti.model.opcodes.query import OpQuery, OpQueryFields

O = TypeVar("O", OpInstanceQuery, OpNodeQuery, OpGroupQuery, OpNetworkQuery)  # noqa: E741 - the opcode


class LUQuery(LogicalUnit[OpQuery, None]):
    """Query a resource with a filter."""

    EFFECTS = False

    async def check(self, config: Config) -> None:
        if self.op.use_locking:
            raise errors.OpPrereqError("use_locking: queries take no locks", ECode.INVAL)

    async def execute(self, plan: None) -> object:
        return await self.services.queries.query(self.op.what, self.op.fields, self.op.qfilter)


class LUQueryFields(LogicalUnit[OpQueryFields, None]):
    """Describe the fields of a resource."""

    EFFECTS = False

    async def check(self, config: Config) -> None:
        return None

    async def execute(self, plan: None) -> object:
        return self.services.queries.fields(self.op.what, self.op.fields)


class _ClassicQuery(LogicalUnit[O, None], Generic[O]):
    """Answer rows of plain values, as old clients expect."""

    EFFECTS = False
    RESOURCE: ClassVar[QueryResource]
    LEVEL: ClassVar[Level | None] = None

    def locks(self, level: Level, config: Config) -> Locks | None:
        if level == self.LEVEL and getattr(self.op, "use_locking", False):
            return Locks(self.names() or self.all_names(config), shared=True)
        return None

    async def check(self, config: Config) -> None:
        return None

    async def execute(self, plan: None) -> object:
        return await self.services.queries.named(self.RESOURCE, self.names(), self.op.output_fields)

    def names(self) -> Sequence[str]:
        """Return the names asked for; none means all."""
        return self.op.names

    def all_names(self, config: Config) -> Sequence[str]:
        """Return the names of all there are."""
        return ()


class LUInstanceQuery(_ClassicQuery[OpInstanceQuery]):
    """List instances."""

    RESOURCE = QueryResource.INSTANCE
    LEVEL = Level.INSTANCE

    def all_names(self, config: Config) -> Sequence[str]:
        return config.instance_names()


class LUNodeQuery(_ClassicQuery[OpNodeQuery]):
    """List nodes."""

    RESOURCE = QueryResource.NODE
    LEVEL = Level.NODE

    def all_names(self, config: Config) -> Sequence[str]:
        return config.node_names()


class LUGroupQuery(_ClassicQuery[OpGroupQuery]):
    """List node groups."""

    RESOURCE = QueryResource.GROUP


class LUNetworkQuery(_ClassicQuery[OpNetworkQuery]):
    """List networks."""

    RESOURCE = QueryResource.NETWORK
