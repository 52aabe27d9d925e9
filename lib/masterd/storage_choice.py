"""Which storage unit of a node holds the disks of a template."""

from __future__ import annotations

from ganeti.masterd.config.snapshot import Config
from ganeti.model.enums import DiskTemplate, StorageType
from ganeti.rpc.answers import StorageRef


def storage_of(config: Config, template: DiskTemplate) -> list[StorageRef]:
    """Return the storage unit that disks of a template are kept in; none when nodes keep nothing."""
    cluster = config.cluster
    if template == DiskTemplate.FILE:
        return [(StorageType.FILE, cluster.file_storage_dir, ())]
    if template == DiskTemplate.SHAREDFILE:
        return [(StorageType.SHAREDFILE, cluster.shared_file_storage_dir, ())]
    return []


def default_storage(config: Config) -> list[StorageRef]:
    """Return the storage unit whose figures stand for a node: that of the first template that has one."""
    for template in config.cluster.enabled_disk_templates:
        units = storage_of(config, template)
        if units:
            return units
    return []
