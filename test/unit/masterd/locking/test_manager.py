import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from ganeti.clock import SystemClock
from ganeti.errors import LockError, ProgrammerError
from ganeti.masterd.locking.manager import LockManager
from ganeti.masterd.locking.table import ALL
from ganeti.model.enums import Level

Scene = Callable[[LockManager], Coroutine[Any, Any, None]]


def play(scene: Scene) -> None:
    async def run() -> None:
        locks = LockManager(SystemClock())
        await scene(locks)
        assert locks.dump() == [], "a lock was left behind"

    asyncio.run(run())


async def settle() -> None:
    for _ in range(5):
        await asyncio.sleep(0)


def test_waiter_is_woken_by_release():
    async def scene(locks):
        await locks.acquire("job1", Level.NODE, {"a"}, shared=False)
        waiter = asyncio.ensure_future(locks.acquire("job2", Level.NODE, {"a"}, shared=False))
        await settle()
        assert not waiter.done()

        locks.release("job1")

        assert await waiter == {"a"}
        locks.release("job2")

    play(scene)


def test_canceled_waiter_withdraws_its_request():
    async def scene(locks):
        await locks.acquire("job1", Level.NODE, {"a"}, shared=True)
        writer = asyncio.ensure_future(locks.acquire("job2", Level.NODE, {"a"}, shared=False))
        reader = asyncio.ensure_future(locks.acquire("job3", Level.NODE, {"a"}, shared=True))
        await settle()

        writer.cancel()

        assert await reader == {"a"}
        locks.release("job1")
        locks.release("job3")

    play(scene)


def test_waiter_canceled_at_the_moment_of_the_grant_holds_nothing():
    async def scene(locks):
        await locks.acquire("job1", Level.NODE, {"a"}, shared=False)
        loser = asyncio.ensure_future(locks.acquire("job2", Level.NODE, {"a"}, shared=False))
        winner = asyncio.ensure_future(locks.acquire("job3", Level.NODE, {"a"}, shared=False))
        await settle()

        locks.release("job1")  # grants to job2, whose task has not run yet
        loser.cancel()

        assert await winner == {"a"}
        assert locks.owned("job2", Level.NODE) == frozenset()
        locks.release("job3")

    play(scene)


def test_timeout_withdraws_and_names_the_lock():
    async def scene(locks):
        await locks.acquire("job1", Level.NODE, ALL, shared=False)

        with pytest.raises(LockError, match="node/a"):
            await locks.acquire("job2", Level.NODE, {"a"}, shared=False, timeout=0)

        locks.release("job1")

    play(scene)


def test_opportunistic_request_never_waits():
    async def scene(locks):
        await locks.acquire("job1", Level.NODE, {"a"}, shared=False)

        got = await locks.acquire("job2", Level.NODE, {"a", "b"}, shared=False, opportunistic=True)

        assert got == {"b"}
        locks.release("job1")
        locks.release("job2")

    play(scene)


def test_opportunistic_request_for_all_is_a_bug():
    async def scene(locks):
        with pytest.raises(ProgrammerError):
            await locks.acquire("job1", Level.NODE, ALL, shared=True, opportunistic=True)

    play(scene)


def test_changed_priority_reorders_who_waits():
    async def scene(locks):
        priority = {"job3": 0}
        await locks.acquire("job1", Level.NODE, {"a"}, shared=False)
        early = asyncio.ensure_future(locks.acquire("job2", Level.NODE, {"a"}, shared=False))
        late = asyncio.ensure_future(
            locks.acquire("job3", Level.NODE, {"a"}, shared=False, priority=lambda: priority["job3"])
        )
        await settle()

        priority["job3"] = -10
        locks.priorities_changed()
        locks.release("job1")

        await late
        assert not early.done()
        locks.release("job3")
        await early
        locks.release("job2")

    play(scene)


def test_dump_shows_holders_and_who_waits_in_order():
    async def scene(locks):
        await locks.acquire("job1", Level.INSTANCE, {"web1"}, shared=True)
        waiter = asyncio.ensure_future(locks.acquire("job2", Level.INSTANCE, ALL, shared=False))
        await settle()

        rows = {row.name: row for row in locks.dump()}

        assert rows["instance/web1"][1:] == ("shared", ["job1"], [])
        assert rows["instance/[lockset]"][1:] == (None, [], [("exclusive", ["job2"])])
        waiter.cancel()
        locks.release("job1")
        await settle()

    play(scene)
