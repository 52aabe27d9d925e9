"""Lists and searches tags."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from ganeti import errors
from ganeti.errors import ECode
from ganeti.masterd.cmdlib.base import Locks, LogicalUnit
from ganeti.masterd.cmdlib.tags.change import target_locks
from ganeti.masterd.cmdlib.tags.target import full_name
from ganeti.masterd.config.snapshot import Config
from ganeti.masterd.tags import Tagged, tags_of
from ganeti.model.enums import Level
from ganeti.model.objects.instance import Instance
from ganeti.model.objects.network import Network
from ganeti.model.objects.node import Node
from ganeti.model.objects.nodegroup import NodeGroup
from ganeti.model.opcodes.tags import OpTagsGet, OpTagsSearch
from ganeti.model.scalars import Tag
from ganeti.utils.cpu_limit import run_limited
from ganeti.utils.text import natural_key

#: seconds of processor time a search may take: nobody else is served meanwhile
SEARCH_LIMIT = 1.0


class LUTagsGet(LogicalUnit[OpTagsGet, list[Tag]]):
    """List the tags of an object."""

    EFFECTS = False

    def locks(self, level: Level, config: Config) -> Locks | None:
        found = target_locks(self.op, level, config) if self.op.use_locking else None
        return found._replace(shared=True) if found else None

    async def check(self, config: Config) -> list[Tag]:
        return sorted(tags_of(config, self.op.kind, full_name(config, self.op.kind, self.op.name)))

    async def execute(self, plan: list[Tag]) -> list[Tag]:
        return plan


class LUTagsSearch(LogicalUnit[OpTagsSearch, list[tuple[str, Tag]]]):
    """Search the tags of all objects."""

    EFFECTS = False

    async def check(self, config: Config) -> list[tuple[str, Tag]]:
        return search(config, self.op.pattern)

    async def execute(self, plan: list[tuple[str, Tag]]) -> list[tuple[str, Tag]]:
        return plan


def search(config: Config, pattern: str) -> list[tuple[str, Tag]]:
    """Return the path of an object and a tag of it, for every tag that contains the pattern.

    Raises OpPrereqError when the pattern is no regular expression, or one that takes too long.
    """
    try:
        matches = re.compile(pattern).search
    except re.error as err:
        raise errors.OpPrereqError(f"pattern: {pattern!r} is not a regular expression: {err}", ECode.INVAL) from err
    try:
        return run_limited(
            lambda: [
                (path, tag) for path, tagged in _everything(config) for tag in sorted(tagged.tags) if matches(tag)
            ],
            SEARCH_LIMIT,
        )
    except TimeoutError:
        raise errors.OpPrereqError(
            f"pattern: {pattern!r} takes more than {SEARCH_LIMIT:g} s of processor time: use a simpler one",
            ECode.INVAL,
        ) from None


def _everything(config: Config) -> Iterator[tuple[str, Tagged]]:
    """Yield all objects that carry tags, with their paths, in natural order of names."""
    yield "/cluster", config.cluster
    yield from _named("/instances/", config.instances.values())
    yield from _named("/nodes/", config.nodes.values())
    yield from _named("/nodegroup/", config.groups.values())
    yield from _named("/network/", config.networks.values())


def _named(prefix: str, records: Iterable[Instance | Node | NodeGroup | Network]) -> Iterator[tuple[str, Tagged]]:
    for record in sorted(records, key=lambda record: natural_key(record.name)):
        yield prefix + record.name, record
