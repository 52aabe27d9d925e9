"""`GET /2/events`: everybody who listens gets what happened, or is told that something is missing."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest

from ganeti import errors
from ganeti.clock import SystemClock
from ganeti.luxi.events import EventKind, Position
from ganeti.masterd.events import Events
from ganeti.rapi.client_events import Event, EventParser
from ganeti.rapi.events import Batch, EventStream, Hub, Limits, Listener, read_batch
from ganeti.rapi.master import Master
from ganeti.rapi.watching import Watching
from test.support.polling import eventually
from test.support.rapi import JACK, Api, api_served, login

USERS = "jack secret write\njill secret read\nnobody secret\n"

Scene = Callable[["Stage"], Awaitable[None]]


class Stage:
    """A server, and the master daemon behind it: `happen` makes an event."""

    def __init__(self) -> None:
        self.events = Events(SystemClock(), "1")
        self.away = False
        #: how often it was asked while it was away
        self.missed = 0
        self.hub: Hub
        self.api: Api

    async def wait_for_events(self, epoch: str, serial: int, timeout: float) -> object:
        if self.away:
            self.missed += 1
            raise errors.NoMasterError("away")
        batch = await self.events.wait(Position(epoch, serial), timeout)
        if self.away:
            raise errors.NoMasterError("away")
        return batch.to_wire()

    def happen(self, *numbers: int, kind: EventKind = EventKind.JOB) -> None:
        for number in numbers:
            self.events._happened(kind, {"id": number})

    def restart(self, epoch: str) -> None:
        """End the master daemon's life, and begin another."""
        old, self.events = self.events, Events(SystemClock(), epoch)
        for waiter in old._waiting:
            waiter.set_result(None)

    @asynccontextmanager
    async def listening(self, query: str = "", auth: str | None = JACK, last: str = "") -> AsyncIterator[Ear]:
        headers = {**({"Authorization": auth} if auth else {}), **({"Last-Event-ID": last} if last else {})}
        url = "http://{}:{}/2/events{}".format(*self.api.address, query)
        async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as response:
            ear = Ear(response)
            if response.status == 200:
                assert response.content_type == "text/event-stream"
                await ear.begun()
            yield ear


class Ear:
    """What one listener hears."""

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self.response = response
        self.parser = EventParser()
        self.raw = b""
        self._heard: list[Event] = []

    async def begun(self) -> None:
        """Wait until what happens from now on is heard."""
        while not self.parser.last_id:
            assert await self._more()

    async def next(self, count: int = 1) -> list[Event]:
        while len(self._heard) < count:
            assert await self._more(), "the stream has ended"
        heard, self._heard = self._heard[:count], self._heard[count:]
        return heard

    async def rest(self) -> list[Event]:
        """Return all until the end of the stream."""
        while await self._more():
            pass
        return self._heard

    async def _more(self) -> bool:
        data = await self.response.content.readany()
        self.raw += data
        self._heard += self.parser.feed(data)
        return bool(data)


def play(directory: Any, scene: Scene, limits: Limits | None = None) -> None:
    async def run() -> None:
        stage = Stage()

        def watching(master: Master) -> Watching:
            stage.hub = Hub(master, SystemClock(), limits)
            return Watching(stage.hub, EventStream(stage.hub, SystemClock()), None)

        handlers = {"WaitForEvents": stage.wait_for_events}
        async with asyncio.timeout(30), api_served(directory, handlers, users=USERS, watching=watching) as stage.api:
            await scene(stage)

    asyncio.run(run())


def ids(events: list[Event]) -> list[int]:
    return [event.data["id"] for event in events]


def test_what_happens_is_heard_with_its_kind_time_and_id(tmp_path):
    async def scene(stage):
        async with stage.listening() as ear:
            stage.happen(7)

            (event,) = await ear.next()

        assert (event.kind, event.id, event.data["id"]) == ("job", "1-1", 7)
        assert event.data["time"] > 1e9

    play(tmp_path, scene)


def test_only_kinds_asked_for_are_heard(tmp_path):
    async def scene(stage):
        async with stage.listening("?kind=node&kind=group,disk") as ear:
            stage.happen(1)
            stage.happen(2, kind=EventKind.NODE)
            stage.happen(3, kind=EventKind.INSTANCE)
            stage.happen(4, kind=EventKind.DISK)

            assert ids(await ear.next(2)) == [2, 4]

    play(tmp_path, scene)


def test_who_comes_back_hears_what_was_missed_once_and_in_order(tmp_path):
    async def scene(stage):
        async with stage.listening() as ear:
            stage.happen(1, 2)
            last = (await ear.next(2))[-1].id
        stage.happen(*range(3, 2500))

        async with stage.listening(last=last) as ear:
            stage.happen(2500)

            assert ids(await ear.next(2498)) == list(range(3, 2501))

    play(tmp_path, scene)


def test_who_heard_nothing_yet_can_come_back_too(tmp_path):
    async def scene(stage):
        stage.happen(1)
        async with stage.listening() as ear:
            last = ear.parser.last_id
        stage.happen(2)

        async with stage.listening(last=last) as ear:
            assert ids(await ear.next()) == [2]

    play(tmp_path, scene)


@pytest.mark.parametrize("last", ["9-1", "1-99", "nonsense"])
def test_who_comes_back_with_what_nobody_knows_is_told_to_look_anew(tmp_path, last):
    async def scene(stage):
        stage.happen(1, 2)

        async with stage.listening("?kind=node", last=last) as ear:
            stage.happen(3, kind=EventKind.NODE)
            reset, event = await ear.next(2)

        assert (reset.kind, reset.id) == ("reset", "1-2")
        assert ids([event]) == [3]

    play(tmp_path, scene)


def test_another_master_daemon_is_a_reset_and_then_followed(tmp_path):
    async def scene(stage):
        async with stage.listening() as ear:
            stage.happen(1)
            await ear.next()

            stage.restart("2")
            (reset,) = await ear.next()
            stage.happen(2)

            assert (reset.kind, reset.id) == ("reset", "2-0")
            assert ids(await ear.next()) == [2]

    play(tmp_path, scene)


def test_listeners_stay_while_there_is_no_master_daemon(tmp_path):
    async def scene(stage):
        async with stage.listening() as ear:
            stage.away = True
            stage.restart("2")
            await eventually(lambda: stage.missed > 1)
            stage.away = False

            assert [event.kind for event in await ear.next()] == ["reset"]

    play(tmp_path, scene, Limits(pause=0.01))


def test_all_listeners_share_one_call(tmp_path):
    async def scene(stage):
        async with stage.listening() as one, stage.listening() as two, stage.listening("?kind=node") as three:
            assert stage.hub.listeners == 3
            stage.happen(1, kind=EventKind.NODE)
            for ear in (one, two, three):
                assert ids(await ear.next()) == [1]

            await eventually(lambda: stage.events.waiting == 1)
        # who has gone is found out when something is to be said
        stage.happen(2)
        await eventually(lambda: stage.hub.listeners == 0)
        await eventually(lambda: stage.events.waiting == 0)

    play(tmp_path, scene, Limits(keep_alive=0.05))


def test_silence_is_broken_now_and_then_with_where_to_come_back(tmp_path):
    async def scene(stage):
        async with stage.listening("?kind=node") as ear:
            stage.happen(1, 2, 3)
            while ear.parser.last_id != "1-3":
                assert await ear._more()

            assert b"\n: still here\n" in ear.raw
            assert ear._heard == []

    play(tmp_path, scene, Limits(keep_alive=0.02))


def test_listener_is_sent_away_after_a_while(tmp_path):
    async def scene(stage):
        async with stage.listening() as ear:
            assert await ear.rest() == []

    play(tmp_path, scene, Limits(keep_alive=0.01, life=0.05))


def test_there_are_only_so_many_listeners(tmp_path):
    async def scene(stage):
        async with stage.listening(), stage.listening() as second:
            assert second.response.status == 503

    play(tmp_path, scene, Limits(listeners=1))


def test_one_user_does_not_keep_the_others_out(tmp_path):
    async def scene(stage):
        jack, jill = login("jack", "secret"), login("jill", "secret")
        async with stage.listening(auth=jack), stage.listening(auth=jack), stage.listening(auth=jack) as third:
            assert third.response.status == 503
            assert "2 clients of jack listen" in (await third.response.json())["message"]
            async with stage.listening(auth=jill) as other:
                assert other.response.status == 200
        await eventually(lambda: not stage.hub.listeners)
        async with stage.listening(auth=jack) as again:
            assert again.response.status == 200

    play(tmp_path, scene, Limits(of_user=2, keep_alive=0.05))


def test_listener_without_a_login_is_refused(tmp_path):
    async def scene(stage):
        for auth, status in ((None, 401), (login("nobody", "secret"), 403), (login("jack", "wrong"), 401)):
            async with stage.listening(auth=auth) as ear:
                assert ear.response.status == status
        assert stage.hub.listeners == 0

    play(tmp_path, scene)


def test_unknown_kind_is_refused_by_its_name(tmp_path):
    async def scene(stage):
        async with stage.listening("?kind=jobs") as ear:
            answer = json.loads(await ear.response.read())
            assert ear.response.status == 400
            assert "'jobs'" in answer["message"] and "job" in answer["message"]

    play(tmp_path, scene)


def test_without_a_master_daemon_there_is_nothing_to_listen_to(tmp_path):
    async def scene(stage):
        stage.away = True
        async with stage.listening() as ear:
            assert ear.response.status == 502
        assert stage.hub.listeners == 0

    play(tmp_path, scene)


def test_the_end_of_the_daemon_is_the_end_of_streams(tmp_path):
    async def scene(stage):
        async with stage.listening() as ear:
            stage.happen(1)
            await stage.hub.close()

            assert ids(await ear.rest()) in ([1], [])

    play(tmp_path, scene)


# --- who is too slow ------------------------------------------------------------------------


def batch(first: int, last: int) -> Batch:
    events = [[serial, 0.0, "job", {"id": serial}] for serial in range(first, last + 1)]
    return read_batch({"epoch": "1", "serial": last, "reset": False, "events": events})


def test_listener_that_takes_nothing_is_behind_and_keeps_nothing():
    async def scene() -> None:
        listener = Listener("jack", frozenset(), backlog=10)

        listener.offer(batch(1, 10))
        assert not listener.is_behind
        listener.offer(batch(11, 11))

        assert listener.is_behind
        listener.offer(batch(12, 20))
        assert await listener.next(0) == []

    asyncio.run(scene())


def test_events_that_were_sent_already_are_not_sent_again():
    async def scene() -> None:
        listener = Listener("jack", frozenset(), backlog=10)
        listener.offer(batch(1, 5))
        listener.position = Position("1", 3)

        assert [item.position.serial for item in await listener.next(0)] == [4, 5]

    asyncio.run(scene())


def test_slow_listener_is_hung_up_on_and_the_others_are_not(tmp_path):
    async def scene(stage):
        async with stage.listening() as quick:
            slow = asyncio.open_connection(*stage.api.address, limit=1024)
            _reader, writer = await slow
            request = f"GET /2/events HTTP/1.1\r\nHost: x\r\nAuthorization: {JACK}\r\n\r\n"
            writer.write(request.encode())
            await eventually(lambda: stage.hub.listeners == 2)
            heard = 0
            while stage.hub.listeners == 2:
                stage.happen(*range(200))
                heard += len(await quick.next(200))

            assert stage.hub.listeners == 1
            stage.happen(-1)
            assert ids(await quick.next()) == [-1]
            writer.close()

    play(tmp_path, scene, Limits(backlog=400, writing=0.2))
