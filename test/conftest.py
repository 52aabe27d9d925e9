"""Rules every test runs under: seeds are printed, leaks fail, paths are temporary."""

from __future__ import annotations

import contextlib
import gc
import os
import pathlib
import random
import signal
import tempfile
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from ganeti.paths import Paths
from ganeti.utils.spares import file_system_of
from test.support.cluster import Cluster, running_cluster
from test.support.cluster_dir import make_cluster_dir

_MARK = "GANETI_TEST_RUN"

# What is committed is tested with the same chances every time; new ones are tried by the thorough profile.
_USUAL_SEED = "1"
_SEED = "ganeti_seed"

# No deadline: the machine that runs the tests does other work too.
_ALWAYS = {"deadline": None, "print_blob": True, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("quick", max_examples=50, **_ALWAYS)
settings.register_profile("thorough", max_examples=2000, **_ALWAYS)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "quick"))


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Choose the seed of all random tests, unless --hypothesis-seed gives it; workers take their controller's."""
    if config.option.hypothesis_seed is None:
        thorough = os.environ.get("HYPOTHESIS_PROFILE") == "thorough"
        usual = str(random.SystemRandom().randrange(2**32)) if thorough else _USUAL_SEED
        config.option.hypothesis_seed = getattr(config, "workerinput", {}).get(_SEED, usual)
    # A shell lets what it starts in the background ignore interrupts, and that is inherited.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ[_MARK] = uuid.uuid4().hex  # inherited by whatever a test starts


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a worker of pytest-xdist the seed."""
    node.workerinput[_SEED] = node.config.option.hypothesis_seed


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """Print how to run the same again."""
    seed = terminalreporter.config.option.hypothesis_seed
    terminalreporter.write_line(f"repeat with --hypothesis-seed={seed}")


@pytest.fixture
def hypothesis_seed(request: pytest.FixtureRequest) -> int:
    """Seed of this run, for tests with random numbers of their own."""
    return int(request.config.option.hypothesis_seed)


@pytest.fixture(scope="module", autouse=True)
def leaks_nothing() -> Iterator[None]:
    """Fail the module that leaves descriptors open or processes behind."""
    fds, processes = _descriptors(), _processes()
    yield
    gc.collect()
    left = [f"descriptor {fd}: {target}" for fd, target in _descriptors().items() if fds.get(fd) != target]
    left += [f"process {pid}: {name}" for pid, name in _processes().items() if pid not in processes]
    assert not left, f"left behind: {'; '.join(left)}"


@pytest.fixture
def paths(tmp_path: os.PathLike[str]) -> Paths:
    """Paths of the only node of a virtual cluster, with its directories made."""
    return make_cluster_dir(os.fspath(tmp_path))[0]


@pytest.fixture
def spare_base(tmp_path: pathlib.Path) -> Iterator[str]:
    """Give a directory where there can be spares: not all file systems tell who reads a file."""
    if file_system_of(str(tmp_path)) in ("ext4", "xfs", "tmpfs"):
        yield str(tmp_path)
        return
    with tempfile.TemporaryDirectory(prefix="spares-", dir="/dev/shm") as directory:
        yield directory


@pytest.fixture(scope="session")
def cluster3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    """A running cluster of three nodes, shared: tests leave it as they found it, and hang up."""
    with running_cluster(tmp_path_factory.mktemp("cluster3"), nodes=3) as cluster:
        yield cluster


def _descriptors() -> dict[int, str]:
    found = {}
    for name in os.listdir("/proc/self/fd"):
        with contextlib.suppress(FileNotFoundError):  # that of the listing itself
            found[int(name)] = os.readlink(f"/proc/self/fd/{name}")
    return found


def _processes() -> dict[int, str]:
    """Return what this run started and still runs: pid -> command line.

    Daemons are known by the mark in the environment they were started with, forks
    (which have the environment of their parent's start) by their parent.
    """
    mark = f"{_MARK}={os.environ[_MARK]}".encode()
    found = {}
    for name in os.listdir("/proc"):
        if name.isdigit() and int(name) != os.getpid():
            with contextlib.suppress(OSError):  # gone meanwhile, or somebody else's
                is_child = int(_read(name, "stat").rpartition(b")")[2].split()[1]) == os.getpid()
                if is_child or mark in _read(name, "environ").split(b"\0"):
                    found[int(name)] = _read(name, "cmdline").replace(b"\0", b" ").decode(errors="replace").strip()
    return found


def _read(pid: str, name: str) -> bytes:
    with open(f"/proc/{pid}/{name}", "rb") as file:
        return file.read()
