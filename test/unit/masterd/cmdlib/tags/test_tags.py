"""Tags: limits, names, searching."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganeti import errors
from ganeti.masterd.cmdlib.tags.change import MAX_TAGS, added, removed
from ganeti.masterd.cmdlib.tags.look import search
from ganeti.masterd.cmdlib.tags.target import full_name
from ganeti.masterd.config.snapshot import Config
from ganeti.model.enums import TagKind
from ganeti.model.objects.configdata import ConfigData
from test.support.config_view import a_cluster, a_group, a_node, an_instance

NODE = a_node("node1.example.com", master_candidate=True, tags={"rack:1"})
WEB = an_instance("web1.example.com", tags={"prod", "rack:none"})
CONFIG = Config.from_data(
    ConfigData(
        cluster=a_cluster(tags={"prod"}),
        nodes={NODE.uuid: NODE},
        nodegroups={a_group().uuid: a_group()},
        instances={WEB.uuid: WEB},
    )
)
tags = st.frozensets(st.sampled_from("abcdef"))


@given(tags, tags)
def test_what_was_added_can_be_removed(old, new):
    assert removed(added(old, new), new) == old - new


def test_tags_that_are_not_there_are_named():
    with pytest.raises(errors.OpPrereqError, match="b, c"):
        removed({"a"}, ["c", "b"])


def test_there_is_a_limit():
    many = [str(number) for number in range(MAX_TAGS)]

    assert len(added((), many)) == MAX_TAGS
    with pytest.raises(errors.OpPrereqError, match="4097"):
        added(many, ["more"])


def test_search_answers_paths():
    assert search(CONFIG, "^prod$") == [("/cluster", "prod"), ("/instances/web1.example.com", "prod")]
    assert search(CONFIG, "rack")[1] == ("/nodes/node1.example.com", "rack:1")
    with pytest.raises(errors.OpPrereqError, match="regular expression"):
        search(CONFIG, "(")


def test_short_names_are_completed():
    assert full_name(CONFIG, TagKind.INSTANCE, "web1") == WEB.name
    assert full_name(CONFIG, TagKind.CLUSTER, None) == ""
    with pytest.raises(errors.OpPrereqError, match="not known"):
        full_name(CONFIG, TagKind.NODE, "web1")
    with pytest.raises(errors.OpPrereqError, match="say which"):
        full_name(CONFIG, TagKind.NODEGROUP, None)
