"""The memory of the watcher: the files of the specification, and whatever they may have become."""

from __future__ import annotations

import os

import pytest

from ganeti.model.scalars import InstanceName, NodeName
from ganeti.paths import Paths
from ganeti.utils import files, json
from ganeti.watcher.state import Attempts, GroupState, SeenNode, load, read_status, save, write_status

STATE = GroupState(
    node={NodeName("node1"): SeenNode(bootid="b1")},
    instance={InstanceName("web"): Attempts(restart_count=2, restart_when=1.5)},
)


def test_the_file_has_the_form_of_the_specification(paths: Paths) -> None:
    save(paths.watcher_state("g"), STATE)

    assert json.loads(files.read_file(paths.watcher_state("g"))) == {
        "node": {"node1": {"bootid": "b1"}},
        "instance": {"web": {"restart_count": 2, "restart_when": 1.5}},
    }
    assert load(GroupState, paths.watcher_state("g")) == STATE


@pytest.mark.parametrize("text", ["", "{", "[]", '{"instance": {"web": {}}}', '{"node": 3}', "\0\xff"])
def test_a_damaged_file_is_an_empty_memory(paths: Paths, text: str) -> None:
    files.write_file(paths.watcher_state("g"), text)

    assert load(GroupState, paths.watcher_state("g")) == GroupState()


def test_a_missing_file_is_an_empty_memory(paths: Paths) -> None:
    assert load(GroupState, paths.watcher_state("g")) == GroupState()


def test_statuses_are_written_sorted_and_read_again(paths: Paths) -> None:
    write_status(paths.instance_status, {"web": "running", "db": "ERROR_down"})

    assert files.read_text(paths.instance_status) == "db ERROR_down\nweb running\n"
    assert read_status(paths.instance_status) == {"web": "running", "db": "ERROR_down"}
    assert os.stat(paths.instance_status).st_mode & 0o777 == 0o644


def test_statuses_of_a_group_never_looked_at_are_none(paths: Paths) -> None:
    assert read_status(paths.watcher_instance_status("g")) == {}
