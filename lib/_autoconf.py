"""What was chosen when the package was configured.

The values here are those of a source tree; `make install` writes its own file in
place of this one.  Nothing but `ganeti.paths` and the programs' `--version` reads it.
"""

from __future__ import annotations

import os

_SOURCE = os.path.dirname(os.path.dirname(os.path.realpath(__file__)))

VERSION = "4.0.0"
VCS_VERSION = "source tree"

LOCALSTATEDIR = "/var"
SYSCONFDIR = "/etc"

#: programs of the package that users do not call by name (daemon-util, tools)
PKGLIBDIR = os.path.join(_SOURCE, "daemons")
TOOLSDIR = os.path.join(_SOURCE, "tools")
SBINDIR = os.path.join(_SOURCE, "daemons")
BINDIR = os.path.join(_SOURCE, "scripts")
#: architecture independent files that come with the package; `os` below it holds OS definitions
PKGDATADIR = os.path.join(_SOURCE, "tools")

OS_SEARCH_PATH: tuple[str, ...] = ("/srv/ganeti/os",)
EXTSTORAGE_SEARCH_PATH: tuple[str, ...] = ("/srv/ganeti/extstorage",)
IALLOCATOR_SEARCH_PATH: tuple[str, ...] = (
    "/usr/lib/ganeti/iallocators",
    "/usr/local/lib/ganeti/iallocators",
    os.path.join(_SOURCE, "tools", "iallocators"),
)

EXPORT_DIR = "/srv/ganeti/export"
FILE_STORAGE_DIR = "/srv/ganeti/file-storage"
SHARED_FILE_STORAGE_DIR = "/srv/ganeti/shared-file-storage"

#: "" means that every daemon runs as root; else the prefix of users and groups (gnt- in packages)
USER_PREFIX = ""
