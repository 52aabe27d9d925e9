"""Short names in opcodes become full ones before anything else happens."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from ganeti import errors
from ganeti.masterd.config.snapshot import Config
from ganeti.masterd.processor import resolve_names
from ganeti.model.opcodes import group as g
from ganeti.model.opcodes import instance as i
from ganeti.model.opcodes import node as n
from ganeti.model.opcodes.base import InstanceOpCode, NodeOpCode
from ganeti.model.opcodes.test import OpTestDelay
from ganeti.schema import replace
from test.support.config import make_config, make_instance, make_node, uuid_of


def config_of(names: Sequence[str]) -> Config:
    """Return a configuration with nodes and instances of these names."""
    config = make_config(nodes=1, instances=[make_instance(k, name=name) for k, name in enumerate(names)])
    nodes = [make_node(k, name=name) for k, name in enumerate(names, 1)]
    return config.changed({"nodes": {node.uuid: node for node in nodes}}, config.head)


def startup(name: str, **fields: object) -> i.OpInstanceStartup:
    op: i.OpInstanceStartup = i.OpInstanceStartup.from_wire({"instance_name": name, **fields})
    return op


labels = st.text(alphabet="ab1", min_size=1, max_size=3)
full_names = st.lists(labels, min_size=1, max_size=3).map(".".join)


@given(st.lists(full_names, min_size=1, max_size=6, unique=True), st.data())
def test_a_name_means_the_one_object_that_has_it_or_begins_with_it(names: list[str], data: st.DataObject) -> None:
    key = data.draw(full_names | st.sampled_from(names).map(lambda name: name.partition(".")[0]))
    meant = [name for name in names if name == key] or [name for name in names if name.startswith(key + ".")]

    try:
        op = resolve_names(startup(key), config_of(names))
    except errors.OpPrereqError as err:
        assert len(meant) != 1
        assert err.args[1] == (errors.ECode.INVAL if meant else errors.ECode.NOENT)
        assert all(name in str(err) for name in meant)
    else:
        assert isinstance(op, InstanceOpCode)
        assert [op.instance_name] == meant


@given(st.lists(full_names, min_size=1, max_size=6, unique=True), st.data())
def test_resolving_again_changes_nothing(names: list[str], data: st.DataObject) -> None:
    config = config_of(names)
    try:
        op = resolve_names(startup(data.draw(st.sampled_from(names))), config)
    except errors.OpPrereqError:
        assume(False)

    assert resolve_names(op, config) == op


CONFIG = config_of(["web1.example.com", "web1.example.org", "db.example.com"])


def test_case_does_not_count() -> None:
    op = resolve_names(startup("DB"), CONFIG)

    assert op == startup("db.example.com")


def test_lists_are_resolved_name_by_name() -> None:
    op = resolve_names(OpTestDelay(duration=0.0, on_nodes=("db", "web1.example.org")), CONFIG)  # type: ignore[arg-type]  # plain names

    assert op == OpTestDelay(duration=0.0, on_nodes=("db.example.com", "web1.example.org"))  # type: ignore[arg-type]  # as above


def test_groups_are_known_by_name_and_uuid() -> None:
    for word in ("default", uuid_of("group", 0)):
        op = resolve_names(g.OpGroupSetParams.from_wire({"group_name": word}), CONFIG)
        assert op == g.OpGroupSetParams.from_wire({"group_name": "default"})


def test_a_uuid_in_the_place_of_a_name_is_replaced_by_the_name() -> None:
    assert resolve_names(startup(uuid_of("inst", 2)), CONFIG) == startup("db.example.com")


def test_names_of_what_is_to_be_made_are_left_alone() -> None:
    new = i.OpInstanceRename.from_wire({"instance_name": "db", "new_name": "web1"})

    assert resolve_names(new, CONFIG) == replace(new, instance_name="db.example.com")


def test_what_is_not_given_stays_so() -> None:
    op = i.OpInstanceFailover.from_wire({"instance_name": "db"})

    assert resolve_names(op, CONFIG) == replace(op, instance_name="db.example.com")


@pytest.mark.parametrize(
    "op",
    [
        startup("db", instance_uuid=uuid_of("inst", 0)),
        n.OpNodeSetParams.from_wire({"node_name": "db", "node_uuid": uuid_of("node", 1)}),
    ],
)
def test_a_uuid_beside_the_name_of_another_is_refused(op: InstanceOpCode | NodeOpCode) -> None:
    with pytest.raises(errors.OpPrereqError, match="is not its own"):
        resolve_names(op, CONFIG)


def test_a_uuid_beside_its_own_name_is_fine() -> None:
    op = resolve_names(startup("db", instance_uuid=uuid_of("inst", 2)), CONFIG)

    assert op == startup("db.example.com", instance_uuid=uuid_of("inst", 2))
