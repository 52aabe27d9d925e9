"""The text of `config.data`, made anew at the cost of what changed.

Each record is serialised once and its piece kept until it changes.  Pieces lie in
buckets which keep their joined text too, so that a write joins some hundred buckets
and not some ten thousand pieces.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import chain

from ganeti.masterd.config.snapshot import SECTIONS, Config
from ganeti.model import versions
from ganeti.model.objects.base import ConfigObject
from ganeti.model.objects.cluster import Cluster
from ganeti.model.scalars import Uuid
from ganeti.utils import json
from ganeti.utils.pieces import Text

BUCKET_SIZE = 64

Dump = Callable[[ConfigObject], bytes]

#: uuids of records that may differ, by section
Touched = Mapping[str, Iterable[Uuid]]


def dump_record(record: ConfigObject) -> bytes:
    """Return the JSON text of a record."""
    return json.dumps_bytes(record.to_wire())


class ConfigText:
    """Keeps the text of a configuration; `render` brings it up to date.

    It follows whatever it is shown, older configurations too, as long as it is told
    of every record that differs from the one it was shown before.
    """

    def __init__(self, dump: Dump = dump_record) -> None:
        self._dump = dump
        self._sections = {name: _SectionText(dump) for name in SECTIONS}
        self._cluster: tuple[Cluster, bytes] | None = None

    def render(self, config: Config, touched: Touched) -> Text:
        """Return the text of a configuration that differs from the last one in the records touched."""
        parts = [b'{"version":%d,"cluster":' % versions.CONFIG, self._cluster_text(config.cluster)]
        for name in SECTIONS:
            section = self._sections[name]
            records: Mapping[Uuid, ConfigObject] = getattr(config.contents, name)
            for uuid in touched.get(name, ()):
                section.put(uuid, records.get(uuid))
            parts += [b',"%s":{' % name.encode(), *section.texts(), b"}"]
        head = {"serial_no": config.serial_no, "ctime": config.ctime, "mtime": config.mtime, **config.head.extra}
        return Text([*parts, b",", json.dumps_bytes(head)[1:], b"\n"])

    def render_all(self, config: Config) -> Text:
        """Return the text of any configuration; serialises every record."""
        sections = {name: _SectionText(self._dump) for name in SECTIONS}
        self._sections = sections
        return self.render(config, {name: list(getattr(config.contents, name)) for name in SECTIONS})

    def _cluster_text(self, cluster: Cluster) -> bytes:
        if self._cluster is None or self._cluster[0] is not cluster:
            self._cluster = (cluster, self._dump(cluster))
        return self._cluster[1]


class _SectionText:
    def __init__(self, dump: Dump) -> None:
        self._dump = dump
        self._bucket_of: dict[Uuid, int] = {}
        self._buckets: list[dict[Uuid, bytes]] = []
        self._joined: list[bytes | None] = []
        self._roomy: set[int] = set()

    def put(self, uuid: Uuid, record: ConfigObject | None) -> None:
        if record is None:
            self._remove(uuid)
            return
        # First what may fail: a record that JSON cannot hold must leave everything as it was.
        piece = b'"%s":%s' % (uuid.encode("ascii"), self._dump(record))
        number = self._bucket_of.get(uuid)
        if number is None:
            number = self._bucket_of[uuid] = self._bucket_with_room()
        bucket = self._buckets[number]
        bucket[uuid] = piece
        self._joined[number] = None
        if len(bucket) >= BUCKET_SIZE:
            self._roomy.discard(number)

    def _remove(self, uuid: Uuid) -> None:
        number = self._bucket_of.pop(uuid, None)
        if number is not None:
            del self._buckets[number][uuid]
            self._joined[number] = None
            self._roomy.add(number)

    def texts(self) -> Iterator[bytes]:
        """Yield the text of each bucket, and what stands between them."""
        between = b""
        for number, joined in enumerate(self._joined):
            if joined is None:
                joined = self._joined[number] = b",".join(self._buckets[number].values())
            if joined:
                yield from (between, joined)
                between = b","

    def _bucket_with_room(self) -> int:
        if not self._roomy:
            self._buckets.append({})
            self._joined.append(None)
            self._roomy.add(len(self._buckets) - 1)
        return min(self._roomy)


def merged(*touched: Touched) -> dict[str, set[Uuid]]:
    """Return the records touched by any of several changes."""
    return {name: set(chain.from_iterable(t.get(name, ()) for t in touched)) for name in SECTIONS}
