"""Events: nobody who follows misses one without being told."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ganeti.luxi.events import NOW, EventKind, Position, read_position
from ganeti.masterd.events import EventLog, Events
from ganeti.masterd.jobqueue.queue import JobQueue
from ganeti.masterd.jobqueue.store import JobStore
from ganeti.schema import replace
from test.support.clock import ManualClock
from test.support.config import make_instance, make_node, make_store, uuid_of
from test.support.queue import Bench, dummy, succeed, values_of
from test.support.virtual import VirtualClock, directly, run


def log_of(count: int, capacity: int = 100) -> EventLog:
    log = EventLog("e", capacity)
    for number in range(1, count + 1):
        log.append(EventKind.JOB, 0.0, {"id": number})
    return log


def serials(log: EventLog, serial: int, limit: int = 1000) -> list[int]:
    return [event.serial for event in log.after(Position("e", serial), limit).events]


def test_events_after_a_position_come_in_order_and_once():
    assert serials(log_of(5), 2) == [3, 4, 5]
    assert serials(log_of(5), 5) == []


def test_answer_holds_no_more_than_asked_for_and_says_where_to_go_on():
    batch = log_of(5).after(Position("e", 1), limit=2)

    assert ([event.serial for event in batch.events], batch.position) == ([2, 3], Position("e", 3))


@pytest.mark.parametrize(
    "known", [Position("old", 3), Position("e", 1), Position("e", 6)], ids=["other epoch", "forgotten", "to come"]
)
def test_who_missed_events_is_told_and_sent_to_now(known):
    batch = log_of(5, capacity=3).after(known)

    assert batch.reset
    assert (batch.position, batch.events) == (Position("e", 5), [])


def test_oldest_that_is_kept_can_still_be_followed():
    batch = log_of(5, capacity=3).after(Position("e", 2))

    assert not batch.reset
    assert [event.serial for event in batch.events] == [3, 4, 5]


@given(st.lists(st.one_of(st.just("event"), st.integers(1, 5)), max_size=60), st.integers(1, 10))
def test_follower_sees_every_event_once_or_is_told_of_a_gap(steps, capacity):
    log, known, seen, happened = EventLog("e", capacity), Position("e", 0), [], 0
    for step in steps:
        if step == "event":
            happened += 1
            log.append(EventKind.NODE, 0.0, {})
        else:
            behind = happened - known.serial
            batch = log.after(known, limit=step)
            assert batch.reset == (behind > capacity)
            seen = [event.serial for event in batch.events]
            assert seen == ([] if batch.reset else list(range(known.serial + 1, known.serial + 1 + len(seen))))
            assert batch.reset or len(seen) == min(step, behind)
            known = batch.position
        log.validate()


def test_position_survives_the_way_through_text():
    assert read_position(str(Position("4f3a", 12))) == Position("4f3a", 12)


@pytest.mark.parametrize("text", ["", "-1", "4f3a-", "4f3a", "x-1", "4f3a-1\n", "4f3a-" + "1" * 30])
def test_what_is_no_position_is_none(text):
    assert read_position(text) is None


# --- waiting ----------------------------------------------------------------------------


def test_now_is_answered_at_once():
    async def scene():
        events = Events(VirtualClock(), "e")

        batch = await events.wait(NOW, 80)

        assert (batch.position, batch.events, batch.reset) == (Position("e", 0), [], False)
        assert asyncio.get_running_loop().time() == 0

    run(scene())


def test_all_who_wait_are_woken_by_an_event_and_forgotten():
    async def scene():
        events = Events(VirtualClock(), "e")
        waiting = [asyncio.ensure_future(events.wait(Position("e", 0), 80)) for _ in range(3)]
        await asyncio.sleep(0)
        assert events.waiting == 3

        events._happened(EventKind.NODE, {"name": "n1"})

        answers = await asyncio.gather(*waiting)
        assert [[event.data for event in answer.events] for answer in answers] == [[{"name": "n1"}]] * 3
        assert events.waiting == 0

    run(scene())


def test_waiting_ends_in_time_without_events():
    async def scene():
        events = Events(VirtualClock(), "e")

        batch = await events.wait(Position("e", 0), 30)

        assert (batch.position, batch.events, batch.reset) == (Position("e", 0), [], False)
        assert asyncio.get_running_loop().time() == 30

    run(scene())


def test_who_gives_up_waiting_is_forgotten():
    async def scene():
        events = Events(VirtualClock(), "e")
        waiter = asyncio.ensure_future(events.wait(Position("e", 0), 80))
        await asyncio.sleep(0)

        waiter.cancel()
        await asyncio.gather(waiter, return_exceptions=True)

        assert events.waiting == 0

    run(scene())


# --- jobs ---------------------------------------------------------------------------------


def watched_queue(bench: Bench, events: Events) -> JobQueue:
    store = JobStore(bench.paths, bench.disk, bench.clock, bench.candidate, directly)
    bench.queue = JobQueue(store, VirtualClock(), values_of, watch=events.job_changed)
    return bench.queue


def test_each_status_of_a_job_is_an_event(tmp_path):
    async def scene():
        bench, events = Bench(tmp_path), Events(VirtualClock(), "e")
        watched_queue(bench, events)
        queue = await bench.start(succeed)
        job = await queue.submit([dummy()])
        await bench.end_of(job)
        await queue.archive(job)

        batch = await events.wait(Position("e", 0), 0)

        told = [(event.kind, event.data["id"], event.data["status"], event.data["archived"]) for event in batch.events]
        statuses = [("queued", False), ("waiting", False), ("running", False), ("success", False), ("success", True)]
        assert told == [("job", job, status, archived) for status, archived in statuses]
        assert batch.events[0].data["summary"] == "TEST_DUMMY"

    run(scene())


def test_jobs_found_at_the_start_are_no_events(tmp_path):
    async def scene():
        bench, events = Bench(tmp_path), Events(VirtualClock(), "e")
        queue = await bench.start(succeed)
        await bench.end_of(await queue.submit([dummy()]))

        watched_queue(bench, events)
        await bench.start(succeed)

        assert events.position.serial == 0

    run(scene())


# --- configuration ---------------------------------------------------------------------------


def test_what_became_of_a_record_is_an_event_once_it_is_durable(tmp_path):
    events = Events(ManualClock(), "e")

    async def scene():
        store = make_store(tmp_path / "config.data")
        store.watch(events.config_changed)
        for change in (_add, _change, _remove):
            with store.update() as draft:
                change(draft)
            before = events.position
            await store.durable(draft)
            assert events.position != before

        return store.current, await events.wait(Position("e", 0), 0)

    config, batch = asyncio.run(scene())

    about = [
        (event.kind, event.data["change"], event.data["name"]) for event in batch.events if event.kind != "cluster"
    ]
    name = "inst1.example.com"
    assert about == [("instance", "added", name), ("instance", "changed", name), ("instance", "removed", name)]
    assert batch.events[-1].data["config_serial"] == config.serial_no
    assert {event.data["uuid"] for event in batch.events if event.kind == "instance"} == {uuid_of("inst", 1)}


def _add(draft):
    draft.add_instance(make_instance(1))


def _change(draft):
    uuid = uuid_of("inst", 1)
    draft.instances[uuid] = replace(draft.instances[uuid], tags=frozenset({"a"}))


def _remove(draft):
    del draft.instances[uuid_of("inst", 1)]


def test_change_of_cluster_and_nodes_are_events_of_their_kind(tmp_path):
    events = Events(ManualClock(), "e")

    async def scene():
        store = make_store(tmp_path / "config.data")
        store.watch(events.config_changed)
        with store.update() as draft:
            draft.cluster = replace(draft.cluster, candidate_pool_size=3)
            draft.add_node(make_node(7))
        await store.durable(draft)
        return await events.wait(Position("e", 0), 0)

    batch = asyncio.run(scene())

    assert [(event.kind, event.data["change"]) for event in batch.events] == [("cluster", "changed"), ("node", "added")]
