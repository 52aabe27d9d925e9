"""Files that have to be the same on nodes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ganeti.masterd.cluster_files import ClusterFile, Where
from ganeti.masterd.cmdlib.cluster.verify_files import judge_files
from ganeti.model.enums import VerifyCode
from test.support.config_view import a_node

N1 = a_node("node1", master_candidate=True)
N2 = a_node("node2", master_candidate=True)
N3 = a_node("node3")
NODES = [N1, N2, N3]

KEY = ClusterFile("/key")
USERS = ClusterFile("/users", optional=True)
CONFIG = ClusterFile("/config", Where.CANDIDATES, exclusive=True)


def texts(file, *contents):
    checksums = {
        node.name: {} if content is None else {file.path: content}
        for node, content in zip(NODES, contents, strict=False)
    }
    found = judge_files([file], NODES, checksums)
    assert {finding.code for finding in found} <= {VerifyCode.ECLUSTERFILECHECK}
    return [finding.text for finding in found]


@given(st.text(min_size=1))
def test_equal_files_are_no_finding(content):
    assert texts(KEY, content, content, content) == []
    assert texts(CONFIG, content, content, None) == []


def test_a_missing_file_is_named_with_its_nodes():
    assert texts(KEY, "a", None, None) == ["file /key is missing on node2, node3"]


def test_an_optional_file_is_on_all_nodes_or_none():
    assert texts(USERS, None, None, None) == []
    assert "missing on node2" in texts(USERS, "a", None, "a")[0]


def test_contents_that_differ_are_told_by_node():
    assert texts(KEY, "a", "b", "a") == ["file /key differs between nodes: node1, node3; node2"]


def test_a_node_that_is_no_candidate_holds_no_configuration():
    assert texts(CONFIG, "a", "a", "old") == ["file /config should not be on node3"]


def test_nodes_that_told_nothing_are_left_out():
    assert texts(KEY, "a", "a") == []
