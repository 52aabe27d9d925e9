"""Files of this node, as cluster verification looks at them."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence

from ganeti import errors
from ganeti.paths import Paths
from ganeti.storage import paths as storage_paths
from ganeti.utils import files, x509
from ganeti.utils.text import plural

_NEW_CLIENT = "gnt-cluster renew-crypto --new-node-certificates"
_SIZE_LIMIT = 256 * 1024 * 1024
_PEM_LIMIT = 1024 * 1024
_DAY = 86400
_ERROR_DAYS = 7
_WARNING_DAYS = 30


def checksums(paths: Paths, names: Sequence[str]) -> dict[str, str]:
    """Return the SHA-1 of the files named, by name as given; those that are not there are left out.

    Raises ParameterError for a path of another kind of cluster.
    """
    found = {}
    for name in names:
        path = paths.localize(name)
        if not os.path.isabs(path):
            raise errors.ParameterError(f"cannot check file {name!r}: not an absolute path")
        try:
            # equality of copies is what counts here, not strength
            found[name] = hashlib.sha1(files.read_file(path, _SIZE_LIMIT), usedforsecurity=False).hexdigest()
        except FileNotFoundError:
            continue
    return found


def setup_problems(paths: Paths) -> list[str]:
    """Return what is wrong with directories and key files; empty when all is well."""
    problems = []
    for directory in (paths.data_dir, paths.run_dir, paths.log_dir, paths.queue_dir):
        if not os.path.isdir(directory):
            problems.append(f"directory {directory} is missing")
        elif not os.access(directory, os.W_OK | os.X_OK):
            problems.append(f"directory {directory} is not writable")
    for path in (paths.server_cert, paths.client_cert, paths.rapi_cert, paths.hmac_key, paths.domain_secret):
        try:
            if not files.read_file(path, _PEM_LIMIT):
                problems.append(f"file {path} is empty")
        except OSError as err:
            problems.append(f"file {path}: {(err.strerror or str(err)).lower()}")
    return problems


def client_certificate(paths: Paths, now: float) -> tuple[str | None, str]:
    """Return (None, digest) of the client certificate, or ("ERROR", why it cannot be used)."""
    path = paths.client_cert
    if not os.path.exists(path):
        return (
            "ERROR",
            f"client certificate {path} is missing; {_NEW_CLIENT}",
        )
    try:
        x509.verify_pem(path, now)
        return None, x509.cert_digest(files.read_file(path, _PEM_LIMIT))
    except (OSError, errors.GenericError) as err:
        return "ERROR", f"client certificate {path} cannot be used: {err}"


def certificate_expiry(paths: Paths, now: float) -> list[list[str]]:
    """Return [["ERROR" or "WARNING", text]] for the certificates of this node that expire soon or did."""
    renewable = {
        paths.server_cert: "new-cluster-certificate",
        paths.client_cert: "new-node-certificates",
        paths.rapi_cert: "new-rapi-certificate",
        paths.spice_cert: "new-spice-certificate",
        paths.spice_ca: "new-spice-certificate",
    }
    found = []
    for path, option in renewable.items():
        try:
            expiry = x509.expiry(files.read_file(path, _PEM_LIMIT))
        except (OSError, errors.GenericError):
            continue  # nodesetup and client-cert tell about those
        left = expiry.timestamp() - now
        if left < _WARNING_DAYS * _DAY:
            level = "ERROR" if left < _ERROR_DAYS * _DAY else "WARNING"
            found.append([level, f"certificate {path} {_when(left)}; gnt-cluster renew-crypto --{option}"])
    return found


def _when(left: float) -> str:
    if left < 0:
        return f"has expired, {-left / _DAY:.0f} days ago" if left < -_DAY else "has expired, within the last day"
    if left < _DAY:
        return f"expires within a day, in {plural(int(left / 3600), 'hour')}"
    return f"expires in {plural(int(left / _DAY), 'day')}"


def unfinished_renewal(paths: Paths) -> list[list[str]]:
    """Return [["WARNING", text]] for a change of keys that has not come to its end on this node."""
    remedy = "gnt-cluster renew-crypto on the master goes on with it"
    if os.path.exists(paths.renewal_file):
        return [["WARNING", f"a change of keys was begun here and is not finished; {remedy}"]]
    try:
        trusted = len(x509.load_certificates(paths.server_cert, files.read_file(paths.server_cert, _PEM_LIMIT)))
    except (OSError, errors.GenericError):
        trusted = 1
    if trusted > 1 or any(os.path.exists(path) for path in (paths.hmac_key_new, paths.hmac_key_old)):
        return [["WARNING", f"old keys are still accepted beside new ones: keys are being changed; {remedy}"]]
    return []


def bad_storage_paths(paths: Paths, owner: int) -> list[str]:
    """Return the directories that are allowed for file storage and must not be."""
    return storage_paths.bad_directories(storage_paths.read_allowed(paths.file_storage_paths_file, owner) or ())


def program_problem(path: str) -> str | None:
    """Return what keeps a file from being run as a program, None when nothing does."""
    if not os.path.isabs(path):
        return f"{path} is not an absolute path"
    if not os.path.exists(path):
        return f"{path} does not exist"
    if not os.path.isfile(path) or not os.access(path, os.X_OK):
        return f"{path} is not executable"
    return None
