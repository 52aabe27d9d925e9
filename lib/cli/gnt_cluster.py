"""gnt-cluster: the table of its commands."""

from __future__ import annotations

from ganeti.cli.command import Command, Program
from ganeti.cli.rows import JOB, tag_commands

_IPOLICY = ("ipolicy-bounds-specs", "ipolicy-disk-templates", "ipolicy-vcpu-ratio", "ipolicy-spindle-ratio")
_SPECS = ("specs-cpu-count", "specs-disk-count", "specs-disk-size", "specs-mem-size", "specs-nic-count")
_SETTINGS = (
    *("backend-parameters", "candidate-pool-size", "enabled-hypervisors", "file-storage-dir", "hypervisor-parameters"),
    *("mac-prefix", "master-netdev", "master-netmask", "nic-parameters", "vg-name", "maintain-node-health"),
    *("uid-pool", "drbd-usermode-helper", "default-iallocator", "default-iallocator-params", "prealloc-wipe-disks"),
    *("node-parameters", "shared-file-storage-dir", "use-external-mip-script", "disk-parameters", "hypervisor-state"),
    *("disk-state", "enabled-disk-templates", "ipolicy-std-specs", "install-image", "zeroing-image"),
    *("compression-tools", "user-shutdown", *_IPOLICY),
)
"""What can be set when the cluster is made, and changed later."""

PROGRAM = Program(
    "gnt-cluster",
    "Make a cluster, look at it, verify it and change its settings.",
    (
        Command(
            "init",
            "ganeti.cli.cluster.bootstrap:init",
            "Make a cluster of this node alone, which becomes its master.",
            "gnt-cluster init --enabled-hypervisors=fake --enabled-disk-templates=file,diskless cluster1.example.com",
            detail="The argument is the name of the cluster; it has to resolve to an address nothing uses yet, which"
            " the master will carry.",
            args=("host 1..1",),
            options=(
                *_SETTINGS,
                *("no-etc-hosts", "no-ssh-init", "secondary-ip", "primary-ip-version", "gluster-storage-dir"),
                *("ssh-key-bits", "ssh-key-type", *_SPECS),
            ),
        ),
        Command(
            "destroy",
            "ganeti.cli.cluster.bootstrap:destroy",
            "Take the cluster apart; only the master and no instance may be left.",
            "gnt-cluster destroy --yes-do-it",
            options=("yes-do-it",),
        ),
        Command(
            "info",
            "ganeti.cli.cluster.info:info",
            "Show the settings of the cluster.",
            "gnt-cluster info",
            options=("roman",),
        ),
        Command(
            "version",
            "ganeti.cli.cluster.info:version",
            "Show the versions of the software and its formats.",
            "gnt-cluster version",
        ),
        Command(
            "getmaster",
            "ganeti.cli.cluster.info:getmaster",
            "Show which node is the master; works on every node.",
            "ssh $(gnt-cluster getmaster)",
        ),
        Command(
            "modify",
            "ganeti.cli.cluster.modify:modify",
            "Change the settings of the cluster.",
            "gnt-cluster modify -B auto_balance=no -C 5",
            options=(
                *_SETTINGS,
                *(
                    "force",
                    "automatic-failover",
                    "max-running-jobs",
                    "max-tracked-jobs",
                    "instance-communication-network",
                    "add-uids",
                ),
                *("remove-uids", "reserved-lvs", "modify-etc-hosts", "enabled-data-collectors"),
                *("data-collector-interval", *JOB),
            ),
        ),
        Command(
            "verify",
            "ganeti.cli.cluster.verify:verify",
            "Check that configuration and nodes agree and everything works.",
            "gnt-cluster verify --ignore-errors ENODEVERSION",
            detail="The exit code is 1 when something is wrong.",
            options=(
                *("verbose", "debug-simulate-errors", "error-codes", "no-nplus1-mem", "no-hv-param-assessment"),
                *("dry-run", "priority", "node-group", "ignore-errors", "verify-ssh-clutter"),
            ),
        ),
        Command(
            "verify-disks",
            "ganeti.cli.cluster.verify:verify_disks",
            "Check the disks of instances, and activate again those that are broken.",
            "gnt-cluster verify-disks",
            options=("priority", "node-group", "no-strict"),
        ),
        Command(
            "repair-disk-sizes",
            "ganeti.cli.cluster.verify:repair_disk_sizes",
            "Record the sizes that disks really have.",
            "gnt-cluster repair-disk-sizes web1 web2",
            detail="Without arguments the disks of all instances are looked at.",
            args=("instance 0..*",),
            options=("dry-run", "priority"),
        ),
        Command(
            "queue",
            "ganeti.cli.cluster.control:queue",
            "Stop taking new jobs (drain), take them again (undrain), or show which (info).",
            "gnt-cluster queue drain",
            args=("choice 1..1 in drain|undrain|info",),
        ),
        Command(
            "watcher",
            "ganeti.cli.cluster.control:watcher",
            "Pause the watcher for some time, let it continue, or show its state.",
            "gnt-cluster watcher pause 1h",
            args=("choice 1..1 in pause|continue|info", "suggest 0..1 in 30m|1h|4h"),
        ),
        Command(
            "redist-conf",
            "ganeti.cli.cluster.control:redist_conf",
            "Send configuration and files of the cluster to all nodes again.",
            "gnt-cluster redist-conf",
            options=(*JOB, "yes-do-it#2"),
        ),
        Command(
            "master-failover",
            "ganeti.cli.cluster.failover:master_failover",
            "Make this node the master, after the old one was lost or to free it for repair.",
            "gnt-cluster master-failover",
            detail="Run it on a master candidate. More than half of the nodes that are not marked offline have to"
            " answer and to agree. Configuration and jobs are fetched from whoever has the newest, so that no"
            " change is lost that was acknowledged. May be repeated when it was interrupted; on the master that"
            " serves it does nothing. In a cluster of two nodes whose master is dead, and wherever most nodes"
            " are gone, --no-voting goes on without a majority: first make sure that the old master is off.",
            options=("no-voting", "yes-do-it#2", "ignore-offline-nodes"),
        ),
        Command(
            "master-ping",
            "ganeti.cli.cluster.failover:master_ping",
            "Tell by the exit code whether the master daemon answers on this node.",
            "gnt-cluster master-ping",
        ),
        Command(
            "activate-master-ip",
            "ganeti.cli.cluster.failover:activate_master_ip",
            "Put the address of the cluster on the master.",
            "gnt-cluster activate-master-ip",
        ),
        Command(
            "deactivate-master-ip",
            "ganeti.cli.cluster.failover:deactivate_master_ip",
            "Take the address of the cluster off the master.",
            "gnt-cluster deactivate-master-ip --yes",
            options=("yes",),
        ),
        Command(
            "renew-crypto",
            "ganeti.cli.cluster.renew:renew_crypto",
            "Change certificates and keys of the cluster while it runs.",
            "gnt-cluster renew-crypto --new-cluster-certificate --new-confd-hmac-key",
            detail="Old and new keys are accepted until all nodes have the new ones. A change that was cut off is"
            " gone on with when the command is run again, with or without options. Works on the master even if its"
            " daemon does not run and certificates have expired. With --force nodes that do not answer are left out;"
            " they are taken back with gnt-node add --readd.",
            options=(
                *("new-cluster-certificate", "new-rapi-certificate", "rapi-certificate", "new-confd-hmac-key", "force"),
                *("new-cluster-domain-secret", "cluster-domain-secret", "new-spice-certificate", "spice-certificate"),
                *("spice-ca-certificate", "new-node-certificates", "new-ssh-keys", "no-ssh-key-check", "verbose"),
                *("ssh-key-bits", "ssh-key-type"),
            ),
        ),
        Command(
            "command",
            "ganeti.cli.cluster.remote:command",
            "Run a command on all nodes.",
            "gnt-cluster command -g rack2 uptime",
            detail="What follows the options is handed to a shell on each node. The exit code is 1 if one failed.",
            args=("command 1..*",),
            options=("node", "node-group", "show-machine-names", "failure-only"),
        ),
        Command(
            "copyfile",
            "ganeti.cli.cluster.remote:copyfile",
            "Copy a file to the same place on all other nodes.",
            "gnt-cluster copyfile -n node2 -n node3 /etc/motd",
            args=("file 1..1",),
            options=("node", "use-replication-network", "node-group"),
        ),
        *tag_commands("cluster"),
        Command(
            "search-tags",
            "ganeti.cli.tags:search_tags",
            "Find what has a tag that matches a pattern.",
            "gnt-cluster search-tags '^owner:'",
            args=("unknown 1..1",),
            unknown="pattern",
            options=("priority",),
        ),
    ),
    {"masterfailover": "master-failover", "show": "info"},
)
