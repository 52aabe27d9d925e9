"""A network of its own for a test: nothing it configures is seen by anybody else."""

from __future__ import annotations

import contextlib
import ctypes
import os
from collections.abc import Iterator, Sequence

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
            _enter(before)
    finally:
        os.close(before)


def add_interface(name: str, *addresses: str) -> None:
    """Add an interface with addresses (and prefix lengths) behind which nobody is."""
    ip("link", "add", name, "type", "bridge")
    for address in addresses:
        ip("address", "add", address, "dev", name)
    ip("link", "set", name, "up")


def ip(*argv: str) -> str:
    """Run `ip`; return what it prints.  Skips the test where it cannot do that."""
    done = process.run(["ip", *argv], timeout=10.0)
    if done.failed:
        pytest.skip(f"ip {' '.join(argv)}: {done.output.strip() or done.reason}")
    return done.stdout


class Host:
    """A machine of a network: what is done inside its `with` block, and all that is started there, is done on it."""

    def __init__(self) -> None:
        with own_network():
            self._network = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        self._outside: list[int] = []

    @property
    def path(self) -> str:
        """What `ip` takes for the name of its network."""
        return f"/proc/{os.getpid()}/fd/{self._network}"

    def __enter__(self) -> None:
        self._outside.append(os.open("/proc/thread-self/ns/net", os.O_RDONLY))
        _enter(self._network)

    def __exit__(self, *_: object) -> None:
        outside = self._outside.pop()
        _enter(outside)
        os.close(outside)

    def close(self) -> None:
        """Forget the machine; it ends with its last process."""
        os.close(self._network)


@contextlib.contextmanager
def hosts(interface: str, addresses: Sequence[str]) -> Iterator[list[Host]]:
    """Have a machine for each address (with prefix length), at one switch by an interface of this name."""
    with contextlib.ExitStack() as ending, own_network():
        add_interface("switch")
        made = []
        for number, address in enumerate(addresses, start=1):
            host = Host()
            ending.callback(host.close)
            port = f"port{number}"
            ip("link", "add", port, "type", "veth", "peer", "name", interface, "netns", host.path)
            ip("link", "set", port, "master", "switch", "up")
            with host:
                ip("address", "add", address, "dev", interface)
                ip("link", "set", interface, "up")
            made.append(host)
        yield made


def _enter(network: int) -> None:
    if ctypes.CDLL(None, use_errno=True).setns(network, _CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "cannot enter a network")
