"""Starting and stopping the daemons of this node, through the program that administrators use too."""

from __future__ import annotations

from collections.abc import Mapping

from ganeti import errors
from ganeti.noded.context import NodeContext
from ganeti.utils import process

MASTERD = "ganeti-masterd"
CONFD = "ganeti-confd"
_TIME_LIMIT = 120.0


def daemon_util(node: NodeContext, *arguments: str, env: Mapping[str, str] | None = None) -> None:
    """Run daemon-util for this node.

    Raises OpExecError with what it wrote when it does not succeed.
    """
    program = node.paths.daemon_util
    environment = {**(env or {}), **node.paths.environ}
    result = process.run([program, *arguments], env=environment, timeout=_TIME_LIMIT)
    if result.failed:
        said = result.output.strip()[-4096:] or "it wrote nothing"
        raise errors.OpExecError(f"cannot {' '.join(arguments)} on {node.name}: daemon-util {result.reason}; {said}")


def runs(node: NodeContext, daemon: str) -> bool:
    """Tell whether a daemon of this node runs."""
    return process.running_pid(node.paths.pid_file(daemon)) is not None
