"""Who may call this node: holders of a master candidate's certificate, for this cluster.

And of those only the master, where a call is made in its name (`ganeti.mastership`).
TLS has checked already that the certificate is of this cluster.  What the files say
is read anew when they change, so a demoted candidate is out with its next request,
over connections it kept too.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from typing import Generic, TypeVar

from ganeti import errors, mastership
from ganeti.mastership import Mastership
from ganeti.noded.backend.daemons import MASTERD
from ganeti.paths import Paths
from ganeti.ssconf import read_ssconf, read_ssconf_lines
from ganeti.utils import files, process, x509

log = logging.getLogger(__name__)

CANDIDATES_KEY = "master_candidates_certs"
CLUSTER_UUID_KEY = "cluster_uuid"

_PEM_LIMIT = 1024 * 1024

T = TypeVar("T")


class _Followed(Generic[T]):
    """What a file means; read anew when the file changes."""

    def __init__(self, path: str, read: Callable[[], T], missing: T) -> None:
        self._path = path
        self._read = read
        self._missing = missing
        self._stamp: tuple[int, int, int] | None = None
        self._value = missing

    def get(self) -> T:
        """Return what the file means now; what was given for a missing file when there is none."""
        try:
            status = os.stat(self._path)
        except FileNotFoundError:  # nothing else counts as missing: what cannot be looked at refuses everybody
            self._stamp, self._value = None, self._missing
            return self._value
        stamp = (status.st_ino, status.st_mtime_ns, status.st_size)
        if stamp != self._stamp:
            self._value = self._read()
            self._stamp = stamp
        return self._value


class Access:
    """Decides about requests, from ssconf and the cluster certificate."""

    def __init__(self, paths: Paths, server_cert: str) -> None:
        self._server_cert = server_cert
        self._candidates: _Followed[frozenset[str]] = _Followed(
            paths.ssconf_file(CANDIDATES_KEY),
            lambda: parse_candidates(read_ssconf_lines(paths, CANDIDATES_KEY)),
            frozenset(),
        )
        self._cluster_uuid = _Followed(
            paths.ssconf_file(CLUSTER_UUID_KEY), lambda: read_ssconf(paths, CLUSTER_UUID_KEY).strip(), ""
        )
        self._own_digest = _Followed(server_cert, self._read_own_digest, "")
        self._paths = paths
        self._master: _Followed[Mastership] = _Followed(
            paths.mastership_file, lambda: mastership.read(paths), mastership.UNKNOWN
        )

    def check(self, digest: str, cluster_uuid: str) -> None:
        """Refuse a request of the holder of a certificate, made for a cluster.

        Raises RemoteError saying why.
        """
        try:
            candidates = self._candidates.get()
            if not candidates:
                # A node that was just set up knows no candidates: the cluster's own certificate is their mark.
                candidates = frozenset((self._own_digest.get(),))
            own = self._cluster_uuid.get()
        except (errors.GenericError, OSError) as err:
            raise errors.RemoteError(f"cannot serve this client: {err}") from err
        if digest not in candidates:
            raise errors.RemoteError(
                f"cannot serve this client: its certificate {digest} is not a master candidate's"
                f" (see ssconf_{CANDIDATES_KEY} on this node)"
            )
        if own and cluster_uuid != own:
            raise errors.RemoteError(
                f"cannot serve this client: it calls cluster {cluster_uuid or 'without uuid'},"
                f" this node belongs to cluster {own}"
            )

    def check_master(self, header: str) -> None:
        """Refuse a call made in the name of a master that was replaced; remember one that is newer.

        To be called right before the call is carried out: a promise made meanwhile counts.
        "" stands for a call in nobody's name.

        Raises NotMasterError, or RemoteError when it cannot be decided.
        """
        if not header:
            return
        try:
            caller = mastership.parse_header(header)
            known = self._master.get()
            if mastership.judge(known, caller):
                log.info("%s is the master now, term %s", caller.master, caller.term)
                mastership.write(self._paths, caller._replace(behind=known.behind))
                if caller.master != self._paths.hostname:
                    self._end_old_master()
        except (errors.ConfigurationError, errors.ParameterError, OSError) as err:
            raise errors.RemoteError(f"cannot tell whether the caller is the master: {err}") from err

    def _end_old_master(self) -> None:
        """End a master daemon that still runs here: what it wrote later would be in its own copies only."""
        pid = process.running_pid(self._paths.pid_file(MASTERD))
        if pid is not None:
            log.warning("ending the master daemon of this node, process %s: it was replaced", pid)
            process.kill(pid, 0.0)

    def _read_own_digest(self) -> str:
        return x509.cert_digest(files.read_file(self._server_cert, _PEM_LIMIT))


def parse_candidates(lines: list[str]) -> frozenset[str]:
    """Return the digests in lines of `node uuid=digest`; while certificates are changed, `digest,digest`."""
    digests = (digest.strip().upper() for line in lines for digest in line.partition("=")[2].split(","))
    return frozenset(digest for digest in digests if digest)
