"""A real LUXI server with canned handlers, for tests of its clients."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from ganeti.masterd.luxi_server import Handler, Limits, LuxiServer


@contextmanager
def luxi_served(path: str, handlers: dict[str, Handler], limits: Limits | None = None) -> Iterator[LuxiServer]:
    """Serve LUXI at `path` from a thread with an event loop of its own."""
    ready = threading.Event()
    state: dict[str, object] = {}

    async def serve() -> None:
        server = LuxiServer(handlers, limits)
        stop = asyncio.Event()
        state.update(server=server, stop=stop, loop=asyncio.get_running_loop())
        await server.start([path])
        ready.set()
        await stop.wait()
        await server.close()

    thread = threading.Thread(target=asyncio.run, args=[serve()])
    thread.start()
    assert ready.wait(10), "the server did not start"
    try:
        server = state["server"]
        assert isinstance(server, LuxiServer)
        yield server
    finally:
        loop, stop = state["loop"], state["stop"]
        assert isinstance(loop, asyncio.AbstractEventLoop)
        assert isinstance(stop, asyncio.Event)
        loop.call_soon_threadsafe(stop.set)
        thread.join(10)
        assert not thread.is_alive()
