"""Builders for what nodes work on: contexts of virtual nodes, instances, disks."""

from __future__ import annotations

import os
import uuid
from collections.abc import Mapping, Sequence

from ganeti.model.enums import DiskTemplate, HypervisorName
from ganeti.model.objects.disk import Disk
from ganeti.model.objects.instance import FilledInstance
from ganeti.model.objects.nic import NIC
from ganeti.model.scalars import InstanceName, MiB, NodeName, Uuid
from ganeti.noded.context import NodeContext
from ganeti.paths import Paths
from ganeti.utils import files, json
from test.support.clock import ManualClock


class VirtualNode(NodeContext):
    """The context of a virtual node whose clock obeys; sleeping passes that clock's time."""

    def __init__(self, paths: Paths, port: int = 1811) -> None:
        self.manual_clock = ManualClock()
        super().__init__(paths, NodeName(paths.hostname), clock=self.manual_clock, sleep=self._sleep, port=port)

    def _sleep(self, seconds: float) -> None:
        self.manual_clock.slept.append(seconds)
        self.manual_clock.now += seconds


def make_node(paths: Paths, *, port: int = 1811, **figures: int) -> VirtualNode:
    """Return the context of a virtual node that has these figures (MiB, processors)."""
    given = {"memory_total": 4096, "cpu_total": 4, "disk_total": 10240, **figures}
    for directory in (paths.run_dir, paths.config_dir, paths.file_storage_dir, paths.data_dir):
        files.ensure_dir(directory, 0o755)
    files.write_file(paths.node_figures_file, json.dumps(given), durable=False)
    return VirtualNode(paths, port)


def make_disk(path: str, *, size: int = 4, index: int = 0, template: DiskTemplate = DiskTemplate.FILE) -> Disk:
    """Return a file-based disk."""
    return Disk(
        uuid=Uuid(str(uuid.uuid4())),
        dev_type=template,
        logical_id=("loop", path),
        iv_name=f"disk/{index}",
        size=MiB(size),
    )


def make_instance(
    name: str = "web1.example.com",
    *,
    memory: int = 512,
    minmem: int | None = None,
    vcpus: int = 1,
    os_name: str = "noop",
    disks: Sequence[Disk] = (),
    nics: Sequence[NIC] = (),
    osparams: Mapping[str, object] | None = None,
    hvparams: Mapping[str, object] | None = None,
) -> FilledInstance:
    """Return an instance as nodes are sent it."""
    return FilledInstance(
        uuid=Uuid(str(uuid.uuid5(uuid.NAMESPACE_DNS, name))),
        name=InstanceName(name),
        primary_node=Uuid("00000000-0000-0000-0000-000000000001"),
        os=os_name,
        hypervisor=HypervisorName.FAKE,
        hvparams=hvparams if hvparams is not None else {"migration_mode": "live"},
        beparams={"maxmem": memory, "minmem": minmem if minmem is not None else memory, "vcpus": vcpus},
        osparams=osparams or {},
        disks=tuple(disk.uuid for disk in disks if disk.uuid),
        disks_info=tuple(disks),
        nics=tuple(nics),
    )


def write_script(path: str, text: str, mode: int = 0o755) -> str:
    """Write an executable script; return its path."""
    files.ensure_dir(os.path.dirname(path), 0o755)
    files.write_file(path, text, mode=mode, durable=False)
    return path
