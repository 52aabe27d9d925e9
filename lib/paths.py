"""Every file name of Ganeti, honouring the virtual root.

A `Paths` value is made once per program from the environment and handed to what
needs it; nothing computes a path at import time, so one process can act for many
virtual nodes.  Rules and names: `spec/files.json`, `spec/vcluster.json`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import NamedTuple

from ganeti import _autoconf, errors

ROOT_VARIABLE = "GANETI_ROOTDIR"
HOSTNAME_VARIABLE = "GANETI_HOSTNAME"

VIRTUAL_PREFIX = "/###-VIRTUAL-PATH-###,"
JOBS_PER_ARCHIVE_DIRECTORY = 10_000

_NEVER_VIRTUAL = frozenset({"/etc/hosts"})
_LOG_NAMES: Mapping[str, str] = {
    "ganeti-masterd": "master-daemon",
    "ganeti-noded": "node-daemon",
    "ganeti-confd": "conf-daemon",
    "ganeti-rapi": "rapi-daemon",
    "ganeti-watcher": "watcher",
}


class Paths(NamedTuple):
    """Names of all files of one node.

    `root` is the directory in front of every node-local path, "" outside virtual
    clusters; `hostname` the name of this node, as the system or the environment says.
    """

    root: str
    hostname: str

    @classmethod
    def from_environ(cls, environ: Mapping[str, str]) -> Paths:
        """Return the paths of the node the environment selects.

        Raises UserError when the variables of a virtual node contradict each other.
        """
        root, hostname = environ.get(ROOT_VARIABLE, ""), environ.get(HOSTNAME_VARIABLE, "")
        if not root and not hostname:
            return cls("", os.uname().nodename)
        if not root or not hostname:
            missing = HOSTNAME_VARIABLE if root else ROOT_VARIABLE
            raise errors.UserError(f"cannot select virtual node: {missing} is not set, but its counterpart is")
        if "/" in hostname or hostname in (".", ".."):
            raise errors.UserError(f"cannot select virtual node: {HOSTNAME_VARIABLE}={hostname} is not a plain name")
        if not os.path.isabs(root) or os.path.normpath(root) != root or root.startswith("//"):
            raise errors.UserError(f"cannot select virtual node: {ROOT_VARIABLE}={root} is not absolute and normal")
        if os.path.basename(root) != hostname:
            raise errors.UserError(
                f"cannot select virtual node: last part of {ROOT_VARIABLE}={root} is not {HOSTNAME_VARIABLE}={hostname}"
            )
        return cls(root, hostname)

    @property
    def is_virtual(self) -> bool:
        """True for a node of a virtual cluster."""
        return bool(self.root)

    @property
    def cluster_dir(self) -> str:
        """Directory of the whole virtual cluster, "" outside one."""
        return os.path.dirname(self.root) if self.root else ""

    @property
    def environ(self) -> dict[str, str]:
        """Variables that select this node for a program started for it."""
        return {ROOT_VARIABLE: self.root, HOSTNAME_VARIABLE: self.hostname} if self.root else {}

    def for_node(self, name: str) -> Paths:
        """Return the paths of another node of the same cluster.

        Raises ParameterError for a name that is no plain file name.
        """
        if not name or "/" in name or name in (".", ".."):
            raise errors.ParameterError(f"cannot name files of node {name!r}: not a plain name")
        return Paths(os.path.join(self.cluster_dir, name) if self.root else "", name)

    def virtualize(self, path: str) -> str:
        """Return the form of a local path that means the same file on every node.

        Raises ParameterError for a path outside the node's root.
        """
        if not self.root or path in _NEVER_VIRTUAL:
            return path
        inside = os.path.normpath(path)
        if not inside.startswith(self.root + "/"):
            raise errors.ParameterError(f"cannot use {path}: a virtual node has only files below {self.root}")
        return VIRTUAL_PREFIX + inside[len(self.root) :]

    def localize(self, path: str) -> str:
        """Return the local path of what another node's `virtualize` made.

        Raises ParameterError for a path that is not of this kind of cluster.
        """
        if path in _NEVER_VIRTUAL:
            return path
        virtual = path.startswith(VIRTUAL_PREFIX)
        if virtual != self.is_virtual:
            kind = "not a path of a virtual cluster" if self.root else "a path of a virtual cluster"
            raise errors.ParameterError(f"cannot localize {path}: {kind}")
        return self._at(path[len(VIRTUAL_PREFIX) :]) if virtual else path

    def _at(self, path: str) -> str:
        if not os.path.isabs(path) or "\0" in path:
            raise errors.ParameterError(f"cannot localize {path!r}: not an absolute path")
        # normpath keeps two leading slashes: POSIX gives them a meaning of their own
        inside = "/" + os.path.normpath(path).lstrip("/")
        return self.root + inside if inside != "/" else self.root or "/"

    # --- data: replicated or kept for long -----------------------------------------

    @property
    def data_dir(self) -> str:
        """Cluster configuration, keys, queue."""
        return self._at(f"{_autoconf.LOCALSTATEDIR}/lib/ganeti")

    def _data(self, name: str) -> str:
        return f"{self.data_dir}/{name}"

    @property
    def config_file(self) -> str:
        """Cluster configuration, JSON."""
        return self._data("config.data")

    @property
    def mastership_file(self) -> str:
        """The newest master this node was told of, with its term."""
        return self._data("mastership")

    @property
    def server_cert(self) -> str:
        """Key and certificate shared by all nodes."""
        return self._data("server.pem")

    @property
    def client_cert(self) -> str:
        """Key and certificate of this node as a client of node daemons."""
        return self._data("client.pem")

    @property
    def rapi_cert(self) -> str:
        """Key and certificate of the remote API."""
        return self._data("rapi.pem")

    @property
    def hmac_key(self) -> str:
        """Key that authenticates confd's datagrams."""
        return self._data("hmac.key")

    @property
    def hmac_key_new(self) -> str:
        """The next of these keys, accepted beside it while keys are changed."""
        return self._data("hmac.key.new")

    @property
    def hmac_key_old(self) -> str:
        """The last of these keys, accepted beside it while keys are changed."""
        return self._data("hmac.key.old")

    @property
    def client_cert_new(self) -> str:
        """The next certificate of this node as a client, not in use yet."""
        return self._data("client.pem.new")

    @property
    def renewal_file(self) -> str:
        """A change of the cluster's keys that is under way, on the master."""
        return self._data("renew-crypto.json")

    @property
    def renewal_lock(self) -> str:
        """Held by the program that changes keys."""
        return f"{self.lock_dir}/ganeti-renew-crypto.lock"

    @property
    def domain_secret(self) -> str:
        """Secret that signs certificates between clusters."""
        return self._data("cluster-domain-secret")

    @property
    def spice_cert(self) -> str:
        """Key and certificate of SPICE servers."""
        return self._data("spice.pem")

    @property
    def spice_ca(self) -> str:
        """Certificate authority of SPICE servers."""
        return self._data("spice-ca.pem")

    @property
    def known_hosts(self) -> str:
        """SSH host keys of the cluster."""
        return self._data("known_hosts")

    @property
    def ssh_public_keys(self) -> str:
        """SSH public keys of the nodes, one line per node."""
        return self._data("ganeti_pub_keys")

    @property
    def rapi_dir(self) -> str:
        """Files of the remote API."""
        return self._data("rapi")

    @property
    def rapi_users(self) -> str:
        """Users of the remote API."""
        return f"{self.rapi_dir}/users"

    @property
    def watcher_pause(self) -> str:
        """Time until which the watcher pauses."""
        return self._data("watcher.pause")

    def watcher_state(self, group: str) -> str:
        """Return the file of the watcher's memory of a node group (its uuid)."""
        return self._data(f"watcher.{group}.data")

    def watcher_instance_status(self, group: str) -> str:
        """Return the file of the status of a node group's instances (its uuid)."""
        return self._data(f"watcher.{group}.instance-status")

    @property
    def hypervisor_list(self) -> str:
        """Files that parameters of hypervisors name, as the master last told."""
        return self._data("hypervisor-files")

    @property
    def ssconf_dir(self) -> str:
        """Directory of the small files every node keeps about the cluster."""
        return self.data_dir

    def ssconf_file(self, key: str) -> str:
        """Return the file of one ssconf key."""
        return f"{self.ssconf_dir}/ssconf_{key}"

    # --- job queue -------------------------------------------------------------------

    @property
    def queue_dir(self) -> str:
        """Job files."""
        return self._data("queue")

    @property
    def archive_dir(self) -> str:
        """Directories of archived job files."""
        return f"{self.queue_dir}/archive"

    @property
    def queue_version(self) -> str:
        """Format of the queue."""
        return f"{self.queue_dir}/version"

    @property
    def queue_serial(self) -> str:
        """Last job id given out."""
        return f"{self.queue_dir}/serial"

    @property
    def queue_drain(self) -> str:
        """Exists while no new jobs are accepted."""
        return f"{self.queue_dir}/drain"

    @property
    def queue_lock(self) -> str:
        """Held by the master daemon while it runs."""
        return f"{self.queue_dir}/lock"

    def job_file(self, job_id: int) -> str:
        """Return the file of a job."""
        return f"{self.queue_dir}/job-{job_id}"

    def archived_job_file(self, job_id: int) -> str:
        """Return the file of an archived job."""
        return f"{self.archive_dir}/{job_id // JOBS_PER_ARCHIVE_DIRECTORY}/job-{job_id}"

    # --- while running -----------------------------------------------------------------

    @property
    def run_dir(self) -> str:
        """What does not outlive a reboot."""
        return self._at(f"{_autoconf.LOCALSTATEDIR}/run/ganeti")

    @property
    def socket_dir(self) -> str:
        """Unix sockets."""
        return f"{self.run_dir}/socket"

    @property
    def master_socket(self) -> str:
        """LUXI: jobs and queries."""
        return f"{self.socket_dir}/ganeti-master"

    @property
    def query_socket(self) -> str:
        """LUXI: queries."""
        return f"{self.socket_dir}/ganeti-query"

    def pid_file(self, daemon: str) -> str:
        """Return the pid file of a daemon (`ganeti-noded`)."""
        return f"{self.run_dir}/{daemon}.pid"

    @property
    def instance_status(self) -> str:
        """Status of all instances, written by the watcher."""
        return f"{self.run_dir}/instance-status"

    @property
    def watcher_daemons(self) -> str:
        """Which daemons the watcher restarted lately."""
        return f"{self.run_dir}/watcher-daemons.json"

    @property
    def master_absence_file(self) -> str:
        """Since when the master gives the watcher of this node no answer."""
        return f"{self.run_dir}/master-absence.json"

    @property
    def bdev_cache_dir(self) -> str:
        """Which instance owns a block device, one file per device."""
        return f"{self.run_dir}/bdev-cache"

    @property
    def uid_pool_dir(self) -> str:
        """Locks of used uids."""
        return f"{self.run_dir}/uid-pool"

    @property
    def instance_disks_dir(self) -> str:
        """Links INSTANCE:INDEX to block devices."""
        return f"{self.run_dir}/instance-disks"

    @property
    def instance_reason_dir(self) -> str:
        """Why an instance last changed state, one file per instance."""
        return f"{self.run_dir}/instance-reason"

    @property
    def fake_hypervisor_dir(self) -> str:
        """Running instances of the fake hypervisor, one file each."""
        return f"{self.run_dir}/fake-hypervisor"

    @property
    def chroot_hypervisor_dir(self) -> str:
        """Roots of the chroot hypervisor."""
        return f"{self.run_dir}/chroot-hypervisor"

    @property
    def lxc_hypervisor_dir(self) -> str:
        """Files of the lxc hypervisor."""
        return f"{self.run_dir}/lxc"

    @property
    def kvm_hypervisor_dir(self) -> str:
        """Files of the kvm hypervisor."""
        return f"{self.run_dir}/kvm-hypervisor"

    @property
    def crypto_dir(self) -> str:
        """Temporary keys for moves between clusters."""
        return f"{self.run_dir}/crypto"

    @property
    def import_export_dir(self) -> str:
        """State of disk transfers."""
        return f"{self.run_dir}/import-export"

    @property
    def node_figures_file(self) -> str:
        """Memory, disk and CPU figures of a virtual node, JSON."""
        return self._at(f"{_autoconf.SYSCONFDIR}/ganeti/node-figures.json")

    @property
    def lock_dir(self) -> str:
        """Lock files."""
        return self._at(f"{_autoconf.LOCALSTATEDIR}/lock")

    @property
    def ssconf_lock(self) -> str:
        """Held while ssconf files are written."""
        return f"{self.lock_dir}/ganeti-ssconf.lock"

    @property
    def watcher_lock(self) -> str:
        """Held shared by watchers, exclusively by what wants none to run."""
        return f"{self.lock_dir}/ganeti-watcher.lock"

    def watcher_group_lock(self, group: str) -> str:
        """Return the file held by the watcher of a node group (its uuid)."""
        return f"{self.lock_dir}/ganeti-watcher-{group}.lock"

    @property
    def watcher_status_lock(self) -> str:
        """Held while the status of the instances of all groups is put together."""
        return f"{self.lock_dir}/ganeti-watcher-status.lock"

    @property
    def instances_lock(self) -> str:
        """Holds the locks of instances that are being started, stopped or rebooted on the node."""
        return f"{self.lock_dir}/ganeti-instances.lock"

    @property
    def restricted_commands_lock(self) -> str:
        """Held while a restricted command runs."""
        return f"{self.lock_dir}/ganeti-restricted-commands.lock"

    # --- logs ----------------------------------------------------------------------------

    @property
    def log_dir(self) -> str:
        """Logs."""
        return self._at(f"{_autoconf.LOCALSTATEDIR}/log/ganeti")

    def log_file(self, program: str) -> str:
        """Return the log of a daemon (`ganeti-noded`) or of `commands`, `watcher`, `burnin`."""
        return f"{self.log_dir}/{_LOG_NAMES.get(program, program)}.log"

    @property
    def os_log_dir(self) -> str:
        """Logs of OS scripts."""
        return f"{self.log_dir}/os"

    @property
    def extstorage_log_dir(self) -> str:
        """Logs of external storage scripts."""
        return f"{self.log_dir}/extstorage"

    # --- what the administrator wrote ------------------------------------------------------

    @property
    def config_dir(self) -> str:
        """What the administrator configures on a node."""
        return self._at(f"{_autoconf.SYSCONFDIR}/ganeti")

    @property
    def hooks_dir(self) -> str:
        """Hooks, in directories PATH-PHASE.d."""
        return f"{self.config_dir}/hooks"

    @property
    def master_ip_script(self) -> str:
        """The administrator's own script for the master address."""
        return f"{self.config_dir}/scripts/master-ip-setup"

    @property
    def vnc_password_file(self) -> str:
        """VNC password of the cluster."""
        return f"{self.config_dir}/vnc-cluster-password"

    @property
    def kvm_vif_script(self) -> str:
        """The administrator's own network script for kvm."""
        return f"{self.config_dir}/kvm-vif-bridge"

    @property
    def file_storage_paths_file(self) -> str:
        """Directories allowed for file storage."""
        return f"{self.config_dir}/file-storage-paths"

    @property
    def restricted_commands_dir(self) -> str:
        """Commands the administrator allows to run by RPC."""
        return f"{self.config_dir}/restricted-commands"

    @property
    def admin_list(self) -> str:
        """Files the administrator wants on all nodes."""
        return f"{self.config_dir}/cluster-files"

    @property
    def etc_default(self) -> str:
        """Arguments of daemons, shell syntax."""
        return self._at(f"{_autoconf.SYSCONFDIR}/default/ganeti")

    @property
    def hosts_file(self) -> str:
        """Names and addresses: the cluster's own in a virtual cluster, else the system's."""
        return f"{self.cluster_dir}/etc/hosts" if self.root else "/etc/hosts"

    # --- storage and search paths ------------------------------------------------------------

    @property
    def file_storage_dir(self) -> str:
        """Default directory of file disks."""
        return self._at(_autoconf.FILE_STORAGE_DIR)

    @property
    def shared_file_storage_dir(self) -> str:
        """Default directory of shared file disks."""
        if self.root:  # shared between nodes is what makes it shared
            return self.cluster_dir + _autoconf.SHARED_FILE_STORAGE_DIR
        return _autoconf.SHARED_FILE_STORAGE_DIR

    @property
    def export_dir(self) -> str:
        """Backups of instances."""
        return self._at(_autoconf.EXPORT_DIR)

    @property
    def os_search_path(self) -> tuple[str, ...]:
        """Directories of OS definitions; virtual clusters see the package's examples too."""
        if not self.root:
            return _autoconf.OS_SEARCH_PATH
        return (f"{self.cluster_dir}/os", *_autoconf.OS_SEARCH_PATH, f"{_autoconf.PKGDATADIR}/os")

    @property
    def extstorage_search_path(self) -> tuple[str, ...]:
        """Directories of external storage providers."""
        return _autoconf.EXTSTORAGE_SEARCH_PATH

    @property
    def iallocator_search_path(self) -> tuple[str, ...]:
        """Directories of instance allocators; a virtual cluster may have its own."""
        own = (f"{self.cluster_dir}/iallocators",) if self.root else ()
        return (*own, *_autoconf.IALLOCATOR_SEARCH_PATH)

    @property
    def daemon_util(self) -> str:
        """The program that starts and stops daemons."""
        return f"{_autoconf.PKGLIBDIR}/daemon-util"
