"""Runs hooks: scripts of the administrator on the nodes, before and after an operation.

Which nodes and which environment is the logical unit's answer; the rules for what
failure means are here (`spec/hooks.json`): a failing pre hook stops the operation, a
failing post hook is a warning, and so is a node that does not answer.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence

from ganeti import errors
from ganeti.masterd.cmdlib.base import FailedHook, HookRun
from ganeti.masterd.config.snapshot import Config
from ganeti.model.enums import HookPhase
from ganeti.model.opcodes.base import OpCode
from ganeti.model.scalars import NodeName
from ganeti.rpc import procedures as p
from ganeti.rpc.client import NodeRpc

log = logging.getLogger(__name__)

PATH = "/sbin:/bin:/usr/sbin:/usr/bin"
VERSION = "2"
CONFIG_UPDATE = "config-update"
#: status of one script: skipped, failed, done
SKIP, FAIL, SUCCESS = 0, 1, 2

Warn = Callable[[str], None]


class HookRunner:
    """Runs the hooks of one operation; the master's data directory is told to them."""

    def __init__(self, rpc: NodeRpc, data_dir: str) -> None:
        self._rpc = rpc
        self._data_dir = data_dir

    async def pre(self, op: OpCode, run: HookRun, config: Config, warn: Warn) -> None:
        """Run the pre hooks.

        Raises HooksAbort when a script failed, HooksFailure when no node answered.
        """
        env = self._environment(op, op.HOOKS_PATH or "", HookPhase.PRE, config) | _prefixed("GANETI_", run.env)
        await self._run(op.HOOKS_PATH or "", HookPhase.PRE, run.pre, env, config, warn)

    async def farewell(self, op: OpCode, run: HookRun, config: Config, warn: Warn) -> None:
        """Run the post hooks on nodes that are gone after the operation."""
        await self.post(op, run, run._replace(post=run.farewell), config, warn)

    async def post(
        self, op: OpCode, before: HookRun, after: HookRun, config: Config, warn: Warn
    ) -> Sequence[FailedHook]:
        """Run the post hooks; failures are warnings, and returned."""
        env = (
            self._environment(op, op.HOOKS_PATH or "", HookPhase.POST, config)
            | _prefixed("GANETI_", before.env)
            | _prefixed("GANETI_POST_", after.env)
        )
        return await self._run(op.HOOKS_PATH or "", HookPhase.POST, after.post, env, config, warn)

    async def config_updated(self, op: OpCode, before: HookRun | None, config: Config) -> None:
        """Run the config-update hooks on the master; failures are ignored."""
        env = self._environment(op, CONFIG_UPDATE, HookPhase.POST, config)
        if before:
            env |= _prefixed("GANETI_", before.env)
        master = NodeName(config.master.name)
        await self._run(CONFIG_UPDATE, HookPhase.POST, [master], env, config, lambda text: log.info("%s", text))

    def _environment(self, op: OpCode, path: str, phase: HookPhase, config: Config) -> dict[str, str]:
        env = {
            "PATH": PATH,
            "GANETI_HOOKS_VERSION": VERSION,
            "GANETI_HOOKS_PHASE": phase.value,
            "GANETI_HOOKS_PATH": path,
            "GANETI_OP_CODE": op.OP_ID,
            "GANETI_DATA_DIR": self._data_dir,
            "GANETI_CLUSTER": config.cluster.cluster_name,
            "GANETI_MASTER": config.master.name,
        }
        if op.HOOKS_TYPE:
            env["GANETI_OBJECT_TYPE"] = str(op.HOOKS_TYPE)
        return env

    async def _run(
        self,
        path: str,
        phase: HookPhase,
        where: Sequence[NodeName],
        env: Mapping[str, str],
        config: Config,
        warn: Warn,
    ) -> Sequence[FailedHook]:
        nodes = [node for name in where if (node := config.node_named(name)) and not node.offline]
        if not nodes:
            return []
        # Every phase of every operation would wait for a node that hangs.
        answers = await self._rpc.hurried().call_many(nodes, p.hooks_runner, path, phase, env)
        failed: list[FailedHook] = []
        answered = False
        for name, answer in answers.items():
            if not answer.ok:
                warn(f"cannot run {phase} hooks on node {name}: {answer.failure}")
                continue
            answered = True
            for script, status, output in answer.unwrap("run hooks"):
                if status == FAIL:
                    failed.append(FailedHook(name, script, output))
        if phase == HookPhase.PRE:
            if failed:
                raise errors.HooksAbort(failed)
            if not answered:
                raise errors.HooksFailure(f"cannot run {path} hooks: no node answered")
        for node_name, script, output in failed:
            warn(f"{phase} hook {script} failed on node {node_name}: {output.strip() or 'no output'}")
        return failed


def _prefixed(prefix: str, env: Mapping[str, str]) -> dict[str, str]:
    return {prefix + key: value for key, value in env.items()}
