"""Setting up a node over SSH: the only use of ssh while a node is added."""

from __future__ import annotations

import os
from collections.abc import Sequence

from ganeti import _autoconf, errors
from ganeti.bootstrap.nodesetup import NodeSetup
from ganeti.utils import json, process

TIMEOUT = 120.0
CONNECT_TIMEOUT = 10
#: exit code of ssh where it is not that of the program (ssh(1))
_SSH_FAILED = 255


def run_node_setup(node: str, setup: NodeSetup, key_check: bool, port: int = 22, ssh: Sequence[str] = ("ssh",)) -> None:
    """Run `tools/node-setup` on a machine, with the set-up on its standard input.

    With `key_check` the machine's host key has to be known; without, an unknown one is
    accepted and remembered.  A key that has changed is refused in any case.  Nothing
    is asked: ssh has no terminal here.  Raises EnvironmentFailure with what the other
    side said.
    """
    program = os.path.join(_autoconf.TOOLSDIR, "node-setup")
    argv = [*ssh, *_options(key_check, port), f"root@{node}", program]
    result = process.run(argv, stdin=json.dumps_bytes(setup.to_wire()), timeout=TIMEOUT)
    if result.failed:
        said = result.stderr.strip().splitlines()
        raise errors.EnvironmentFailure(
            f"cannot set up node {node} over ssh: {said[-1] if said else result.reason}{_remedy(node, result)}"
        )


def _remedy(node: str, result: process.RunResult) -> str:
    if result.exit_code != _SSH_FAILED:
        return ""  # the other side spoke
    if "Host key verification failed" in result.stderr:
        return f"; log in once with 'ssh root@{node}' and compare the key it shows with the machine's own"
    return f"; check that 'ssh root@{node} true' works without a password"


def _options(key_check: bool, port: int) -> list[str]:
    check = "yes" if key_check else "accept-new"
    return [
        *("-o", "BatchMode=yes"),
        *("-o", f"ConnectTimeout={CONNECT_TIMEOUT}"),
        *("-o", f"StrictHostKeyChecking={check}"),
        *("-o", "EscapeChar=none"),
        *("-p", str(port)),
        "-T",
    ]
