"""The settings of the cluster as clients see them (`spec/rapi.json`, cluster_info_fields)."""

from __future__ import annotations

import platform
import struct
from typing import Any

from ganeti import _autoconf
from ganeti.masterd.config.snapshot import Config
from ganeti.model import versions
from ganeti.schema_types import dump_any

_IP_VERSION = {2: 4, 10: 6}
_MICROSECONDS = 1_000_000

#: as platform.architecture() has it, which starts a program each time
ARCHITECTURE = (f"{struct.calcsize('P') * 8}bit", platform.machine())


def cluster_info(config: Config) -> dict[str, Any]:
    """Return the settings in their wire form."""
    cluster = config.cluster
    enabled = [str(name) for name in cluster.enabled_hypervisors]
    collectors = cluster.data_collectors
    info: dict[str, Any] = {
        "software_version": _autoconf.VERSION,
        "protocol_version": versions.PROTOCOL,
        "config_version": versions.CONFIG,
        "os_api_version": max(versions.OS_API),
        "export_version": versions.EXPORT,
        "vcs_version": _autoconf.VCS_VERSION,
        "architecture": ARCHITECTURE,
        "name": cluster.cluster_name,
        "master": config.master.name,
        "default_hypervisor": enabled[0],
        "enabled_hypervisors": enabled,
        "hvparams": {hv: params for hv, params in cluster.hvparams.items() if hv in enabled},
        "os_hvp": {
            os: {hv: params for hv, params in by_hv.items() if hv in enabled} for os, by_hv in cluster.os_hvp.items()
        },
        "primary_ip_version": _IP_VERSION.get(cluster.primary_ip_family, 4),
        "enabled_data_collectors": {name: bool(c.get("active")) for name, c in collectors.items()},
        "data_collector_interval": {name: c.get("interval", 5 * _MICROSECONDS) for name, c in collectors.items()},
    }
    for name in _AS_THEY_ARE:
        info[name] = getattr(cluster, name)
    if cluster.automatic_failover is not None:
        # Beyond Ganeti's settings: where it was never chosen, clients see what they know.
        info["automatic_failover"] = cluster.automatic_failover
    return {key: dump_any(value) for key, value in info.items()}


#: settings that clients see as the configuration holds them
_AS_THEY_ARE = (
    "beparams",
    "blacklisted_os",
    "candidate_pool_size",
    "compression_tools",
    "ctime",
    "default_iallocator",
    "default_iallocator_params",
    "diskparams",
    "drbd_usermode_helper",
    "enabled_disk_templates",
    "enabled_user_shutdown",
    "file_storage_dir",
    "gluster_storage_dir",
    "hidden_os",
    "install_image",
    "instance_communication_network",
    "ipolicy",
    "mac_prefix",
    "maintain_node_health",
    "master_netdev",
    "master_netmask",
    "max_running_jobs",
    "max_tracked_jobs",
    "modify_ssh_setup",
    "mtime",
    "ndparams",
    "nicparams",
    "osparams",
    "prealloc_wipe_disks",
    "reserved_lvs",
    "shared_file_storage_dir",
    "ssh_key_bits",
    "ssh_key_type",
    "tags",
    "uid_pool",
    "use_external_mip_script",
    "uuid",
    "volume_group_name",
    "zeroing_image",
)
