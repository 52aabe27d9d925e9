"""Files of the cluster that the master writes on its nodes: a closed list, and the ssconf values."""

from __future__ import annotations

import grp
import os
import pwd
from collections.abc import Mapping, Sequence

from ganeti import errors, ssconf
from ganeti.hypervisor.registry import DRIVERS
from ganeti.noded.context import NodeContext
from ganeti.paths import Paths
from ganeti.rpc.answers import FileInfo
from ganeti.utils import files
from ganeti.utils.file_list import read_list
from ganeti.utils.pieces import checksum as digest_of
from ganeti.utils.pieces import put_together
from ganeti.utils.spares import CONFIG_SPARES, LARGEST_CONFIG, Spares

_SIZE_LIMIT = 256 * 1024 * 1024
_PERMISSIONS = 0o777
_CONFIG_MODE = 0o640
_HOSTS_FILE = "/etc/hosts"


class Uploads:
    """Calls that write files of the cluster."""

    def __init__(self, node: NodeContext) -> None:
        self._node = node
        self._allowed = allowed_files(node.paths)
        self._spares = Spares(node.clock, node.paths.data_dir, _CONFIG_MODE, CONFIG_SPARES, LARGEST_CONFIG)

    def upload_file_single(
        self,
        file_name: str,
        content: str,
        mode: int,
        uid: str | None,
        gid: str | None,
        atime: float | None,
        mtime: float | None,
    ) -> None:
        """Write one of the allowed files, whole."""
        path = self._allowed_path(file_name, mode)
        data = content.encode(errors="surrogateescape")
        if len(data) > _SIZE_LIMIT:
            raise errors.ParameterError(f"cannot upload {file_name}: larger than {_SIZE_LIMIT} bytes")
        self._write(path, data, mode, _user_id(file_name, uid), _group_id(file_name, gid))
        if mtime is not None:
            os.utime(path, (mtime if atime is None else atime, mtime))

    def edit_file_single(
        self, file_name: str, pieces: Sequence[tuple[int, int, str]], checksum: int, mode: int
    ) -> bool:
        """Write one of the allowed files by what differs; false if it is not the one the sender takes it for."""
        path = self._allowed_path(file_name, mode)
        try:
            parts = put_together(files.read_file(path, _SIZE_LIMIT), pieces)
        except OSError:
            return False
        if digest_of(parts) != checksum:
            return False
        self._write(path, parts, mode, spares=self._spares)
        return True

    def write_ssconf_files(self, values: Mapping[str, str]) -> None:
        """Write ssconf values, those that changed."""
        files.ensure_dir(self._node.paths.ssconf_dir, 0o755)
        files.ensure_dir(self._node.paths.lock_dir, 0o755)
        ssconf.write_ssconf(self._node.paths, values)

    def _allowed_path(self, file_name: str, mode: int) -> str:
        paths = self._node.paths
        path = paths.localize(file_name)
        if path not in self._allowed and path not in _listed(paths):
            raise errors.ParameterError(f"cannot upload {file_name}: not one of the files the master may write")
        if mode & ~_PERMISSIONS:
            raise errors.ParameterError(f"cannot upload {file_name}: mode {mode:o} is more than permissions")
        return path

    def _write(
        self,
        path: str,
        data: files.Content,
        mode: int,
        uid: int = -1,
        gid: int = -1,
        *,
        spares: Spares | None = None,
    ) -> None:
        try:
            files.ensure_dir(os.path.dirname(path), 0o755)
            self._node.disk.write_file(path, data, mode=mode, uid=uid, gid=gid, spares=spares)
        except OSError as err:
            raise errors.EnvironmentFailure(f"cannot upload {path}: {err.strerror}") from err

    def get_file_info(self, file_path: str) -> FileInfo:
        """Return whether a file exists, and its figures."""
        try:
            status = os.stat(file_path)
        except (FileNotFoundError, NotADirectoryError):
            return FileInfo(exists=False)
        except (OSError, ValueError) as err:
            raise errors.EnvironmentFailure(f"cannot look at {file_path!r}: {err}") from err
        return FileInfo(
            exists=True,
            mode=status.st_mode,
            size=status.st_size,
            uid=status.st_uid,
            gid=status.st_gid,
            mtime=status.st_mtime,
        )


def allowed_files(paths: Paths) -> frozenset[str]:
    """Return the files the master may write, by their path on this node (`spec/files.json`)."""
    own = {
        paths.config_file,
        paths.known_hosts,
        paths.vnc_password_file,
        paths.rapi_cert,
        paths.spice_cert,
        paths.spice_ca,
        paths.rapi_users,
        paths.hmac_key,
        paths.domain_secret,
        paths.master_ip_script,
        paths.kvm_vif_script,
        paths.admin_list,
        paths.hypervisor_list,
    }
    extra = {path for driver in DRIVERS.values() for path in driver.ANCILLARY_FILES}
    # a virtual node shares /etc/hosts with the machine, and must leave it alone
    hosts = set() if paths.is_virtual else {_HOSTS_FILE}
    return frozenset(own | extra | hosts)


def _listed(paths: Paths) -> frozenset[str]:
    """Return the files that lists the master sent before allow."""
    lists = [read_list(paths, name) for name in (paths.admin_list, paths.hypervisor_list)]
    return frozenset(file.path for listed in lists for file in listed)


def _user_id(file_name: str, name: str | None) -> int:
    if name is None or os.geteuid() != 0:  # nobody else can give files away
        return -1
    try:
        return pwd.getpwnam(name).pw_uid
    except KeyError:
        raise errors.ParameterError(f"cannot upload {file_name}: no user {name!r} on this node") from None


def _group_id(file_name: str, name: str | None) -> int:
    if name is None or os.geteuid() != 0:
        return -1
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        raise errors.ParameterError(f"cannot upload {file_name}: no group {name!r} on this node") from None
