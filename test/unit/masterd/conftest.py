"""Where simulated clusters of unit tests live."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator

import pytest

_IN_MEMORY = "/dev/shm"


@pytest.fixture
def sim_directory(tmp_path: os.PathLike[str]) -> Iterator[str]:
    """A directory for clusters, in memory where that is possible: node daemons sync all they write."""
    parent = _IN_MEMORY if os.access(_IN_MEMORY, os.W_OK) else os.fspath(tmp_path)
    made = tempfile.mkdtemp(prefix="sim-", dir=parent)
    yield made
    shutil.rmtree(made)
