"""gnt-cluster init and destroy: what happens while there is no master daemon."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ganeti.bootstrap.destroy import finish_destroy
from ganeti.bootstrap.init import InitOptions, init_cluster
from ganeti.cli.cluster.modify import cluster_settings
from ganeti.cli.failures import ExitCode, UsageError
from ganeti.cli.jobs import run_op
from ganeti.cli.parse import Values
from ganeti.cli.session import Session
from ganeti.cli.values import read_int
from ganeti.model.opcodes.cluster import OpClusterDestroy, OpClusterPostInit

#: fields of the configuration that opcodes call otherwise
_RENAMED = {
    "vg_name": "volume_group_name",
    "drbd_helper": "drbd_usermode_helper",
    "hv_state": "hv_state_static",
    "disk_state": "disk_state_static",
}
#: options of older versions
_OLD_SPECS = ("cpu_count", "disk_count", "disk_size", "mem_size", "nic_count")
#: settings that are arguments of their own
_SEPARATE = ("enabled_hypervisors", "enabled_disk_templates", "master_netdev", "master_netmask")


def init(session: Session, options: Values, args: Sequence[str]) -> int:
    """Make a cluster of this node."""
    init_cluster(session.paths, init_options(args[0], options), session.console.show)
    run_op(session, options, OpClusterPostInit())
    session.console.show(f"Cluster {args[0]} is ready; add nodes with gnt-node add")
    return ExitCode.SUCCESS


def init_options(name: str, options: Values) -> InitOptions:
    """Return what the options say.

    Raises UsageError.
    """
    given = cluster_settings(options)
    settings: dict[str, Any] = {
        _RENAMED.get(field, field): value for field, value in given.items() if field not in _SEPARATE
    }
    settings |= {
        "modify_etc_hosts": options.modify_etc_hosts,
        "modify_ssh_setup": options.modify_ssh_setup,
        "gluster_storage_dir": options.gluster_storage_dir,
        "ssh_key_type": options.ssh_key_type,
        "ssh_key_bits": options.ssh_key_bits,
    }
    used = [word for word in _OLD_SPECS if options.get(f"ispecs_{word}")]
    if used:
        raise UsageError(f"--specs-{used[0].replace('_', '-')} is gone: use --ipolicy-bounds-specs")
    return InitOptions(
        cluster_name=name,
        enabled_hypervisors=given["enabled_hypervisors"],
        enabled_disk_templates=given["enabled_disk_templates"],
        master_netdev=given["master_netdev"],
        master_netmask=given["master_netmask"],
        secondary_ip=options.secondary_ip,
        primary_ip_version=read_int(str(options.primary_ip_version)),
        settings=settings,
    )


def destroy(session: Session, options: Values, args: Sequence[str]) -> int:
    """Take the cluster apart."""
    if not options.yes_do_it:
        raise UsageError("destroying a cluster cannot be undone: use --yes-do-it if you mean it")
    run_op(session, options, OpClusterDestroy())
    session.close()
    finish_destroy(session.paths)
    session.console.show("The cluster is gone.")
    return ExitCode.SUCCESS
