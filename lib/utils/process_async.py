"""Programs run without blocking an event loop."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Mapping, Sequence

from ganeti.utils.process import SECONDS_TO_END, RunResult, Started, start


async def run_async(
    argv: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    cwd: str | None = None,
    stdin: bytes | str | None = None,
    timeout: float | None = None,
    output_file: str | None = None,
    reset_env: bool = False,
) -> RunResult:
    """Do as `process.run`, without blocking the event loop; cancellation ends the program."""
    loop = asyncio.get_running_loop()
    started = start(argv, env, cwd, stdin, timeout, output_file, reset_env)
    ended = asyncio.Event()

    def feed() -> None:
        if started.feed():
            loop.remove_writer(started.stdin_fd)
            started.close_stdin()

    def drain(fd: int) -> None:
        if started.drain(fd):
            loop.remove_reader(fd)

    for fd in started.read:
        loop.add_reader(fd, drain, fd)
    loop.add_reader(started.pid_fd, ended.set)
    if started.stdin_fd != -1:
        loop.add_writer(started.stdin_fd, feed)
    try:
        try:
            await _wait_until(ended, started)
        finally:
            for fd in (*started.read, started.pid_fd):
                loop.remove_reader(fd)
            if started.stdin_fd != -1:
                loop.remove_writer(started.stdin_fd)
        return started.result()
    except BaseException:
        started.abandon()
        raise


async def _wait_until(ended: asyncio.Event, started: Started) -> None:
    for number, seconds in ((signal.SIGTERM, started.timeout), (signal.SIGKILL, SECONDS_TO_END)):
        try:
            async with asyncio.timeout(seconds):
                await ended.wait()
            return
        except TimeoutError:
            started.timed_out = True
            started.send(number)
    await ended.wait()
