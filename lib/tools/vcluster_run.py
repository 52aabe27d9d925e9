"""vcluster-run: starts, stops and looks after all nodes of a virtual cluster.

The scripts start-all, stop-all, restart-all, status-all and watcher-all in the
cluster's directory call it.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import os
import sys
import time
from collections.abc import Sequence

from ganeti import _autoconf, errors
from ganeti.paths import Paths
from ganeti.utils import process, text
from ganeti.vcluster import run
from ganeti.vcluster.run import Outcome

PROGRAM = "vcluster-run"
#: how many watchers run at the same time
AT_ONCE = 4


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(PROGRAM, description=__doc__)
    parser.add_argument("command", choices=("start", "stop", "restart", "status", "watcher"), help="what to do")
    parser.add_argument("directory", metavar="DIRECTORY", help="directory of the virtual cluster")
    parser.add_argument("nodes", nargs="*", metavar="NODE", help="only these nodes (default: all)")
    parser.add_argument("-q", "--quiet", action="store_true", help="say only what goes wrong")
    return parser


def main(argv: Sequence[str]) -> int:
    """Run the program; return its exit code."""
    options = build_parser().parse_intermixed_args(argv[1:])
    try:
        nodes = run.nodes_of(options.directory, options.nodes)
        return 0 if _act(options.command, nodes, options.quiet) else 1
    except (errors.GenericError, OSError) as err:
        print(f"{PROGRAM}: {err}", file=sys.stderr)
        return 1


def _act(command: str, nodes: Sequence[Paths], quiet: bool) -> bool:
    def report(outcome: Outcome) -> None:
        if outcome.problem or not quiet:
            print(f"{outcome.node}: {outcome.daemon}: {outcome.problem or outcome.note}", flush=True)

    begin = time.monotonic()
    if command == "watcher":
        return _run_watchers(nodes)
    fine = True
    if command in ("stop", "restart"):
        fine = run.stop(nodes, report)
    if command in ("start", "restart"):
        fine = run.start(nodes, report) and fine
    if command == "status":
        return run.status(nodes, report)
    print(f"{command}: {text.plural(len(nodes), 'node')} in {time.monotonic() - begin:.1f} s")
    return fine


def _run_watchers(nodes: Sequence[Paths]) -> bool:
    """Run the watcher of each node; that of the master last: it needs the other nodes to answer."""
    program = os.path.join(_autoconf.SBINDIR, "ganeti-watcher")
    if not os.access(program, os.X_OK):
        raise errors.UserError(f"cannot run the watchers: {program} is not installed")
    masters = [paths for paths in nodes if run.is_master(paths)]
    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        others = list(pool.map(lambda paths: _run_watcher(program, paths), [p for p in nodes if p not in masters]))
    return all([*others, *[_run_watcher(program, paths) for paths in masters]])


def _run_watcher(program: str, paths: Paths) -> bool:
    result = process.run([program], env={**os.environ, **paths.environ})
    if result.failed:
        print(f"{paths.hostname}: {result.output.strip() or f'ganeti-watcher {result.reason}; see its watcher.log'}")
    return not result.failed
