"""Figures of the master daemon: they count what happened, and can be sent."""

from __future__ import annotations

import asyncio
import json

from hypothesis import given
from hypothesis import strategies as st

from ganeti.errors import LockError
from ganeti.luxi import framing, methods
from ganeti.masterd.histogram import Histogram
from ganeti.masterd.jobqueue.job import Job
from ganeti.masterd.jobqueue.queue import JobQueue
from ganeti.masterd.jobqueue.store import JobStore
from ganeti.masterd.locking.manager import LockManager
from ganeti.masterd.luxi_server import LuxiServer
from ganeti.masterd.monitor import Monitor
from ganeti.model.enums import Level
from ganeti.model.scalars import JobId, NodeName
from ganeti.rpc import procedures as p
from ganeti.rpc.client import Address, NodeRpc
from ganeti.rpc.result import Phase
from ganeti.rpc.transport import Loss
from test.support.config import make_config, make_store
from test.support.queue import Bench, dummy, succeed, values_of
from test.support.virtual import EPOCH, VirtualClock, directly, run

EPOCH_TEXT = f"{int(EPOCH * 1_000_000):x}"


class Nobody:
    """Nodes none of which can be reached."""

    async def send(self, endpoint, request):
        return Loss(Phase.UNREACHABLE, "connection refused", sent=False)

    async def close(self):
        pass


def make_monitor(tmp_path, bench: Bench) -> Monitor:
    clock = VirtualClock()
    store = make_store(tmp_path / "config.data", make_config())
    monitor = Monitor(clock, store, LockManager(clock), NodeRpc(Nobody(), clock, "uuid"))
    jobs = JobStore(bench.paths, bench.disk, bench.clock, bench.candidate, directly)
    bench.queue = JobQueue(jobs, clock, values_of, watch=monitor.job_changed)
    monitor.connect(bench.queue)
    return monitor


def test_jobs_are_counted_by_status_and_their_times_kept(tmp_path):
    async def scene():
        bench = Bench(tmp_path)
        monitor = make_monitor(tmp_path, bench)

        async def slowly(op, context):
            await asyncio.sleep(2)
            await context.running()
            await asyncio.sleep(20)

        queue = await bench.start(slowly)
        await bench.end_of(await queue.submit([dummy()]))
        figures = await monitor.query_figures()

        times = figures["job_times"]
        assert figures["jobs"]["success"] == times["submitted"] == times["ended"]["success"] == 1
        assert sum(times["queued_seconds"]["counts"]) == 1
        assert 2 <= times["preparing_seconds"]["sum"] < 3
        assert 20 <= times["running_seconds"]["sum"] < 21
        json.dumps(figures)

    run(scene())


def test_calls_to_nodes_and_their_failures_are_counted(tmp_path):
    async def scene():
        bench = Bench(tmp_path)
        monitor = make_monitor(tmp_path, bench)
        await bench.start(succeed)

        await monitor._rpc.call(Address(NodeName("node9"), "127.0.0.9"), p.version)
        figures = await monitor.query_figures()

        assert figures["rpc_calls"] == {"version": 1}
        assert figures["rpc_failures"] == [["version", "unreachable", 1]]

    run(scene())


def test_who_waits_for_locks_is_counted_and_how_long(tmp_path):
    async def scene():
        bench = Bench(tmp_path)
        monitor = make_monitor(tmp_path, bench)
        locks = monitor._locks
        await bench.start(succeed)
        await locks.acquire("one", Level.NODE, {"a"}, shared=False)
        two = asyncio.ensure_future(locks.acquire("two", Level.NODE, {"a"}, shared=False, timeout=7))
        await asyncio.sleep(1)

        assert (await monitor.query_figures())["locks"] == {"held": {"node": 1}, "waiting": {"node": 1}}
        (failure,) = await asyncio.gather(two, return_exceptions=True)
        assert isinstance(failure, LockError)

        figures = await monitor.query_figures()
        assert figures["locks"]["waiting"] == {}
        assert figures["lock_wait_seconds"]["sum"] == 7

    run(scene())


def test_figures_and_events_are_answered_over_luxi(tmp_path):
    async def scene():
        bench = Bench(tmp_path)
        server = LuxiServer(make_monitor(tmp_path, bench).table())
        await bench.start(succeed)

        now = framing.decode_answer((await server.answer("WaitForEvents", ["", 0, 5])).rstrip(framing.END))
        figures = framing.decode_answer((await server.answer("QueryFigures", [])).rstrip(framing.END))

        assert methods.wait_for_events.decode_answer(now) == {
            "epoch": EPOCH_TEXT,
            "serial": 0,
            "reset": False,
            "events": [],
        }
        assert figures["instances"] == {}

    run(scene())


def test_what_goes_wrong_while_watching_does_not_reach_the_queue(tmp_path):
    async def scene():
        bench = Bench(tmp_path)
        monitor = make_monitor(tmp_path, bench)

        monitor.job_changed(None, Job(id=JobId(1), ops=()))
        monitor.config_changed(make_config(), make_config(), {"nonsense": ["uuid"]})

    run(scene())


@given(st.lists(st.floats(-1, 5000)))
def test_every_value_is_in_the_class_it_belongs_to(values):
    histogram = Histogram((1.0, 10.0))
    for value in values:
        histogram.add(value)

    wire = histogram.to_wire()

    assert wire["counts"] == [
        sum(value <= 1 for value in values),
        sum(1 < value <= 10 for value in values),
        sum(value > 10 for value in values),
    ]
