"""tools/node-setup: run on a machine over SSH, makes it a node of a cluster.

Reads a NodeSetup as JSON from standard input; says on standard error what is wrong.
"""

from __future__ import annotations

import os
import sys

from ganeti import errors
from ganeti.bootstrap import nodesetup
from ganeti.paths import Paths
from ganeti.utils import json

LIMIT = 1024 * 1024


def main(argv: list[str]) -> int:
    """Apply the set-up on standard input; return the exit code."""
    if len(argv) > 1:
        print(__doc__)
        return 0 if argv[1] in ("-h", "--help") else 1
    try:
        data = sys.stdin.buffer.read(LIMIT + 1)
        if len(data) > LIMIT:
            raise errors.UserError("cannot set up this node: the input is too large")
        setup = nodesetup.NodeSetup.from_wire(json.loads(data))
        nodesetup.apply(Paths.from_environ(os.environ), setup)
    except (errors.GenericError, OSError, ValueError) as err:
        print(f"node-setup: {err}", file=sys.stderr)
        return 1
    return 0
