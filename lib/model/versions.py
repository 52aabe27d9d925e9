"""Versions of protocols and file formats (`spec/constants.json`, versions)."""

from __future__ import annotations

CONFIG = 3_010_000
PROTOCOL = 3_010_000
JOB_QUEUE = 1
HOOKS = 2
IALLOCATOR = 2
EXPORT = 0
RAPI = 2
OS_API = (10, 15, 20)

#: versions a LUXI client may name: those whose clients get along with this server
LUXI_ACCEPTED = frozenset({2_070_000, 3_000_000, 3_010_000})
