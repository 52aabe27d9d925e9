"""Adds and removes tags."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import NamedTuple, TypeVar

from ganeti import errors
from ganeti.errors import ECode
from ganeti.masterd.cmdlib.base import Locks, LogicalUnit
from ganeti.masterd.cmdlib.tags.target import full_name
from ganeti.masterd.config.draft import Draft
from ganeti.masterd.config.snapshot import Config
from ganeti.masterd.tags import Tagged, find
from ganeti.model.enums import Level, TagKind
from ganeti.model.objects.cluster import Cluster
from ganeti.model.objects.instance import Instance
from ganeti.model.objects.network import Network
from ganeti.model.objects.node import Node
from ganeti.model.objects.nodegroup import NodeGroup
from ganeti.model.opcodes.tags import OpTagsDel, OpTagsSet, TagsOpCode
from ganeti.model.scalars import Tag
from ganeti.schema import replace

#: most tags an object may have (`spec/constants.json`, limits)
MAX_TAGS = 4096

O = TypeVar("O", OpTagsSet, OpTagsDel)  # noqa: E741 - the opcode

_LEVELS: Mapping[TagKind, Level] = {
    TagKind.INSTANCE: Level.INSTANCE,
    TagKind.NODE: Level.NODE,
    TagKind.NODEGROUP: Level.NODEGROUP,
    TagKind.NETWORK: Level.NETWORK,
}


class Target(NamedTuple):
    """What carries the tags, with its full name."""

    kind: TagKind
    name: str


def target_locks(op: TagsOpCode, level: Level, config: Config) -> Locks | None:
    """Lock what carries the tags: instances and nodes by name, groups and networks by uuid."""
    if _LEVELS.get(op.kind) != level:
        return None
    found = find(config, op.kind, full_name(config, op.kind, op.name))
    if isinstance(found, Instance | Node):
        return Locks({found.name})
    return Locks({found.uuid})


class LUTagsSet(LogicalUnit[OpTagsSet, Target]):
    """Add tags; those that are there already stay."""

    def locks(self, level: Level, config: Config) -> Locks | None:
        return target_locks(self.op, level, config)

    async def check(self, config: Config) -> Target:
        name = full_name(config, self.op.kind, self.op.name)
        added(find(config, self.op.kind, name).tags, self.op.tags)
        return Target(self.op.kind, name)

    async def execute(self, plan: Target) -> None:
        with self.services.config.update() as draft:
            tagged = find_in(draft, plan)
            put(draft, tagged, added(tagged.tags, self.op.tags))
        await self.services.config.durable(draft)


class LUTagsDel(LogicalUnit[OpTagsDel, Target]):
    """Remove tags; all of them must be there."""

    def locks(self, level: Level, config: Config) -> Locks | None:
        return target_locks(self.op, level, config)

    async def check(self, config: Config) -> Target:
        name = full_name(config, self.op.kind, self.op.name)
        removed(find(config, self.op.kind, name).tags, self.op.tags)
        return Target(self.op.kind, name)

    async def execute(self, plan: Target) -> None:
        with self.services.config.update() as draft:
            tagged = find_in(draft, plan)
            put(draft, tagged, removed(tagged.tags, self.op.tags))
        await self.services.config.durable(draft)


def added(tags: Collection[Tag], new: Iterable[Tag]) -> frozenset[Tag]:
    """Return the tags with new ones.

    Raises OpPrereqError when there would be too many.
    """
    result = frozenset(tags) | frozenset(new)
    if len(result) > MAX_TAGS:
        raise errors.OpPrereqError(
            f"cannot add tags: there would be {len(result)}, more than {MAX_TAGS} are not allowed", ECode.INVAL
        )
    return result


def removed(tags: Collection[Tag], gone: Iterable[Tag]) -> frozenset[Tag]:
    """Return the tags without some.

    Raises OpPrereqError naming those that are not there.
    """
    missing = sorted(set(gone) - set(tags))
    if missing:
        raise errors.OpPrereqError(f"cannot remove tags: {', '.join(missing)} not found", ECode.NOENT)
    return frozenset(tags) - frozenset(gone)


def find_in(draft: Draft, target: Target) -> Tagged:
    """Return the newest record of what carries the tags.

    Raises OpPrereqError when it is gone.
    """
    return find(draft.base, target.kind, target.name)


def put(draft: Draft, tagged: Tagged, tags: frozenset[Tag]) -> None:
    """Put new tags into a draft."""
    if isinstance(tagged, Cluster):
        draft.cluster = replace(draft.cluster, tags=tags)
    elif isinstance(tagged, Instance):
        draft.instances[tagged.uuid] = replace(tagged, tags=tags)
    elif isinstance(tagged, Node):
        draft.nodes[tagged.uuid] = replace(tagged, tags=tags)
    elif isinstance(tagged, NodeGroup):
        draft.groups[tagged.uuid] = replace(tagged, tags=tags)
    elif isinstance(tagged, Network):
        draft.networks[tagged.uuid] = replace(tagged, tags=tags)
