"""Runs the hook scripts of an operation on this node."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence

from ganeti import errors
from ganeti.model.enums import HookPhase
from ganeti.noded.context import NodeContext
from ganeti.noded.shortcut import shortcut
from ganeti.rpc.answers import HookResult, HookStatus
from ganeti.utils import process
from ganeti.utils.text import printable

_OUTPUT_LIMIT = 64 * 1024
_HOOKS_PATH = re.compile(r"[a-z][a-z0-9-]*", re.ASCII)
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*", re.ASCII)

_STATUS: Mapping[process.PartStatus, HookStatus] = {
    process.PartStatus.SKIP: HookStatus.SKIP,
    process.PartStatus.FAIL: HookStatus.FAIL,
    process.PartStatus.SUCCESS: HookStatus.SUCCESS,
}


class Hooks:
    """Calls that run hook scripts."""

    def __init__(self, node: NodeContext) -> None:
        self._node = node

    def _without_scripts(self, hpath: str, phase: HookPhase, env: Mapping[str, str]) -> Sequence[HookResult] | None:
        """Return the answer where there are no scripts; every operation asks, and mostly there are none."""
        try:
            return None if os.listdir(self._directory(hpath, phase)) else []
        except (FileNotFoundError, NotADirectoryError):
            return []

    @shortcut(_without_scripts)
    def hooks_runner(self, hpath: str, phase: HookPhase, env: Mapping[str, str]) -> Sequence[HookResult]:
        """Run the scripts of a path and phase by name, with `env` as their whole environment."""
        directory = self._directory(hpath, phase)
        for name, value in env.items():
            if not _VARIABLE.fullmatch(name) or "\0" in value:
                raise errors.ParameterError(f"cannot run hooks {hpath}: {name!r} cannot be an environment variable")
        # a script may start programs of the cluster: they must act for this virtual node
        environment = {**env, **self._node.paths.environ}
        results = process.run_parts(directory, environment, self._node.hook_seconds, reset_env=True)
        return [
            (f"{os.path.basename(directory)}/{name}", _STATUS[status], printable(output).strip()[-_OUTPUT_LIMIT:])
            for name, status, output in results
        ]

    def _directory(self, hpath: str, phase: HookPhase) -> str:
        if not _HOOKS_PATH.fullmatch(hpath):
            raise errors.ParameterError(f"cannot run hooks {hpath!r}: not a hooks path")
        return os.path.join(self._node.paths.hooks_dir, f"{hpath}-{phase.value}.d")
