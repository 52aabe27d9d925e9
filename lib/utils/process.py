"""Programs and processes: the only module that starts programs.

Programs are started from argument lists, never through a shell, in a session of
their own, so that a deadline ends all they started.
"""

from __future__ import annotations

import contextlib
import enum
import errno
import os
import re
import resource
import select
import selectors
import signal as signals
import subprocess
import sys
import time
from collections.abc import Collection, Mapping, Sequence
from typing import NamedTuple, NoReturn

from ganeti import errors
from ganeti.utils import files

OUTPUT_LIMIT = 16 * 1024 * 1024
#: open files of one daemon: a few for each of thousands of clients and nodes
MOST_DESCRIPTORS = 65536
SEARCH_PATH = "/sbin:/bin:/usr/sbin:/usr/bin"

_CHUNK = 65536
SECONDS_TO_END = 5.0
_PART_NAME = re.compile(r"[a-zA-Z0-9_-]+", re.ASCII)


class RunResult(NamedTuple):
    """How a program ended.

    `exit_code` is None when it was ended by `signal`, and the other way round;
    `stdout` and `stderr` are cut off at OUTPUT_LIMIT bytes each.
    """

    argv: tuple[str, ...]
    exit_code: int | None
    signal: int | None
    stdout: str
    stderr: str
    timed_out: bool = False
    timeout: float | None = None

    @property
    def output(self) -> str:
        """Everything it wrote: standard output, then standard error."""
        return self.stdout + self.stderr

    @property
    def failed(self) -> bool:
        """True unless it ended by itself with exit code 0."""
        return self.exit_code != 0 or self.timed_out

    @property
    def reason(self) -> str:
        """How it ended, in words."""
        if self.timed_out:
            return f"did not end within {self.timeout:g} s"
        if self.signal is not None:
            return f"was ended by signal {self.signal}"
        return f"ended with exit code {self.exit_code}"


class Started:
    """A program that runs, and what it wrote so far; knows nothing of how one waits."""

    def __init__(
        self, argv: Sequence[str], child: subprocess.Popen[bytes], stdin: bytes, timeout: float | None
    ) -> None:
        self.argv = tuple(argv)
        self.child = child
        self.timeout = timeout
        self.to_write = memoryview(stdin)
        self.timed_out = False
        self.read: dict[int, bytearray] = {}
        for pipe in (child.stdout, child.stderr):
            if pipe is not None:
                os.set_blocking(pipe.fileno(), False)
                self.read[pipe.fileno()] = bytearray()
        self.stdin_fd = child.stdin.fileno() if child.stdin else -1
        if self.stdin_fd != -1:
            os.set_blocking(self.stdin_fd, False)
        try:
            self.pid_fd = os.pidfd_open(child.pid)
        except OSError:
            self.abandon()
            raise

    def feed(self) -> bool:
        """Write some of the input; True when there is no more to write."""
        try:
            self.to_write = self.to_write[os.write(self.stdin_fd, self.to_write[:_CHUNK]) :]
        except BlockingIOError:
            return False
        except BrokenPipeError:
            self.to_write = self.to_write[:0]
        return not self.to_write

    def close_stdin(self) -> None:
        """Let the program see the end of its input."""
        if self.child.stdin is not None:
            self.child.stdin.close()
        self.stdin_fd = -1

    def drain(self, fd: int) -> bool:
        """Read what is there; True at the end of the pipe."""
        kept = self.read[fd]
        while True:
            try:
                part = os.read(fd, _CHUNK)
            except BlockingIOError:
                return False
            if not part:
                return True
            kept += part[: OUTPUT_LIMIT - len(kept)]

    def send(self, signal: int) -> None:
        """Send a signal to the program and all it started."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.child.pid, signal)

    def result(self) -> RunResult:
        """Take the program's end (it has ended) and close everything."""
        outputs = []
        for pipe in (self.child.stdout, self.child.stderr):
            if pipe is None:
                outputs.append("")
                continue
            if not pipe.closed:
                # What it started may hold the pipe open for ever: take what is there.
                self.drain(pipe.fileno())
            outputs.append(self.read[pipe.fileno()].decode(errors="replace"))
        status = self.child.wait()
        if self.timed_out:
            self.send(signals.SIGKILL)
        self.close()
        code, signal = (status, None) if status >= 0 else (None, -status)
        return RunResult(self.argv, code, signal, outputs[0], outputs[1], self.timed_out, self.timeout)

    def abandon(self) -> None:
        """End the program at once, with all it started."""
        self.send(signals.SIGKILL)
        self.child.wait()
        self.close()

    def close(self) -> None:
        """Close all descriptors."""
        for pipe in (self.child.stdin, self.child.stdout, self.child.stderr):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):
                    pipe.close()
        if getattr(self, "pid_fd", -1) != -1:
            os.close(self.pid_fd)
            self.pid_fd = -1


def start(
    argv: Sequence[str],
    env: Mapping[str, str] | None,
    cwd: str | None,
    stdin: bytes | str | None,
    timeout: float | None,
    output_file: str | None,
    reset_env: bool,
) -> Started:
    """Start a program, for `run` here and in `process_async`; see there.

    Raises CommandError.
    """
    data = stdin.encode() if isinstance(stdin, str) else stdin or b""
    environ = {} if reset_env else {**os.environ, "LC_ALL": "C"}
    environ.update(env or {})
    output = files.open_append(output_file) if output_file else subprocess.PIPE
    try:
        child = subprocess.Popen(
            argv,
            stdin=subprocess.PIPE if data else subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT if output_file else subprocess.PIPE,
            env=environ,
            cwd=cwd,
            bufsize=0,
            start_new_session=True,
        )
    except (OSError, ValueError) as err:
        reason = err.strerror if isinstance(err, OSError) else str(err)
        raise errors.CommandError(f"cannot start {argv[0]}: {reason}") from err
    finally:
        if output_file:
            os.close(output)
    return Started(argv, child, data, timeout)


def run(
    argv: Sequence[str],
    *,
    env: Mapping[str, str] | None = None,
    cwd: str | None = None,
    stdin: bytes | str | None = None,
    timeout: float | None = None,
    output_file: str | None = None,
    reset_env: bool = False,
) -> RunResult:
    """Run a program to its end and return how that was.

    `env` is added to this process's environment, or replaces it if `reset_env`.  After
    `timeout` seconds the program and all it started are ended.  With an `output_file`
    everything it writes is appended there and not kept.

    Raises CommandError when it cannot be started.
    """
    started = start(argv, env, cwd, stdin, timeout, output_file, reset_env)
    try:
        with selectors.DefaultSelector() as selector:
            for fd in started.read:
                selector.register(fd, selectors.EVENT_READ)
            selector.register(started.pid_fd, selectors.EVENT_READ)
            if started.stdin_fd != -1:
                selector.register(started.stdin_fd, selectors.EVENT_WRITE)
            _wait_with(selector, started)
        return started.result()
    except BaseException:
        started.abandon()
        raise


def _wait_with(selector: selectors.BaseSelector, started: Started) -> None:
    deadline = None if started.timeout is None else time.monotonic() + started.timeout
    while True:
        left = None if deadline is None else deadline - time.monotonic()
        if left is not None and left <= 0:
            if started.timed_out:
                started.send(signals.SIGKILL)
                deadline = None
            else:
                started.timed_out = True
                started.send(signals.SIGTERM)
                deadline = time.monotonic() + SECONDS_TO_END
            continue
        for key, _ in selector.select(left):
            if key.fd == started.pid_fd:
                return
            if key.fd == started.stdin_fd:
                if started.feed():
                    selector.unregister(key.fd)
                    started.close_stdin()
            elif started.drain(key.fd):
                selector.unregister(key.fd)


def become(argv: Sequence[str], env: Mapping[str, str] | None = None) -> NoReturn:
    """Go on as another program; `env` is added to the environment.

    Raises CommandError when it cannot be started.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    try:
        os.execvpe(argv[0], list(argv), {**os.environ, **(env or {})})
    except OSError as err:
        raise errors.CommandError(f"cannot start {argv[0]}: {err.strerror}") from err


# --- directories of scripts --------------------------------------------------------


class PartStatus(enum.IntEnum):
    """What became of one script of a directory."""

    SKIP = 0
    FAIL = 1
    SUCCESS = 2


def run_parts(
    directory: str, env: Mapping[str, str], timeout: float | None = None, *, reset_env: bool = True
) -> list[tuple[str, PartStatus, str]]:
    """Run the scripts of a directory by name; return (name, status, output) of each.

    What is not executable, no file, or has a name with other than letters, digits,
    dash and underscore is skipped.  A missing directory holds nothing.
    """
    try:
        names = sorted(os.listdir(directory))
    except (FileNotFoundError, NotADirectoryError):
        return []
    return [(name, *_run_part(directory, name, env, timeout, reset_env)) for name in names]


def _run_part(
    directory: str, name: str, env: Mapping[str, str], timeout: float | None, reset_env: bool
) -> tuple[PartStatus, str]:
    path = os.path.join(directory, name)
    if not _PART_NAME.fullmatch(name) or not os.path.isfile(path) or not os.access(path, os.X_OK):
        return PartStatus.SKIP, ""
    try:
        result = run([path], env=env, timeout=timeout, reset_env=reset_env, cwd="/")
    except errors.CommandError as err:
        return PartStatus.FAIL, str(err)
    if result.timed_out:
        return PartStatus.FAIL, f"{result.output}{path} {result.reason}"
    return (PartStatus.FAIL if result.failed else PartStatus.SUCCESS), result.output


# --- daemons -------------------------------------------------------------------------


class PidFile:
    """The pid file of this process: locked while it lives, so that one of a kind runs.

    The lock, not the number in it, says that the daemon runs.
    """

    # A reader looks whether the lock is free by taking it for a moment.
    _TRIES = 4
    _SECONDS_BETWEEN = 0.05

    def __init__(self, path: str) -> None:
        self.path = path
        self._fd = -1

    def acquire(self) -> None:
        """Lock the file and write this process's id into it.

        Raises PidFileLockError when another process holds it.
        """
        fd = files.open_lockable(self.path)
        try:
            for _ in range(self._TRIES):
                if files.try_lock(fd):
                    break
                time.sleep(self._SECONDS_BETWEEN)
            else:
                raise errors.PidFileLockError(f"it runs already, as process {read_pid(self.path)} ({self.path})")
            os.ftruncate(fd, 0)
            os.pwrite(fd, f"{os.getpid()}\n".encode(), 0)
        except BaseException:
            os.close(fd)
            raise
        self._fd = fd

    def release(self) -> None:
        """Remove and unlock the file."""
        if self._fd != -1:
            files.remove_file(self.path, missing_ok=True, durable=False)
            os.close(self._fd)
            self._fd = -1

    def fileno(self) -> int:
        """Return the descriptor that holds the lock: keep it open."""
        return self._fd

    def __enter__(self) -> PidFile:
        self.acquire()
        return self

    def __exit__(self, *exc: object) -> None:
        self.release()


def read_pid(path: str) -> int | None:
    """Return the process id a pid file holds, None when there is no such file or number."""
    try:
        text = files.read_file(path, 64)
    except OSError:
        return None
    return int(text) if text.strip().isdigit() else None


def running_pid(path: str) -> int | None:
    """Return the process id of the daemon that holds a pid file, None when none does."""
    try:
        fd = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        if files.try_lock(fd, shared=True):
            return None
    finally:
        os.close(fd)
    return read_pid(path)


def is_alive(pid: int) -> bool:
    """Tell whether a process runs (one that only waits to be reaped does not)."""
    try:
        status = files.read_file(f"/proc/{pid}/stat", 4096)
    except OSError:
        return False
    return status.rpartition(b")")[2].split()[:1] not in ([b"Z"], [b"X"])


def kill(pid: int, timeout: float = 30.0) -> bool:
    """End a process: SIGTERM, after `timeout` seconds SIGKILL; tell whether it is gone.

    Raises ProgrammerError for a pid that means more than one process, PermissionError
    of the system for another user's.
    """
    if pid <= 1:
        raise errors.ProgrammerError(f"refused to end process {pid}")
    try:
        fd = os.pidfd_open(pid)
    except ProcessLookupError:
        return True
    except OSError as err:
        if err.errno == errno.EINVAL:  # a thread's id, or reused for one
            return not is_alive(pid)
        raise
    try:
        # Through the descriptor: the number may be another process's by now.
        for signal, seconds in ((signals.SIGTERM, timeout), (signals.SIGKILL, SECONDS_TO_END)):
            try:
                signals.pidfd_send_signal(fd, signal)
            except ProcessLookupError:
                return True
            poll = select.poll()
            poll.register(fd, select.POLLIN)
            if poll.poll(seconds * 1000):
                return True
    finally:
        os.close(fd)
    return False


class Daemon:
    """The child's end of `daemonize`: tells the waiting parent how starting went.

    `program` is put before what goes wrong, where nobody else says whose it is.
    """

    def __init__(self, fd: int, program: str = "") -> None:
        self._fd = fd
        self._program = program

    def ready(self) -> None:
        """Tell that the daemon works: the program that started it exits 0."""
        self._tell(b"", 0)

    def failed(self, message: str, exit_code: int = 1) -> None:
        """Tell why the daemon cannot work: the program that started it says so and exits with the code."""
        self._tell((f"{self._program}: {message}" if self._program else message).encode(), exit_code)

    def fileno(self) -> int:
        """Return the descriptor to the parent, -1 when it was told."""
        return self._fd

    def _tell(self, text: bytes, exit_code: int) -> None:
        if self._fd == -1:
            return
        with contextlib.suppress(BrokenPipeError):
            os.write(self._fd, bytes([exit_code]) + text[: _CHUNK // 2])
        os.close(self._fd)
        self._fd = -1


def daemonize(program: str, logfile: str | None = None) -> Daemon:
    """Go on as a daemon, a `program`: in a session of its own, in /, with standard streams to `logfile`.

    Only the daemon returns; the caller's process waits for `ready()` or `failed()`
    and exits accordingly.  Call before any thread or event loop exists.

    Raises OSError, still in the caller's process, when the log cannot be written.
    """
    if logfile:
        os.close(files.open_append(logfile))
    reader, writer = os.pipe()
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid:
        os.close(writer)
        _wait_for_daemon(reader, pid, logfile)
    os.close(reader)
    os.setsid()
    # A second child is no leader of its session: it can never get a terminal.
    if os.fork():
        os._exit(0)
    os.chdir("/")
    os.umask(0o077)
    redirect_std(logfile)
    return Daemon(writer, program)


def why_not_started(error: Exception) -> str:
    """Return what to tell of a daemon that cannot start."""
    if not isinstance(error, OSError) or not error.strerror:
        return str(error)
    if not error.filename:
        return error.strerror
    text = f"cannot start: {error.filename}: {error.strerror.lower()}"
    if isinstance(error, FileNotFoundError):
        text += "; daemon-util start makes the directories first"
    return text


def _wait_for_daemon(reader: int, pid: int, logfile: str | None) -> NoReturn:
    os.waitpid(pid, 0)
    told = b""
    while part := os.read(reader, _CHUNK):
        told += part
    # A bare end of file is its death: the living say at least an exit code.
    code, message = (told[0], told[1:]) if told else (1, b"")
    if not told:
        message = f"the daemon ended while it was starting, without a word; see {logfile}".encode()
    if message:
        sys.stderr.write(message.decode(errors="replace") + "\n")
        sys.stderr.flush()
    os._exit(code)


def redirect_std(logfile: str | None) -> None:
    """Read standard input from nowhere; send standard output and error to a file, or nowhere."""
    sys.stdout.flush()
    sys.stderr.flush()
    nowhere = os.open(os.devnull, os.O_RDWR)
    target = files.open_append(logfile) if logfile else nowhere
    for fd, standard in ((nowhere, 0), (target, 1), (target, 2)):
        os.dup2(fd, standard)
    for fd in {nowhere, target}:
        if fd > 2:
            os.close(fd)


def allow_descriptors(most: int = MOST_DESCRIPTORS) -> int:
    """Allow this process as many open files as its hard limit permits, `most` at the most; return how many.

    The usual soft limit of 1024 is one for programs that use select(); a daemon that talks to hundreds of
    nodes and clients needs more.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    allowed = most if hard == resource.RLIM_INFINITY else min(hard, most)
    if soft != resource.RLIM_INFINITY and soft < allowed:
        resource.setrlimit(resource.RLIMIT_NOFILE, (allowed, hard))
        return allowed
    return soft


def close_fds(keep: Collection[int] = ()) -> None:
    """Close all descriptors but the standard ones and those to keep."""
    low = 3
    for fd in sorted(fd for fd in keep if fd > 2):
        os.closerange(low, fd)
        low = fd + 1
    os.closerange(low, os.sysconf("SC_OPEN_MAX"))
