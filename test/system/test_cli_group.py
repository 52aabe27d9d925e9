"""gnt-group as an administrator uses it, on a running cluster."""

from __future__ import annotations

from test.support.admin import refused
from test.support.cluster import Cluster


def test_a_group_lives_from_add_to_remove(cluster3: Cluster) -> None:
    def group(*argv: str) -> str:
        return cluster3.ok("gnt-group", *argv)

    group("add", "--alloc-policy=last_resort", "rack1")
    try:
        group("modify", "--node-parameters=spindle_count=3", "rack1")
        group("rename", "rack1", "rack2")
        group("add-tags", "rack2", "cold")
        group("assign-nodes", "rack2", "node3")
        fields = "name,node_list,alloc_policy,tags"
        listed = group("list", "--no-headers", "--separator=|", "-o", fields)
        shown = group("info", "rack2")

        assert listed == "default|node1,node2|preferred|\nrack2|node3|last_resort|cold\n"
        assert "spindle_count: 3\n" in shown and "ssh_port: default (22)\n" in shown
        assert "it has nodes: node3" in refused(cluster3, "gnt-group remove rack2")
    finally:
        group("assign-nodes", "default", "node3")
        group("remove", *group("list", "--no-headers", "-o", "name", "rack*").split())
    assert group("list", "--no-headers", "-o", "name") == "default\n"
