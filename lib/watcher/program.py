"""ganeti-watcher: run by cron every few minutes on every node; the command line of the watcher.

on every node          hooks, daemons, and the other steps of `ganeti.watcher.node`
on the master          besides: old jobs, and each node group in a process of its own
with --node-group      that group alone
"""

from __future__ import annotations

import argparse
import contextlib
import logging
import os
import sys
import time
from collections.abc import Sequence

from ganeti import _autoconf, errors
from ganeti.luxi.client import Client
from ganeti.paths import Paths
from ganeti.utils import files, process
from ganeti.utils import log as logs
from ganeti.watcher import group, node
from ganeti.watcher.group import Choices

log = logging.getLogger(__name__)

PROGRAM = node.PROGRAM
EXIT_FAILURE = 1
DEFAULT_JOB_AGE = 6 * 3600

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 7 * 86400}


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the options (`spec/cli.json`, programs)."""
    parser = argparse.ArgumentParser(prog=PROGRAM, description="Put right what went wrong on this node; run by cron.")
    parser.add_argument("--version", action="version", version=f"{PROGRAM} (ganeti) {_autoconf.VERSION}")
    parser.add_argument("-d", "--debug", action="count", default=0, help="log more, to the terminal too")
    parser.add_argument(
        "-A",
        "--job-age",
        type=read_age,
        default=DEFAULT_JOB_AGE,
        metavar="AGE",
        help="archive jobs that ended so long ago: 6h (as without the option), 30m, 2d; all",
    )
    parser.add_argument("--ignore-pause", action="store_true", help="work although gnt-cluster watcher pause was given")
    parser.add_argument("-g", "--node-group", metavar="GROUP", help="look after this node group alone, by name or UUID")
    parser.add_argument(
        "--wait-children",
        action="store_true",
        default=True,
        help="end when all node groups were looked after; so it is without the option",
    )
    parser.add_argument(
        "--no-wait-children",
        dest="wait_children",
        action="store_false",
        help="end at once and leave the node groups to processes of their own",
    )
    parser.add_argument("--no-verify-disks", action="store_true", help="do not look at the disks of instances")
    parser.add_argument("--no-strict", action="store_true", help="say nothing of nodes whose disks cannot be looked at")
    parser.add_argument(
        "--rapi-ip",
        default="",
        metavar="ADDRESS",
        help="where the remote API of this node listens; 127.0.0.1, in a virtual cluster the node's own",
    )
    return parser


def read_age(text: str) -> int:
    """Return the seconds of 90, 30m, 6h, 2d, 1w; "all" is -1.

    Raises ArgumentTypeError.
    """
    if text == "all":
        return -1
    number, unit = (text[:-1], text[-1]) if text[-1:] in _UNITS else (text, "s")
    if not (number.isascii() and number.isdigit()):
        raise argparse.ArgumentTypeError(f"cannot read age {text!r}: expected a number with unit s, m, h, d or w")
    return int(number) * _UNITS[unit]


def main(argv: Sequence[str]) -> int:
    """Run the program; return its exit code."""
    options = build_parser().parse_args(argv[1:])
    try:
        paths = Paths.from_environ(os.environ)
        # Cron runs on machines that are no nodes (yet), too.
        if not os.path.exists(paths.server_cert):
            return 0
        logs.setup(PROGRAM, paths.log_file(PROGRAM), debug=options.debug > 0, foreground=options.debug > 0)
    except (errors.GenericError, OSError) as err:
        print(f"{PROGRAM}: cannot start: {process.why_not_started(err)}", file=sys.stderr)
        return EXIT_FAILURE
    try:
        return 0 if _run_unless_told_not_to(paths, options) else EXIT_FAILURE
    except (errors.GenericError, OSError) as err:
        log.error("%s", err)
    except Exception:
        log.exception("ended by a mistake of its own; please report it")
    return EXIT_FAILURE


def _run_unless_told_not_to(paths: Paths, options: argparse.Namespace) -> bool:
    until = paused_until(paths, time.time())
    if until is not None and not options.ignore_pause:
        log.debug("paused until %s", time.strftime("%Y-%m-%d %H:%M:%S", time.localtime(until)))
        return True
    with contextlib.ExitStack() as held:
        try:
            held.enter_context(files.locked_file(paths.watcher_lock, shared=True, timeout=0))
        except errors.LockError:
            log.info("something that wants no watcher to run holds %s", paths.watcher_lock)
            return True
        return _run(paths, options)


def _run(paths: Paths, options: argparse.Namespace) -> bool:
    if options.node_group:
        choices = Choices(verify_disks=not options.no_verify_disks, strict=not options.no_strict)
        with Client(paths.query_socket) as client:
            group.watch(paths, client, options.node_group, choices, time.time)
        return True
    run = node.describe_run(paths, options.rapi_ip, time.time)
    fine = node.run_steps(run)
    if not run.role.is_master:
        return fine
    if not options.wait_children:
        process.daemonize(PROGRAM, paths.log_file(PROGRAM)).ready()
    return node.run_cluster(run, options.job_age, _passed_on(options)) and fine


def _passed_on(options: argparse.Namespace) -> list[str]:
    """Return the arguments of the watchers of groups."""
    # The pause was looked at already; one that begins now is for the next run.
    flags = {"no_verify_disks": options.no_verify_disks, "no_strict": options.no_strict, "ignore_pause": True}
    return [f"--{name.replace('_', '-')}" for name, given in flags.items() if given] + ["-d"] * options.debug


def paused_until(paths: Paths, now: float) -> float | None:
    """Return the end of the pause in seconds since the epoch; None when there is none."""
    try:
        end = float(files.read_text(paths.watcher_pause, limit=64))
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as err:
        log.warning("cannot read the pause of the watcher in %s, going on: %s", paths.watcher_pause, err)
        return None
    return end if end > now else None
