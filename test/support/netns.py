"""A network of its own for a test: nothing it configures is seen by anybody else."""

from __future__ import annotations

import contextlib
import ctypes
import os
from collections.abc import Iterator

import pytest

from ganeti.utils import process

_CLONE_NEWNET = 0x40000000


@contextlib.contextmanager
def own_network() -> Iterator[None]:
    """Have this thread, and all it starts, live in a new network in which only `lo` is up.

    Skips the test where that is not allowed.  The network ends with its last process.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    before = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
    try:
        if libc.unshare(_CLONE_NEWNET) != 0:
            pytest.skip(f"no network can be made here: {os.strerror(ctypes.get_errno())}")
        try:
            ip("link", "set", "lo", "up")
            yield
        finally:
            assert libc.setns(before, _CLONE_NEWNET) == 0
    finally:
        os.close(before)


def add_interface(name: str, address: str) -> None:
    """Add an interface with an address (and prefix length) behind which nobody is."""
    ip("link", "add", name, "type", "bridge")
    ip("address", "add", address, "dev", name)
    ip("link", "set", name, "up")


def ip(*argv: str) -> str:
    """Run `ip`; return what it prints.  Skips the test where it cannot do that."""
    done = process.run(["ip", *argv], timeout=10.0)
    if done.failed:
        pytest.skip(f"ip {' '.join(argv)}: {done.output.strip() or done.reason}")
    return done.stdout
