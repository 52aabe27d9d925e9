"""`GET /metrics`: how the cluster does, in the text form of Prometheus.

What is asked of the master daemon does not depend on who scrapes how often: figures
are kept for a while, live ones of nodes and instances longer, and whoever comes
meanwhile gets what is there.  Nothing in here is secret: names of nodes and numbers.
"""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.exposition import generate_latest
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from ganeti import _autoconf, errors
from ganeti.clock import Clock
from ganeti.luxi import methods
from ganeti.model.enums import QueryResource
from ganeti.rapi.master import Master

log = logging.getLogger(__name__)

T = TypeVar("T")

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_MIB = 1024 * 1024
_NORMAL = 0  # status of a value in the answer of a query

Document = Mapping[str, Any]
Row = Mapping[str, Any]


class Limits(NamedTuple):
    """Seconds."""

    keep: float = 5.0
    """How long figures of the master daemon are good for."""
    keep_live: float = 60.0
    """The same of those nodes are asked for."""
    patience: float = 5.0
    """How long the master daemon may take for an answer."""


NODE_FIELDS = ("name", "role", "pinst_cnt", "sinst_cnt", "mtotal", "mfree", "mnode", "dtotal", "dfree", "ctotal")
INSTANCE_FIELDS = ("name", "status")


class Gathered(NamedTuple):
    """What is shown: None where the master daemon did not answer; `age` is that of the live figures."""

    figures: Document | None
    nodes: Sequence[Row] | None
    instances: Sequence[Row] | None
    age: float
    listeners: int


class Metrics:
    """Gathers figures and keeps them."""

    def __init__(
        self, master: Master, clock: Clock, listeners: Callable[[], int], limits: Limits | None = None
    ) -> None:
        self._master = master
        self._clock = clock
        self._listeners = listeners
        self._limits = limits or Limits()
        self._text: asyncio.Task[bytes] | None = None
        self._made = 0.0
        self._live: tuple[Sequence[Row] | None, Sequence[Row] | None] = (None, None)
        self._live_made: float | None = None

    async def text(self) -> bytes:
        """Return the figures; those who come at the same time share one way to the master daemon."""
        now = self._clock.monotonic()
        if self._text is None or (self._text.done() and now - self._made >= self._limits.keep):
            self._made = now
            self._text = asyncio.get_running_loop().create_task(self._gather())
        return await asyncio.shield(self._text)

    async def _gather(self) -> bytes:
        figures = await self._in_time(self._master.call(methods.query_figures))
        if figures is not None:
            await self._gather_live()
        nodes, instances = self._live
        age = self._clock.monotonic() - (self._live_made or 0.0)
        return render(Gathered(figures, nodes, instances, age, self._listeners()))

    async def _gather_live(self) -> None:
        now = self._clock.monotonic()
        if self._live_made is not None and now - self._live_made < self._limits.keep_live:
            return
        nodes, instances = await asyncio.gather(
            self._in_time(self._rows(QueryResource.NODE, NODE_FIELDS)),
            self._in_time(self._rows(QueryResource.INSTANCE, INSTANCE_FIELDS)),
        )
        self._live, self._live_made = (nodes, instances), now

    async def _rows(self, what: QueryResource, fields: Sequence[str]) -> list[Row]:
        answer = await self._master.call(methods.query, what, fields, None)
        return [
            {name: value for name, (status, value) in zip(fields, row, strict=True) if status == _NORMAL}
            for row in answer["data"]
        ]

    async def _in_time(self, asked: Any) -> Any:
        """Return an answer, None if there is none in time."""
        try:
            async with asyncio.timeout(self._limits.patience):
                return await asked
        except (errors.GenericError, TimeoutError) as err:
            log.warning("figures are missing: %s", err or "no answer in time")
            return None


# --- the text -------------------------------------------------------------------------------


def render(gathered: Gathered) -> bytes:
    """Return the text form."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Families(list(_families(gathered))))
    return bytes(generate_latest(registry))


class _Families(Collector):
    def __init__(self, families: Sequence[Metric]) -> None:
        self._families = families

    def collect(self) -> Iterable[Metric]:
        return self._families


def _families(gathered: Gathered) -> Iterable[Metric]:
    figures = gathered.figures
    yield _gauge("ganeti_master_up", "Whether the master daemon answers", int(figures is not None))
    yield _gauge("ganeti_event_listeners", "Clients that listen to events", gathered.listeners)
    if figures is not None:
        yield from _job_families(figures)
        yield from _master_families(figures)
        if gathered.nodes is not None or gathered.instances is not None:
            yield _gauge("ganeti_live_age_seconds", "Age of the figures nodes were asked for", gathered.age)
    if gathered.nodes is not None:
        yield from _node_families(gathered.nodes)
    if gathered.instances is not None:
        statuses = Counter(row.get("status", "unknown") for row in gathered.instances)
        yield _gauges("ganeti_instance_status", "Instances by what they really do", "status", statuses)


def _job_families(figures: Document) -> Iterable[Metric]:
    times = figures["job_times"]
    yield _gauges("ganeti_jobs", "Jobs in the queue, by status", "status", figures["jobs"])
    yield _gauge("ganeti_jobs_lost", "Jobs whose files could not be read at the start", figures["jobs_lost"])
    yield _gauge("ganeti_queue_drained", "Whether new jobs are refused", int(figures["queue_drained"]))
    yield _counter("ganeti_jobs_submitted", "Jobs submitted since the master daemon began", times["submitted"])
    yield _counters("ganeti_jobs_ended", "Jobs ended since then, by how", ["status"], _by_one(times["ended"]))
    for name, doc in _TIMES.items():
        yield _histogram(f"ganeti_{name}", doc, times[name.removeprefix("job_").removeprefix("opcode_")])


_TIMES = {
    "job_queued_seconds": "Time of jobs from submission until they leave the queue",
    "opcode_preparing_seconds": "Time of opcodes until they have their locks and begin",
    "opcode_running_seconds": "Time of opcodes from their beginning to their end",
}


def _master_families(figures: Document) -> Iterable[Metric]:
    info = {"cluster": figures["cluster"], "version": _autoconf.VERSION}
    about = GaugeMetricFamily("ganeti_info", "The cluster, always 1", labels=list(info))
    about.add_metric(list(info.values()), 1)
    yield about
    yield _gauge("ganeti_master_start_time_seconds", "When the master daemon began, since the epoch", figures["began"])
    yield _gauge("ganeti_config_serial", "Serial number of the configuration", figures["config_serial"])
    yield _counter("ganeti_events", "Events since the master daemon began", figures["event_serial"])
    for what, doc in (("held", "Owners of locks"), ("waiting", "Requests that wait for locks")):
        yield _gauges(f"ganeti_locks_{what}", f"{doc}, by level", "level", figures["locks"][what])
    yield _histogram("ganeti_lock_wait_seconds", "Time requests waited for locks", figures["lock_wait_seconds"])
    yield _counters("ganeti_rpc_calls", "Calls to nodes, by name", ["call"], _by_one(figures["rpc_calls"]))
    failures: dict[tuple[str, ...], float] = {(call, phase): count for call, phase, count in figures["rpc_failures"]}
    yield _counters("ganeti_rpc_errors", "Calls to nodes that failed, by how far they got", ["call", "phase"], failures)
    yield _gauges("ganeti_instances", "Instances, by what is wanted of them", "admin_state", figures["instances"])
    for what in ("disks", "networks", "groups"):
        yield _gauge(f"ganeti_{what}", f"How many {what} the configuration has", figures[what])


def _node_families(nodes: Sequence[Row]) -> Iterable[Metric]:
    yield _gauges("ganeti_nodes", "Nodes, by role", "role", Counter(row.get("role", "?") for row in nodes))
    for name, doc, unit, kinds in _NODE_FIGURES:
        family = GaugeMetricFamily(name, doc, labels=["node", "kind"])
        for row, (kind, field) in itertools.product(nodes, kinds.items()):
            value = row.get(field)
            if isinstance(value, (int, float)):
                family.add_metric([row["name"], kind], value * unit)
        yield family


#: name, text, factor, kind -> field
_NODE_FIGURES: Sequence[tuple[str, str, int, Mapping[str, str]]] = (
    ("ganeti_node_memory_bytes", "Memory of nodes", _MIB, {"total": "mtotal", "free": "mfree", "node": "mnode"}),
    ("ganeti_node_disk_bytes", "Disk space of nodes", _MIB, {"total": "dtotal", "free": "dfree"}),
    ("ganeti_node_cpus", "CPUs of nodes", 1, {"total": "ctotal"}),
    ("ganeti_node_instances", "Instances of nodes", 1, {"primary": "pinst_cnt", "secondary": "sinst_cnt"}),
)


def _gauge(name: str, doc: str, value: float) -> Metric:
    return GaugeMetricFamily(name, doc, value=value)


def _gauges(name: str, doc: str, label: str, values: Mapping[str, float]) -> Metric:
    family = GaugeMetricFamily(name, doc, labels=[label])
    for key, value in values.items():
        family.add_metric([key], value)
    return family


def _counter(name: str, doc: str, value: float) -> Metric:
    return CounterMetricFamily(name, doc, value=value)


def _counters(name: str, doc: str, labels: Sequence[str], values: Mapping[tuple[str, ...], float]) -> Metric:
    family = CounterMetricFamily(name, doc, labels=labels)
    for key, value in values.items():
        family.add_metric(list(key), value)
    return family


def _histogram(name: str, doc: str, wire: Document) -> Metric:
    totals = list(itertools.accumulate(wire["counts"]))
    bounds = [*(str(float(bound)) for bound in wire["bounds"]), "+Inf"]
    return HistogramMetricFamily(name, doc, buckets=list(zip(bounds, totals, strict=True)), sum_value=wire["sum"])


def _by_one(values: Mapping[str, T]) -> dict[tuple[str, ...], T]:
    return {(key,): value for key, value in values.items()}
