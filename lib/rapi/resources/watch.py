"""Events and figures, for those who watch the cluster; ours, beyond Ganeti's interface."""

from __future__ import annotations

from aiohttp import web

from ganeti.luxi import methods
from ganeti.luxi.events import EventKind
from ganeti.rapi import events, metrics
from ganeti.rapi.arguments import Arg, ArgKind
from ganeti.rapi.replies import Reply, not_found
from ganeti.rapi.table import Access, Call, Method, Resource, Shape


async def _events(call: Call) -> web.StreamResponse:
    return await call.watching.stream.serve(call.request, call.user, call.arguments.get(_KIND.name, ()))


async def _metrics(call: Call) -> Reply:
    if call.watching.metrics is None:
        raise not_found("figures are not offered here: the daemon was started without --metrics")
    return Reply(await call.watching.metrics.text(), content_type=metrics.CONTENT_TYPE)


_KIND = Arg("kind", ArgKind.REPEATED, f"Only events of this kind: {', '.join(EventKind)}")
_STREAM = Shape("Server-sent events, without end", {"type": "string"}, events.CONTENT_TYPE)
_TEXT = Shape("Figures in the text form of Prometheus", {"type": "string"}, metrics.CONTENT_TYPE)

RESOURCES = (
    Resource(
        "/2/events",
        {
            "GET": Method(
                Access.READ,
                "Send what happens, as it happens; Last-Event-ID says where to go on.",
                _events,
                _STREAM,
                [_KIND],
                calls=[methods.wait_for_events],
            )
        },
    ),
    Resource(
        "/metrics",
        {"GET": Method(Access.NONE, "Tell how the cluster does, where the daemon offers it.", _metrics, _TEXT)},
    ),
)
