"""What the remote API offers to those who watch the cluster, and keeps between requests for it."""

from __future__ import annotations

from typing import NamedTuple

from ganeti.clock import Clock
from ganeti.rapi import metrics
from ganeti.rapi.events import EventStream, Hub
from ganeti.rapi.master import Master


class Watching(NamedTuple):
    """The stream of events, and the figures; None where they are not offered."""

    hub: Hub
    stream: EventStream
    metrics: metrics.Metrics | None

    async def close(self) -> None:
        """Let all who listen go."""
        await self.hub.close()


def make_watching(master: Master, clock: Clock, *, figures: bool = False) -> Watching:
    """Wire the parts."""
    hub = Hub(master, clock)
    shown = metrics.Metrics(master, clock, lambda: hub.listeners) if figures else None
    return Watching(hub, EventStream(hub, clock), shown)
