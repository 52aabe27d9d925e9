"""What the work of a node needs: its paths, its name, its clock, its drivers.

A context is made once by the node daemon; it opens nothing, so that a function
process forked from the daemon finds everything as it was.
"""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Callable, Sequence

from ganeti import errors, ssconf
from ganeti.clock import Clock, SystemClock
from ganeti.hypervisor import base as hypervisor_base
from ganeti.hypervisor import figures
from ganeti.hypervisor.base import Hypervisor
from ganeti.hypervisor.registry import driver_for
from ganeti.model.enums import HypervisorName
from ganeti.model.objects.disk import Disk
from ganeti.model.scalars import MiB, NodeName
from ganeti.noded.options import HOOK_SECONDS
from ganeti.owners import disk_of
from ganeti.paths import VIRTUAL_PREFIX, Paths
from ganeti.rpc.transport import DEFAULT_PORT
from ganeti.storage import base as storage_base
from ganeti.storage import paths as storage_paths
from ganeti.storage.base import BlockDevice
from ganeti.storage.registry import device_of
from ganeti.utils import files, net

_BOOT_ID = "/proc/sys/kernel/random/boot_id"


class NodeContext:
    """The node the daemon works for; `port` is where node daemons listen, `sleep` waits in a function process.

    `hook_seconds` is the time one hook script may take.
    """

    def __init__(
        self,
        paths: Paths,
        name: NodeName,
        *,
        clock: Clock | None = None,
        sleep: Callable[[float], None] = time.sleep,
        port: int = DEFAULT_PORT,
        hook_seconds: float = HOOK_SECONDS,
    ) -> None:
        self.paths = paths
        self.name = name
        self.clock = clock or SystemClock()
        self.sleep = sleep
        self.port = port
        self.hook_seconds = hook_seconds
        #: for files that daemons other than this one own
        self.disk = disk_of(paths)
        self._boot_id_file = os.path.join(paths.run_dir, "boot-id") if paths.is_virtual else None
        self._hypervisor_host = hypervisor_base.Host(
            node_name=name,
            run_dir=paths.run_dir,
            fake_dir=paths.fake_hypervisor_dir,
            capacity=lambda: figures.capacity_of(self.figures()),
            sleep=sleep,
            boot_id_file=self._boot_id_file,
        )
        self.storage = storage_base.Host(
            node_name=name,
            file_dirs=self.file_storage_dirs,
            shared_dirs=self.shared_storage_dirs,
            localize=self.localize_storage,
            disk_total=self._disk_total,
            space_lock=os.path.join(paths.lock_dir, "ganeti-file-storage.lock"),
        )

    @classmethod
    def of(cls, paths: Paths, *, port: int = DEFAULT_PORT, hook_seconds: float = HOOK_SECONDS) -> NodeContext:
        """Return the context of the node these paths belong to.

        Raises ResolverError when the node does not know its own full name.
        """
        return cls(paths, NodeName(net.own_name(paths)), port=port, hook_seconds=hook_seconds)

    # --- drivers ---------------------------------------------------------------

    def hypervisor(self, name: HypervisorName) -> Hypervisor:
        """Return a hypervisor driver.  Raises HypervisorError."""
        return driver_for(name, self._hypervisor_host)

    def device(self, disk: Disk) -> BlockDevice:
        """Return a disk of this node.  Raises BlockDeviceError."""
        return device_of(disk, self.storage)

    def figures(self) -> figures.NodeFigures:
        """Return the figures of this node, read anew; only virtual nodes have any."""
        return figures.read_figures(self.paths.node_figures_file) if self.paths.is_virtual else figures.NodeFigures()

    def boot_id(self) -> str:
        """Return what changes with each boot; a virtual node boots when it is powercycled."""
        if self._boot_id_file is None:
            return files.read_text(_BOOT_ID, limit=256).strip()
        try:
            return files.read_text(self._boot_id_file, limit=256).strip()
        except FileNotFoundError:
            files.ensure_dir(self.paths.run_dir, 0o775)
            files.write_file(self._boot_id_file, f"{uuid.uuid4()}\n", durable=False)
            return files.read_text(self._boot_id_file, limit=256).strip()

    # --- where file-based disks may be -------------------------------------------

    def file_storage_dirs(self) -> Sequence[str]:
        """Return the directories of this node that may hold file disks."""
        return self._storage_dirs("file_storage_dir", self.paths.file_storage_dir, shared=False)

    def shared_storage_dirs(self) -> Sequence[str]:
        """Return the directories of this node that may hold shared file disks."""
        return self._storage_dirs("shared_file_storage_dir", self.paths.shared_file_storage_dir, shared=True)

    def localize_storage(self, path: str, shared: bool) -> str:
        """Return where a storage path of the configuration is on this node.

        In a virtual cluster plain paths are seen from inside the node's root, those of
        shared storage from the directory of the cluster; a path in the tree of another
        node (whoever was the master when it was set) means the same place in this one.
        Raises FileStoragePathError.
        """
        paths = self.paths
        if path.startswith(VIRTUAL_PREFIX):
            try:
                return paths.localize(path)
            except errors.ParameterError as err:
                raise errors.FileStoragePathError(str(err)) from err
        if not paths.is_virtual or path == paths.root or path.startswith(f"{paths.root}/"):
            return path
        if not path.startswith(f"{paths.cluster_dir}/"):
            return (paths.cluster_dir if shared else paths.root) + path
        if shared:
            return path
        owner, _, inside = path[len(paths.cluster_dir) + 1 :].partition("/")
        if not inside or not os.path.isdir(paths.for_node(owner).data_dir):
            raise errors.FileStoragePathError(
                f"cannot use file storage path {path} on {self.name}: it is in the directory of the virtual cluster "
                f"but in no node; write it as seen from inside a node ({paths.file_storage_dir[len(paths.root) :]}/...)"
            )
        return f"{paths.root}/{inside}"

    def _storage_dirs(self, key: str, default: str, *, shared: bool) -> Sequence[str]:
        given = storage_paths.read_allowed(self.paths.file_storage_paths_file, os.getuid())
        if given is None:
            given = [ssconf.read_ssconf(self.paths, key) if ssconf.has_ssconf(self.paths, key) else default]
        bad = set(storage_paths.bad_directories(given))
        return [self.localize_storage(path, shared) for path in given if path and path not in bad]

    def _disk_total(self) -> MiB | None:
        total = self.figures().disk_total
        return None if total is None else MiB(total)
