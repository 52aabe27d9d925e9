"""gnt-node: the table of its commands."""

from __future__ import annotations

from ganeti.cli.command import Command, Program
from ganeti.cli.rows import FIELDS, JOB, LIST, tag_commands

PROGRAM = Program(
    "gnt-node",
    "Add nodes to the cluster, look at them, change and remove them.",
    (
        Command(
            "add",
            "ganeti.cli.node.add:add",
            "Add a node to the cluster.",
            "gnt-node add --node-group=rack2 node7.example.com",
            detail="The node has to be installed and reachable by SSH. With --readd a node that is part of the"
            " cluster already is set up again, for instance after a repair.",
            args=("host 1..1",),
            options=(
                *("secondary-ip", "readd", "no-ssh-key-check", "force-join", "no-node-setup", "verbose", "node-group"),
                *("priority", "master-capable", "vm-capable", "node-parameters", "hypervisor-state", "disk-state"),
            ),
        ),
        Command(
            "list",
            "ganeti.cli.node.show:list_nodes",
            "List nodes.",
            "gnt-node list -o +role,group 'offline or drained'",
            detail="Arguments are names, patterns such as node1*, or one filter expression.",
            args=("node 0..*",),
            options=LIST,
            fields=("name", "dtotal", "dfree", "mtotal", "mnode", "mfree", "pinst_cnt", "sinst_cnt"),
            environment_defaults=True,
        ),
        Command(
            "list-fields",
            "ganeti.cli.node.show:list_node_fields",
            "Show which columns gnt-node list can have.",
            "gnt-node list-fields mfree role",
            args=("unknown 0..*",),
            unknown="field",
            options=FIELDS,
        ),
        Command(
            "info",
            "ganeti.cli.node.show:info",
            "Show all about nodes: addresses, role, parameters and instances.",
            "gnt-node info node1",
            args=("node 0..*",),
        ),
        Command(
            "modify",
            "ganeti.cli.node.modify:modify",
            "Change the role or the parameters of a node.",
            "gnt-node modify --drained=yes node3",
            args=("node 1..1",),
            options=(
                *("force", "master-candidate", "drained", "offline#2", "master-capable", "vm-capable"),
                *("secondary-ip", "auto-promote", "node-parameters", "node-powered", "hypervisor-state", "disk-state"),
                *JOB,
            ),
        ),
        Command(
            "evacuate",
            "ganeti.cli.node.leave:evacuate",
            "Move instances away from a node, where an allocator says.",
            "gnt-node evacuate -I most-free node3",
            detail="With -p those leave that run there, with -s those that have a copy of their disks there, else both."
            " Either all can leave, or none is moved. Drain the node first, so that nothing new comes to it.",
            args=("node 1..1",),
            options=(
                *("force", "iallocator", "ignore-soft-errors", "new-secondary", "early-release", "priority"),
                *("primary-only", "secondary-only", "submit", "print-jobid"),
            ),
        ),
        Command(
            "failover",
            "ganeti.cli.node.leave:failover",
            "Stop the instances of a node and start them on other nodes.",
            "gnt-node failover -I most-free node3",
            args=("node 1..1",),
            options=("force", "ignore-consistency", "iallocator", "priority"),
        ),
        Command(
            "migrate",
            "ganeti.cli.node.leave:migrate",
            "Move the instances of a node to other nodes while they run.",
            "gnt-node migrate -I most-free node3",
            detail="Each instance is moved by a job of its own; one that cannot be moved stays, and the others go on.",
            args=("node 1..1",),
            options=(
                *("force", "non-live", "migration-mode", "target-node", "iallocator", "priority", "ignore-ipolicy"),
                *("no-runtime-changes", "submit", "print-jobid"),
            ),
        ),
        Command(
            "powercycle",
            "ganeti.cli.node.power:powercycle",
            "Reset a node at once, as its power button does.",
            "gnt-node powercycle node3",
            detail="Nothing on the node is shut down before; instances on it are gone until the watcher starts them.",
            args=("node 1..1",),
            options=("force", "yes", *JOB),
        ),
        Command(
            "remove",
            "ganeti.cli.node.modify:remove",
            "Remove a node that no instance uses any more.",
            "gnt-node remove node7",
            args=("node 1..1",),
            options=("dry-run", "priority"),
        ),
        Command(
            "list-storage",
            "ganeti.cli.node.storage:list_storage",
            "List storage units of nodes.",
            "gnt-node list-storage --storage-type=file node1",
            args=("node 0..*",),
            options=("no-headers", "separator", "units", "output", "list-format", "storage-type", "priority"),
            fields=("node", "type", "name", "size", "used", "free", "allocatable"),
        ),
        Command(
            "modify-storage",
            "ganeti.cli.node.storage:modify_storage",
            "Change a storage unit of a node.",
            "gnt-node modify-storage --allocatable=no node1 lvm-pv /dev/sdb1",
            args=("node 1..1", "choice 1..1 in lvm-pv", "file 1..1"),
            options=("allocatable", *JOB),
        ),
        Command(
            "repair-storage",
            "ganeti.cli.node.storage:repair_storage",
            "Repair a storage unit of a node, such as a volume group that misses a disk.",
            "gnt-node repair-storage node1 lvm-vg xenvg",
            args=("node 1..1", "choice 1..1 in lvm-vg", "file 1..1"),
            options=("ignore-consistency", *JOB),
        ),
        *tag_commands("node"),
    ),
    {"show": "info"},
)
