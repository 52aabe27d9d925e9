"""Keys and configuration are loaded when their files change."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest

from ganeti.clock import SystemClock
from ganeti.confd import follow
from ganeti.confd.follow import Follower
from ganeti.confd.requests import RequestType
from ganeti.confd.responder import Responder
from ganeti.confd.wire import Drop
from ganeti.masterd.config.initial import config_text
from ganeti.paths import Paths
from ganeti.utils import files, watch
from test.support.confd import NOW, SECRET, opened, question
from test.support.config import make_config
from test.support.polling import eventually

SECONDS = 30.0


def write_config(paths: Paths, serial: int) -> None:
    config = make_config()
    text = config_text(config.changed({}, config.head._replace(serial_no=serial)))
    files.write_file(paths.config_file, text, durable=False)


def write_key(paths: Paths, secret: bytes = SECRET) -> None:
    files.write_file(paths.hmac_key, secret, durable=False)


def serial(responder: Responder, secret: bytes = SECRET) -> object:
    """Return the serial that is answered, None for no answer."""
    answer = responder.respond(question(RequestType.PING, secret=secret), NOW)
    return None if isinstance(answer, Drop) else opened(answer, secret=secret)["serial"]


async def becomes(look: Callable[[], object], wanted: object) -> None:
    await eventually(lambda: look() == wanted)


@contextlib.asynccontextmanager
async def following(paths: Paths) -> AsyncIterator[Responder]:
    responder = Responder()
    task = asyncio.create_task(Follower(paths, responder, SystemClock()).run())
    try:
        yield responder
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


def run(paths: Paths, act: Callable[[Responder], Awaitable[None]]) -> None:
    async def main() -> None:
        async with following(paths) as responder:
            await act(responder)

    asyncio.run(main())


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "LOOK_UNWATCHED", 0.01)
    monkeypatch.setattr(follow, "PAUSE", 0.0)


def test_node_without_files_answers_nothing_until_they_come_and_after_they_went(paths: Paths) -> None:
    async def act(responder: Responder) -> None:
        assert serial(responder) is None
        write_key(paths)
        write_config(paths, 5)
        await becomes(lambda: serial(responder), 5)
        files.remove_file(paths.config_file)
        await becomes(lambda: serial(responder), None)
        write_config(paths, 6)
        await becomes(lambda: serial(responder), 6)

    run(paths, act)


def test_replaced_configuration_is_noticed_without_looking(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "LOOK_WATCHED", 3600.0)
    write_key(paths)
    write_config(paths, 5)

    async def act(responder: Responder) -> None:
        await becomes(lambda: serial(responder), 5)
        for number in (6, 7, 8):
            write_config(paths, number)
            await becomes(lambda: serial(responder), number)

    run(paths, act)


def test_configuration_that_was_replaced_is_forgotten_at_once(paths: Paths) -> None:
    responder = Responder()
    follower = Follower(paths, responder, SystemClock())
    write_key(paths)
    write_config(paths, 1)
    follower.refresh()
    assert responder.cache is not None
    old = weakref.ref(responder.cache._answers)

    write_config(paths, 2)
    follower.refresh()

    assert old() is None


def test_after_a_burst_the_last_one_counts(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "LOOK_WATCHED", 3600.0)
    monkeypatch.setattr(follow, "PAUSE", 0.05)
    loads = []
    read = follow.read_config
    monkeypatch.setattr(follow, "read_config", lambda path: loads.append(path) or read(path))  # type: ignore[func-returns-value]
    write_key(paths)
    write_config(paths, 1)

    async def act(responder: Responder) -> None:
        await becomes(lambda: serial(responder), 1)
        for number in range(2, 202):
            write_config(paths, number)
            if number % 20 == 0:
                await asyncio.sleep(0)
        await becomes(lambda: serial(responder), 201)

    run(paths, act)
    assert len(loads) < 100


def test_without_help_of_the_kernel_somebody_looks(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(*args: object) -> None:
        raise OSError("no more watches")

    monkeypatch.setattr(watch, "DirectoryWatch", refused)
    write_key(paths)
    write_config(paths, 5)

    async def act(responder: Responder) -> None:
        await becomes(lambda: serial(responder), 5)
        write_config(paths, 6)
        await becomes(lambda: serial(responder), 6)

    run(paths, act)


@pytest.mark.parametrize("text", ["{", "[]", "{}", '{"version": 2060000}', '{"version": 3010000}'])
def test_file_that_cannot_be_understood_leaves_the_answers_of_before(
    paths: Paths, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    write_key(paths)
    write_config(paths, 5)

    async def act(responder: Responder) -> None:
        await becomes(lambda: serial(responder), 5)
        files.write_file(paths.config_file, text, durable=False)
        await becomes(lambda: "going on with the one before" in caplog.text, True)
        assert serial(responder) == 5
        write_config(paths, 6)
        await becomes(lambda: serial(responder), 6)

    with caplog.at_level(logging.ERROR):
        run(paths, act)


@pytest.mark.parametrize("beside", ["hmac_key_new", "hmac_key_old"])
def test_f33_while_keys_are_changed_the_one_beside_is_answered_too(paths: Paths, beside: str) -> None:
    write_key(paths)
    write_config(paths, 5)

    async def act(responder: Responder) -> None:
        await becomes(lambda: serial(responder), 5)
        files.write_file(getattr(paths, beside), b"beside", durable=False)
        await becomes(lambda: serial(responder, b"beside"), 5)
        assert serial(responder) == 5
        files.remove_file(getattr(paths, beside))
        await becomes(lambda: serial(responder, b"beside"), None)
        assert serial(responder) == 5

    run(paths, act)


@pytest.mark.parametrize("secret", [b"", b"\n"])
def test_empty_key_is_none(paths: Paths, secret: bytes) -> None:
    write_key(paths)
    write_config(paths, 5)
    files.write_file(paths.hmac_key_new, secret, durable=False)

    async def act(responder: Responder) -> None:
        await becomes(lambda: serial(responder), 5)
        assert serial(responder, secret) is None

    run(paths, act)


def test_new_key_counts_as_soon_as_it_is_there(paths: Paths) -> None:
    write_key(paths)
    write_config(paths, 5)

    async def act(responder: Responder) -> None:
        await becomes(lambda: serial(responder), 5)
        write_key(paths, b"new")
        await becomes(lambda: serial(responder, b"new"), 5)
        assert serial(responder) is None
        files.remove_file(paths.hmac_key)
        await becomes(lambda: serial(responder, b"new"), None)

    run(paths, act)
