"""ganeti-cleaner: run by cron once a day, removes what is of no use any more.

    node      expired keys for moves between clusters, files of node groups the watcher sees no more,
              spare files of daemons that have gone
    master    archived jobs, on the master and where copies of them are

What is removed is written to a log of each run's own; the newest are kept.
"""

from __future__ import annotations

import argparse
import datetime
import logging
import os
import re
import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence

from ganeti import _autoconf, errors
from ganeti.paths import Paths
from ganeti.utils import files, process, text, x509
from ganeti.utils import log as logs
from ganeti.utils.spares import is_left, spares_in

log = logging.getLogger(__name__)

PROGRAM = "ganeti-cleaner"
KEEP_DAYS = 21
KEEP_LOGS = 50

_DAY = 86400
_PEM_LIMIT = 1024 * 1024
_JOB = re.compile(r"job-\d+", re.ASCII)
_WATCHER = re.compile(r"watcher\.[^.]+\.(data|instance-status)", re.ASCII)


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(PROGRAM, description="Remove what is of no use any more; run by cron once a day.")
    parser.add_argument("--version", action="version", version=f"{PROGRAM} (ganeti) {_autoconf.VERSION}")
    parser.add_argument("--help-completion", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("what", nargs="?", choices=tuple(CLEANERS), help="what to clean up after")
    return parser


def main(argv: Sequence[str]) -> int:
    """Run the program; return its exit code."""
    parser = build_parser()
    options = parser.parse_args(argv[1:])
    if options.help_completion:
        print(f"choices={','.join(CLEANERS)} 1 1")
        return 0
    if options.what is None:
        parser.error(f"which is it: {' or '.join(CLEANERS)}?")
    try:
        paths = Paths.from_environ(os.environ)
        # Cron runs on machines that are no nodes (yet), too.
        if not os.path.exists(paths.data_dir):
            return 0
        handlers = logs.setup(PROGRAM, _log_file(paths, options.what, time.time()))
        try:
            return 0 if clean(paths, options.what, time.time()) else 1
        finally:
            for handler in handlers:
                handler.close()
    except (errors.GenericError, OSError) as err:
        print(f"{PROGRAM}: {process.why_not_started(err)}", file=sys.stderr)
        return 1


def clean(paths: Paths, what: str, now: float) -> bool:
    """Remove all that is of no use; return whether all of it could be removed."""
    fine, count = True, 0
    for path in CLEANERS[what](paths, now):
        try:
            _remove(path)
        except OSError as err:
            log.error("cannot remove %s: %s", path, err)
            fine = False
        else:
            log.info("removed %s", path)
            count += 1
    log.info("removed %s", text.plural(count, "thing"))
    return fine


# --- what is of no use --------------------------------------------------------------------


def _of_node(paths: Paths, now: float) -> Iterator[str]:
    for path in _entries(paths.crypto_dir):
        if os.path.basename(path).startswith("x509-") and _is_expired(path, now):
            yield path
    for path in _entries(paths.data_dir):
        if _WATCHER.fullmatch(os.path.basename(path)) and _is_old(path, now):
            yield path
    for path in (*spares_in(paths.data_dir), *spares_in(paths.queue_dir)):
        if is_left(os.path.basename(path)):
            yield path
    yield from _old_logs(_log_dir(paths, "node"))


def _of_master(paths: Paths, now: float) -> Iterator[str]:
    for bucket in _entries(paths.archive_dir):
        for path in _entries(bucket) if os.path.basename(bucket).isdigit() else ():
            if _JOB.fullmatch(os.path.basename(path)) and _is_old(path, now):
                yield path
    yield from _old_logs(_log_dir(paths, "master"))


#: what is removed, by the argument of the program
CLEANERS: Mapping[str, Callable[[Paths, float], Iterator[str]]] = {"node": _of_node, "master": _of_master}


def _entries(directory: str) -> list[str]:
    try:
        return [os.path.join(directory, name) for name in sorted(os.listdir(directory))]
    except (FileNotFoundError, NotADirectoryError):
        return []


def _is_old(path: str, now: float) -> bool:
    try:
        return os.lstat(path).st_mtime < now - KEEP_DAYS * _DAY
    except FileNotFoundError:  # somebody else was faster
        return False


def _is_expired(directory: str, now: float) -> bool:
    """Tell whether the certificate in a directory expired, or there never was one for long."""
    try:
        end = x509.expiry(files.read_file(os.path.join(directory, "cert"), _PEM_LIMIT))
    except (OSError, errors.GenericError):
        return _is_old(directory, now)
    return end < datetime.datetime.fromtimestamp(now, datetime.UTC)


def _remove(path: str) -> None:
    if os.path.isdir(path) and not os.path.islink(path):
        shutil.rmtree(path)
    else:
        files.remove_file(path, missing_ok=True, durable=False)


# --- logs of its own --------------------------------------------------------------------


def _log_dir(paths: Paths, what: str) -> str:
    return os.path.join(paths.log_dir, "cleaner" if what == "node" else "master-cleaner")


def _log_file(paths: Paths, what: str, now: float) -> str:
    directory = _log_dir(paths, what)
    files.ensure_dir(directory, 0o750)
    stamp = time.strftime("%Y-%m-%dT%H_%M", time.localtime(now))
    return os.path.join(directory, f"cleaner-{stamp}.{os.getpid()}.log")


def _old_logs(directory: str) -> list[str]:
    """Return all logs but the newest; their names begin with their time."""
    return [path for path in _entries(directory) if os.path.basename(path).startswith("cleaner-")][:-KEEP_LOGS]
