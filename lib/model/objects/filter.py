"""A filter of the job queue: which jobs may start."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from ganeti.model.objects.base import ConfigObject
from ganeti.model.scalars import JobId, Uuid
from ganeti.schema import param


class Filter(ConfigObject):
    """A rule about jobs that match all of its predicates."""

    uuid: Uuid = param(doc="Identity, never changes")
    watermark: JobId = param(doc="Highest job id when the filter was made")
    priority: int = param(doc="Filters of lower numbers are looked at first")
    predicates: Sequence[Sequence[object]] = param(
        factory=tuple, doc='Each is ["jobid" or "opcode" or "reason", query filter]'
    )
    action: Literal["ACCEPT", "PAUSE", "REJECT", "CONTINUE"] | tuple[Literal["RATE_LIMIT"], int] = param(
        doc="What to do with a job that matches"
    )
    reason_trail: Sequence[tuple[str, str, int]] = param(factory=tuple, doc="Why: source, reason, time in nanoseconds")
