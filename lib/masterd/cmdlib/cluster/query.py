"""Answers the configuration of the cluster, whole or single values."""

from __future__ import annotations

from collections.abc import Mapping

from ganeti import errors
from ganeti.errors import ECode
from ganeti.masterd.cluster_info import cluster_info
from ganeti.masterd.cmdlib.base import LogicalUnit
from ganeti.masterd.config.snapshot import Config
from ganeti.model.enums import QueryResource
from ganeti.model.opcodes.cluster import OpClusterConfigQuery, OpClusterQuery
from ganeti.model.query.evaluate import plain_rows
from ganeti.model.query.fields.cluster import CLUSTER


class LUClusterQuery(LogicalUnit[OpClusterQuery, Mapping[str, object]]):
    """Answer all settings."""

    EFFECTS = False

    async def check(self, config: Config) -> Mapping[str, object]:
        return cluster_info(config)

    async def execute(self, plan: Mapping[str, object]) -> Mapping[str, object]:
        return plan


class LUClusterConfigQuery(LogicalUnit[OpClusterConfigQuery, None]):
    """Answer the values of some fields of the cluster."""

    EFFECTS = False

    async def check(self, config: Config) -> None:
        unknown = [name for name in self.op.output_fields if name not in CLUSTER.fields]
        if unknown:
            raise errors.OpPrereqError(f"unknown output fields: {', '.join(unknown)}", ECode.INVAL)

    async def execute(self, plan: None) -> list[object]:
        answer = await self.services.queries.query(QueryResource.CLUSTER, self.op.output_fields)
        return plain_rows(answer)[0]
