"""ensure-dirs: makes the directories of this node and corrects modes and owners.

Runs before daemons start.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from ganeti import errors
from ganeti.bootstrap import directories
from ganeti.paths import Paths


def main(argv: Sequence[str]) -> int:
    """Run the program; return its exit code."""
    parser = argparse.ArgumentParser("ensure-dirs", description="Make the directories of this node, correct modes.")
    parser.add_argument("-d", "--debug", action="store_true", help="say what is changed, and where an error came from")
    parser.add_argument("-v", "--verbose", action="store_true", help="say what is changed")
    parser.add_argument("-f", "--full-run", action="store_true", help="correct every job file too")
    options = parser.parse_args(argv[1:])
    try:
        changed = directories.ensure(Paths.from_environ(os.environ), full_run=options.full_run)
    except (errors.GenericError, OSError) as err:
        if options.debug:
            raise
        print(f"ensure-dirs: {err}", file=sys.stderr)
        return 1
    if options.verbose or options.debug:
        print("".join(f"{path}\n" for path in changed), end="")
    return 0
