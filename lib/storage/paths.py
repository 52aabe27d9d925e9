"""Where file-based disks may be.

A path comes from the configuration or from a request, and a file under it is created,
overwritten and removed by a privileged daemon.  So a path is used only when it is
absolute and plain, lies below an allowed directory, and still does after every
symbolic link is followed.  The allowed directories themselves may be links.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Sequence

from ganeti import errors
from ganeti.utils import files

#: directories nobody may allow for file storage, and nothing below them (but /tmp for what is mounted there)
FORBIDDEN = frozenset(
    {"/", "/bin", "/boot", "/dev", "/etc", "/home", "/lib", "/lib32", "/lib64", "/proc", "/root", "/run", "/sbin"}
    | {"/sys", "/usr", "/usr/bin", "/usr/lib", "/usr/lib32", "/usr/lib64", "/usr/local", "/usr/sbin", "/var"}
)
_LIST_LIMIT = 64 * 1024
_PATH_LIMIT = 4095


def check_path(path: str) -> str:
    """Return a path that is absolute and plain.

    Raises FileStoragePathError.
    """
    if not path.startswith("/") or not path.isprintable() or len(path.encode("utf-8", "replace")) > _PATH_LIMIT:
        raise errors.FileStoragePathError(f"cannot use file storage path {path!r}: not a plain absolute path")
    if path != os.path.normpath(path) or path.startswith("//"):
        raise errors.FileStoragePathError(f"cannot use file storage path {path}: write it without '.', '..' and '//'")
    return path


def check_allowed(path: str, allowed: Sequence[str], *, exact: bool = False) -> str:
    """Return the path when it is below one of the allowed directories, links followed.

    `exact` accepts an allowed directory itself.  Raises FileStoragePathError.
    """
    check_path(path)
    for directory in allowed:
        if path == directory and exact:
            return path
        if not path.startswith(directory.rstrip("/") + "/"):
            continue
        base = os.path.realpath(directory)
        real = os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path))
        if not real.startswith(base + "/"):
            raise errors.FileStoragePathError(
                f"cannot use file storage path {path}: a symbolic link leads to {real}, outside of {directory}"
            )
        return path
    shown = ", ".join(allowed) or "none"
    raise errors.FileStoragePathError(f"cannot use file storage path {path}: not below an allowed directory ({shown})")


def read_allowed(path: str, owner: int) -> list[str] | None:
    """Return the directories an administrator allows, one a line; None without such a file.

    Raises FileStoragePathError when the file belongs to someone else than `owner` or
    root, or when others can write to it: who writes it decides which files this
    daemon overwrites.
    """
    try:
        status = os.stat(path)
        content = files.read_text(path, limit=_LIST_LIMIT)
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as err:
        raise errors.FileStoragePathError(f"cannot read the allowed file storage directories {path}: {err}") from err
    if status.st_uid not in (0, owner) or status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise errors.FileStoragePathError(
            f"cannot trust the allowed file storage directories {path}: "
            f"must belong to root and be writable for its owner only (chown root, chmod 0644)"
        )
    lines = (line.partition("#")[0].strip() for line in content.splitlines())
    return [line for line in lines if line]


def bad_directories(directories: Iterable[str]) -> list[str]:
    """Return those that must not hold disks, whoever allowed them."""
    bad = []
    for directory in directories:
        plain = directory.startswith("/") and directory == os.path.normpath(directory)
        if not plain or directory in FORBIDDEN or _below_system(directory):
            bad.append(directory)
    return sorted(set(bad))


def _below_system(directory: str) -> bool:
    system = ("/bin", "/boot", "/dev", "/etc", "/lib", "/lib32", "/lib64", "/proc", "/sbin", "/sys", "/usr/bin")
    return any(directory.startswith(f"{top}/") for top in (*system, "/usr/lib", "/usr/lib64", "/usr/sbin"))
