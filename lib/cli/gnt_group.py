"""gnt-group: the table of its commands."""

from __future__ import annotations

from ganeti.cli.command import Command, Program
from ganeti.cli.rows import FIELDS, JOB, LIST, tag_commands

_SETTINGS = (
    *("alloc-policy", "node-parameters", "disk-parameters", "hypervisor-state", "disk-state"),
    *("ipolicy-bounds-specs", "ipolicy-disk-templates", "ipolicy-vcpu-ratio", "ipolicy-spindle-ratio"),
)

PROGRAM = Program(
    "gnt-group",
    "Divide the nodes of the cluster into groups, and give groups settings of their own.",
    (
        Command(
            "add",
            "ganeti.cli.group.modify:add",
            "Add an empty node group.",
            "gnt-group add --alloc-policy=last_resort rack2",
            args=("group 1..1",),
            options=(*_SETTINGS, *JOB),
        ),
        Command(
            "assign-nodes",
            "ganeti.cli.group.modify:assign_nodes",
            "Move nodes to a node group.",
            "gnt-group assign-nodes rack2 node4 node5",
            detail="Instances on them are not moved. Without --force nothing is done when the disks of an instance"
            " would be in two groups.",
            args=("group 1..1", "node 0..*"),
            options=("force", *JOB),
        ),
        Command(
            "list",
            "ganeti.cli.group.show:list_groups",
            "List node groups.",
            "gnt-group list -o +node_list",
            detail="Arguments are names, patterns such as rack*, or one filter expression.",
            args=("group 0..*",),
            options=tuple(option for option in LIST if option != "units"),
            fields=("name", "node_cnt", "pinst_cnt", "alloc_policy", "ndparams"),
            environment_defaults=True,
        ),
        Command(
            "list-fields",
            "ganeti.cli.group.show:list_group_fields",
            "Show which columns gnt-group list can have.",
            "gnt-group list-fields node_list ipolicy",
            args=("unknown 0..*",),
            unknown="field",
            options=FIELDS,
        ),
        Command(
            "info",
            "ganeti.cli.group.show:info",
            "Show all about node groups: nodes, parameters and policy.",
            "gnt-group info default",
            args=("group 0..*",),
        ),
        Command(
            "modify",
            "ganeti.cli.group.modify:modify",
            "Change the settings of a node group.",
            "gnt-group modify --alloc-policy=unallocable --node-parameters=spindle_count=4 rack2",
            detail="Groups have what the cluster has where they have nothing of their own: the value default puts that"
            " back.",
            args=("group 1..1",),
            options=(*_SETTINGS, *JOB),
        ),
        Command(
            "rename",
            "ganeti.cli.group.modify:rename",
            "Give a node group another name.",
            "gnt-group rename default rack1",
            args=("group 2..2",),
            options=JOB,
        ),
        Command(
            "remove",
            "ganeti.cli.group.modify:remove",
            "Remove a node group that has no nodes.",
            "gnt-group remove rack2",
            args=("group 1..1",),
            options=JOB,
        ),
        *tag_commands("group"),
    ),
    {},
)
