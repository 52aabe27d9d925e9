import asyncio
import json
import os

import pytest

from ganeti.errors import ConfigurationError, ConfigVerifyError, ProgrammerError
from ganeti.masterd.config.load import read_config
from ganeti.masterd.config.ssconf import ssconf_values
from ganeti.masterd.config.store import ConfigStore
from ganeti.masterd.config.text import dump_record
from ganeti.schema import replace
from ganeti.utils.files import TEMPORARY_PREFIX
from test.support.clock import ManualClock
from test.support.config import Recorder, make_config, make_instance, make_node, make_store, run, uuid_of
from test.support.disk import FaultyDisk


@pytest.fixture
def path(tmp_path):
    return os.fspath(tmp_path / "config.data")


def add(store, *numbers):
    with store.update() as draft:
        for number in numbers:
            draft.add_instance(make_instance(number))
    return draft


def names_on_disk(path):
    return sorted(instance.name for instance in read_config(path).config.instances.values())


def test_durable_change_is_on_disk_and_published(path):
    async def act():
        store = make_store(path)
        config = await store.durable(add(store, 1))
        assert config is store.current
        return config

    assert list(run(act()).instances) == [uuid_of("inst", 1)]
    assert names_on_disk(path) == ["inst1.example.com"]


def test_file_can_be_read_by_owner_and_group_only(path):
    async def act():
        store = make_store(path)
        await store.durable(add(store, 1))

    run(act())

    assert os.stat(path).st_mode & 0o777 == 0o640


def test_readers_do_not_see_a_change_before_it_is_durable(path):
    async def act():
        store = make_store(path)
        draft = add(store, 1)
        assert store.current.instances == {}
        assert list(store.newest.instances) == [uuid_of("inst", 1)]
        await store.durable(draft)

    run(act())


def test_draft_builds_on_changes_not_yet_durable(path):
    async def act():
        store = make_store(path)
        add(store, 1)
        with store.update() as draft:
            now = draft.instances[uuid_of("inst", 1)]
            draft.instances[now.uuid] = replace(now, disks_active=True)
        return await store.durable(draft)

    config = run(act())

    assert config.instances[uuid_of("inst", 1)].serial_no == 2
    assert config.serial_no == 3


def test_many_changes_are_one_write(path):
    async def act():
        disk = FaultyDisk()
        store = make_store(path, disk=disk)

        async def one(number):
            return await store.durable(add(store, number))

        await asyncio.gather(*(one(number) for number in range(20)))
        return disk

    disk = run(act())

    assert [what for what, _ in disk.operations].count("rename") <= 2
    assert len(names_on_disk(path)) == 20


def test_only_what_changed_is_serialised(path):
    async def act():
        dumped = []

        def dump(record):
            dumped.append(record)
            return dump_record(record)

        store = make_store(path, make_config(instances=[make_instance(n) for n in range(300)]), dump=dump)
        dumped.clear()
        await store.durable(add(store, 1000))
        return dumped

    assert [record.name for record in run(act())] == ["inst1000.example.com"]


def test_change_with_a_fault_is_refused_and_leaves_no_trace(path):
    async def act():
        store = make_store(path)
        before = store.newest
        with pytest.raises(ConfigVerifyError):
            add(store, 1)
            with store.update() as draft:
                draft.add_instance(make_instance(2, primary_node=uuid_of("x", 1)))
        await store.close()
        assert before is not store.newest

    run(act())

    assert names_on_disk(path) == ["inst1.example.com"]


def test_exception_inside_update_changes_nothing(path):
    async def act():
        store = make_store(path)
        with pytest.raises(ZeroDivisionError), store.update() as draft:
            draft.add_instance(make_instance(1))
            raise ZeroDivisionError
        assert store.newest is store.current

    run(act())


def test_update_that_changes_nothing_writes_nothing(path):
    async def act():
        disk = FaultyDisk()
        store = make_store(path, disk=disk)
        with store.update() as draft:
            pass
        assert await store.durable(draft) is store.current
        assert disk.operations == []

    run(act())


def test_awaiting_inside_update_is_found_out(path):
    async def act():
        store = make_store(path)
        with pytest.raises(ProgrammerError, match="nothing may wait inside"):
            with store.update() as draft:
                draft.add_instance(make_instance(1))
                add(store, 2)
        await store.close()

    run(act())


def test_draft_that_was_not_committed_cannot_be_waited_for(path):
    async def act():
        store = make_store(path)
        with store.update() as draft:
            with pytest.raises(ProgrammerError, match="not committed"):
                await store.durable(draft)

    run(act())


def test_failed_write_undoes_every_change_not_yet_durable(path):
    async def act():
        disk = FaultyDisk()
        store = make_store(path, disk=disk)
        await store.durable(add(store, 1))
        disk.fail_at = len(disk.operations)
        drafts = [add(store, 2), add(store, 3)]
        for draft in drafts:
            with pytest.raises(ConfigurationError, match=f"cannot write the configuration {path}: No space left"):
                await store.durable(draft)
        assert store.newest is store.current
        assert list(store.current.instances) == [uuid_of("inst", 1)]

    run(act())

    assert names_on_disk(path) == ["inst1.example.com"]


def test_changes_made_during_a_write_that_fails_are_undone_too(path):
    async def act():
        disk = FaultyDisk(1)
        late = []

        async def run_late(write):
            if not late:
                late.append(add(store, 2))
            write()

        store = make_store(path, disk=disk, run_blocking=run_late)
        early = add(store, 1)
        for draft in (early, *late):
            with pytest.raises(ConfigurationError):
                await store.durable(draft)
        with pytest.raises(ConfigurationError):
            await store.durable(late[0])
        assert store.newest.instances == {}

    run(act())


def test_store_works_on_after_a_failed_write(path):
    async def act():
        disk = FaultyDisk(1)
        store = make_store(path, disk=disk)
        with pytest.raises(ConfigurationError):
            await store.durable(add(store, 1))
        await store.durable(add(store, 2))
        return store.current.serial_no

    serial = run(act())

    assert names_on_disk(path) == ["inst2.example.com"]
    assert read_config(path).config.serial_no == serial


def test_serial_number_of_an_undone_change_is_not_used_again(path):
    async def act():
        store = make_store(path, disk=FaultyDisk(1))
        draft = add(store, 1)
        failed = store.newest.serial_no
        with pytest.raises(ConfigurationError):
            await store.durable(draft)
        return failed, (await store.durable(add(store, 2))).serial_no

    failed, after = run(act())

    assert after > failed


def test_undone_change_that_reached_the_file_is_taken_out_of_it(path):
    async def act():
        disk = FaultyDisk()
        store = make_store(path, disk=disk)
        await store.durable(add(store, 1))
        steps = [what for what, _ in disk.operations]
        disk.fail_at = len(disk.operations) + steps.index("sync_dir")
        with pytest.raises(ConfigurationError):
            await store.durable(add(store, 2))
        await store.close()

    run(act())

    assert names_on_disk(path) == ["inst1.example.com"]


def test_what_json_cannot_hold_is_refused_without_harm(path):
    async def act():
        store = make_store(path)
        with store.update() as draft:
            draft.add_instance(make_instance(1, hvparams={"x": float("nan")}))
        with pytest.raises(ConfigurationError, match="cannot write"):
            await store.durable(draft)
        await store.durable(add(store, 2))

    run(act())

    assert names_on_disk(path) == ["inst2.example.com"]


def test_change_takes_place_though_its_maker_is_cancelled(path):
    async def act():
        store = make_store(path)
        waiting = asyncio.create_task(store.durable(add(store, 1)))
        await asyncio.sleep(0)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await store.close()

    run(act())

    assert names_on_disk(path) == ["inst1.example.com"]


def test_what_is_durable_was_shipped_to_the_candidates(path):
    async def act():
        store, others = make_store(path), Recorder()
        store.connect(others)
        await store.durable(add(store, 1))
        return others.configs

    ((data, serial, candidates),) = run(act())

    with open(path, "rb") as file:
        assert file.read() == data
    assert serial == json.loads(data)["serial_no"]
    assert candidates == ["node0.example.com"]


def test_failed_write_is_not_shipped(path):
    async def act():
        store, others = make_store(path, disk=FaultyDisk(1)), Recorder()
        store.connect(others)
        with pytest.raises(ConfigurationError):
            await store.durable(add(store, 1))
        return others.configs

    assert run(act()) == []


def test_trouble_with_other_nodes_does_not_undo_a_change(path):
    async def act():
        store, others = make_store(path), Recorder()
        others.fails = True
        store.connect(others)
        return await store.durable(add(store, 1))

    assert list(run(act()).instances) == [uuid_of("inst", 1)]


def test_ssconf_goes_out_when_its_content_changes_only(path):
    async def act():
        store, others = make_store(path, make_config(nodes=3)), Recorder()
        store.connect(others)
        await store.durable(add(store, 1))
        with store.update() as draft:
            draft.instances[uuid_of("inst", 1)] = replace(draft.instances[uuid_of("inst", 1)], disks_active=True)
        await store.durable(draft)
        with store.update() as draft:
            draft.nodes[uuid_of("node", 2)] = make_node(2, offline=True)
        return others.ssconfs, await store.durable(draft)

    (first, second), config = run(act())

    assert first[0]["instance_list"] == "inst1.example.com"
    assert second == (ssconf_values(config), ["node0.example.com", "node1.example.com"])


def test_new_instances_do_not_wait_for_the_list_of_instances_to_reach_all_nodes(path):
    class Held(Recorder):
        def __init__(self):
            super().__init__()
            self.free = asyncio.Event()

        async def ssconf(self, values, nodes):
            await super().ssconf(values, nodes)
            await self.free.wait()

    async def act():
        store, others = make_store(path), Held()
        store.connect(others)
        for number in (1, 2, 3):
            await store.durable(add(store, number))
        others.free.set()
        await store.settle()
        return others.ssconfs, store.current

    (first, last), config = run(act())

    assert first[0]["instance_list"] == "inst1.example.com"
    assert last[0] == ssconf_values(config)  # what gathered meanwhile goes together


def test_new_list_of_nodes_has_reached_them_when_it_is_durable(path):
    async def act():
        store, others = make_store(path), Recorder()
        store.connect(others)
        await store.durable(add(store, 1))
        with store.update() as draft:
            draft.nodes[uuid_of("node", 7)] = make_node(7)
        config = await store.durable(draft)
        return config, others.ssconfs[-1]

    config, last = run(act())

    assert last == (ssconf_values(config), [node.name for node in config.online_nodes()])


def test_redistribution_ships_everything(path):
    async def act():
        store, others = make_store(path), Recorder()
        store.connect(others)
        await store.redistribute()
        return others, store.current

    others, config = run(act())

    assert [serial for _, serial, _ in others.configs] == [config.serial_no]
    assert others.ssconfs[0][0] == ssconf_values(config)


def test_redistribution_during_a_change_does_not_ship_what_is_older_than_the_change(path):
    class Slow(Recorder):
        async def config(self, text, serial, candidates, *, whole=False):
            await super().config(text, serial, candidates, whole=whole)
            for _ in range(10):  # time enough for whoever else wants to ship
                await asyncio.sleep(0)

    async def act():
        store, others = make_store(path), Slow()
        store.connect(others)
        draft = add(store, 1)
        while not others.configs:
            await asyncio.sleep(0)
        await asyncio.gather(store.redistribute(), store.durable(draft))
        return others, store.current

    others, config = run(act())

    assert [serial for _, serial, _ in others.configs] == [config.serial_no] * 2


def test_rewriting_writes_the_same_under_a_new_serial_number(path):
    async def act():
        store = make_store(path)
        before = store.current
        return before, await store.rewrite()

    before, after = run(act())

    assert after.serial_no == before.serial_no + 1
    assert after.contents == before.contents
    assert read_config(path).config.serial_no == after.serial_no


def test_loaded_store_holds_what_is_in_the_file(paths):
    async def act():
        os.makedirs(paths.data_dir, exist_ok=True)
        first = make_store(paths.config_file)
        await first.durable(add(first, 1))
        store = await ConfigStore.load(paths, ManualClock())
        await store.durable(add(store, 2))
        return store.current

    assert sorted(run(act()).instance_names()) == ["inst1.example.com", "inst2.example.com"]


def test_old_configuration_is_kept_beside_and_rewritten(paths):
    async def act():
        os.makedirs(paths.data_dir, exist_ok=True)
        make_store(paths.config_file)
        with open(paths.config_file, encoding="ascii") as file:
            data = {**json.load(file), "version": 3000000}
        with open(paths.config_file, "w", encoding="ascii") as file:
            json.dump(data, file)
        await ConfigStore.load(paths, ManualClock())
        return data

    old = run(act())

    with open(f"{paths.config_file}.3000000", encoding="ascii") as file:
        assert json.load(file) == old
    assert not read_config(paths.config_file).is_upgraded


def test_what_a_crashed_write_left_is_removed_at_start(paths):
    async def act():
        os.makedirs(paths.data_dir, exist_ok=True)
        make_store(paths.config_file)
        left = os.path.join(paths.data_dir, f"{TEMPORARY_PREFIX}0")
        with open(left, "w", encoding="ascii"):
            pass
        os.utime(left, (0, 0))
        await ConfigStore.load(paths, ManualClock())
        return left

    assert not os.path.exists(run(act()))
