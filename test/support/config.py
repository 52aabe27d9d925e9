"""Builders of configurations, with only the relevant things spelt out."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, TypeVar

from ganeti.masterd.config.initial import FirstNode, MasterAddress, initial_config
from ganeti.masterd.config.snapshot import Config
from ganeti.masterd.config.store import ConfigStore
from ganeti.model.enums import DiskMode, DiskTemplate, HypervisorName
from ganeti.model.objects.disk import Disk
from ganeti.model.objects.instance import Instance
from ganeti.model.objects.nic import NIC
from ganeti.model.objects.node import Node
from ganeti.utils.files import Disk as FileDisk
from ganeti.utils.pieces import Text
from test.support.clock import ManualClock

T = TypeVar("T")

NOW = 1_700_000_000.0


def uuid_of(kind: str, number: int) -> Any:
    """Return the uuid of the n-th record of a kind: its first letters, then the number."""
    return f"{kind.encode().hex()[:8]:0<8}-0000-4000-8000-{number:012x}"


def make_node(number: int, **fields: Any) -> Node:
    """Return the n-th node; node 0 is the master of `make_config`."""
    values: dict[str, Any] = {
        "uuid": uuid_of("node", number),
        "name": f"node{number}.example.com",
        "primary_ip": f"192.0.{2 + number // 250}.{1 + number % 250}",
        "secondary_ip": f"192.0.{2 + number // 250}.{1 + number % 250}",
        "group": uuid_of("group", 0),
    }
    return Node(**{**values, **fields})


def make_instance(number: int, **fields: Any) -> Instance:
    """Return the n-th instance, diskless and with one NIC, on node 0."""
    values: dict[str, Any] = {
        "uuid": uuid_of("inst", number),
        "name": f"inst{number}.example.com",
        "primary_node": uuid_of("node", 0),
        "os": "noop",
        "hypervisor": HypervisorName.FAKE,
        "nics": (make_nic(number),),
    }
    return Instance(**{**values, **fields})


def make_nic(number: int, **fields: Any) -> NIC:
    """Return a NIC with the n-th MAC."""
    rest = f"{number >> 16 & 255:02x}:{number >> 8 & 255:02x}:{number & 255:02x}"
    values: dict[str, Any] = {"uuid": uuid_of("nic", number), "mac": f"aa:00:00:{rest}"}
    return NIC(**{**values, **fields})


def make_disk(number: int, **fields: Any) -> Disk:
    """Return the n-th disk: a file on node 0."""
    values: dict[str, Any] = {
        "uuid": uuid_of("disk", number),
        "dev_type": DiskTemplate.FILE,
        "logical_id": ("loop", f"/srv/ganeti/file-storage/{number}"),
        "nodes": (uuid_of("node", 0),),
        "iv_name": "disk/0",
        "size": 1024,
        "mode": DiskMode.READ_WRITE,
    }
    return Disk(**{**values, **fields})


def make_drbd(number: int, node_a: int, node_b: int, **fields: Any) -> Disk:
    """Return the n-th disk as a DRBD disk on two nodes; port and minors follow its number."""
    nodes = (uuid_of("node", node_a), uuid_of("node", node_b))
    values: dict[str, Any] = {
        "dev_type": DiskTemplate.DRBD,
        "logical_id": (*nodes, 11000 + number, number, number, "secret"),
        "nodes": nodes,
    }
    return make_disk(number, **{**values, **fields})


def make_config(
    *,
    nodes: int = 2,
    instances: Sequence[Instance] = (),
    disks: Sequence[Disk] = (),
    settings: Mapping[str, object] | None = None,
) -> Config:
    """Return the configuration of a cluster with some nodes, in one group."""
    first = make_node(0)
    uuids = iter([first.uuid, first.group, uuid_of("cluster", 0)])
    config = initial_config(
        "cluster.example.com",  # type: ignore[arg-type]  # tests write names plainly
        FirstNode(first.name, first.primary_ip, first.secondary_ip, "AA:BB"),
        MasterAddress("192.0.2.254", "eth0", 32),  # type: ignore[arg-type]  # as above
        [HypervisorName.FAKE],
        [DiskTemplate.FILE, DiskTemplate.DRBD],
        lambda: next(uuids),
        NOW,  # type: ignore[arg-type]  # as above
        settings,
    )
    more = {"nodes": {node.uuid: node for node in map(make_node, range(1, nodes))}}
    return config.changed(
        {**more, "instances": {i.uuid: i for i in instances}, "disks": {d.uuid: d for d in disks if d.uuid}},
        config.head,
    )


class Recorder:
    """A distributor that remembers what it was given; `fails` makes it raise."""

    def __init__(self) -> None:
        self.configs: list[tuple[bytes, int, list[str]]] = []
        self.ssconfs: list[tuple[Mapping[str, str], list[str]]] = []
        self.fails = False

    async def config(self, text: Text, serial: int, candidates: Sequence[Node], *, whole: bool = False) -> None:
        await asyncio.sleep(0)
        if self.fails:
            raise OSError("no route")
        self.configs.append((text.whole(), serial, [node.name for node in candidates]))

    async def ssconf(self, values: Mapping[str, str], nodes: Sequence[Node]) -> None:
        self.ssconfs.append((values, [node.name for node in nodes]))


async def run_here(act: Callable[[], None]) -> None:
    """Run what blocks in the loop, after letting the others go on."""
    await asyncio.sleep(0)
    act()


def make_store(path: str, config: Config | None = None, *, disk: FileDisk | None = None, **more: Any) -> ConfigStore:
    """Return a store that runs without threads, with its configuration on disk."""
    store = ConfigStore(
        config or make_config(),
        path,
        ManualClock(NOW),
        disk=disk,
        rng=random.Random(1),
        run_blocking=more.pop("run_blocking", run_here),
        **more,
    )
    FileDisk().write_file(path, store._text.parts)
    return store


def run(act: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end."""
    return asyncio.run(act)
