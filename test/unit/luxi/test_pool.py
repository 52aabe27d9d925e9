"""The pool: many calls at a time over kept connections, and what becomes of those that break."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from ganeti import errors
from ganeti.errors import ECode
from ganeti.luxi import framing, methods
from ganeti.luxi.pool import Pool
from ganeti.masterd.luxi_server import LuxiServer
from ganeti.model.enums import TagKind
from test.support.polling import eventually

ANSWER = b'{"success":true,"result":[7]}\x03'
Scene = Callable[["Stage"], Awaitable[None]]


class Stage:
    """A server at a path; how many connections it has is the number of those the pool made and keeps."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.release = asyncio.Event()
        self.asked = 0
        self.server: LuxiServer

    async def start(self) -> None:
        self.server = LuxiServer({"QueryConfigValues": self.query, "SubmitJob": self.submit, "QueryTags": self.refuse})
        await self.server.start([self.path])

    async def query(self, names: Any) -> object:
        self.asked += 1
        if list(names) == ["slow"]:
            await self.release.wait()
        return names

    async def submit(self, ops: Any) -> object:
        self.asked += 1
        return self.asked

    async def refuse(self, kind: str, name: str) -> object:
        raise errors.OpPrereqError(f"{kind} {name} is not known", ECode.NOENT)

    @property
    def connections(self) -> int:
        return len(self.server.connections)


def play(directory: os.PathLike[str], scene: Callable[[Stage, Pool], Awaitable[None]], **options: Any) -> None:
    async def run() -> None:
        stage = Stage(os.path.join(directory, "master"))
        await stage.start()
        pool = Pool(stage.path, **options)
        try:
            async with asyncio.timeout(30):
                await scene(stage, pool)
        finally:
            stage.release.set()
            pool.close()
            await stage.server.close()

    asyncio.run(run())


async def values(pool: Pool, *names: str) -> Any:
    return await pool.call(methods.query_config_values, names)


def test_calls_after_one_another_share_a_connection(tmp_path: os.PathLike[str]) -> None:
    async def scene(stage: Stage, pool: Pool) -> None:
        for number in range(5):
            assert await values(pool, str(number)) == [str(number)]
        assert stage.connections == 1

    play(tmp_path, scene)


def test_calls_at_the_same_time_have_their_own_up_to_a_limit(tmp_path: os.PathLike[str]) -> None:
    async def scene(stage: Stage, pool: Pool) -> None:
        slow = [asyncio.create_task(values(pool, "slow")) for _ in range(2)]
        await eventually(lambda: stage.asked == 2)
        third = asyncio.create_task(values(pool, "third"))
        for _ in range(20):
            await asyncio.sleep(0)
        assert (stage.connections, stage.asked, third.done()) == (2, 2, False)

        stage.release.set()
        assert await asyncio.gather(*slow, third) == [["slow"], ["slow"], ["third"]]
        assert stage.connections == 2

    play(tmp_path, scene, connections=2)


def test_errors_of_the_master_daemon_are_raised_and_the_connection_stays(tmp_path: os.PathLike[str]) -> None:
    async def scene(stage: Stage, pool: Pool) -> None:
        with pytest.raises(errors.OpPrereqError, match="instance web1 is not known"):
            await pool.call(methods.query_tags, TagKind.INSTANCE, "web1")
        with pytest.raises(errors.GenericError):
            await pool.call(methods.query_jobs, None, ["id"])  # has no handler
        assert stage.connections == 1

    play(tmp_path, scene)


def test_a_master_daemon_that_was_replaced_is_found_again(tmp_path: os.PathLike[str]) -> None:
    async def scene(stage: Stage, pool: Pool) -> None:
        assert await values(pool, "a") == ["a"]
        await stage.server.close()
        with pytest.raises((errors.NoMasterError, errors.ConnectionClosedError)):
            await pool.call(methods.submit_job, [])
        await stage.start()
        assert await values(pool, "b") == ["b"]

    play(tmp_path, scene)


def test_a_call_that_was_given_up_leaves_no_answer_for_the_next(tmp_path: os.PathLike[str]) -> None:
    async def scene(stage: Stage, pool: Pool) -> None:
        given_up = asyncio.create_task(values(pool, "slow"))
        await eventually(lambda: stage.asked == 1)
        given_up.cancel()
        with pytest.raises(asyncio.CancelledError):
            await given_up
        stage.release.set()
        assert await values(pool, "next") == ["next"]

    play(tmp_path, scene)


def test_a_request_that_is_too_long_is_not_sent(tmp_path: os.PathLike[str]) -> None:
    async def scene(stage: Stage, pool: Pool) -> None:
        with pytest.raises(errors.ProtocolError, match=r"the request has \d+ bytes, at most 100 are taken"):
            await values(pool, "x" * 100)
        assert (stage.connections, stage.asked) == (0, 0)

    play(tmp_path, scene, limit=100)


# --- servers that misbehave -----------------------------------------------------------------


class Odd:
    """A server that answers each request of a connection as it is told: None hangs up."""

    def __init__(self, *answers: bytes | None) -> None:
        self.answers = list(answers)
        self.requests: list[bytes] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while self.answers:
                request = await reader.readuntil(framing.END)
                self.requests.append(request)
                answer = self.answers.pop(0)
                if answer is None:
                    break
                writer.write(answer)
        except asyncio.IncompleteReadError:
            pass
        writer.close()

    @asynccontextmanager
    async def at(self, path: str) -> AsyncIterator[Pool]:
        server = await asyncio.start_unix_server(self.serve, path)
        pool = Pool(path)
        try:
            async with asyncio.timeout(30):
                yield pool
        finally:
            pool.close()
            server.close()
            await server.wait_closed()


def test_a_question_that_a_dying_connection_swallowed_is_asked_again(tmp_path: os.PathLike[str]) -> None:
    async def run() -> None:
        odd = Odd(ANSWER, None, ANSWER)
        async with odd.at(os.path.join(tmp_path, "master")) as pool:
            await values(pool, "a")
            assert await values(pool, "b") == [7]
            assert len(odd.requests) == 3

    asyncio.run(run())


def test_a_job_that_a_dying_connection_swallowed_is_not_submitted_twice(tmp_path: os.PathLike[str]) -> None:
    async def run() -> None:
        odd = Odd(ANSWER, None, ANSWER)
        async with odd.at(os.path.join(tmp_path, "master")) as pool:
            await values(pool, "a")
            with pytest.raises(errors.ConnectionClosedError, match="during SubmitJob"):
                await pool.call(methods.submit_job, [])
            assert len(odd.requests) == 2

    asyncio.run(run())


def test_more_than_was_asked_ends_the_connection(tmp_path: os.PathLike[str]) -> None:
    async def run() -> None:
        odd = Odd(ANSWER + ANSWER, ANSWER)
        async with odd.at(os.path.join(tmp_path, "master")) as pool:
            with pytest.raises(errors.ProtocolError, match="more than was asked"):
                await values(pool, "a")
            assert await values(pool, "b") == [7]

    asyncio.run(run())


def test_without_a_master_daemon_that_is_said(tmp_path: os.PathLike[str]) -> None:
    async def run() -> None:
        pool = Pool(os.path.join(tmp_path, "nobody"))
        with pytest.raises(errors.NoMasterError):
            await values(pool, "a")

    asyncio.run(run())
