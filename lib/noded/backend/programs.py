"""Programs of the administrator: out-of-band control of other nodes, and restricted commands.

Both run what somebody with root put on this node, and nothing else: the program is
checked before each run.
"""

from __future__ import annotations

import os
import re
import stat

from ganeti import errors
from ganeti.model.enums import OobCommand
from ganeti.model.scalars import NodeName
from ganeti.noded.context import NodeContext
from ganeti.utils import files, process
from ganeti.utils.text import printable

_COMMAND = re.compile(r"[a-zA-Z0-9_-]+", re.ASCII)
_WIDEST = 0o755
_LOCK_TIMEOUT = 8.0
#: seconds a refused or failed restricted command takes at least, so that guessing is slow
FAILURE_DELAY = 10.0
_RESTRICTED_LIMIT = 3600.0


class Programs:
    """Calls that run programs of the administrator; `owner` is who must own restricted commands."""

    def __init__(self, node: NodeContext, owner: int | None = None) -> None:
        self._node = node
        # an unprivileged virtual node has no root: its commands belong to its own user
        self._owner = owner if owner is not None else (os.getuid() if node.paths.is_virtual else 0)

    def run_oob(self, oob_program: str, command: str, remote_node: NodeName, timeout: int) -> str:
        """Run an out-of-band program for another node; return what it wrote."""
        act = f"run {oob_program} {command} for node {remote_node}"
        if command not in tuple(OobCommand):
            raise errors.ParameterError(f"cannot {act}: not an out-of-band command")
        if not os.path.isabs(oob_program) or not os.path.isfile(oob_program) or not os.access(oob_program, os.X_OK):
            raise errors.OpExecError(f"cannot {act}: no executable program of that path")
        result = process.run([oob_program, command, remote_node], env=self._node.paths.environ, timeout=max(1, timeout))
        if result.failed:
            raise errors.OpExecError(f"cannot {act}: it {result.reason}; {printable(result.output).strip()[-4096:]}")
        return result.stdout

    def restricted_command(self, cmd: str) -> str:
        """Run a restricted command without arguments; return what it wrote."""
        try:
            return self._run_restricted(cmd)
        except errors.GenericError:
            self._node.sleep(FAILURE_DELAY)
            raise

    def _run_restricted(self, cmd: str) -> str:
        if not _COMMAND.fullmatch(cmd):
            raise errors.ParameterError(f"cannot run restricted command {cmd!r}: not the name of a command")
        paths = self._node.paths
        if not os.path.isdir(paths.restricted_commands_dir):
            raise errors.OpExecError(
                f"cannot run restricted command {cmd}: not enabled on this node (no {paths.restricted_commands_dir})"
            )
        files.ensure_dir(paths.lock_dir, 0o755)
        with files.locked_file(paths.restricted_commands_lock, timeout=_LOCK_TIMEOUT):
            self._check_trusted(cmd, paths.restricted_commands_dir, directory=True)
            program = os.path.join(paths.restricted_commands_dir, cmd)
            self._check_trusted(cmd, program, directory=False)
            result = process.run([program], env=paths.environ, reset_env=True, cwd="/", timeout=_RESTRICTED_LIMIT)
        if result.failed:
            raise errors.OpExecError(
                f"cannot run restricted command {cmd}: it {result.reason}; {printable(result.output).strip()[-4096:]}"
            )
        return result.output

    def _check_trusted(self, cmd: str, path: str, *, directory: bool) -> None:
        try:
            status = os.lstat(path)
        except OSError as err:
            raise errors.OpExecError(f"cannot run restricted command {cmd}: {path}: {err.strerror}") from err
        right_kind = stat.S_ISDIR(status.st_mode) if directory else stat.S_ISREG(status.st_mode)
        if not right_kind:
            raise errors.OpExecError(f"cannot run restricted command {cmd}: {path} is no plain file")
        if status.st_uid != self._owner or stat.S_IMODE(status.st_mode) & ~_WIDEST:
            raise errors.OpExecError(
                f"cannot run restricted command {cmd}: {path} must belong to root, with mode 0755 or less"
            )
        if not directory and not status.st_mode & stat.S_IXUSR:
            raise errors.OpExecError(f"cannot run restricted command {cmd}: {path} is not executable")
