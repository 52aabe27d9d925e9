"""A query for names finds those that are meant, short names too."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganeti import errors
from ganeti.luxi.framing import Encoded
from ganeti.masterd.config.snapshot import Config
from ganeti.masterd.queries import Queries
from ganeti.model.enums import QueryResource
from ganeti.utils import json, text
from test.support.config import make_config, make_instance


class _Store:
    """Holds a configuration, which is all that is asked of it."""

    def __init__(self, config: Config) -> None:
        self.current = config


def queries_of(names: list[str]) -> Queries:
    config = make_config(instances=[make_instance(number, name=name) for number, name in enumerate(names)])
    return Queries(_Store(config), None)  # type: ignore[arg-type]  # no node is asked


def found(queries: Queries, qfilter: object) -> list[object]:
    answer = asyncio.run(queries.query("instance", ["name"], qfilter))
    return sorted(str(value) for ((_, value),) in answer["data"])


words = st.lists(st.text(alphabet="aB", min_size=1, max_size=2), min_size=1, max_size=3).map(".".join)


@given(st.lists(words, max_size=6, unique=True), st.lists(words, min_size=1, max_size=3))
def test_looking_by_name_is_only_quicker(names: list[str], asked: list[str]) -> None:
    queries = queries_of(names)
    by_name: list[object] = ["|", *(["=", "name", word] for word in asked)]

    meant = {name for word in asked for name in text.matching_names(word, names)}
    assert found(queries, by_name) == sorted(meant)
    # A filter sees one row at a time: it cannot know that another has exactly the name.
    assert meant <= set(found(queries, ["&", by_name]))
    if not meant & set(asked):
        assert found(queries, by_name) == found(queries, ["&", by_name])


def test_a_short_name_of_two_finds_both() -> None:
    queries = queries_of(["web1.example.com", "web1.example.org", "db.example.com"])

    assert found(queries, ["=", "name", "web1"]) == ["web1.example.com", "web1.example.org"]


def test_where_one_must_be_meant_a_name_of_two_is_refused_with_both() -> None:
    queries = queries_of(["web1.example.com", "web1.example.org"])

    with pytest.raises(errors.OpPrereqError, match=r"'web1' is not unique: web1\.example\.com, web1\.example\.org"):
        asyncio.run(queries.named(QueryResource.INSTANCE, ["web1"], ["name"]))


def test_a_client_is_answered_the_same_whether_it_was_asked_before_or_not() -> None:
    queries = queries_of(["web1.example.com", "web2.example.com"])
    fields = ["name", "os", "disk_template"]
    plain = json.dumps_bytes(asyncio.run(queries.query("instance", fields, ["=~", "name", "web2"])))
    named = json.dumps_bytes(asyncio.run(queries.named(QueryResource.INSTANCE, ["web2", "web1"], fields)))

    for _ in range(2):
        assert asyncio.run(queries.asked("instance", fields, ["=~", "name", "web2"])) == Encoded(plain)
        assert asyncio.run(queries.asked_named(QueryResource.INSTANCE, ["web2", "web1"], fields)) == Encoded(named)
    assert json.loads(named)[0][0] == "web2.example.com"
