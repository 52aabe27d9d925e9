"""Files of this node, as cluster verification looks at them."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence

from ganeti import errors
from ganeti.paths import Paths
from ganeti.storage import paths as storage_paths
from ganeti.utils import files, x509

_SIZE_LIMIT = 256 * 1024 * 1024
_PEM_LIMIT = 1024 * 1024
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
        return "ERROR", f"client certificate {path} is missing; gnt-node add --readd makes a new one"
    try:
        x509.verify_pem(path, now)
        return None, x509.cert_digest(files.read_file(path, _PEM_LIMIT))
    except (OSError, errors.GenericError) as err:
        return "ERROR", f"client certificate {path} cannot be used: {err}"


def certificate_expiry(paths: Paths, now: float) -> list[list[str]]:
    """Return [["ERROR" or "WARNING", text]] for the certificates of this node that expire soon or did."""
    found = []
    for path in (paths.server_cert, paths.client_cert, paths.rapi_cert):
        try:
            expiry = x509.expiry(files.read_file(path, _PEM_LIMIT))
        except (OSError, errors.GenericError):
            continue  # nodesetup and client-cert tell about those
        days = (expiry.timestamp() - now) / 86400
        if days < _WARNING_DAYS:
            level = "ERROR" if days < _ERROR_DAYS else "WARNING"
            when = f"expires in {days:.0f} days" if days >= 0 else f"expired {-days:.0f} days ago"
            remedy = "; gnt-node add --readd makes a new one" if path == paths.client_cert else ""
            found.append([level, f"certificate {path} {when}{remedy}"])
    return found


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
