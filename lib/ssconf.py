"""ssconf: the small text files about the cluster that every node keeps.

A node answers basic questions from them (who is master, which nodes exist) without
asking anybody.  They may be older than the configuration.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping

from ganeti import errors
from ganeti.paths import Paths
from ganeti.utils import files

FILE_MODE = 0o444
FILE_LIMIT = 16 * 1024 * 1024
LOCK_TIMEOUT = 10.0

_KEY = re.compile(r"[a-z][a-z0-9_-]*", re.ASCII)


def read_ssconf(paths: Paths, key: str) -> str:
    """Return the value of a key, without the newline at its end.

    Raises ConfigurationError when this node has no such file.
    """
    path = _file(paths, key)
    try:
        return files.read_text(path, FILE_LIMIT).rstrip("\n")
    except FileNotFoundError as err:
        raise errors.ConfigurationError(
            f"cannot read {path}: no such file; is this node part of a cluster? (gnt-cluster init, gnt-node add)"
        ) from err
    except (OSError, UnicodeDecodeError) as err:
        raise errors.ConfigurationError(f"cannot read {path}: {err}") from err


def read_ssconf_lines(paths: Paths, key: str) -> list[str]:
    """Return the lines of a key's value.

    Raises ConfigurationError when this node has no such file.
    """
    return read_ssconf(paths, key).splitlines()


def node_addresses(paths: Paths) -> dict[str, str]:
    """Return the primary address of each node that is not marked offline, by name.

    Raises ConfigurationError when this node does not know them.
    """
    offline = frozenset(read_ssconf_lines(paths, "offline_nodes"))
    pairs = [line.split() for line in read_ssconf_lines(paths, "node_primary_ips")]
    return {name: address for name, address in pairs if name not in offline}


def has_ssconf(paths: Paths, key: str) -> bool:
    """Tell whether this node has a value of a key."""
    try:
        read_ssconf(paths, key)
    except errors.ConfigurationError:
        return False
    return True


def keys_here(paths: Paths) -> list[str]:
    """Return the keys this node has a file of; none outside a cluster."""
    try:
        names = sorted(os.listdir(paths.ssconf_dir))
    except FileNotFoundError:
        return []
    prefix = os.path.basename(paths.ssconf_file(""))
    keys = [name.removeprefix(prefix) for name in names if name.startswith(prefix)]
    return [key for key in keys if _KEY.fullmatch(key)]


def read_all(paths: Paths) -> dict[str, str]:
    """Return every value this node has, by key; empty outside a cluster."""
    return {key: read_ssconf(paths, key) for key in keys_here(paths)}


def write_ssconf(paths: Paths, values: Mapping[str, str], *, dry_run: bool = False) -> list[str]:
    """Write values by key, those that changed; return their keys.

    Holds the ssconf lock meanwhile.  Raises ParameterError for what is no key or too
    large, LockError when the lock is held for too long; then nothing is written.
    """
    texts = {key: _text(key, value) for key, value in values.items()}
    with files.locked_file(paths.ssconf_lock, timeout=LOCK_TIMEOUT):
        changed = [key for key, text in texts.items() if _current(_file(paths, key)) != text]
        if not dry_run:
            files.write_files([(_file(paths, key), texts[key]) for key in changed], FILE_MODE)
    return changed


def _file(paths: Paths, key: str) -> str:
    if not _KEY.fullmatch(key):
        raise errors.ParameterError(f"cannot name the file of ssconf key {key!r}: not a key")
    return paths.ssconf_file(key)


def _text(key: str, value: str) -> bytes:
    text = (value if not value or value.endswith("\n") else value + "\n").encode()
    if len(text) > FILE_LIMIT:
        raise errors.ParameterError(f"cannot write ssconf key {key}: larger than {FILE_LIMIT} bytes")
    return text


def _current(path: str) -> bytes | None:
    try:
        return files.read_file(path, FILE_LIMIT)
    except OSError:
        return None
