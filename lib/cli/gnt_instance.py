"""gnt-instance: the table of its commands."""

from __future__ import annotations

from ganeti.cli.command import Command, Program
from ganeti.cli.rows import FIELDS, JOB, LIST, tag_commands

_SELECT = (
    "node#4", "primary", "secondary", "all#2", "node-tags", "pri-node-tags", "sec-node-tags", "tags#2", "instance",
    "force-multiple",
)  # fmt: skip
_SEVERAL = """
    Without further options the arguments are names of instances; with --node, --primary or --secondary
    they are nodes, with --tags and the like tags, and --all takes every instance.
"""

PROGRAM = Program(
    "gnt-instance",
    "Create instances, start and stop them, move them and change them.",
    (
        Command(
            "add",
            "ganeti.cli.instance.create:add",
            "Create an instance.",
            "gnt-instance add -t file --disk 0:size=10g -B memory=2g,vcpus=2 -o image+default web1",
            detail="Unless nodes are given with -n, an allocator chooses them. Unless --no-nics or --net is given,"
            " the instance gets one network interface with the cluster's defaults.",
            args=("host 1..1",),
            options=(
                *("backend-parameters", "disk", "disk-template", "file-storage-dir#3", "file-driver"),
                *("hypervisor-parameters#2", "iallocator", "net", "node#2", "node-group", "ip-check", "no-ip-check"),
                *("name-check", "no-name-check", "no-conflicts-check", "no-nics", "no-wait-for-sync", "os-parameters"),
                *("os-parameters-private", "os-parameters-secret", "os-size", "opportunistic-locking", "tags"),
                *("forthcoming", "commit", "no-start", "os-type", "force-variant", "no-install", "ignore-ipolicy"),
                *("communication", "helper-startup-timeout", "helper-shutdown-timeout"),
                *JOB,
            ),
        ),
        Command(
            "batch-create",
            "ganeti.cli.instance.batch:batch_create",
            "Create several instances from a file.",
            "gnt-instance batch-create -I most-free instances.json",
            detail="The file holds a JSON list with an object per instance; its keys are the fields of the opcode"
            " OP_INSTANCE_CREATE. Where no instance names its nodes, an allocator places all of them at once.",
            args=("file 1..1",),
            options=("iallocator", *JOB),
        ),
        Command(
            "remove",
            "ganeti.cli.instance.lifecycle:remove",
            "Stop an instance and remove it with its disks.",
            "gnt-instance remove --shutdown-timeout=30 web1",
            args=("instance 1..1",),
            options=("force", "shutdown-timeout", "ignore-failures", *JOB),
        ),
        Command(
            "list",
            "ganeti.cli.instance.show:list_instances",
            "List instances.",
            'gnt-instance list -o +tags \'pnode == "node1" and status != "running"\'',
            detail="Arguments are names, patterns such as web*, or one filter expression.",
            args=("instance 0..*",),
            options=LIST,
            fields=("name", "hypervisor", "os", "pnode", "status", "oper_ram"),
            environment_defaults=True,
        ),
        Command(
            "list-fields",
            "ganeti.cli.instance.show:list_instance_fields",
            "Show which columns gnt-instance list can have.",
            "gnt-instance list-fields status oper_ram",
            args=("unknown 0..*",),
            unknown="field",
            options=FIELDS,
        ),
        Command(
            "info",
            "ganeti.cli.instance.info:info",
            "Show all about instances: their settings, network interfaces and disks.",
            "gnt-instance info web1",
            args=("instance 0..*",),
            options=("static", "all", "roman", "priority"),
        ),
        Command(
            "startup",
            "ganeti.cli.instance.power:startup",
            "Start instances.",
            "gnt-instance startup --primary node1.example.com",
            detail=_SEVERAL,
            args=("instance 0..*",),
            options=(
                *("force", *_SELECT, "hypervisor-parameters#3", "backend-parameters"),
                *("ignore-offline", "no-remember", "paused", *JOB),
            ),
        ),
        Command(
            "shutdown",
            "ganeti.cli.instance.power:shutdown",
            "Stop instances.",
            "gnt-instance shutdown --timeout=60 web1 web2",
            detail=_SEVERAL,
            args=("instance 0..*",),
            options=("force", *_SELECT, "timeout", "ignore-offline", "no-remember", *JOB),
        ),
        Command(
            "reboot",
            "ganeti.cli.instance.power:reboot",
            "Restart instances.",
            "gnt-instance reboot --type=full web1",
            detail=_SEVERAL,
            args=("instance 0..*",),
            options=("type", "ignore-secondaries", *_SELECT, "shutdown-timeout", *JOB),
        ),
        Command(
            "modify",
            "ganeti.cli.instance.modify:modify",
            "Change an instance.",
            "gnt-instance modify -B memory=4g --disk 1:add,size=5g --net -1:remove web1",
            detail="Most changes take effect when the instance is started the next time; reboot does not do.",
            args=("instance 1..1",),
            options=(
                *("backend-parameters", "disk", "force", "hypervisor-parameters#3", "net", "disk-template", "node#3"),
                *("iallocator", "os-type", "force-variant", "os-parameters", "os-parameters-private"),
                *("no-wait-for-sync", "offline", "online", "ignore-ipolicy", "runtime-memory", "no-conflicts-check"),
                *("new-primary", "no-hotplug", "communication", "ext-params", "file-driver", "file-storage-dir#3"),
                *JOB,
            ),
        ),
        Command(
            "reinstall",
            "ganeti.cli.instance.lifecycle:reinstall",
            "Install the operating system of stopped instances anew; what is on their disks is lost.",
            "gnt-instance reinstall -o image+minimal web1",
            detail=_SEVERAL,
            args=("instance 0..*",),
            options=(
                *("force", "os-type", "force-variant", *_SELECT, "select-os"),
                *("os-parameters", "os-parameters-private", "os-parameters-secret", *JOB),
            ),
        ),
        Command(
            "rename",
            "ganeti.cli.instance.lifecycle:rename",
            "Give a stopped instance another name.",
            "gnt-instance rename web1 www1",
            args=("instance 1..1", "host 1..1"),
            options=("ip-check", "name-check", *JOB),
        ),
        Command(
            "failover",
            "ganeti.cli.instance.move:failover",
            "Stop an instance where it is and start it on its other node.",
            "gnt-instance failover -f web1",
            args=("instance 1..1",),
            options=(
                *("force", "ignore-consistency", "shutdown-timeout", "target-node", "iallocator"),
                *("ignore-ipolicy", "cleanup", *JOB),
            ),
        ),
        Command(
            "migrate",
            "ganeti.cli.instance.move:migrate",
            "Move a running instance to its other node.",
            "gnt-instance migrate --non-live web1",
            args=("instance 1..1",),
            options=(
                *("force", "non-live", "migration-mode", "cleanup", "target-node", "iallocator", "allow-failover"),
                *("ignore-ipolicy", "ignore-hvversions", "no-runtime-changes", *JOB),
            ),
        ),
        Command(
            "activate-disks",
            "ganeti.cli.instance.disks:activate",
            "Make the disks of an instance usable on its nodes, and show where they are.",
            "gnt-instance activate-disks web1",
            detail="Each line names the node, the disk and its path there. Disks of an instance that runs are in use"
            " already; activating them again does no harm, and is needed after a reboot of its secondary node.",
            args=("instance 1..1",),
            options=("ignore-size", "wait-for-sync", "submit", "print-jobid", "priority"),
        ),
        Command(
            "deactivate-disks",
            "ganeti.cli.instance.disks:deactivate",
            "Take the disks of a stopped instance out of use on its nodes.",
            "gnt-instance deactivate-disks web1",
            detail="With --force it is not looked whether the instance runs; a guest whose disks are taken away loses"
            " what it has not written.",
            args=("instance 1..1",),
            options=("force", *JOB),
        ),
        Command(
            "grow-disk",
            "ganeti.cli.instance.disks:grow",
            "Make a disk of an instance larger.",
            "gnt-instance grow-disk web1 0 2g",
            detail="The arguments are the instance, the number of the disk, and what is added to it, or with --absolute"
            " its new size. The guest sees the new size when the instance is started the next time. Disks cannot be"
            " made smaller.",
            args=("instance 1..1", "unknown 1..1", "unknown 1..1"),
            unknown="number or size",
            options=("no-wait-for-sync", "absolute", "ignore-ipolicy", *JOB),
        ),
        Command(
            "recreate-disks",
            "ganeti.cli.instance.disks:recreate",
            "Make lost disks of a stopped instance anew, empty.",
            "gnt-instance recreate-disks --disk 0:size=20g web1",
            detail="Without --disk all disks are made; none of them may be there. A size or mode given with --disk"
            " replaces the one of before. With -n or -I the disks, all of them, are made on another node, and the"
            " instance moves there. Install the instance afterwards: gnt-instance reinstall.",
            args=("instance 1..1",),
            options=("disk", "node#2", "iallocator", *JOB),
        ),
        Command(
            "console",
            "ganeti.cli.instance.console:console",
            "Connect to the console of an instance, or tell how to.",
            "gnt-instance console web1",
            args=("instance 1..1",),
            options=("show-cmd", "priority"),
        ),
        *tag_commands("instance"),
    ),
    {"show": "info", "start": "startup", "stop": "shutdown"},
)
