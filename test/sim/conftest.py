"""Where simulated clusters live, and the seeds they run under."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from test.support.sim import SimCluster

_IN_MEMORY = "/dev/shm"


@pytest.fixture
def directory(tmp_path: os.PathLike[str]) -> Iterator[str]:
    """A directory for clusters, in memory where that is possible: node daemons sync all they write."""
    parent = _IN_MEMORY if os.access(_IN_MEMORY, os.W_OK) else os.fspath(tmp_path)
    made = tempfile.mkdtemp(prefix="sim-", dir=parent)
    yield made
    shutil.rmtree(made)


@pytest.fixture
def seed(hypothesis_seed: int, request: pytest.FixtureRequest) -> str:
    """What decides everything that is left to chance; the run prints how to have it again."""
    return f"{hypothesis_seed}/{request.node.name}"


@pytest.fixture
def make_cluster(directory: str, seed: str) -> Callable[..., SimCluster]:
    """Makes clusters; give `number` for more than one."""

    def make(number: int = 0, **more: Any) -> SimCluster:
        return SimCluster(os.path.join(directory, str(number)), seed=f"{seed}/{number}", **more)

    return make


@pytest.fixture
def cluster(make_cluster: Callable[..., SimCluster]) -> SimCluster:
    """Three nodes, all master candidates."""
    return make_cluster()
