"""The list of files that an administrator wants on all nodes (the 2.1 paper, Redistribute Config).

    # what the cluster's nodes have in common
    /etc/xen/xend-config.sxp
    /etc/ganeti/rapi-users.conf   candidates

A line is a path, and who gets the file: `all` nodes, as without a word, or master
`candidates` only.
"""

from __future__ import annotations

import os
from typing import NamedTuple

from ganeti import errors
from ganeti.paths import VIRTUAL_PREFIX, Paths
from ganeti.utils import files

ALL, CANDIDATES = "all", "candidates"
_LIMIT = 1024 * 1024


class Listed(NamedTuple):
    """A file of the list: where it is on this node, and whether master candidates alone get it."""

    path: str
    for_candidates: bool


def read_list(paths: Paths, name: str) -> list[Listed]:
    """Return the files of the list at a path, by their paths on this node; none when there is no list.

    Raises ConfigurationError naming the line.
    """
    try:
        text = files.read_text(name, _LIMIT)
    except FileNotFoundError:
        return []
    except (OSError, UnicodeDecodeError) as err:
        raise errors.ConfigurationError(f"cannot read {name}: {err}") from err
    found: dict[str, Listed] = {}
    for number, line in enumerate(text.splitlines(), 1):
        words = line.partition("#")[0].split()
        if not words:
            continue
        path, who = words[0], words[1:] or [ALL]
        if len(who) > 1 or who[0] not in (ALL, CANDIDATES):
            raise errors.ConfigurationError(
                f"cannot use {name}, line {number}: after the path may come {ALL} or {CANDIDATES}, not {' '.join(who)}"
            )
        try:
            local = local_path(paths, path)
        except errors.ParameterError as err:
            raise errors.ConfigurationError(f"cannot use {name}, line {number}: {err}") from err
        if local in found:
            raise errors.ConfigurationError(f"cannot use {name}, line {number}: {path} is there twice")
        found[local] = Listed(local, who[0] == CANDIDATES)
    return list(found.values())


def local_path(paths: Paths, path: str) -> str:
    """Return where a file that all nodes are to have alike is on this node.

    Raises ParameterError for one that must not be sent around: what nodes keep of
    themselves, and what protects them from a master that is not what it seems.
    """
    if not os.path.isabs(path) or os.path.normpath(path) != path or "\0" in path or path.startswith("//"):
        raise errors.ParameterError(f"cannot send {path!r} to nodes: not an absolute path in its shortest form")
    local = path
    if paths.is_virtual and not path.startswith(f"{paths.root}/"):
        local = paths.localize(VIRTUAL_PREFIX + path)
    own = (paths.data_dir, paths.run_dir, paths.lock_dir, paths.log_dir)
    guards = (paths.file_storage_paths_file, paths.restricted_commands_dir, paths.admin_list)
    for place in (*own, *guards):
        if local == place or local.startswith(f"{place}/"):
            raise errors.ParameterError(f"cannot send {path} to nodes: {place} is not for that")
    return local
