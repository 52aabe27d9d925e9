"""Lists OS definitions and what nodes have of them."""

from __future__ import annotations

from collections.abc import Sequence

from ganeti import errors
from ganeti.errors import ECode
from ganeti.masterd.cmdlib.base import LogicalUnit
from ganeti.masterd.config.snapshot import Config
from ganeti.model.enums import QueryResource
from ganeti.model.opcodes.os import OpOsDiagnose
from ganeti.model.query.evaluate import plain_rows
from ganeti.model.query.fields.os import OSES

#: a definition is listed without being asked for only if it can be used; who asks for the field sees all
_UNLISTED_IF = {"hidden": True, "blacklisted": True, "valid": False}


class LUOsDiagnose(LogicalUnit[OpOsDiagnose, list[object] | None]):
    """Ask the nodes, by way of the query for operating systems."""

    EFFECTS = False

    async def check(self, config: Config) -> list[object] | None:
        unknown = [name for name in self.op.output_fields if name not in OSES.fields]
        if unknown:
            raise errors.OpPrereqError(f"unknown output fields: {', '.join(unknown)}", ECode.INVAL)
        return os_filter(self.op.output_fields, self.op.names)

    async def execute(self, plan: list[object] | None) -> list[list[object]]:
        return plain_rows(await self.services.queries.query(QueryResource.OS, self.op.output_fields, plan))


def os_filter(fields: Sequence[str], names: Sequence[str]) -> list[object] | None:
    """Return the query filter for these definitions, or for all that are listed without being asked for."""
    conditions: list[object] = []
    for name, value in _UNLISTED_IF.items():
        if name not in fields:
            truth = ["?", name]
            conditions.append(["!", truth] if value else truth)
    if names:
        conditions.append(["|", *(["=", "name", name] for name in names)])
    return ["&", *conditions] if conditions else None
