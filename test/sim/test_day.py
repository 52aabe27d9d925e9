"""Days in the life of a cluster, the proof that they replay, and that the checks find mistakes planted on purpose.

`HYPOTHESIS_PROFILE=thorough` plays whole days.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from ganeti.masterd.daemon import MasterDaemon
from ganeti.masterd.jobqueue.job import Job
from ganeti.masterd.jobqueue.store import JobStore
from ganeti.masterd.locking.manager import LockManager
from ganeti.model.enums import Level
from test.support.sim_day import Day

THOROUGH = os.environ.get("HYPOTHESIS_PROFILE") == "thorough"
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


@pytest.mark.parametrize("number", range(3))
def test_whatever_happens_all_promises_are_kept(directory: str, seed: str, number: int) -> None:
    day = Day(directory, f"{seed}/{number}")

    day.play(24.0 if THOROUGH else 1.0)

    assert day.figures["job"] > 20


def test_a_seed_gives_the_same_day_again_whatever_the_order_of_sets() -> None:
    command = [sys.executable, "-m", "test.support.sim_day", "--seed", "5", "--hours", "0.5"]

    digests = set()
    for hash_seed in ("1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": f"{ROOT}/build{os.pathsep}{ROOT}"}
        run = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=100)
        assert run.returncode == 0, run.stdout + run.stderr
        digests.add(run.stdout.splitlines()[-1])

    assert len(digests) == 1


def test_another_seed_gives_another_day(directory: str) -> None:
    days = [Day(f"{directory}/{seed}", seed) for seed in (5, 6)]
    for day in days:
        day.play(0.1)

    assert days[0].digest() != days[1].digest()


# --- mistakes planted on purpose ----------------------------------------------------------------


class CarelessLocks(LockManager):
    """Gives the lock of the instance back as soon as the nodes are locked."""

    async def acquire(self, owner: str, level: Level, *args: Any, **more: Any) -> Any:
        granted = await super().acquire(owner, level, *args, **more)
        if level == Level.NODE:
            self.release(owner, Level.INSTANCE)
        return granted


class WithCarelessLocks(MasterDaemon):
    def __init__(self, *parts: Any) -> None:
        super().__init__(*parts)
        self.locks = self.processor._locks = CarelessLocks(self.services.clock)


class HastyStore(JobStore):
    """Says that a job is on disk before it is."""

    def __init__(self, store: JobStore) -> None:
        self.__dict__.update(store.__dict__)
        self._later: set[asyncio.Task[None]] = set()

    def add(self, job: Job, on_written: Callable[[], None]) -> Awaitable[None]:
        task = asyncio.ensure_future(super().add(job, on_written))
        self._later.add(task)
        task.add_done_callback(self._later.discard)
        return asyncio.sleep(0)


class WithHastyStore(MasterDaemon):
    def __init__(self, *parts: Any) -> None:
        super().__init__(*parts)
        self.queue._store = HastyStore(self.queue._store)


@pytest.mark.parametrize(
    ("daemon", "finding"),
    [
        pytest.param(WithCarelessLocks, r"job \d+ works on inst\d\.example\.com without its lock", id="lock"),
        pytest.param(WithHastyStore, r"job \d+ was acknowledged and is lost", id="fsync"),
    ],
)
def test_a_mistake_planted_on_purpose_is_found(
    directory: str, seed: str, daemon: type[MasterDaemon], finding: str
) -> None:
    with pytest.raises(AssertionError, match=finding):
        Day(directory, seed, daemon=daemon).play(24.0)
