"""A small table of node calls, and handlers that do as told: for tests of the shell around them."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence

from ganeti import errors
from ganeti.procedure import procedure
from ganeti.utils import process


@procedure(timeout=60)
def echo(value: object) -> object:
    """Return the argument."""
    raise NotImplementedError


@procedure(timeout=60, inline=True)
def echo_inline(value: object) -> object:
    """Return the argument, without a process."""
    raise NotImplementedError


@procedure(timeout=60, offline=True)
def greet(name: str) -> str:
    """Return a greeting; called on offline nodes too."""
    raise NotImplementedError


@procedure(timeout=1)
def brief() -> int:
    """Run longer than its time limit allows."""
    raise NotImplementedError


@procedure(timeout=600)
def wait_for_file(path: str) -> str:
    """Wait until there is a file; return what it holds."""
    raise NotImplementedError


@procedure(timeout=600)
def append_and_wait(log: str, path: str) -> int:
    """Add a line to `log`, wait until there is a file `path`, return the process id."""
    raise NotImplementedError


@procedure(timeout=60)
def append(log: str) -> None:
    """Add a line to `log`."""
    raise NotImplementedError


@procedure(timeout=60)
def die(signal_number: int) -> None:
    """Be ended by a signal; 0 means to exit without an answer."""
    raise NotImplementedError


@procedure(timeout=60)
def fail(kind: str) -> None:
    """Fail with the error of a kind."""
    raise NotImplementedError


@procedure(timeout=60)
def large(size: int) -> str:
    """Return a text of a size."""
    raise NotImplementedError


@procedure(timeout=60)
def descriptors() -> Sequence[str]:
    """Return what the open descriptors of the process are."""
    raise NotImplementedError


@procedure(timeout=60)
def surroundings() -> Mapping[str, object]:
    """Return process id, group, handlers of signals, number of threads."""
    raise NotImplementedError


@procedure(timeout=600)
def run_script(script: str) -> str:
    """Run a shell script as calls run programs; return what it printed."""
    raise NotImplementedError


@procedure(timeout=1, abandonable=True)
def run_brief_script(script: str) -> str:
    """Run a shell script that has a second to end."""
    raise NotImplementedError


@procedure(timeout=600, abandonable=True)
def run_wanted_script(script: str) -> str:
    """Run a shell script for as long as somebody waits for it."""
    raise NotImplementedError


@procedure(timeout=60)
def leave(message: str) -> str:
    """Have the daemon end itself."""
    raise NotImplementedError


class Handlers:
    """The other end of the table."""

    def echo(self, value: object) -> object:
        return value

    def echo_inline(self, value: object) -> object:
        return value

    def greet(self, name: str) -> str:
        return f"hello {name}"

    def brief(self) -> int:
        time.sleep(30)
        return 1

    def wait_for_file(self, path: str) -> str:
        while not os.path.exists(path):
            time.sleep(0.01)
        with open(path) as file:
            return file.read()

    def append_and_wait(self, log: str, path: str) -> int:
        self.append(log)
        self.wait_for_file(path)
        return os.getpid()

    def append(self, log: str) -> None:
        with open(log, "a") as file:
            file.write(f"{os.getpid()}\n")

    def die(self, signal_number: int) -> None:
        if signal_number == 0:
            os._exit(3)
        os.kill(os.getpid(), signal_number)

    def fail(self, kind: str) -> None:
        if kind == "unexpected":
            raise ZeroDivisionError("division of nothing")
        if kind == "odd":
            raise errors.OpExecError({"not": {"json"}})
        raise getattr(errors, kind)(f"cannot please {kind}")

    def large(self, size: int) -> str:
        return "x" * size

    def descriptors(self) -> Sequence[str]:
        found = []
        for name in os.listdir("/proc/self/fd"):
            try:
                found.append(os.readlink(f"/proc/self/fd/{name}"))
            except FileNotFoundError:
                continue
        return found

    def surroundings(self) -> Mapping[str, object]:
        return {
            "pid": os.getpid(),
            "ppid": os.getppid(),
            "pgid": os.getpgid(0),
            "sigint": signal.getsignal(signal.SIGINT) == signal.SIG_DFL,
            "blocked": len(signal.pthread_sigmask(signal.SIG_BLOCK, [])),
            "threads": threading.active_count(),
        }

    def run_script(self, script: str) -> str:
        return process.run(["sh", "-c", script]).output

    run_brief_script = run_wanted_script = run_script

    def leave(self, message: str) -> str:
        raise errors.QuitGanetiException(True, message)


def handlers() -> dict[str, Callable[..., object]]:
    """Return the handlers by wire name."""
    own = Handlers()
    return {name: getattr(own, name) for name in vars(Handlers) if not name.startswith("_")}


def this_module() -> object:
    """Return the module of the stubs, for `table_of`."""
    return sys.modules[__name__]
