"""Lists OS definitions and what nodes have of them."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from ganeti import errors
from ganeti.errors import ECode
from ganeti.masterd.cmdlib.base import LogicalUnit
from ganeti.masterd.config.snapshot import Config
from ganeti.model.enums import QueryResource
from ganeti.model.opcodes.os import OpOsDiagnose
from ganeti.model.os_names import with_variant
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
        fields = self.op.output_fields
        answer = await self.services.queries.query(QueryResource.OS, [*fields, "name"], plan)
        cluster = self.services.config.current.cluster
        lists = {"hidden": cluster.hidden_os, "blacklisted": cluster.blacklisted_os}
        left_out = frozenset(os for name, marked in lists.items() if name not in fields for os in marked)
        return offered_rows(fields, plain_rows(answer), left_out)


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


def offered_rows(
    fields: Sequence[str], rows: Sequence[Sequence[object]], left_out: Collection[str]
) -> list[list[object]]:
    """Return rows (with the name at their end, which goes) without the variants that are left out.

    A definition all of whose variants are left out goes, too.
    """
    found = []
    for *values, name in rows:
        for index, field in enumerate(fields):
            variants = values[index]
            if field == "variants" and isinstance(variants, Sequence) and variants:
                values[index] = [v for v in variants if with_variant(str(name), str(v)) not in left_out]
                if not values[index]:
                    break
        else:
            found.append(values)
    return found
