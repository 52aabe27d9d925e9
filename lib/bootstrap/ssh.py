"""Setting up a node over SSH: the only use of ssh while a node is added."""

from __future__ import annotations

import os
from collections.abc import Sequence

from ganeti import _autoconf, errors
from ganeti.bootstrap.nodesetup import NodeSetup
from ganeti.utils import json, process

TIMEOUT = 120.0
CONNECT_TIMEOUT = 10


def run_node_setup(node: str, setup: NodeSetup, key_check: bool, port: int = 22, ssh: Sequence[str] = ("ssh",)) -> None:
    """Run `tools/node-setup` on a machine, with the set-up on its standard input.

    With `key_check` an unknown host key is asked about; without, it is accepted once
    and remembered.  Raises EnvironmentFailure with what the other side said.
    """
    program = os.path.join(_autoconf.TOOLSDIR, "node-setup")
    argv = [*ssh, *_options(key_check, port), f"root@{node}", program]
    result = process.run(argv, stdin=json.dumps_bytes(setup.to_wire()), timeout=TIMEOUT)
    if result.failed:
        said = result.output.strip().splitlines()
        raise errors.EnvironmentFailure(
            f"cannot set up node {node} over ssh: {said[-1] if said else result.reason};"
            f" check that 'ssh root@{node} true' works"
        )


def _options(key_check: bool, port: int) -> list[str]:
    check = "ask" if key_check else "accept-new"
    return [
        *("-o", f"ConnectTimeout={CONNECT_TIMEOUT}"),
        *("-o", f"StrictHostKeyChecking={check}"),
        *("-o", "EscapeChar=none"),
        *("-p", str(port)),
        "-T",
    ]
