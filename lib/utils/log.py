"""Logs: one line per record, to a file or the terminal, with the job at hand in it.

`context` holds what the current task works on ("job 17 OP_INSTANCE_STARTUP"); it
belongs to the task, so lines of parallel jobs say whose they are.
"""

from __future__ import annotations

import contextvars
import logging
import logging.handlers
import sys
from typing import TextIO

from ganeti.utils import files

context: contextvars.ContextVar[str] = contextvars.ContextVar("log_context", default="")

_SYSLOG_SOCKET = "/dev/log"


class _Formatter(logging.Formatter):
    def __init__(self, head: str) -> None:
        super().__init__(head + " pid=%(process)d%(context)s %(levelname)s %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        now = context.get()
        record.context = f"/{now}" if now else ""
        # One record is one line, whatever was in a message from outside.
        return super().format(record).replace("\n", "\n  ")


class LogFile(logging.StreamHandler[TextIO]):
    """A log file that can be opened anew after it was rotated."""

    def __init__(self, path: str) -> None:
        self.path = path
        super().__init__(files.open_log(path))

    def reopen(self) -> None:
        """Go on in a new file of the same name."""
        old = self.setStream(files.open_log(self.path))
        if old is not None:
            old.close()

    def close(self) -> None:
        """See logging.Handler."""
        super().close()
        self.stream.close()


def setup(
    program: str, logfile: str | None, debug: bool = False, syslog: bool = False, foreground: bool = False
) -> list[logging.Handler]:
    """Send the log of this process to its places, replacing earlier ones; returns the handlers.

    `foreground` adds the terminal.  Without a place nothing below WARNING is shown.
    """
    root = logging.getLogger()
    for handler in list(root.handlers):
        root.removeHandler(handler)
        handler.close()
    level = logging.DEBUG if debug else logging.INFO
    if root.level != level:  # setting it writes to every logger there is
        root.setLevel(level)
    line = _Formatter(f"%(asctime)s: {program}")
    handlers: list[logging.Handler] = []
    if logfile:
        handlers.append(LogFile(logfile))
    if foreground or not (logfile or syslog):
        handlers.append(logging.StreamHandler(sys.stderr))
        if not foreground and not debug:
            handlers[-1].setLevel(logging.WARNING)
    for handler in handlers:
        handler.setFormatter(line)
    if syslog:
        handlers.append(logging.handlers.SysLogHandler(_SYSLOG_SOCKET, logging.handlers.SysLogHandler.LOG_DAEMON))
        handlers[-1].setFormatter(_Formatter(f"{program}:"))
    for handler in handlers:
        root.addHandler(handler)
    return handlers


def reopen() -> None:
    """Open the log files of this process anew, after they were rotated."""
    for handler in logging.getLogger().handlers:
        if isinstance(handler, LogFile):
            handler.reopen()
