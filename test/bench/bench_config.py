"""What a change of the configuration costs: `python -m test.bench.bench_config [INSTANCES...]`, a line for each size.

One instance is changed at a time and each change waited for, with 100, 1,000 and 10,000
instances unless others are named.  A change is over when it is on disk here and on a
candidate (the others do the same meanwhile, elsewhere).  Shipping is the CPU of the master
for sending a change to candidates.  The reference of the same run is writing and syncing a
file of the same size.
"""

from __future__ import annotations

import asyncio
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from typing import Any, NamedTuple

from ganeti.clock import SystemClock
from ganeti.masterd.config.initial import config_text
from ganeti.masterd.config.store import ConfigStore
from ganeti.masterd.distribute import Distribution
from ganeti.masterd.fence import Fence
from ganeti.model.objects.node import Node
from ganeti.model.scalars import NodeName
from ganeti.noded.backend.uploads import Uploads
from ganeti.noded.context import NodeContext
from ganeti.paths import Paths
from ganeti.procedure import Procedure
from ganeti.rpc.result import NodeResult
from ganeti.schema import replace
from ganeti.utils import files, json
from test.support import config as build

SIZES = (100, 1000, 10_000)
CHANGES = 40
CANDIDATES = 9


class Figures(NamedTuple):
    """Milliseconds per change; MiB."""

    instances: int
    size: float
    here: float
    there: float
    cpu: float
    shipping: float
    taking: float
    reference: float

    def line(self) -> str:
        """Return the figures as one line."""
        return (
            f"config: {self.instances} instances ({self.size:.1f} MiB): a change {self.here + self.there:.2f} ms,"
            f" {self.here:.2f} ms of it ({self.cpu:.2f} ms CPU) here,"
            f" {self.here / self.reference:.1f} x a file of its size written and synced"
            f" ({self.reference:.2f} ms); sent to {CANDIDATES} candidates {self.shipping:.2f} ms CPU here,"
            f" {self.taking:.2f} ms CPU on each"
        )


class Encoder:
    """Stands for the network: encodes each call once, as the real one, and has one candidate take it."""

    def __init__(self, uploads: Uploads) -> None:
        self._uploads = uploads
        self.sending = self.taking = self.there = 0.0

    def is_silent(self, node: Node) -> bool:
        """Return false: it answers."""
        return False

    def hurried(self) -> Encoder:
        """Return itself: it is quick."""
        return self

    async def call_many(self, nodes: Sequence[Node], proc: Procedure[..., Any], *args: object) -> dict[NodeName, Any]:
        """Carry out a call; all nodes answer what the one does."""
        begin = time.thread_time()
        body = json.dumps_bytes(proc.encode_arguments(*args))
        middle, start = time.thread_time(), time.perf_counter()
        if nodes:
            value = getattr(self._uploads, proc.name)(*proc.decode_arguments(json.loads(body)))
            self.taking += time.thread_time() - middle
            self.there += time.perf_counter() - start
        self.sending += middle - begin
        return {node.name: NodeResult(node.name, value) for node in nodes}


def bench(instances: int) -> Figures:
    """Measure a cluster with so many instances."""
    with tempfile.TemporaryDirectory(prefix="bench-config-") as base:
        config = build.make_config(instances=[build.make_instance(number) for number in range(instances)])
        nodes = {node.uuid: node for node in (build.make_node(n, master_candidate=True) for n in range(1 + CANDIDATES))}
        config = config.changed({"nodes": nodes}, config.head)
        there = Paths(os.path.join(base, "other"), "node1.example.com")
        candidate = NodeContext(there, NodeName(there.hostname))
        paths = Paths(os.path.join(base, "master"), "node0.example.com")
        files.ensure_dir(paths.data_dir)
        files.ensure_dir(candidate.paths.data_dir)
        files.write_file(paths.config_file, config_text(config))
        network = Encoder(Uploads(candidate))
        here, away, cpu = asyncio.run(_changes(paths, network))
        text = files.read_file(paths.config_file)
        assert text == files.read_file(candidate.paths.config_file)
        return Figures(
            instances,
            len(text) / 2**20,
            statistics.median(here) * 1000,
            statistics.median(away) * 1000,
            (cpu - network.taking) / CHANGES * 1000,
            network.sending / CHANGES * 1000,
            network.taking / CHANGES * 1000,
            _reference(os.path.join(base, "reference"), text),
        )


async def _changes(paths: Paths, network: Encoder) -> tuple[list[float], list[float], float]:
    store = await ConfigStore.load(paths, SystemClock())
    distribution = Distribution(network, paths, SystemClock(), Fence())  # type: ignore[arg-type]  # only what is asked of it
    store.connect(distribution)
    uuids = list(store.current.instances)
    here, there = [], []
    await _change(store, uuids[0], -1)  # the first goes out whole
    network.sending = network.taking = 0.0
    cpu = time.process_time()
    for number in range(CHANGES):
        begin, before = time.perf_counter(), network.there
        await _change(store, uuids[number * len(uuids) // CHANGES], number)
        there.append(network.there - before)
        here.append(time.perf_counter() - begin - there[-1])
    return here, there, time.process_time() - cpu


async def _change(store: ConfigStore, uuid: Any, number: int) -> None:
    with store.update() as draft:
        draft.instances[uuid] = replace(draft.instances[uuid], beparams={"vcpus": 2 + number % 2})
    await store.durable(draft)


def _reference(path: str, text: bytes) -> float:
    times = []
    for _ in range(CHANGES):
        begin = time.perf_counter()
        files.write_file(path, text)
        times.append(time.perf_counter() - begin)
    return statistics.median(times) * 1000


if __name__ == "__main__":
    for size in [int(word) for word in sys.argv[1:]] or SIZES:
        print(bench(size).line(), flush=True)
