"""What the server takes of its clients: sizes, times, numbers; and what it says of nonsense."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
from collections.abc import Awaitable, Callable
from typing import Any

from ganeti.rapi.server import Limits
from test.support.rapi import JACK, Api, api_served

LIMITS = Limits(body=1000, body_seconds=0.1, idle_seconds=0.2, lingering_seconds=0.1, clients=3)
PUT = f"PUT /2/modify HTTP/1.1\r\nHost: x\r\nAuthorization: {JACK}\r\nContent-Type: application/json\r\n".encode()


def play(directory: os.PathLike[str], scene: Callable[[Api], Awaitable[None]], limits: Limits = LIMITS) -> None:
    async def run() -> None:
        async with asyncio.timeout(30), api_served(directory, limits=limits) as api:
            await scene(api)

    asyncio.run(run())


async def said(api: Api, *data: bytes) -> bytes:
    """Return all that is answered to bytes until the server hangs up."""
    reader, writer = await asyncio.open_connection(*api.address)
    try:
        writer.writelines(data)
        return await reader.read()
    except ConnectionError:
        return b""
    finally:
        writer.close()


def test_a_body_that_does_not_come_is_not_waited_for(tmp_path: os.PathLike[str]) -> None:
    async def scene(api: Api) -> None:
        head, _, body = (await said(api, PUT, b"Content-Length: 10\r\n\r\n", b"{")).partition(b"\r\n\r\n")

        assert head.startswith(b"HTTP/1.1 408 ")
        assert json.loads(body)["message"] == "body: not here after 0.1 s"

    play(tmp_path, scene)


def test_a_body_that_is_too_long_is_refused_as_soon_as_that_is_known(tmp_path: os.PathLike[str]) -> None:
    async def scene(api: Api) -> None:
        for data in (
            (b"Content-Length: 1001\r\n\r\n",),
            (b"Transfer-Encoding: chunked\r\n\r\n", b"3e9\r\n", b" " * 1001, b"\r\n"),
        ):
            assert (await said(api, PUT, *data)).startswith(b"HTTP/1.1 413 ")
        assert (await api.ask("PUT", "/2/modify", data=b" " * 999)).status == 415

    play(tmp_path, scene)


def test_a_body_of_somebody_unknown_is_not_read(tmp_path: os.PathLike[str]) -> None:
    path = "/2/instances/web/info"

    async def scene(api: Api) -> None:
        for auth, count in ((None, 0), (JACK, 1)):
            answer = await api.ask("GET", path, {"depends": [[1, ["success"]]]}, auth=auth)
            assert answer.status == 200
            assert len([op for op in api.jobs.pop() if "depends" in op]) == count
        endless = f"GET {path} HTTP/1.1\r\nHost: x\r\nContent-Length: 900\r\n\r\n{{".encode()
        assert (await said(api, endless)).startswith(b"HTTP/1.1 200 ")

    play(tmp_path, scene)


def test_bodies_of_all_requests_together_have_a_limit(tmp_path: os.PathLike[str]) -> None:
    released = asyncio.Event()

    async def wait_for_job_change(job_id: Any, fields: Any, prev_info: Any, prev_serial: Any, timeout: Any) -> object:
        await released.wait()
        return "nochange"

    async def act() -> None:
        handlers, limits = {"WaitForJobChange": wait_for_job_change}, Limits(bodies=6000)
        async with asyncio.timeout(30), api_served(tmp_path, handlers, limits=limits) as api:
            body = {"fields": ["status"], "previous_job_info": ["x" * 900]}
            first = asyncio.create_task(api.ask("GET", "/2/jobs/1/wait", body))
            second = asyncio.create_task(api.ask("GET", "/2/jobs/1/wait", body))
            await asyncio.wait([first, second], return_when=asyncio.FIRST_COMPLETED)
            refused, other = (first, second) if first.done() else (second, first)
            assert refused.result().status == 503
            released.set()
            assert (await other).status == 200
            assert (await api.ask("GET", "/2/jobs/1/wait", body)).status == 200

    asyncio.run(act())


def test_a_small_body_that_takes_much_memory_is_refused(tmp_path: os.PathLike[str]) -> None:
    async def scene(api: Api) -> None:
        assert (await api.ask("PUT", "/2/modify", "x" * 5000)).status == 400  # read, and no object
        assert (await api.ask("PUT", "/2/modify", [[]] * 1250)).status == 503

    play(tmp_path, scene, Limits(bodies=50_000))


def test_jobs_of_somebody_unknown_are_few(tmp_path: os.PathLike[str]) -> None:
    path = "/2/instances/web/info"

    async def scene(api: Api) -> None:
        assert [(await api.ask("GET", path, auth=None)).status for _ in range(3)] == [200, 200, 503]
        assert (await api.ask("GET", "/version", auth=None)).status == 200
        assert [(await api.ask("GET", path)).status for _ in range(5)] == [200] * 5
        assert len(api.jobs) == 7

    play(tmp_path, scene, LIMITS._replace(strangers_jobs=2, strangers_rate=0.0))


def test_a_connection_without_a_request_is_closed_after_a_while(tmp_path: os.PathLike[str]) -> None:
    async def scene(api: Api) -> None:
        assert await said(api) == b""
        assert await said(api, b"GET /version HT") == b""
        assert (await said(api, b"GET /version HTTP/1.1\r\nHost: x\r\n\r\n")).endswith(b"\r\n\r\n2")

    play(tmp_path, scene)


def test_the_oldest_connection_without_a_request_makes_room_for_a_new_one(tmp_path: os.PathLike[str]) -> None:
    async def scene(api: Api) -> None:
        held = [await asyncio.open_connection(*api.address) for _ in range(3)]
        (first, first_writer), (second, second_writer) = held[:2]
        first_writer.write(PUT + b"Expect: 100-continue\r\nContent-Length: 2\r\n\r\n")
        assert (await first.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 100 ")  # it is under way
        second_writer.write(b"GET /version HTTP/1.1\r\nHost: x\r\n")

        async with asyncio.timeout(10):
            reader, writer = await asyncio.open_connection(*api.address)
            writer.write(b"GET /version HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            assert (await reader.read()).endswith(b"2")

        with contextlib.suppress(ConnectionError):
            assert await second.read() == b""
        first_writer.write(b"{}")
        assert (await first.read(20)).startswith(b"HTTP/1.1 200")
        for _, other in [*held, (reader, writer)]:
            other.close()

    play(tmp_path, scene, LIMITS._replace(body_seconds=10.0, idle_seconds=10.0))


def test_what_is_no_http_is_refused_in_json(tmp_path: os.PathLike[str]) -> None:
    async def scene(api: Api) -> None:
        head, _, body = (await said(api, b"GARBAGE\r\n\r\n")).partition(b"\r\n\r\n")

        assert head.split(b" ")[1] == b"400"
        assert b"Server: Ganeti" in head
        assert json.loads(body)["code"] == 400

    play(tmp_path, scene)


def test_a_method_nobody_knows_is_not_implemented(tmp_path: os.PathLike[str]) -> None:
    async def scene(api: Api) -> None:
        for method in (b"PATCH", b"FETCH", b"get"):
            head, _, body = (
                await said(api, method + b" /version HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            ).partition(b"\r\n\r\n")
            assert head.split(b" ")[1] == b"501"
            assert json.loads(body)["code"] == 501

    play(tmp_path, scene)


def test_arguments_without_a_value_are_none(tmp_path: os.PathLike[str]) -> None:
    async def scene(api: Api) -> None:
        assert (await api.ask("PUT", "/2/redistribute-config?dry-run=&reason")).status == 200
        assert "dry_run" not in api.jobs[0][0]
        assert len(api.jobs[0][0]["reason"]) == 1

    play(tmp_path, scene)
