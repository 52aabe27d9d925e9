"""Lists of objects, and one object, as clients of the interface know them."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from ganeti.rapi.fields import FILTER_RULE, NODE
from test.support.rapi import Api, api_served

NAMES = ["node1", "node2", "node10"]


async def query_nodes(names: Sequence[str], fields: Sequence[str], use_locking: bool) -> object:
    return [[name if field == "name" else f"{field} of {name}" for field in fields] for name in names or NAMES]


async def query_filters(uuids: Sequence[str] | None, fields: Sequence[str]) -> object:
    return [[f"{field} of one" for field in fields] for uuid in uuids or ["one"] if uuid == "one"]


def play(directory: os.PathLike[str], scene: Callable[[Api], Awaitable[None]]) -> None:
    async def run() -> None:
        handlers = {"QueryNodes": query_nodes, "QueryFilters": query_filters}
        async with asyncio.timeout(30), api_served(directory, handlers) as api:
            await scene(api)

    asyncio.run(run())


def test_plain_lists_are_sorted_as_text(tmp_path: os.PathLike[str]) -> None:
    async def scene(api: Api) -> None:
        answer = await api.ask("GET", "/2/nodes")

        assert [row["id"] for row in answer.value] == ["node1", "node10", "node2"]

    play(tmp_path, scene)


def test_the_address_of_a_node_has_its_other_name_where_the_node_is_shown_alone(tmp_path: os.PathLike[str]) -> None:
    async def scene(api: Api) -> None:
        alone = await api.ask("GET", "/2/nodes/node2")
        listed = await api.ask("GET", "/2/nodes?bulk=1")

        assert alone.value["secondary_ip"] == alone.value["sip"] == "sip of node2"
        assert [list(row) for row in listed.value] == [list(NODE)] * 3

    play(tmp_path, scene)


def test_filters_are_shown_and_an_unknown_one_is_not_found(tmp_path: os.PathLike[str]) -> None:
    shown: dict[str, Any] = {name: f"{name} of one" for name in FILTER_RULE}

    async def scene(api: Api) -> None:
        answers = [await api.ask("GET", f"/2/filters{rest}") for rest in ("", "?bulk=1", "/one", "/none-such")]

        assert answers[0].value == [{"uuid": shown["uuid"], "uri": f"/2/filters/{shown['uuid']}"}]
        assert answers[1].value == [shown]
        assert answers[2].value == shown
        assert (answers[3].status, answers[3].value["message"]) == (404, "filter none-such is not known")

    play(tmp_path, scene)
