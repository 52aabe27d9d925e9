"""Operations on tags."""

from __future__ import annotations

from collections.abc import Sequence

from ganeti.model.enums import TagKind
from ganeti.model.opcodes.base import OpCode
from ganeti.model.scalars import NonEmptyStr, Tag
from ganeti.schema import param


class TagsOpCode(OpCode):
    """An operation on the tags of one object."""

    kind: TagKind = param(doc="What carries the tags")
    name: str | None = param(default=None, doc="Name of what carries the tags; not needed for the cluster")


class OpTagsGet(TagsOpCode):
    """List the tags of an object."""

    SUMMARY_FIELD = "name"
    RESULT = Sequence[NonEmptyStr]

    use_locking: bool = param(default=False, doc="Wait for running operations on the object instead of looking at once")


class OpTagsSearch(OpCode):
    """Search all tags of the cluster; answers paths of objects, each with a tag."""

    SUMMARY_FIELD = "pattern"
    RESULT = Sequence[tuple[NonEmptyStr, NonEmptyStr]]

    pattern: NonEmptyStr = param(doc="Regular expression that a tag is to contain")


class OpTagsSet(TagsOpCode):
    """Add tags to an object; those it has already are left alone."""

    tags: Sequence[Tag] = param(doc="Tags to add")


class OpTagsDel(TagsOpCode):
    """Remove tags from an object; it must have all of them."""

    tags: Sequence[Tag] = param(doc="Tags to remove")
