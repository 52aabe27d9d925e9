"""Answers that are kept and shared."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from ganeti import errors
from ganeti.luxi.framing import Encoded
from ganeti.masterd import answers
from ganeti.masterd.answers import Answers, Seen
from ganeti.masterd.config.snapshot import Config
from test.support import config as build


class Cluster:
    """What can be looked at: each look waits until it is let go, and is counted."""

    def __init__(self) -> None:
        self.config = build.make_config()
        self.running = 0
        self.looks = 0
        self.made = 0
        self.let_go = asyncio.Event()

    async def look(self) -> Seen:
        self.looks += 1
        seen = Seen(self.config, live={build.uuid_of("node", 0): self.running})
        await self.let_go.wait()
        return seen

    def make(self, seen: Seen) -> object:
        self.made += 1
        return list((seen.live or {}).values())


def ask(found: Answers, cluster: Cluster, question: str = "list") -> Awaitable[Encoded]:
    return found.answer(question, cluster.look, cluster.make)


def in_cluster(story: Callable[[Answers, Cluster], Awaitable[None]], *, open_doors: bool = True) -> None:
    async def play() -> None:
        cluster = Cluster()
        if open_doors:
            cluster.let_go.set()
        await story(Answers(), cluster)

    asyncio.run(play())


async def steps(count: int = 5) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


def test_an_answer_is_made_once_while_nothing_changes():
    async def story(found: Answers, cluster: Cluster) -> None:
        first, second = await ask(found, cluster), await ask(found, cluster)

        assert first == second == Encoded(b"[0]")
        assert (cluster.looks, cluster.made) == (2, 1)

    in_cluster(story)


def test_what_nodes_answer_anew_is_in_the_answer():
    async def story(found: Answers, cluster: Cluster) -> None:
        await ask(found, cluster)
        cluster.running = 7

        assert await ask(found, cluster) == Encoded(b"[7]")

    in_cluster(story)


def test_another_configuration_makes_another_answer():
    async def story(found: Answers, cluster: Cluster) -> None:
        await ask(found, cluster)
        cluster.config = Config(cluster.config.head, cluster.config.contents, cluster.config.index)
        await ask(found, cluster)

        assert cluster.made == 2

    in_cluster(story)


def test_equal_questions_share_the_next_look_but_not_one_under_way():
    async def story(found: Answers, cluster: Cluster) -> None:
        first = asyncio.ensure_future(ask(found, cluster))
        await steps()
        cluster.running = 7
        later = [asyncio.ensure_future(ask(found, cluster)) for _ in range(5)]
        await steps()
        cluster.let_go.set()

        assert await first == Encoded(b"[0]")
        assert await asyncio.gather(*later) == [Encoded(b"[7]")] * 5
        assert cluster.looks == 2

    in_cluster(story, open_doors=False)


def test_who_waits_is_answered_when_the_one_who_was_to_look_goes_away():
    async def story(found: Answers, cluster: Cluster) -> None:
        asked = [asyncio.ensure_future(ask(found, cluster)) for _ in range(4)]
        await steps()
        asked[0].cancel()  # it is looking
        asked[1].cancel()  # it is to look next, for the others
        await steps()
        cluster.let_go.set()

        assert await asyncio.gather(*asked[2:]) == [Encoded(b"[0]")] * 2
        assert asked[0].cancelled() and asked[1].cancelled()

    in_cluster(story, open_doors=False)


def test_an_error_reaches_all_who_asked_and_is_not_kept():
    async def story(found: Answers, cluster: Cluster) -> None:
        async def fail() -> Seen:
            await cluster.let_go.wait()
            raise errors.OpExecError("nobody answers")

        asked = [asyncio.ensure_future(found.answer("list", fail, cluster.make)) for _ in range(3)]
        await steps()
        cluster.let_go.set()
        for one in asked:
            with pytest.raises(errors.OpExecError, match="nobody answers"):
                await one

        assert await ask(found, cluster) == Encoded(b"[0]")

    in_cluster(story, open_doors=False)


def test_only_so_many_answers_are_kept():
    async def story(found: Answers, cluster: Cluster) -> None:
        for number in range(answers.KEPT + 1):
            await ask(found, cluster, f"question {number}")
        await ask(found, cluster, "question 1")
        assert cluster.made == answers.KEPT + 1

        await ask(found, cluster, "question 0")

        assert cluster.made == answers.KEPT + 2

    in_cluster(story)
