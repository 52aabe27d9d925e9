"""Exercises the job queue: announces its phases, writes to the log, fails on request."""

from __future__ import annotations

from ganeti import errors
from ganeti.masterd.cmdlib.base import Locks, LogicalUnit
from ganeti.masterd.config.snapshot import Config
from ganeti.model.enums import Level, LogType
from ganeti.model.opcodes.test import OpTestJqueue

#: kinds of announcements (`spec/constants.json`, JQT_ALL) and the prefix of test messages
EXPAND_NAMES, EXEC, START_MESSAGE = "expandnames", "exec", "startmsg"
MESSAGE_PREFIX = "TESTMSG="


class LUTestJqueue(LogicalUnit[OpTestJqueue, None]):
    """Announce and log as told; announcements are [kind, argument] entries of the job's log."""

    def locks(self, level: Level, config: Config) -> Locks | None:
        if level == Level.INSTANCE and self.op.notify_waitlock:
            self._announce(EXPAND_NAMES, None)
        return None

    async def check(self, config: Config) -> None:
        return None

    async def execute(self, plan: None) -> bool:
        if self.op.notify_exec:
            self._announce(EXEC, None)
        if self.op.log_messages:
            self._announce(START_MESSAGE, len(self.op.log_messages))
            for text in self.op.log_messages:
                self.info(MESSAGE_PREFIX + text)
        if self.op.fail:
            raise errors.OpExecError("opcode failed as it was asked to")
        return True

    def _announce(self, kind: str, argument: object) -> None:
        self.call.log(LogType.JQUEUE_TEST, [kind, argument])
