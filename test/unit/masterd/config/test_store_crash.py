"""The daemon dies at every step of a write; what is on disk then is a whole configuration."""

import asyncio
import os

import pytest

from ganeti.errors import ConfigurationError
from ganeti.masterd.config.load import read_config
from ganeti.masterd.config.verify import verify
from test.support.config import make_instance, make_store, run, uuid_of
from test.support.disk import CRASH, IO_ERROR, NO_SPACE, POWER_CUT, Crash, sweep

ROUNDS = 3


async def change_until_it_ends(path, disk):
    """Add instances one after the other; return the numbers that were acknowledged."""
    store = make_store(path, disk=disk)
    acknowledged = []
    for number in range(ROUNDS):
        with store.update() as draft:
            draft.add_instance(make_instance(number))
        try:
            await store.durable(draft)
        except (ConfigurationError, asyncio.CancelledError):
            continue
        acknowledged.append(number)
    if disk.crashed:
        with pytest.raises(Crash):
            await store._writer
    else:
        await store.close()
    return acknowledged


@pytest.mark.parametrize("death", [CRASH, POWER_CUT], ids=["kill", "power cut"])
def test_acknowledged_changes_survive_a_crash_at_any_step(tmp_path, death):
    crashes = 0
    for disk in sweep(death):
        path = os.fspath(tmp_path / f"{len(os.listdir(tmp_path))}" / "config.data")
        os.makedirs(os.path.dirname(path))

        acknowledged = run(change_until_it_ends(path, disk))

        config = read_config(path).config
        found = sorted(config.instances)
        wanted = [uuid_of("inst", number) for number in acknowledged]
        assert found[: len(wanted)] == wanted
        assert len(found) <= len(wanted) + 1
        assert verify(config) == []
        crashes += disk.crashed
    assert crashes > 5 * ROUNDS


@pytest.mark.parametrize("error", [NO_SPACE, IO_ERROR], ids=os.strerror)
def test_disk_holds_exactly_what_was_acknowledged_after_an_error_at_any_step(tmp_path, error):
    failures = 0
    for disk in sweep(error):
        path = os.fspath(tmp_path / f"{len(os.listdir(tmp_path))}" / "config.data")
        os.makedirs(os.path.dirname(path))

        acknowledged = run(change_until_it_ends(path, disk))

        assert sorted(read_config(path).config.instances) == [uuid_of("inst", number) for number in acknowledged]
        assert len(acknowledged) >= ROUNDS - 1
        failures += disk.failed
    assert failures > 3 * ROUNDS
