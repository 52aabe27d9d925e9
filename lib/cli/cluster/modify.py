"""gnt-cluster modify."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ganeti.cli.failures import UsageError
from ganeti.cli.jobs import follow_children, run_op
from ganeti.cli.node.modify import disk_states
from ganeti.cli.parse import Values
from ganeti.cli.session import Session
from ganeti.cli.values import by_ident, read_bool, read_float, read_int, read_uid_pool, sizes
from ganeti.model.opcodes.cluster import OpClusterSetParams
from ganeti.utils.text import parse_list

_MICROSECONDS = 1_000_000
_SPEC_SIZES = ("memory-size", "disk-size")


def modify(session: Session, options: Values, args: Sequence[str]) -> int:
    """Change the settings of the cluster."""
    op = modify_op(options)
    if op.vg_name == "" and not options.force and not options.dry_run:
        session.console.confirm("LVM will be turned off for the cluster. Continue?")
    return follow_children(session, run_op(session, options, op))


def modify_op(options: Values) -> OpClusterSetParams:
    """Return the opcode that changes the cluster as the options say.

    Raises UsageError when nothing is to be changed.
    """
    settings = cluster_settings(options)
    settings |= {
        "max_running_jobs": options.max_running_jobs,
        "max_tracked_jobs": options.max_tracked_jobs,
        "instance_communication_network": options.instance_communication_network,
        "add_uids": _if_given(read_uid_pool, options.add_uids),
        "automatic_failover": options.automatic_failover,
        "remove_uids": _if_given(read_uid_pool, options.remove_uids),
        "reserved_lvs": _if_given(parse_list, options.reserved_lvs),
        "modify_etc_hosts": options.modify_etc_hosts,
        "enabled_data_collectors": _collectors(options.enabled_data_collectors),
        "data_collector_interval": _intervals(options.data_collector_interval),
    }
    if all(value is None for value in settings.values()):
        raise UsageError("nothing to modify: give at least one of the options that --help shows")
    return OpClusterSetParams.from_wire({**settings, "force": options.force})


def cluster_settings(options: Values) -> dict[str, Any]:
    """Return, by field of the opcode, what gnt-cluster init and modify both can set; None is not given."""
    return {
        "vg_name": options.vg_name,
        "enabled_hypervisors": _if_given(parse_list, options.enabled_hypervisors),
        "hvparams": by_ident(options.hvparams, "hypervisor parameters") or None,
        "beparams": options.beparams or None,
        "nicparams": options.nicparams or None,
        "ndparams": options.ndparams or None,
        "diskparams": by_ident(options.diskparams, "disk parameters") or None,
        "hv_state": by_ident(options.hv_state, "hypervisor state") or None,
        "disk_state": disk_states(options.disk_state) or None,
        "ipolicy": instance_policy(options) or None,
        "candidate_pool_size": options.candidate_pool_size,
        "maintain_node_health": options.maintain_node_health,
        "prealloc_wipe_disks": options.prealloc_wipe_disks,
        "uid_pool": _if_given(read_uid_pool, options.uid_pool),
        "drbd_helper": options.drbd_helper,
        "default_iallocator": options.default_iallocator,
        "default_iallocator_params": options.default_iallocator_params,
        "mac_prefix": options.mac_prefix,
        "master_netdev": options.master_netdev,
        "master_netmask": _if_given(read_int, options.master_netmask),
        "use_external_mip_script": options.use_external_mip_script,
        "enabled_disk_templates": _if_given(parse_list, options.enabled_disk_templates),
        "file_storage_dir": options.file_storage_dir,
        "shared_file_storage_dir": options.shared_file_storage_dir,
        "install_image": options.install_image,
        "zeroing_image": options.zeroing_image,
        "compression_tools": _if_given(parse_list, options.compression_tools),
        "enabled_user_shutdown": options.enabled_user_shutdown,
    }


def instance_policy(options: Values) -> dict[str, Any]:
    """Return the parts of the instance policy the options set."""
    policy: dict[str, Any] = {}
    if options.ipolicy_bounds_specs is not None:
        policy["minmax"] = [
            {bound: _spec(values) for bound, values in bounds.items()} for bounds in options.ipolicy_bounds_specs
        ]
    if options.get("ipolicy_std_specs") is not None:  # groups have none
        policy["std"] = _spec(options.ipolicy_std_specs)
    if options.ipolicy_disk_templates is not None:
        policy["disk-templates"] = options.ipolicy_disk_templates
    if options.ipolicy_vcpu_ratio is not None:
        policy["vcpu-ratio"] = options.ipolicy_vcpu_ratio
    if options.ipolicy_spindle_ratio is not None:
        policy["spindle-ratio"] = options.ipolicy_spindle_ratio
    return policy


def _spec(values: Mapping[str, object]) -> dict[str, object]:
    """Return an instance specification as whole numbers, sizes in MiB; "default" stays."""
    result = sizes(values, _SPEC_SIZES)
    return {k: read_int(v) if isinstance(v, str) and v != "default" else v for k, v in result.items()}


def _collectors(given: Mapping[str, Any]) -> dict[str, bool] | None:
    return {k: v if isinstance(v, bool) else read_bool(v) for k, v in given.items()} or None


def _intervals(given: Mapping[str, Any]) -> dict[str, int] | None:
    """Seconds on the command line, microseconds in the configuration."""
    return {name: int(read_float(str(seconds)) * _MICROSECONDS) for name, seconds in given.items()} or None


def _if_given(read: Any, text: str | None) -> Any:
    return read(text) if text is not None else None
